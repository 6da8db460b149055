"""A directory as root is seen as the kernel shows it to a process that has it as root (chroot(2)): random trees."""

import json
import os
import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import wcmatch.fnmatch
import wcmatch.glob

import magicpak.bundle.globs
from magicpak.files.directory import DirectoryView
from magicpak.files.view import HOST

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

TREES, PATHS, PATTERNS = 40, 60, 15
LOADED_BEFORE = (magicpak.bundle.globs, wcmatch.fnmatch, wcmatch.glob)
"""What a process in another root cannot import any more."""

NOTHING = "nothing"


class Seen(NamedTuple):
    """What is at a path: its inode, the names in it, where it is; or why not."""

    inode: int | str
    names: str
    real: str


def fill(root: Path, chance: random.Random) -> None:
    """Make directories, files and links of all kinds below `root`."""
    directories = [root]
    for _ in range(12):
        path = chance.choice(directories) / chance.choice("abcd")
        kind = chance.random()
        if os.path.lexists(path):
            continue
        if kind < 0.4:
            path.mkdir()
            directories.append(path)
        elif kind < 0.55:
            path.touch()
        else:
            start = chance.choice(["/", "../", "", "../../", "../../../", "./"])
            path.symlink_to(start + "/".join(chance.choices("abcd", k=chance.randint(0, 3))) or ".")


def seen(view: "SourceView", paths: Sequence[str]) -> list[Seen]:
    return [
        Seen(_inode(view, path), _names(view, path), view.real(path) if view.exists(path) else "") for path in paths
    ]


def _inode(view: "SourceView", path: str) -> int | str:
    try:
        return view.status(path).st_ino
    except OSError as error:
        return _why(error)


def _names(view: "SourceView", path: str) -> str:
    try:
        return " ".join(sorted(view.names(path)))
    except OSError as error:
        return _why(error)


def _why(error: OSError) -> str:
    return NOTHING if isinstance(error, (FileNotFoundError, NotADirectoryError)) else str(error.errno)


def matched(view: "SourceView", patterns: Sequence[str]) -> list[list[str]]:
    return [sorted({name.rstrip("/") for name in view.glob(pattern, "/")}) for pattern in patterns]


def in_root(root: Path, look: Callable[[], object]) -> object:
    """Return what `look` returns in a process that has `root` as its root directory."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.chroot(root)
            os.chdir("/")
            with open(writing, "w") as pipe:
                json.dump(look(), pipe)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer)


@pytest.mark.needs("root", "chroot")
def test_all_paths_and_patterns_lead_where_they_lead_for_the_kernel(tmp_path: Path) -> None:
    chance = random.Random(18)
    for number in range(TREES):
        root = tmp_path / str(number)
        root.mkdir()
        fill(root, chance)
        view = DirectoryView(str(root))
        paths = ["/" + "/".join(chance.choices("abcd", k=chance.randint(1, 5))) for _ in range(PATHS)]
        parts = ["a", "b", "*", "**", "?", "[ab]"]
        patterns = ["/".join(chance.choices(parts, k=chance.randint(1, 4))) for _ in range(PATTERNS)]
        assert in_root(root, partial(seen, HOST, paths)) == [[*each] for each in seen(view, paths)]
        assert in_root(root, partial(matched, HOST, patterns)) == matched(view, patterns)
