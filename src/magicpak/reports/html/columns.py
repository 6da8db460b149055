"""The columns of a layered graph: what stands in each, in an order with few crossings, and how high.

After K. Sugiyama et al.: Methods for Visual Understanding of Hierarchical System Structures. IEEE Trans. SMC 11(2),
1981, pp. 109-125; each column is spread by pool adjacent violators.
"""

from bisect import bisect, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise

Slot = tuple[int, int]
"""A place in a column: a node, and the layer, which is its own, or one that edges to it pass."""

Neighbours = Mapping[Slot, Sequence[Slot]]
_SWEEPS = 16


def neighbours(ways: Iterable[Sequence[Slot]]) -> tuple[Neighbours, Neighbours]:
    """Return for each slot those before it and those after it on `ways`."""
    before: dict[Slot, list[Slot]] = defaultdict(list)
    after: dict[Slot, list[Slot]] = defaultdict(list)
    for one, other in dict.fromkeys(pair for way in ways for pair in pairwise(way)):
        before[other].append(one)
        after[one].append(other)
    return before, after


def ordered(slots: Iterable[Slot], before: Neighbours, after: Neighbours) -> list[list[Slot]]:
    """Return the columns of `slots`, each sorted by the mean place of the neighbours: the best of several tries."""
    every = list(dict.fromkeys(slots))
    columns: list[list[Slot]] = [[] for _ in range(max((layer for _, layer in every), default=-1) + 1)]
    for slot in every:
        columns[slot[1]].append(slot)
    best, fewest = columns, _crossings(columns, after)
    for sweep in range(_SWEEPS):
        columns = _sorted(columns, before) if sweep % 2 == 0 else _sorted(columns[::-1], after)[::-1]
        crossings = _crossings(columns, after)
        if crossings < fewest:
            best, fewest = columns, crossings
    return best


def _sorted(columns: Sequence[Sequence[Slot]], known: Neighbours) -> list[list[Slot]]:
    """Sort each column by the places that its neighbours in those before have."""
    place: dict[Slot, float] = {}
    result = []
    for column in columns:
        means = {
            slot: _mean([place[each] for each in known.get(slot, ())], otherwise=at) for at, slot in enumerate(column)
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
    """Return how high each slot stands: near the mean of its neighbours, in the order of its column.

    `distance` is how far one slot of a column is from the next. The highest is at 0; figures grow downwards.
    """
    offsets: dict[Slot, float] = {}
    for column in columns:
        steps = accumulate((distance(one, other) for one, other in pairwise(column)), initial=0.0)
        offsets.update(zip(column, steps, strict=False))  # an empty column has its initial step all the same
    result = {slot: offsets[slot] - offsets[column[-1]] / 2 for column in columns for slot in column}
    for sweep in range(_SWEEPS):
        known, step = (after, -1) if sweep % 2 == 0 else (before, 1)
        for column in columns[::step]:
            wanted = [
                _mean([result[each] for each in known.get(slot, ())], otherwise=result[slot]) - offsets[slot]
                for slot in column
            ]
            result.update((slot, at + offsets[slot]) for slot, at in zip(column, _rising(wanted), strict=True))
    return _centred(columns, before, result)


def _centred(columns: Sequence[Sequence[Slot]], before: Neighbours, high: Mapping[Slot, float]) -> dict[Slot, float]:
    """Bring columns to which no edge leads from those before, and what follows them, to the middle of all."""
    parts: list[list[Slot]] = []
    for column in columns:
        if any(slot in before for slot in column):
            parts[-1] += column
        else:
            parts.append(list(column))
    spans = [(min(high[slot] for slot in part), max(high[slot] for slot in part)) for part in parts if part]
    tallest = max((bottom - top for top, bottom in spans), default=0.0)
    result: dict[Slot, float] = {}
    for part, (top, bottom) in zip(filter(None, parts), spans, strict=True):
        down = (tallest - (bottom - top)) / 2 - top
        result.update((slot, high[slot] + down) for slot in part)
    return result


def _rising(wanted: Sequence[float]) -> list[float]:
    """Return numbers that never fall, as near to `wanted` as can be: pool adjacent violators."""
    pools: list[tuple[float, int]] = []
    for each in wanted:
        mean, count = each, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean = (mean * count + other * others) / (count + others)
            count += others
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise
