"""The dependency graph: each object of all processes as one node, even if it is in several processes."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from magicpak.reports.document import ReportEntry, ReportNeed, ReportProcess
from magicpak.reports.entries import Entries

NodeKind = Literal["program", "library", "outside", "missing"]


class GraphNode(NamedTuple):
    """An object; `needs` are the indices of the nodes that it needs directly.

    An `outside` object is on the host but not in the bundle, a `missing` one cannot be loaded. `entry` is its entry in
    the bundle, if it has one.
    """

    label: str
    kind: NodeKind
    entry: ReportEntry | None
    needs: tuple[int, ...] = ()


def graph(processes: Sequence[ReportProcess], entries: Entries) -> list[GraphNode]:
    """Return the nodes in the order of `processes` and of their objects, which is that of loading."""
    nodes = _Nodes(entries)
    for process in processes:
        is_program = process.given is not None or process.interpreter is not None
        for each in process.objects[:1]:
            nodes.add(_name(each.file), each.file, each.path, is_program=is_program)
        for each in process.objects[1:]:
            nodes.add(each.soname or _name(each.file), each.file, each.path)
    for process in processes:
        for each in process.objects:
            requester = nodes.add(_name(each.file), each.file, each.path)
            for need in each.needs:
                if need.found is not None or need.trouble is not None or not need.optional:
                    nodes.connect(requester, nodes.add_need(need))
    return nodes.all()


def _name(path: str) -> str:
    return path.rpartition("/")[2]


class _Nodes:
    """The nodes so far, each by its path in the bundle, or else by that on the host, or else by its name."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._index: dict[tuple[NodeKind, str], int] = {}
        self._nodes: list[GraphNode] = []
        self._needs: list[set[int]] = []

    def add(self, label: str, file: str, path: str | None, *, is_program: bool = False) -> int:
        """Return the node of the object that is `file` on the host and `path` in the bundle, new or not."""
        entry = self._entries.end(path) if path is not None else None
        if entry is None:
            return self._at(("outside", file), GraphNode(label, "outside", None))
        return self._at(("library", entry.path), GraphNode(label, "program" if is_program else "library", entry))

    def add_need(self, need: ReportNeed) -> int:
        if need.found is None or need.trouble is not None:
            return self._at(("missing", need.name), GraphNode(need.name, "missing", None))
        return self.add(need.name, need.found, need.path)

    def connect(self, requester: int, needed: int) -> None:
        if requester != needed:
            self._needs[requester].add(needed)

    def all(self) -> list[GraphNode]:
        return [node._replace(needs=tuple(sorted(self._needs[at]))) for at, node in enumerate(self._nodes)]

    def _at(self, key: tuple[NodeKind, str], node: GraphNode) -> int:
        at = self._index.setdefault(key, len(self._nodes))
        if at == len(self._nodes):
            self._nodes.append(node)
            self._needs.append(set())
        elif node.kind == "program":
            self._nodes[at] = node
        return at
