"""Where the nodes of a layered graph are drawn, and on which ways its edges run between them.

Layers are columns from left to right (K. Sugiyama et al.: Methods for Visual Understanding of Hierarchical System
Structures. IEEE Trans. SMC 11(2), 1981, pp. 109-125). All edges to one node that come from afar run together: each
column that they pass has one place for them.
"""

from bisect import bisect, insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from magicpak.reports.layers import Edge

HEIGHT = 20.0  # of a node
_PASSING = 6.0  # of a way past a column
_GAP = 5.0  # between two of one column
_CHANNEL = 56.0  # between two columns
_SWEEPS = 16

_Slot = tuple[int, int]  # a node, and the layer: its own, or one that edges to it pass
_Neighbours = Mapping[_Slot, Sequence[_Slot]]


class Spot(NamedTuple):
    """What an edge leads to, or past: its left end, the middle of its height, and its width."""

    x: float
    y: float
    width: float


class Placed(NamedTuple):
    """For each node its spot, for each edge the spots from its start to its end, and the size of all."""

    nodes: tuple[Spot, ...]
    ways: dict[Edge, tuple[Spot, ...]]
    width: float
    height: float


def placed(layers: Sequence[int], edges: Sequence[Edge], widths: Sequence[float]) -> Placed:
    """Place nodes of `widths` in the columns that `layers` say, so that few edges cross."""
    ways = {(start, end): _way(start, end, layers) for start, end in edges}
    before, after = _neighbours(ways)
    columns = _ordered(_columns(layers, ways), before, after)
    heights = _heights(columns, layers, before, after)
    column_widths = [max(widths[node] for node, layer in column if layers[node] == layer) for column in columns]
    lefts = list(accumulate((width + _CHANNEL for width in column_widths), initial=0.0))

    def spot(slot: _Slot) -> Spot:
        node, layer = slot
        width = widths[node] if layers[node] == layer else column_widths[layer]
        return Spot(lefts[layer], heights[slot], width)

    nodes = tuple(spot(each) for each in enumerate(layers))
    lowest = max(heights.values(), default=0.0) + HEIGHT / 2
    return Placed(nodes, {edge: tuple(map(spot, way)) for edge, way in ways.items()}, lefts[-1] - _CHANNEL, lowest)


def _way(start: int, end: int, layers: Sequence[int]) -> list[_Slot]:
    return [(start, layers[start]), *((end, layer) for layer in range(layers[start] + 1, layers[end] + 1))]


def _neighbours(ways: Mapping[Edge, Sequence[_Slot]]) -> tuple[_Neighbours, _Neighbours]:
    before: dict[_Slot, list[_Slot]] = defaultdict(list)
    after: dict[_Slot, list[_Slot]] = defaultdict(list)
    for one, other in dict.fromkeys(pair for way in ways.values() for pair in pairwise(way)):
        before[other].append(one)
        after[one].append(other)
    return before, after


def _columns(layers: Sequence[int], ways: Mapping[Edge, Sequence[_Slot]]) -> list[list[_Slot]]:
    columns: list[list[_Slot]] = [[] for _ in range(max(layers, default=-1) + 1)]
    for slot in dict.fromkeys([*enumerate(layers), *(slot for way in ways.values() for slot in way)]):
        columns[slot[1]].append(slot)
    return columns


def _ordered(columns: list[list[_Slot]], before: _Neighbours, after: _Neighbours) -> list[list[_Slot]]:
    """Sort each column by the mean place of the neighbours, there and back again; return the best of all tries."""
    best, fewest = columns, _crossings(columns, after)
    for sweep in range(_SWEEPS):
        neighbours, step = (before, 1) if sweep % 2 == 0 else (after, -1)
        columns = columns[::step]
        place: dict[_Slot, float] = {}
        for at, column in enumerate(columns):
            means = {
                slot: _mean([place[each] for each in neighbours.get(slot, ())], otherwise=index)
                if slot in before or slot in after
                else len(column)  # what has no edge stands below the rest
                for index, slot in enumerate(column)
            }
            columns[at] = sorted(column, key=means.__getitem__)
            place.update((slot, float(index)) for index, slot in enumerate(columns[at]))
        columns = columns[::step]
        crossings = _crossings(columns, after)
        if crossings < fewest:
            best, fewest = columns, crossings
    return best


def _crossings(columns: Sequence[Sequence[_Slot]], after: _Neighbours) -> int:
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


def _heights(
    columns: Sequence[Sequence[_Slot]], layers: Sequence[int], before: _Neighbours, after: _Neighbours
) -> dict[_Slot, float]:
    """Return the middle of each slot: in the order of its column, near the mean of its neighbours."""

    def size(slot: _Slot) -> float:
        return HEIGHT if layers[slot[0]] == slot[1] else _PASSING

    offsets = {
        slot: offset
        for column in columns
        for slot, offset in zip(
            column,
            accumulate((_GAP + (size(a) + size(b)) / 2 for a, b in pairwise(column)), initial=0.0),
            strict=True,
        )
    }
    heights = {slot: offsets[slot] - offsets[column[-1]] / 2 for column in columns for slot in column}
    for sweep in range(_SWEEPS):
        neighbours = after if sweep % 2 == 0 else before
        for column in columns[:: -1 if sweep % 2 == 0 else 1]:
            wanted: list[float] = []
            for slot in column:
                at = _mean([heights[each] for each in neighbours.get(slot, ())], otherwise=heights[slot])
                is_free = wanted and slot not in before and slot not in after
                wanted.append(wanted[-1] if is_free else at - offsets[slot])
            heights.update((slot, at + offsets[slot]) for slot, at in zip(column, _rising(wanted), strict=True))
    top = min(heights.values(), default=0.0) - HEIGHT / 2
    return {slot: height - top for slot, height in heights.items()}


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
