"""What is said of many missing libraries costs as much for each as for a few; counted, since seconds differ."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from magicpak.ldso.loader import Need
from magicpak.ldso.search import SearchDirectory, SearchList
from magicpak.resolve import hints
from magicpak.resolve.libraries import Resolved
from magicpak.resolve.missing import missing_error
from support.loader_oracle import GLIBC, MUSL, LibraryTree, resolved

FEW, MANY = 10, 500


@pytest.fixture(autouse=True)
def nothing_to_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "SEARCH_ROOTS", (str(tmp_path / "nowhere"),))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir("/")


class Counted(str):
    """A name that counts how often it is compared."""

    __slots__ = ()
    comparisons = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)


def comparisons(program: Resolved, count: int) -> int:
    """Return how often names are compared for a message on `count` missing libraries."""
    before = Counted.comparisons
    by = program.closure.program
    by.needs[:] = [Need(Counted(f"lib{index}.so"), by, None, None) for index in range(count)]
    assert len(missing_error([program]).details) >= count
    return Counted.comparisons - before


def test_each_name_is_compared_a_few_times(tmp_path: Path) -> None:
    program = resolved(LibraryTree(tmp_path).program("app"))
    few, many = comparisons(program, FEW), comparisons(program, MANY)
    assert many <= (few + 1) * MANY


@pytest.mark.parametrize("interpreter", [GLIBC, MUSL])
def test_the_directories_that_are_searched_are_listed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: str
) -> None:
    """They are the same for the program and for each of its libraries, which have no paths of their own."""
    if not os.path.exists(interpreter):
        pytest.skip(f"there is no {interpreter}")
    tree = LibraryTree(tmp_path, interpreter)
    names = [f"lib{index}.so" for index in range(FEW)]
    for name in names:
        tree.library(f"lib/{name}", needed=[f"libmissing-{index}-{name}" for index in range(FEW)])
    directories = [f"/opt/{index}" for index in range(MANY)]
    program = resolved(tree.program("app", needed=[*names, "liba.so"], rpath=":".join(["$ORIGIN/lib", *directories])))
    seen = 0

    def counted(each: SearchList) -> Iterator[SearchDirectory]:
        nonlocal seen
        for directory in each._directories:
            seen += 1
            yield directory

    monkeypatch.setattr(SearchList, "__iter__", counted)
    error = missing_error([program])
    assert len(error.details) == 2 * (FEW * FEW + 1)
    assert MANY <= seen <= 2 * MANY
