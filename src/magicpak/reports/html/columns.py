"""The columns of a layered graph: the order of their nodes, with few crossings of edges, and their heights.

After K. Sugiyama et al.: Methods for Visual Understanding of Hierarchical System Structures. IEEE Trans. SMC 11(2),
1981, pp. 109-125; the nodes of a column are spread by the pool adjacent violators algorithm.
"""

from bisect import bisect, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise

Slot = tuple[int, int]
"""A place in a column: a node, and a layer, which is the node's own, or one that edges to the node pass."""

Neighbours = Mapping[Slot, Sequence[Slot]]
_SWEEPS = 16


def neighbours(routes: Iterable[Sequence[Slot]]) -> tuple[Neighbours, Neighbours]:
    """Return for each slot those before it and those after it on `routes`."""
    before: dict[Slot, list[Slot]] = defaultdict(list)
    after: dict[Slot, list[Slot]] = defaultdict(list)
    for one, other in dict.fromkeys(pair for route in routes for pair in pairwise(route)):
        before[other].append(one)
        after[one].append(other)
    return before, after


def order_columns(slots: Iterable[Slot], before: Neighbours, after: Neighbours) -> list[list[Slot]]:
    """Return the columns of `slots`, each sorted by the mean place of the neighbours: the best of several sweeps."""
    unique = list(dict.fromkeys(slots))
    columns: list[list[Slot]] = [[] for _ in range(max((layer for _, layer in unique), default=-1) + 1)]
    for slot in unique:
        columns[slot[1]].append(slot)
    best, fewest = columns, _crossings(columns, after)
    for sweep in range(_SWEEPS):
        columns = _sort(columns, before) if sweep % 2 == 0 else _sort(columns[::-1], after)[::-1]
        crossings = _crossings(columns, after)
        if crossings < fewest:
            best, fewest = columns, crossings
    return best


def _sort(columns: Sequence[Sequence[Slot]], adjacent: Neighbours) -> list[list[Slot]]:
    """Sort each column by the places of its neighbours in the columns before."""
    place: dict[Slot, float] = {}
    result = []
    for column in columns:
        means = {
            slot: _mean([place[each] for each in adjacent.get(slot, ())], default=at) for at, slot in enumerate(column)
        }
        result.append(sorted(column, key=means.__getitem__))
        place.update((slot, at) for at, slot in enumerate(result[-1]))
    return result


def _crossings(columns: Sequence[Sequence[Slot]], after: Neighbours) -> int:
    place = {slot: index for column in columns for index, slot in enumerate(column)}
    count = 0
    for column in columns:
        ends: list[int] = []
        for slot in column:
            own = sorted(place[each] for each in after.get(slot, ()))
            count += sum(len(ends) - bisect(ends, end) for end in own)
            for end in own:
                insort(ends, end)
    return count


def heights(
    columns: Sequence[Sequence[Slot]],
    before: Neighbours,
    after: Neighbours,
    distance: Callable[[Slot, Slot], float],
) -> dict[Slot, float]:
    """Return the height of each slot: near the mean of its neighbours, in the order of its column.

    `distance` is that between two adjacent slots of a column. The top is at 0, and heights grow downwards.
    """
    offsets: dict[Slot, float] = {}
    for column in columns:
        steps = accumulate((distance(one, other) for one, other in pairwise(column)), initial=0.0)
        offsets.update(zip(column, steps, strict=False))  # an empty column has the initial step all the same
    result = {slot: offsets[slot] - offsets[column[-1]] / 2 for column in columns for slot in column}
    for sweep in range(_SWEEPS):
        adjacent, step = (after, -1) if sweep % 2 == 0 else (before, 1)
        for column in columns[::step]:
            ideal = [
                _mean([result[each] for each in adjacent.get(slot, ())], default=result[slot]) - offsets[slot]
                for slot in column
            ]
            result.update((slot, at + offsets[slot]) for slot, at in zip(column, _nearest_rising(ideal), strict=True))
    return _centre(columns, before, result)


def _centre(columns: Sequence[Sequence[Slot]], before: Neighbours, height: Mapping[Slot, float]) -> dict[Slot, float]:
    """Move each part of the graph to the middle; a part starts at a column that no edge leads to."""
    parts: list[list[Slot]] = []
    for column in columns:
        if any(slot in before for slot in column):
            parts[-1] += column
        else:
            parts.append(list(column))
    spans = [(min(height[slot] for slot in part), max(height[slot] for slot in part)) for part in parts if part]
    tallest = max((bottom - top for top, bottom in spans), default=0.0)
    result: dict[Slot, float] = {}
    for part, (top, bottom) in zip(filter(None, parts), spans, strict=True):
        shift = (tallest - (bottom - top)) / 2 - top
        result.update((slot, height[slot] + shift) for slot in part)
    return result


def _nearest_rising(values: Sequence[float]) -> list[float]:
    """Return the numbers nearest to `values` that never fall: pool adjacent violators."""
    pools: list[tuple[float, int]] = []
    for each in values:
        mean, count = each, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean = (mean * count + other * others) / (count + others)
            count += others
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]


def _mean(numbers: Sequence[float], default: float) -> float:
    return sum(numbers) / len(numbers) if numbers else default
