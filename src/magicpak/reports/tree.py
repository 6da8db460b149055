"""The report as a tree: who needs whom, each library once, and why each other file is there."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from magicpak.bundle.path import BundlePath, Way
from magicpak.reports.document import Document, Entry, Need, Object, Process
from magicpak.reports.style import Paint
from magicpak.text import plural, shown, size


def tree(document: Document, paint: Paint) -> Iterator[str]:
    """Yield the lines of the tree, painted by `paint`."""
    return _Tree(document, paint).lines()


class _Node(NamedTuple):
    """What one need has brought in, or has not; `also` are the names that its object needs and that stand elsewhere."""

    need: Need
    children: "list[_Node]"
    also: list[str]


class _Tree:
    def __init__(self, document: Document, paint: Paint) -> None:
        self._document = document
        self._paint = paint
        self._entries: Mapping[str, Entry] = {entry.path: entry for entry in document.entries}
        self._searched = {each.name: each.searched for each in reversed(document.missing)}
        self._told: set[str] = set()

    def lines(self) -> Iterator[str]:
        for process in self._document.processes:
            root = process.objects[0]
            is_known = _place(root) in self._told
            nodes, also = self._grown(process)
            if nodes or not is_known:
                yield self._again(root) if is_known else self._root(root, also)
                yield from self._below(nodes)
                yield ""
        for section in (self._others(), self._left_out(), self._problems()):
            lines = list(section)
            yield from (*lines, *([""] if lines else []))
        yield self._total()

    def _grown(self, process: Process) -> tuple[list[_Node], list[str]]:
        """Return what a process has brought in that is not in the tree yet, each below the first that needs it."""
        objects = {_place(each): each for each in reversed(process.objects)}
        root = process.objects[0]
        self._told.add(_place(root))
        below: list[_Node] = []
        also: list[str] = []
        ahead = [(root, below, also)]
        for asker, children, others in ahead:  # grows: breadth first, as the loader goes
            for need in asker.needs:
                place = need.path or need.found or need.name
                if need.found is None and need.optional:
                    continue
                if place in self._told:
                    others.append(need.name)
                    continue
                self._told.add(place)
                self._told.update(self._walked(need.found or "")[0])  # they are there for it
                node = _Node(need, [], [])
                children.append(node)
                if place in objects:
                    ahead.append((objects[place], node.children, node.also))
        return below, also

    def _walked(self, path: str) -> tuple[list[str], str]:
        """Return the links on the way to `path`, and where it ends, whether something is there or not."""
        links = []
        way = Way(path)
        while way.step():
            entry = self._entries.get(way.at)
            if entry is not None and entry.target is not None:
                links.append(entry.path)
                if not way.follow(entry.target):
                    break
        return links, way.at

    def _root(self, root: Object, also: list[str]) -> str:
        entry = self._entries.get(root.path or "")
        if entry is None:
            return f"{self._paint.bold(shown(root.file))}  {self._left_out_mark()}{self._also(also)}"
        return f"{self._paint.bold(shown(entry.path))}  {size(entry.size)}  {entry.reason}{self._also(also)}"

    def _again(self, root: Object) -> str:
        return (
            f"{self._paint.bold(shown(root.path or root.file))}  {self._paint.dim('and what it has loaded by itself')}"
        )

    def _below(self, nodes: list[_Node]) -> Iterator[str]:
        """Yield a line for each node, depth first: by a stack, since libraries can need each other in long chains."""
        strokes = self._paint.strokes
        ahead = [(node, "", node is nodes[-1]) for node in reversed(nodes)]
        while ahead:
            node, indent, is_last = ahead.pop()
            yield f"{self._paint.dim(indent + (strokes.last if is_last else strokes.branch))}{self._line(node)}"
            indent += strokes.blank if is_last else strokes.down
            ahead += [(each, indent, each is node.children[-1]) for each in reversed(node.children)]

    def _line(self, node: _Node) -> str:
        need = node.need
        name = shown(need.name)
        if need.found is None:
            return self._paint.red(f"{name} => {self._why_not(need)}")
        entry = self._entries.get(need.path or "")
        where = shown(entry.path if entry else need.found)
        how = self._paint.dim(f"[{need.rule}]")
        how_much = size(entry.size) if entry else self._left_out_mark()
        way = name if name == where else f"{name} => {where}"
        return f"{way}  {how}  {how_much}{self._also(node.also)}"

    def _why_not(self, need: Need) -> str:
        if need.trouble is not None:
            return f"cannot be loaded: {shown(need.trouble)}"
        searched = self._searched.get(need.name)
        return f"not found in {', '.join(map(shown, searched))}" if searched else "not found"

    def _also(self, names: list[str]) -> str:
        return self._paint.dim(f"  also needs {', '.join(map(shown, names))}") if names else ""

    def _left_out_mark(self) -> str:
        return self._paint.yellow("not in the bundle")

    def _others(self) -> Iterator[str]:
        """Yield a line for all that no loader has brought in, but for directories that hold something of it."""
        holders = {BundlePath(entry.path).parent for entry in self._document.entries}
        for entry in self._document.entries:
            if entry.path in self._told or self._walked(entry.path)[1] in holders:
                continue
            what = {"link": f" -> {shown(entry.target or '')}", "directory": "/", "fifo": "|", "file": ""}[entry.type]
            how_much = f"  {size(entry.size)}" if entry.type == "file" else ""
            yield f"{shown(entry.path)}{what}{how_much}  {self._paint.dim(entry.reason)}"

    def _left_out(self) -> Iterator[str]:
        """Yield a line for all that was left out, but for what stood in a directory that was."""
        gone = {each.path for each in self._document.excluded}
        for each in self._document.excluded:
            if BundlePath(each.path).parent not in gone:
                yield f"{shown(each.path)}  {self._paint.yellow('left out by --exclude')}"

    def _problems(self) -> Iterator[str]:
        for problem in self._document.problems:
            paint = self._paint.red if problem.is_error else self._paint.yellow
            whom = f"{shown(problem.path)}: " if problem.path is not None else ""
            yield f"{whom}{paint(shown(problem.words))}"

    def _total(self) -> str:
        totals = self._document.totals
        parts = [plural(totals.files, "file"), size(totals.size)]
        parts += [plural(totals.links, "link")] if totals.links else []
        missing = len({each.name for each in self._document.missing})
        return ", ".join(parts) + (self._paint.red(f", {missing} missing") if missing else "")


def _place(loaded: Object) -> str:
    return loaded.path or loaded.file
