"""The rules of docs/architecture.md that the code itself can be asked about."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import magicpak

HOUSE = Path(magicpak.__file__).parent
MODULES = {str(path.relative_to(HOUSE)): path.read_text() for path in sorted(HOUSE.rglob("*.py"))}
TREES = {name: ast.parse(text) for name, text in MODULES.items()}

Node = TypeVar("Node", bound=ast.AST)


def nodes(kind: type[Node], *, below: str = "") -> Iterator[tuple[str, Node]]:
    """Yield each node of a kind, with its place, in the modules whose names begin with `below`."""
    for name, tree in TREES.items():
        for node in ast.walk(tree) if name.startswith(below) else ():
            if isinstance(node, kind):
                yield f"{name}:{getattr(node, 'lineno', 0)}", node


def test_links_are_followed_in_files_and_by_the_tracers_reader_of_proc_alone() -> None:
    followed = [(place, ast.unparse(node)) for place, node in nodes(ast.Attribute)]
    imported = [(place, f"{node.module}.{each.name}") for place, node in nodes(ast.ImportFrom) for each in node.names]
    following = {"os.readlink", "os.path.realpath", "posixpath.realpath"}
    places = [place for place, name in followed + imported if name in following]
    assert [place for place in places if not place.startswith(("files/", "tracing/procfs.py:"))] == []
    assert places != []


def test_the_name_of_a_class_stands_for_one_thing_in_the_whole_project() -> None:
    """But for the classes that only hold tests."""
    project = HOUSE.parent.parent
    places = defaultdict[str, list[str]](list)
    for path in sorted([*project.glob("src/**/*.py"), *project.glob("tests/**/*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and (not node.name.startswith("Test") or path.is_relative_to(HOUSE)):
                places[node.name.lstrip("_")].append(f"{path.relative_to(project)}:{node.lineno}")
    assert {name: where for name, where in places.items() if where[1:]} == {}
    assert len(places) > 200


def test_no_stage_takes_the_options() -> None:
    annotations = [
        (place, ast.unparse(argument.annotation))
        for place, function in nodes(ast.FunctionDef, below="stages/")
        for argument in ast.walk(function.args)
        if isinstance(argument, ast.arg) and argument.annotation is not None
    ]
    assert [place for place, annotation in annotations if "Options" in annotation] == []
    assert annotations != []


def test_no_module_has_more_than_250_lines() -> None:
    lengths = {name: len(text.splitlines()) for name, text in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > 250} == {}


def test_no_function_has_more_than_40_lines() -> None:
    lengths = {place: (node.end_lineno or 0) - node.lineno + 1 for place, node in nodes(ast.FunctionDef)}
    assert {place: length for place, length in lengths.items() if length > 40} == {}
