"""The picture of who needs whom: programs at the left, and to the right of each what it needs."""

from collections.abc import Callable, Sequence

from magicpak.reports.html import svg
from magicpak.reports.html.graph import GraphNode
from magicpak.reports.html.layers import Layered
from magicpak.reports.html.markup import Markup, element, number
from magicpak.reports.html.places import anchor
from magicpak.reports.html.placing import HEIGHT, Point, placed

_PADDING, _MARGIN = 7.0, 8.0
_BASELINE = 4.0  # of a text, below the middle
_BOW = 40.0  # of an edge that leads back


def picture(nodes: Sequence[GraphNode], drawn: Layered, label: str, told: Callable[[GraphNode], str]) -> Markup:
    """Return the picture; `told` says of a node what its tooltip does.

    For the script of the page a node has its own index and those of its needs, an edge those of its ends.
    """
    place = placed(drawn.layers, drawn.edges, [svg.width(node.label) + 2 * _PADDING for node in nodes])
    edges = [
        _edge(start, end, _way(way), "missing" if nodes[end].kind == "missing" else None)
        for (start, end), way in place.ways.items()
    ]
    edges += [_edge(start, end, _back(place.nodes[start], place.nodes[end]), "back") for start, end in drawn.back]
    boxes = [_node(at, node, spot, told(node)) for at, (node, spot) in enumerate(zip(nodes, place.nodes, strict=True))]
    width, height = place.width + 2 * _MARGIN, place.height + 2 * _MARGIN
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


def _node(at: int, node: GraphNode, spot: Point, told: str) -> Markup:
    return element(
        "a",
        element("title", told),
        element("rect", x=spot.x, y=spot.y - HEIGHT / 2, width=spot.width, height=HEIGHT, rx=4),
        element("text", node.label, x=spot.x + _PADDING, y=spot.y + _BASELINE),
        id=f"node-{at}",
        class_=f"node {node.kind}",
        href=f"#{anchor(node.entry.path)}" if node.entry else "#missing" if node.kind == "missing" else None,
        tabindex=None if node.entry or node.kind == "missing" else 0,
        data_needs=" ".join(map(str, node.needs)) or None,
    )


def _edge(start: int, end: int, way: str, class_: str | None) -> Markup:
    return element("path", d=way, class_=class_, data_from=start, data_to=end)


def _way(spots: Sequence[Point]) -> str:
    """Return the line from the right of the first to the left of the last, straight past the columns between them."""
    first, *others = spots
    x, y = first.x + first.width, first.y
    parts = [f"M{number(x)} {number(y)}"]
    for spot in others:
        middle = number((x + spot.x) / 2)
        parts.append(f"C{middle} {number(y)} {middle} {number(spot.y)} {number(spot.x)} {number(spot.y)}")
        x, y = spot.x + spot.width, spot.y
        if spot is not others[-1]:
            parts.append(f"H{number(x)}")
    return "".join(parts)


def _back(start: Point, end: Point) -> str:
    """Return a bow from the right of `start` around to the right of `end`, which is not to the right of it."""
    x, y = start.x + start.width, start.y
    to = end.x + end.width
    far = number(max(x, to) + _BOW)
    return f"M{number(x)} {number(y)}C{far} {number(y)} {far} {number(end.y)} {number(to)} {number(end.y)}"
