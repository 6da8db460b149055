"""The report as a tree: who needs whom, each library once, and why each other file is there."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from magicpak.bundle.path import BundlePath, PathWalk
from magicpak.reports.document import Document, ReportEntry, ReportNeed, ReportObject, ReportProcess
from magicpak.reports.style import Style
from magicpak.text import count_noun, format_size, printable


def tree(document: Document, style: Style) -> Iterator[str]:
    """Yield the lines of the tree, painted by `style`."""
    return _Tree(document, style).lines()


class _TreeNode(NamedTuple):
    """What one need has brought in, or has not; `also` are the names that its object needs and that stand elsewhere."""

    need: ReportNeed
    children: "list[_TreeNode]"
    also: list[str]


class _Tree:
    def __init__(self, document: Document, style: Style) -> None:
        self._document = document
        self._style = style
        self._entries: Mapping[str, ReportEntry] = {entry.path: entry for entry in document.entries}
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

    def _grown(self, process: ReportProcess) -> tuple[list[_TreeNode], list[str]]:
        """Return what a process has brought in that is not in the tree yet, each below the first that needs it."""
        objects = {_place(each): each for each in reversed(process.objects)}
        root = process.objects[0]
        self._told.add(_place(root))
        below: list[_TreeNode] = []
        also: list[str] = []
        ahead = [(root, below, also)]
        for requester, children, others in ahead:  # grows: breadth first, as the loader goes
            for need in requester.needs:
                place = need.path or need.found or need.name
                if need.found is None and need.optional:
                    continue
                if place in self._told:
                    others.append(need.name)
                    continue
                self._told.add(place)
                self._told.update(self._walked(need.found or "")[0])  # they are there for it
                node = _TreeNode(need, [], [])
                children.append(node)
                if place in objects:
                    ahead.append((objects[place], node.children, node.also))
        return below, also

    def _walked(self, path: str) -> tuple[list[str], str]:
        """Return the links on the way to `path`, and where it ends, whether something is there or not."""
        links = []
        way = PathWalk(path)
        while way.step():
            entry = self._entries.get(way.at)
            if entry is not None and entry.target is not None:
                links.append(entry.path)
                if not way.follow(entry.target):
                    break
        return links, way.at

    def _root(self, root: ReportObject, also: list[str]) -> str:
        entry = self._entries.get(root.path or "")
        if entry is None:
            return f"{self._style.bold(printable(root.file))}  {self._left_out_mark()}{self._also(also)}"
        return f"{self._style.bold(printable(entry.path))}  {format_size(entry.size)}  {entry.reason}{self._also(also)}"

    def _again(self, root: ReportObject) -> str:
        name = self._style.bold(printable(root.path or root.file))
        return f"{name}  {self._style.dim('and what it has loaded by itself')}"

    def _below(self, nodes: list[_TreeNode]) -> Iterator[str]:
        """Yield a line for each node, depth first: by a stack, since libraries can need each other in long chains."""
        strokes = self._style.strokes
        ahead = [(node, "", node is nodes[-1]) for node in reversed(nodes)]
        while ahead:
            node, indent, is_last = ahead.pop()
            yield f"{self._style.dim(indent + (strokes.last if is_last else strokes.branch))}{self._line(node)}"
            indent += strokes.blank if is_last else strokes.down
            ahead += [(each, indent, each is node.children[-1]) for each in reversed(node.children)]

    def _line(self, node: _TreeNode) -> str:
        need = node.need
        name = printable(need.name)
        if need.found is None:
            return self._style.red(f"{name} => {self._why_not(need)}")
        entry = self._entries.get(need.path or "")
        where = printable(entry.path if entry else need.found)
        how = self._style.dim(f"[{need.rule}]")
        how_much = format_size(entry.size) if entry else self._left_out_mark()
        way = name if name == where else f"{name} => {where}"
        return f"{way}  {how}  {how_much}{self._also(node.also)}"

    def _why_not(self, need: ReportNeed) -> str:
        if need.trouble is not None:
            return f"cannot be loaded: {printable(need.trouble)}"
        searched = self._searched.get(need.name)
        return f"not found in {', '.join(map(printable, searched))}" if searched else "not found"

    def _also(self, names: list[str]) -> str:
        return self._style.dim(f"  also needs {', '.join(map(printable, names))}") if names else ""

    def _left_out_mark(self) -> str:
        return self._style.yellow("not in the bundle")

    def _others(self) -> Iterator[str]:
        """Yield a line for all that no loader has brought in, but for directories that hold something of it."""
        holders = {BundlePath(entry.path).parent for entry in self._document.entries}
        for entry in self._document.entries:
            if entry.path in self._told or self._walked(entry.path)[1] in holders:
                continue
            what = {"link": f" -> {printable(entry.target or '')}", "directory": "/", "fifo": "|", "file": ""}[
                entry.type
            ]
            how_much = f"  {format_size(entry.size)}" if entry.type == "file" else ""
            yield f"{printable(entry.path)}{what}{how_much}  {self._style.dim(entry.reason)}"

    def _left_out(self) -> Iterator[str]:
        """Yield a line for all that was left out, but for what stood in a directory that was."""
        gone = {each.path for each in self._document.excluded}
        for each in self._document.excluded:
            if BundlePath(each.path).parent not in gone:
                yield f"{printable(each.path)}  {self._style.yellow('left out by --exclude')}"

    def _problems(self) -> Iterator[str]:
        for problem in self._document.problems:
            style = self._style.red if problem.is_error else self._style.yellow
            whom = f"{printable(problem.path)}: " if problem.path is not None else ""
            yield f"{whom}{style(printable(problem.words))}"

    def _total(self) -> str:
        totals = self._document.totals
        parts = [count_noun(totals.files, "file"), format_size(totals.size)]
        parts += [count_noun(totals.links, "link")] if totals.links else []
        missing = len({each.name for each in self._document.missing})
        return ", ".join(parts) + (self._style.red(f", {missing} missing") if missing else "")


def _place(loaded: ReportObject) -> str:
    return loaded.path or loaded.file
