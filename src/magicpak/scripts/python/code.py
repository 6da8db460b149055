"""What the code of one module of Python says that it imports, executes and reads."""

import ast
import os
import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple

from magicpak.scripts.python.commands import NamedProgram, dotted, executions
from magicpak.scripts.python.import_lines import imported_from
from magicpak.scripts.python.values import UNKNOWN, Values

_MAX_TOKENS = 250_000
"""Those of a module of one MiB. A tree takes up to 700 bytes for each, and 10 µs."""
_TOKEN = re.compile(rb"\w+|[^\w\s]")

_WORD = re.compile(r"[a-z][\w.+-]{1,40}(?:$| [^\n]{1,8})")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_IMPORTERS = {"import_module", "__import__", "run_module", "importlib_import_module", "find_spec", "import_patched"}
_ENTRY_POINTS = {"load_entry_point", "importlib_load_entry_point", "distribution", "require"}
_SEARCH_ADDED = {"sys.path.insert": 1, "sys.path.append": 0, "site.addsitedir": 0}


class UnreadCode(Exception):
    """Code that no tree is made of, and why."""


class PythonCode(NamedTuple):
    """What a module says.

    `imports` are full names of modules, and of what is imported from them; `started` are those that a function is given
    by name. `distributions` are names whose entry points are looked up. `search` are directories added to sys.path,
    `paths` absolute paths, the last part of which may be unknown, both in the order of the code. `words` are constants
    that can be names of programs, or begin as commands do.
    """

    imports: frozenset[str] = frozenset()
    started: frozenset[str] = frozenset()
    distributions: frozenset[str] = frozenset()
    executions: tuple[NamedProgram, ...] = ()
    search: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()


def parse(data: bytes) -> ast.Module:
    """Return the tree of the module with the source `data`. Raises UnreadCode, and SyntaxError for other versions."""
    if len(data) > _MAX_TOKENS and sum(1 for _ in _TOKEN.finditer(data)) > _MAX_TOKENS:
        raise UnreadCode(f"has more than {_MAX_TOKENS} tokens")
    if b"\0" in data:
        raise UnreadCode("has null bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except (RecursionError, MemoryError):
        raise UnreadCode("is nested too deeply") from None
    except ValueError as error:
        if isinstance(error, SyntaxError):
            raise
        raise UnreadCode("is not text") from None


class Imports(NamedTuple):
    """Full names that a module imports, and of what it imports from them.

    By statements that it executes when it is imported itself; by those of them that may fail; by those in functions.
    """

    at_once: set[str]
    tried: set[str]
    later: set[str]


def imports_of(tree: ast.Module, package: str) -> Imports:
    """Return what a module of the package named `package` imports."""
    found = Imports(set(), set(), set())
    waiting = [(node, found.at_once) for node in _below(tree)]
    while waiting:
        node, names = waiting.pop()
        if isinstance(node, _FUNCTIONS):
            names = found.later
        elif isinstance(node, ast.Try) and names is found.at_once:
            names = found.tried
        names.update(_imports(node, package))
        waiting += [(child, names) for child in _below(node)]
    return found


def read_code(data: bytes, path: str, package: str = "") -> PythonCode:
    """Return what the module at `path` says; `package` is the name of the package it is in.

    Raises UnreadCode, and SyntaxError for what is not of the version of Python that runs here.
    """
    tree = parse(data)
    nodes = list(_reached(tree))
    values = Values(nodes, path)
    names = {local: full for node in nodes for local, full in _local_names(node)}
    calls = [(call, within, dotted(call.func, names)) for call, within in _calls(tree)]
    imports = frozenset(name for node in nodes for name in _imports(node, package))
    started: set[str] = set()
    distributions: set[str] = set()
    search: list[str] = []
    for call, _, function in calls:
        last = function.rpartition(".")[2]
        first = values.texts(call.args[0])[0] if call.args and last in _IMPORTERS | _ENTRY_POINTS else UNKNOWN
        if UNKNOWN not in first and last in _IMPORTERS:
            started.add(first)
        elif UNKNOWN not in first and last in _ENTRY_POINTS:
            distributions.add(re.split(r"[^\w.-]", first)[0])
        position = _SEARCH_ADDED.get(function, len(call.args))
        search += values.texts(call.args[position]) if position < len(call.args) else []
    search += [text for node in nodes for text in _extended(node, values)]
    found = tuple(dict.fromkeys(executions([(call, within) for call, within, _ in calls], values, names)))
    started |= {f"{each.program}.__main__" for each in found if each.is_module}
    ways = tuple(dict.fromkeys(os.path.normpath(each) for each in search if each[:1] == "/" and UNKNOWN not in each))
    run = tuple(each for each in found if not each.is_module)
    paths, words = tuple(_paths(nodes, values)), frozenset(_words(nodes))
    return PythonCode(imports, frozenset(started), frozenset(distributions), run, ways, paths, words)


def _words(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Constant(value=str(text)) if word := _WORD.match(text):
                yield word[0]
            case ast.List(elts=[ast.Constant(value=str(text)), *_]) if word := _WORD.fullmatch(text):
                yield f"{word[0]} -"
            case _:
                pass


def _reached(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes of `tree`, but for what only a type checker sees, and documentation."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(_below(node))


def _below(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly below `node`, but for what only a type checker sees, and documentation."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), orelse=others):
            return list(others)
        case ast.Expr(value=ast.Constant()):
            return []
        case _:
            return list(ast.iter_child_nodes(node))


def _calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Yield each call, and the function that it stands in with its parameters, `run(command,shell)`."""
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, within = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            listed = [each.arg for each in (*node.args.posonlyargs, *node.args.args) if each.arg not in ("self", "cls")]
            listed += [node.args.vararg.arg] if node.args.vararg else []
            within = f"{node.name}({','.join(listed)}"
        elif isinstance(node, ast.Call):
            yield node, within
        waiting += [(child, within) for child in reversed(list(ast.iter_child_nodes(node)))]


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (each.name for each in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            yield from imported_from(module or "", [each.name for each in names], level, package)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(value=str(text)), *_]):
            if name in _IMPORTERS and text and not text.startswith("."):
                yield text


def _local_names(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Import(names=names):
            for each in names:
                yield (each.asname, each.name) if each.asname else (each.name.split(".")[0], each.name.split(".")[0])
        case ast.ImportFrom(module=str(module), names=names, level=0):
            yield from ((each.asname or each.name, f"{module}.{each.name}") for each in names)


def _extended(node: ast.AST, values: Values) -> Iterator[str]:
    """Yield the directories of `sys.path += [...]`, `sys.path[:0] = [...]` and `sys.path = [...] + sys.path`."""
    match node:
        case ast.AugAssign(target=target, value=value) | ast.Assign(targets=[target], value=value):
            if isinstance(target, (ast.Attribute, ast.Subscript)) and ast.unparse(target).startswith("sys.path"):
                yield from (text for words in values.commands(value) for text in words)
        case _:
            pass


def _paths(nodes: list[ast.AST], values: Values) -> Iterator[str]:
    """Yield the absolute paths that are written, or put together from the module's own place."""
    seen: set[str] = set()
    for node in nodes:
        match node:
            case ast.Constant(value=str(text)) if text.startswith("/"):
                found = [text]
            case ast.JoinedStr() | ast.BinOp(op=ast.Add() | ast.Div() | ast.Mod()):
                found = values.texts(node)
            case ast.Call(func=ast.Attribute(attr="join" | "joinpath" | "format")):
                found = values.texts(node)
            case _:
                continue
        for text in found:
            if text.startswith("/") and text not in seen:
                seen.add(text)
                yield text
