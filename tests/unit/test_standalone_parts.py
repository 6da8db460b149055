"""What the standalone executable is made of is what magicpak needs."""

import ast
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
STANDALONE = ROOT / "src" / "standalone"
MODULES = sorted((ROOT / "src" / "magicpak").rglob("*.py"))


def loads_libraries(node: ast.expr) -> bool:
    """Tell whether `node` is `ctypes.CDLL(…)` or one of its relatives."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {"CDLL", "PyDLL", "LoadLibrary"}


def names_of_libraries(trees: list[ast.Module]) -> set[str]:
    """Return the names that such objects are bound to, as `_libc`."""
    assignments = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    found = [target for each in assignments if loads_libraries(each.value) for target in each.targets]
    return {ast.unparse(target).rpartition(".")[2] for target in found}


def functions_used(sources: Sequence[str]) -> set[str]:
    """Return the names of the C functions that modules take from libraries, by any spelling."""
    trees = [ast.parse(source) for source in sources]
    libraries = names_of_libraries(trees)
    return {name for tree in trees for name in _functions_used(tree, libraries)}


def _functions_used(tree: ast.Module, libraries: set[str]) -> Iterator[str]:
    def is_library(node: ast.expr) -> bool:
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
        return loads_libraries(node) or name in libraries

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_library(node.value):
            yield node.attr
        elif isinstance(node, ast.Subscript) and is_library(node.value):
            yield ast.literal_eval(node.slice)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr" and is_library(node.args[0]):
            yield ast.literal_eval(node.args[1])


def test_every_spelling_of_a_function_of_libc_is_seen() -> None:
    source = """
import ctypes
from ctypes import CDLL
from magicpak.kernel import _kernel
libc = ctypes.CDLL(None, use_errno=True)
one, two = libc.one, libc.two
CDLL(None).three(1)
libc["four"]
getattr(libc, "five")
kernel._kernel.six
_kernel.seven
"""
    expected = {"one", "two", "three", "four", "five", "six", "seven"}
    assert functions_used([source, "_kernel = CDLL(None)"]) == expected


def test_every_function_of_libc_that_is_called_is_in_the_table() -> None:
    used = functions_used([path.read_text() for path in MODULES])
    table = set(re.findall(r"^    FUNCTION\((\w+)\),$", (STANDALONE / "dlshim.c").read_text(), re.MULTILINE))
    assert used
    missing = [f"FUNCTION({name})," for name in sorted(used - table)]
    assert missing == [], "add these lines to the table in src/standalone/dlshim.c, and the headers that declare them"


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split("[ <>=~!;[]", each)[0] for each in project["dependencies"]}
    pinned = set(re.findall(r"^(\S+)==\S+ --hash=sha256:", (STANDALONE / "dependencies.txt").read_text(), re.MULTILINE))
    assert needed - pinned == set()
