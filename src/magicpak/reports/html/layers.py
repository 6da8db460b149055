"""The layers of a dependency graph: each node after all that need it, without edges that others imply."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

SMALL_GRAPH = 12
"""Up to this number of nodes, the edges to common nodes are drawn too."""

Edge = tuple[int, int]


class LayeredGraph(NamedTuple):
    """The layer of each node, and the edges to draw.

    `edges` lead from a layer to a later one, without those that others imply. `back` are those that close a cycle.
    `common` are nodes that most others need. They and what they need are in the last layers. The edges from other
    layers to common nodes would hide everything else, and are not drawn.
    """

    layers: tuple[int, ...]
    edges: tuple[Edge, ...]
    back: tuple[Edge, ...]
    common: frozenset[int]


def assign_layers(needs: Sequence[Sequence[int]]) -> LayeredGraph:
    """Return the layers of a graph; `needs` are, for each node, the nodes to which its edges lead."""
    order, back = _topological_order(needs)
    forward = [[each for each in ends if (start, each) not in back] for start, ends in enumerate(needs)]
    edges, reach = _reduce(forward, order)
    common = _common(needs)
    low = set(common)
    for each in common:
        low.update(at for at in order if reach[each] >> at & 1)
    drawn = [edge for edge in edges if edge[1] not in common or edge[0] in low]
    layers = _longest_paths(drawn, [at for at in order if at not in low], [at for at in order if at in low])
    drawn_back = [(start, end) for start, end in sorted(back) if end not in common or start in low]
    return LayeredGraph(layers, tuple(drawn), tuple(drawn_back), common)


def _topological_order(needs: Sequence[Sequence[int]]) -> tuple[list[int], set[Edge]]:
    """Return the nodes, each before those that it needs, and the edges that close a cycle, which do not count."""
    order: list[int] = []
    back: set[Edge] = set()
    open_: set[int] = set()
    done: set[int] = set()
    for root in range(len(needs)):
        stack = [(root, iter(needs[root]))] if root not in done else []
        open_.update(node for node, _ in stack)
        while stack:
            node, ends = stack[-1]
            for end in ends:
                if end in open_:
                    back.add((node, end))
                elif end not in done:
                    open_.add(end)
                    stack.append((end, iter(needs[end])))
                    break
            else:
                stack.pop()
                open_.remove(node)
                done.add(node)
                order.append(node)
    return order[::-1], back


def _reduce(needs: Sequence[Sequence[int]], order: Sequence[int]) -> tuple[list[Edge], list[int]]:
    """Return the edges that no others imply, and for each node the set of all that it leads to, as bits."""
    place = {node: at for at, node in enumerate(order)}
    reach = [0] * len(needs)
    edges = []
    for node in reversed(order):
        for end in sorted(needs[node], key=place.__getitem__):
            if not reach[node] >> end & 1:
                edges.append((node, end))
                reach[node] |= reach[end] | 1 << end
    return sorted(edges), reach


def _common(needs: Sequence[Sequence[int]]) -> frozenset[int]:
    """Return the nodes that more than half of all nodes need, unless the graph is small."""
    if len(needs) <= SMALL_GRAPH:
        return frozenset()
    count = [0] * len(needs)
    for ends in needs:
        for end in ends:
            count[end] += 1
    return frozenset(node for node, needed in enumerate(count) if needed > len(needs) / 2)


def _longest_paths(edges: Iterable[Edge], *bands: Sequence[int]) -> tuple[int, ...]:
    """Return for each node the length of the longest path to it; each band, in order, starts after the one before."""
    before: dict[int, list[int]] = {node: [] for band in bands for node in band}
    for start, end in edges:
        before[end].append(start)
    layers: dict[int, int] = {}
    first = 0
    for band in bands:
        for node in band:
            layers[node] = max([first, *(layers[each] + 1 for each in before[node])])
        first = max(layers.values(), default=-1) + 1
    return tuple(layers[node] for node in sorted(layers))
