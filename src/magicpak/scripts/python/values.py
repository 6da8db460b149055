"""What expressions of Python are known to be without running them: texts, and the words of a command."""

import ast
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

UNKNOWN = "\0"
"""Stands in a text for what only a run can tell."""

_MAX_STEPS = 50_000
"""Expressions that are worked out for a module, each once: the largest of a full Debian needs a tenth."""
_MAX_DEPTH = 20
_MAX_ALTERNATIVES = 4
_MAX_TEXT = 1024
"""Characters of a text that is put together; with the other bounds, those of a module take 200 MB at most."""

_PATH_FUNCTIONS: dict[str, Callable[[str], str]] = {
    "dirname": os.path.dirname,
    "abspath": os.path.normpath,
    "normpath": os.path.normpath,
    "realpath": os.path.normpath,
    "resolve": os.path.normpath,
    "absolute": os.path.normpath,
}
_UNCHANGED = {
    "which",
    "find_executable",
    "Path",
    "PurePath",
    "PosixPath",
    "str",
    "fspath",
    "as_posix",
    "expanduser",
    "fsdecode",
    "fsencode",
}
_JOINING = {"join", "joinpath"}


class Values:
    """The values of the expressions of one module, which is the file at `path`.

    A name has each of the values that the module assigns to it anywhere.
    """

    def __init__(self, nodes: Sequence[ast.AST], path: str) -> None:
        self._nodes = nodes  # kept, since values are remembered by identity
        self._path = path
        self._assigned: dict[str, list[ast.expr]] = defaultdict(list)
        self._texts_of: dict[int, list[str]] = {}
        self._commands_of: dict[int, list[list[str]]] = {}
        for node in nodes:
            for name, value in _assignments(node):
                if len(self._assigned[name]) < _MAX_ALTERNATIVES:
                    self._assigned[name].append(value)

    def texts(self, node: ast.expr, depth: int = 0) -> list[str]:
        """Return the texts that `node` may be, with UNKNOWN for each part that is not known."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        known = self._texts_of.get(id(node))
        if known is None:
            if depth > _MAX_DEPTH or len(self._texts_of) > _MAX_STEPS:
                return [UNKNOWN]
            self._texts_of[id(node)] = [UNKNOWN]  # of a name that is made from itself
            found = (text for text in self._texts(node, depth + 1) if len(text) <= _MAX_TEXT)
            known = self._texts_of[id(node)] = list(dict.fromkeys(found))[:_MAX_ALTERNATIVES] or [UNKNOWN]
        return known

    def commands(self, node: ast.expr, depth: int = 0) -> list[list[str]]:
        """Return the lists of words that `node`, a list of a command's arguments, may be, as far as they are known."""
        known = self._commands_of.get(id(node))
        if known is None:
            if depth > _MAX_DEPTH or len(self._commands_of) > _MAX_STEPS:
                return []
            self._commands_of[id(node)] = []
            known = self._commands_of[id(node)] = list(self._commands(node, depth + 1))[:_MAX_ALTERNATIVES]
        return known

    def _texts(self, node: ast.expr, depth: int) -> Iterator[str]:
        match node:
            case ast.Constant(value=bytes(data)):
                yield os.fsdecode(data)
            case ast.JoinedStr(values=parts):
                yield "".join(self.texts(part, depth)[0] for part in parts)
            case (
                ast.Name(id="__file__")
                | ast.Subscript(value=ast.Attribute(value=ast.Name(id="sys"), attr="argv"), slice=ast.Constant(value=0))
            ):
                yield self._path
            case ast.Attribute(attr="parent", value=value):
                yield from map(os.path.dirname, self.texts(value, depth))
            case ast.Subscript(value=ast.Attribute(attr="parents", value=value), slice=ast.Constant(value=int(count))):
                for text in self.texts(value, depth):
                    yield os.path.normpath(text + "/.." * min(count + 1, _MAX_DEPTH))
            case ast.BinOp():
                yield from self._combined(node, depth)
            case ast.Call(func=function):
                yield from self._called(node, function, depth)
            case _:
                for each in self._alternatives(node):
                    yield from self.texts(each, depth)

    def _combined(self, node: ast.BinOp, depth: int) -> Iterator[str]:
        lefts, rights = self.texts(node.left, depth), [UNKNOWN]
        if not isinstance(node.op, ast.Mod):
            rights = self.texts(node.right, depth)
        for left in lefts:
            for right in rights:
                if isinstance(node.op, ast.Add):
                    yield left + right
                elif isinstance(node.op, ast.Div):
                    yield os.path.join(left, right)
                elif isinstance(node.op, ast.Mod):
                    yield re.sub(r"%(?:\(\w*\))?[-#0 +]*[\d.]*[a-zA-Z]", UNKNOWN, left)

    def _called(self, node: ast.Call, function: ast.expr, depth: int) -> Iterator[str]:
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        arguments: list[ast.expr] = list(node.args)
        if isinstance(function, ast.Attribute) and (name == "joinpath" or not arguments or name == "format"):
            arguments.insert(0, function.value)  # a method of what it works on
        if not arguments or isinstance(arguments[0], ast.Starred):
            return
        if name == "format":
            yield from (re.sub(r"\{[^{}]*\}", UNKNOWN, text) for text in self.texts(arguments[0], depth))
        elif name in _JOINING:
            for first in self.texts(arguments[0], depth):
                yield os.path.join(first, *(self.texts(each, depth)[0] for each in arguments[1:_MAX_DEPTH]))
        elif name in _PATH_FUNCTIONS or name in _UNCHANGED:
            yield from map(_PATH_FUNCTIONS.get(name, str), self.texts(arguments[0], depth))

    def _commands(self, node: ast.expr, depth: int) -> Iterator[list[str]]:
        match node:
            case ast.List(elts=[first, *others]) | ast.Tuple(elts=[first, *others]):
                rest = [self.texts(each, depth)[0] for each in others[:_MAX_DEPTH]]
                if isinstance(first, ast.Starred):
                    for words in self.commands(first.value, depth):
                        yield words + rest
                elif ast.unparse(first) == "sys.executable":
                    yield ["sys.executable", *rest]
                else:
                    yield from ([text, *rest] for text in self.texts(first, depth))
            case ast.BinOp(left=left, op=ast.Add()):
                yield from self.commands(left, depth)
            case ast.Call(func=ast.Attribute(attr="split", value=value), args=arguments):
                source = arguments[0] if arguments and getattr(value, "id", "") == "shlex" else value
                yield from (text.split() for text in self.texts(source, depth))
            case ast.Call(func=ast.Name(id="list" | "tuple"), args=[value]):
                yield from self.commands(value, depth)
            case _:
                for each in self._alternatives(node):
                    yield from self.commands(each, depth)

    def _alternatives(self, node: ast.expr) -> list[ast.expr]:
        """Return the expressions one of which `node` is."""
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return self._assigned.get(name, [])
            case ast.IfExp(body=body, orelse=other):
                return [body, other]
            case ast.BoolOp(op=ast.Or(), values=values):
                return values
            case ast.NamedExpr(value=value) | ast.Await(value=value) | ast.FormattedValue(value=value, conversion=-1):
                return [value]
            case _:
                return []


def known_path(text: str) -> str:
    """Return the path that `text` is, or the directory above the part of it that is not known."""
    known, unknown, _ = text.partition(UNKNOWN)
    return os.path.normpath(known.rpartition("/")[0] if unknown else known)


def _assignments(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _named(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield from _named(target, value)


def _named(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield name, value
