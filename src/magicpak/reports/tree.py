"""The report as a tree: the programs and their libraries, each once, and the reason for each other file."""

from collections.abc import Iterator
from typing import NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.reports.document import Document, ReportNeed, ReportObject, ReportProcess
from magicpak.reports.entries import Entries
from magicpak.text import MAX_DIRECTORIES, count_noun, format_size, list_names, printable


class TreeStrokes(NamedTuple):
    """The strokes of a tree, each four columns wide."""

    branch: str
    last: str
    down: str
    blank: str = "    "


class Style(NamedTuple):
    """Whether there are colours (ECMA-48, SGR), and the strokes of a tree."""

    has_colours: bool = False
    strokes: TreeStrokes = TreeStrokes("├── ", "└── ", "│   ")

    def bold(self, text: str) -> str:
        """Return `text` in bold."""
        return self._in("1", text)

    def dim(self, text: str) -> str:
        """Return `text` dimmed."""
        return self._in("2", text)

    def red(self, text: str) -> str:
        """Return `text` in red, for errors."""
        return self._in("31", text)

    def yellow(self, text: str) -> str:
        """Return `text` in yellow, for warnings."""
        return self._in("33", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.has_colours and text else text


PLAIN = Style()
_MAX_DEPTH = 100  # in columns of strokes: of a longer chain of libraries each line would be as long as the chain
ASCII = TreeStrokes("|-- ", "`-- ", "|   ")


def tree(document: Document, style: Style) -> Iterator[str]:
    """Yield the lines of the tree, in `style`."""
    return _Tree(document, style).lines()


class _TreeNode(NamedTuple):
    """One need; `also` are the names that its object needs too and that are elsewhere in the tree."""

    need: ReportNeed
    children: "list[_TreeNode]"
    also: list[str]


class _Tree:
    def __init__(self, document: Document, style: Style) -> None:
        self._document = document
        self._style = style
        self._entries = Entries(document.entries)
        self._searched = {each.name: each.searched for each in reversed(document.missing)}
        self._shown: set[str] = set()
        self._of_base = frozenset(document.onto.files if document.onto else ())

    def lines(self) -> Iterator[str]:
        for process in self._document.processes:
            root = process.objects[0]
            is_shown = _place(root) in self._shown
            nodes, also = self._nodes(process)
            if nodes or not is_shown:
                yield self._repeated_root(root) if is_shown else self._root(root, also)
                yield from self._node_lines(nodes)
                yield ""
        for section in (self._others(), self._excluded(), self._problems(), self._suggestions()):
            lines = list(section)
            yield from (*lines, *([""] if lines else []))
        yield self._total()

    def _nodes(self, process: ReportProcess) -> tuple[list[_TreeNode], list[str]]:
        """Return the needs of a process that are not in the tree yet, each below the first object that has it."""
        objects = {_place(each): each for each in reversed(process.objects)}
        root = process.objects[0]
        self._shown.add(_place(root))
        nodes: list[_TreeNode] = []
        also: list[str] = []
        queue = [(root, nodes, also)]
        for requester, children, others in queue:  # it grows: breadth first, like the loader
            for need in requester.needs:
                place = need.path or need.found or need.name
                if need.found is None and need.optional:
                    continue
                if place in self._shown:
                    others.append(need.name)
                    continue
                self._shown.add(place)
                self._shown.update(link.path for link in self._entries.walk(need.found or "")[0])
                node = _TreeNode(need, [], [])
                children.append(node)
                if place in objects:
                    queue.append((objects[place], node.children, node.also))
        return nodes, also

    def _root(self, root: ReportObject, also: list[str]) -> str:
        entry = self._entries.get(root.path or "")
        if entry is None:
            in_base = root.path if root.path in self._of_base else None
            name = self._style.bold(printable(in_base or root.file))
            return f"{name}  {self._absent(in_base)}{self._also(also)}"
        return f"{self._style.bold(printable(entry.path))}  {entry.size_in_words}  {entry.reason}{self._also(also)}"

    def _repeated_root(self, root: ReportObject) -> str:
        name = self._style.bold(printable(root.path or root.file))
        return f"{name}  {self._style.dim('libraries loaded at run time')}"

    def _node_lines(self, nodes: list[_TreeNode]) -> Iterator[str]:
        """Yield a line for each node, depth first: with a stack, since chains of libraries can be long."""
        strokes = self._style.strokes
        stack = [(node, "", node is nodes[-1]) for node in reversed(nodes)]
        while stack:
            node, indent, is_last = stack.pop()
            yield f"{self._style.dim(indent + (strokes.last if is_last else strokes.branch))}{self._line(node)}"
            if len(indent) < _MAX_DEPTH * len(strokes.down):
                indent += strokes.blank if is_last else strokes.down
            stack += [(each, indent, each is node.children[-1]) for each in reversed(node.children)]

    def _line(self, node: _TreeNode) -> str:
        need = node.need
        name = printable(need.name)
        if need.found is None:
            return self._style.red(f"{name} => {self._why_missing(need)}")
        entry = self._entries.get(need.path or "")
        in_base = need.path if need.path in self._of_base else None
        place = printable(entry.path if entry else in_base or need.found)
        rule = self._style.dim(f"[{need.rule}]")
        size = entry.size_in_words if entry else self._absent(in_base)
        label = name if name == place else f"{name} => {place}"
        return f"{label}  {rule}  {size}{self._also(node.also)}"

    def _why_missing(self, need: ReportNeed) -> str:
        if need.trouble is not None:
            return f"cannot be loaded: {printable(need.trouble)}"
        searched = self._searched.get(need.name)
        return f"not found in {list_names(searched, MAX_DIRECTORIES)}" if searched else "not found"

    def _also(self, names: list[str]) -> str:
        return self._style.dim(f"  also needs {', '.join(map(printable, names))}") if names else ""

    def _absent(self, in_base: str | None) -> str:
        return self._style.yellow("not in the bundle") if in_base is None else self._style.dim("in the base")

    def _others(self) -> Iterator[str]:
        """Yield a line for each entry that is not in the tree, without directories that contain other entries."""
        parents = {BundlePath(entry.path).parent for entry in self._document.entries}
        for entry in self._document.entries:
            if entry.path in self._shown or self._entries.walk(entry.path)[1] in parents:
                continue
            suffixes = {"link": f" -> {printable(entry.target or '')}", "directory": "/", "fifo": "|", "file": ""}
            size = f"  {entry.size_in_words}" if entry.type == "file" else ""
            yield f"{printable(entry.path)}{suffixes[entry.type]}{size}  {self._style.dim(entry.reason)}"

    def _excluded(self) -> Iterator[str]:
        """Yield a line for each path that was excluded, without those in a directory that was."""
        paths = {each.path for each in self._document.excluded}
        for each in self._document.excluded:
            if BundlePath(each.path).parent not in paths:
                yield f"{printable(each.path)}  {self._style.yellow('excluded by --exclude')}"

    def _problems(self) -> Iterator[str]:
        for problem in self._document.problems:
            style = self._style.red if problem.is_error else self._style.yellow
            subject = f"{printable(problem.path)}: " if problem.path is not None else ""
            yield f"{subject}{style(printable(problem.words))}"

    def _suggestions(self) -> Iterator[str]:
        for each in self._document.suggestions:
            yield f"{printable(each.reason)}: {self._style.bold(each.option)}"

    def _total(self) -> str:
        totals = self._document.totals
        parts = [count_noun(totals.files, "file"), format_size(totals.size)]
        parts += [count_noun(totals.links, "link")] if totals.links else []
        onto = self._document.onto
        parts += [f"{count_noun(len(onto.files), 'file')} of the base {printable(onto.name)}"] if onto else []
        missing = len({each.name for each in self._document.missing})
        return ", ".join(parts) + (self._style.red(f", {missing} missing") if missing else "")


def _place(loaded: ReportObject) -> str:
    return loaded.path or loaded.file
