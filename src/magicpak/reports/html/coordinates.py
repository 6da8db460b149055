"""The coordinates of the nodes and edges of a layered graph.

Layers are columns from left to right. All edges from afar to one node run together: each column that they pass has one
place for them.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from magicpak.reports.html.columns import Slot, heights, neighbours, order_columns
from magicpak.reports.html.layers import Edge

HEIGHT = 20.0  # of a node; all sizes are in pixels
_EDGE_HEIGHT = 6.0  # of edges that pass a column
_GAP = 5.0  # between two nodes of a column
_CHANNEL = 56.0  # between two columns
_MIN_ROW = 1100.0


class Position(NamedTuple):
    """The position of a node, or of edges that pass a column: left end, middle of the height, and width."""

    x: float
    y: float
    width: float


class GraphLayout(NamedTuple):
    """The position of each node, the positions on the route of each edge from start to end, and the total size."""

    nodes: tuple[Position, ...]
    routes: dict[Edge, tuple[Position, ...]]
    width: float
    height: float


def assign_coordinates(layers: Sequence[int], edges: Sequence[Edge], widths: Sequence[float]) -> GraphLayout:
    """Return a layout of nodes of the given `widths` and `layers` in which few edges cross.

    Nodes of the first layer without an edge are in rows below all others.
    """
    routes = {(start, end): _route(start, end, layers) for start, end in edges}
    before, after = neighbours(routes.values())

    def distance(one: Slot, other: Slot) -> float:
        return _GAP + sum(HEIGHT if layers[node] == layer else _EDGE_HEIGHT for node, layer in (one, other)) / 2

    isolated = [node for node, layer in enumerate(layers) if layer == 0 and (node, 0) not in after]
    in_columns = {*enumerate(layers)} - {(node, 0) for node in isolated}
    slots = [*sorted(in_columns), *(slot for route in routes.values() for slot in route)]
    height = heights(order_columns(slots, before, after), before, after, distance)
    positions = _column_positions(height, layers, widths)
    right = max((each.x + each.width for each in positions.values()), default=0.0)
    rows = _row_positions([widths[node] for node in isolated], max(height.values(), default=None), max(right, _MIN_ROW))
    positions.update(((node, 0), position) for node, position in zip(isolated, rows, strict=True))
    return GraphLayout(
        tuple(positions[each] for each in enumerate(layers)),
        {edge: tuple(positions[slot] for slot in route) for edge, route in routes.items()},
        max((each.x + each.width for each in positions.values()), default=0.0),
        max((each.y + HEIGHT / 2 for each in positions.values()), default=0.0),
    )


def _route(start: int, end: int, layers: Sequence[int]) -> list[Slot]:
    return [(start, layers[start]), *((end, layer) for layer in range(layers[start] + 1, layers[end] + 1))]


def _column_positions(
    height: Mapping[Slot, float], layers: Sequence[int], widths: Sequence[float]
) -> dict[Slot, Position]:
    """Return the position of each slot; a column is as wide as its widest node."""
    columns = [0.0] * (max(layers, default=-1) + 1)
    for node, layer in height:
        if layers[node] == layer:
            columns[layer] = max(columns[layer], widths[node])
    lefts = list(accumulate((width + _CHANNEL if width else 0.0 for width in columns), initial=0.0))
    return {
        (node, layer): Position(lefts[layer], y + HEIGHT / 2, widths[node] if layers[node] == layer else columns[layer])
        for (node, layer), y in height.items()
    }


def _row_positions(widths: Sequence[float], bottom: float | None, room: float) -> list[Position]:
    """Return the positions of nodes in rows of the width `room`, below what ends at `bottom`, if anything does."""
    step = max(widths, default=0.0) + 2 * _GAP
    count = max(1, int(room // step))
    first = HEIGHT / 2 if bottom is None else bottom + 3 * HEIGHT
    return [
        Position(at % count * step, first + at // count * (HEIGHT + _GAP), width) for at, width in enumerate(widths)
    ]
