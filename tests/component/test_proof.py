"""The proof says that a program starts in the empty image exactly where it does."""

import os
from pathlib import Path

import pytest

from elfmaking import I386
from loading import GLIBC, World, bundled
from magicpak.errors import MagicpakError
from magicpak.options import Options

pytestmark = [
    pytest.mark.needs("root", "chroot"),
    pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}"),
]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A program with a library in /usr/lib, and a current directory whose lib/ is to be the bundle's /lib."""
    world = World(tmp_path)
    world.library("usr/lib/liba.so")
    world.program("app", needed=["liba.so"])
    return world


def made(world: World, *, include: str | None = "lib/liba.so", exclude: str | None = None, verify: bool = True) -> str:
    """Return what is said of the bundle, after the program in it has started if nothing is."""
    options = Options(
        ("/app",),
        "/bundle",
        include=(include,) if include else (),
        exclude=(exclude,) if exclude else (),
        verify=verify,
    )
    try:
        bundle = bundled(world, options, cwd="/work")
    except MagicpakError as error:
        assert not (world.root / "bundle").exists()
        return str(error)
    assert bundle.runs("/app") == (not bundle.warnings and verify)
    return "\n".join(bundle.warnings)


def test_what_stands_in_the_way_of_a_library_is_told(world: World) -> None:
    world.add("work/lib/liba.so", b"no library")
    assert made(world) == "LibrariesMissing: in the empty image /app would not start"
    assert made(world, verify=False) == ""


def test_what_the_loader_passes_over_is_not(world: World) -> None:
    world.library("work/lib/liba.so", kind=I386)
    assert made(world) == ""


def test_what_a_pattern_has_left_out_is_told_with_the_pattern(world: World) -> None:
    expected = "/app will not start without {}, which is left out by --exclude {}"
    (world.root / "work").mkdir()
    assert made(world, include=None, exclude="usr/lib") == expected.format("/usr/lib/liba.so", "usr/lib")
