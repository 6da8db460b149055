"""The picture of the dependency graph: programs on the left, the libraries that they need to the right."""

from collections.abc import Callable, Sequence

from magicpak.reports.html.coordinates import HEIGHT, Position, assign_coordinates
from magicpak.reports.html.graph import GraphNode
from magicpak.reports.html.layers import LayeredGraph
from magicpak.reports.html.markup import Markup, element, number, text_width
from magicpak.reports.html.selection import RowSelection

_PADDING, _MARGIN = 7.0, 8.0
_BASELINE = 4.0  # of a text, below the middle
_BOW = 40.0  # of an edge that leads back


def draw_graph(
    nodes: Sequence[GraphNode],
    layered: LayeredGraph,
    label: str,
    tooltip: Callable[[GraphNode], str],
    rows: RowSelection,
) -> Markup:
    """Return the picture.

    For the page's script, a node has its index and those of its needs, and an edge those of its ends.
    """
    widths = [text_width(node.label) + 2 * _PADDING for node in nodes]
    layout = assign_coordinates(layered.layers, layered.edges, widths)
    edges = [
        _edge(start, end, _path(route), "missing" if nodes[end].kind == "missing" else None)
        for (start, end), route in layout.routes.items()
    ]
    edges += [_edge(start, end, _bow(layout.nodes[start], layout.nodes[end]), "back") for start, end in layered.back]
    boxes = [
        _node(at, node, position, tooltip(node), _href(node, rows))
        for at, (node, position) in enumerate(zip(nodes, layout.nodes, strict=True))
    ]
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    return element(
        "svg",
        element("g", *edges, class_="edges"),
        *boxes,
        class_="graph",
        viewBox=f"{-_MARGIN:.0f} {-_MARGIN:.0f} {width:.0f} {height:.0f}",
        width=round(width),
        height=round(height),
        role="group",
        aria_label=label,
    )


def _href(node: GraphNode, rows: RowSelection) -> str | None:
    if node.entry is not None:
        return rows.href(node.entry.path)
    return "#missing" if node.kind == "missing" else None


def _node(at: int, node: GraphNode, position: Position, tooltip: str, href: str | None) -> Markup:
    return element(
        "a",
        element("title", tooltip),
        element("rect", x=position.x, y=position.y - HEIGHT / 2, width=position.width, height=HEIGHT, rx=4),
        element("text", node.label, x=position.x + _PADDING, y=position.y + _BASELINE),
        id=f"node-{at}",
        class_=f"node {node.kind}",
        href=href,
        tabindex=0 if href is None else None,
        data_needs=" ".join(map(str, node.needs)) or None,
    )


def _edge(start: int, end: int, path: str, class_: str | None) -> Markup:
    return element("path", d=path, class_=class_, data_from=start, data_to=end)


def _path(route: Sequence[Position]) -> str:
    """Return the line from the right of the first position to the left of the last, straight past those in between."""
    first, *others = route
    x, y = first.x + first.width, first.y
    parts = [f"M{number(x)} {number(y)}"]
    for position in others:
        middle = number((x + position.x) / 2)
        parts.append(f"C{middle} {number(y)} {middle} {number(position.y)} {number(position.x)} {number(position.y)}")
        x, y = position.x + position.width, position.y
        if position is not others[-1]:
            parts.append(f"H{number(x)}")
    return "".join(parts)


def _bow(start: Position, end: Position) -> str:
    """Return a line from the right of `start` around to the right of `end`, which is not to the right of `start`."""
    x, y = start.x + start.width, start.y
    to = end.x + end.width
    far = number(max(x, to) + _BOW)
    return f"M{number(x)} {number(y)}C{far} {number(y)} {far} {number(end.y)} {number(to)} {number(end.y)}"
