"""Where the nodes of a layered graph are drawn, and on which ways its edges run between them.

Layers are columns from left to right. All edges to one node that come from afar run together: each column that they
pass has one place for them.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from magicpak.reports.html.columns import Slot, heights, neighbours, ordered
from magicpak.reports.html.layers import Edge

HEIGHT = 20.0  # of a node; all figures are pixels
_PASSING = 6.0  # of a way past a column
_GAP = 5.0  # between two of one column
_CHANNEL = 56.0  # between two columns
_LEAST_ROW = 1100.0


class Point(NamedTuple):
    """What an edge leads to, or past: its left end, the middle of its height, and its width."""

    x: float
    y: float
    width: float


class NodePosition(NamedTuple):
    """For each node its spot, for each edge the spots from its start to its end, and the size of all."""

    nodes: tuple[Point, ...]
    ways: dict[Edge, tuple[Point, ...]]
    width: float
    height: float


def placed(layers: Sequence[int], edges: Sequence[Edge], widths: Sequence[float]) -> NodePosition:
    """Place nodes of `widths` in the columns that `layers` say, so that few edges cross.

    Those of the first layer that have no edge stand in rows below all others.
    """
    ways = {(start, end): _way(start, end, layers) for start, end in edges}
    before, after = neighbours(ways.values())

    def distance(one: Slot, other: Slot) -> float:
        return _GAP + sum(HEIGHT if layers[node] == layer else _PASSING for node, layer in (one, other)) / 2

    alone = [node for node, layer in enumerate(layers) if layer == 0 and (node, 0) not in after]
    in_columns = {*enumerate(layers)} - {(node, 0) for node in alone}
    slots = [*sorted(in_columns), *(slot for way in ways.values() for slot in way)]
    high = heights(ordered(slots, before, after), before, after, distance)
    spots = _spots(high, layers, widths)
    right = max((spot.x + spot.width for spot in spots.values()), default=0.0)
    rows = _rows([widths[node] for node in alone], max(high.values(), default=None), max(right, _LEAST_ROW))
    spots.update(((node, 0), spot) for node, spot in zip(alone, rows, strict=True))
    return NodePosition(
        tuple(spots[each] for each in enumerate(layers)),
        {edge: tuple(spots[slot] for slot in way) for edge, way in ways.items()},
        max((spot.x + spot.width for spot in spots.values()), default=0.0),
        max((spot.y + HEIGHT / 2 for spot in spots.values()), default=0.0),
    )


def _way(start: int, end: int, layers: Sequence[int]) -> list[Slot]:
    return [(start, layers[start]), *((end, layer) for layer in range(layers[start] + 1, layers[end] + 1))]


def _spots(high: Mapping[Slot, float], layers: Sequence[int], widths: Sequence[float]) -> dict[Slot, Point]:
    """Return the spot of each slot that stands in a column, which is as wide as the widest node in it."""
    columns = [0.0] * (max(layers, default=-1) + 1)
    for node, layer in high:
        if layers[node] == layer:
            columns[layer] = max(columns[layer], widths[node])
    lefts = list(accumulate((width + _CHANNEL if width else 0.0 for width in columns), initial=0.0))
    return {
        (node, layer): Point(lefts[layer], y + HEIGHT / 2, widths[node] if layers[node] == layer else columns[layer])
        for (node, layer), y in high.items()
    }


def _rows(widths: Sequence[float], lowest: float | None, room: float) -> list[Point]:
    """Place nodes in rows of the width `room`, one below the other, and below what is `lowest`, if anything is."""
    step = max(widths, default=0.0) + 2 * _GAP
    count = max(1, int(room // step))
    first = HEIGHT / 2 if lowest is None else lowest + 3 * HEIGHT
    return [Point(at % count * step, first + at // count * (HEIGHT + _GAP), width) for at, width in enumerate(widths)]
