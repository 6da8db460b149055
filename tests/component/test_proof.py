"""The proof says that a program starts in an empty image exactly where it does."""

import os
import shutil
from pathlib import Path

import pytest

from magicpak.errors import MagicpakError
from magicpak.options import Options
from support.elf_files import I386
from support.loader_oracle import GLIBC, World, bundled

pytestmark = [
    pytest.mark.needs("root", "chroot"),
    pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}"),
]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A program with a library in /usr/lib, and a directory whose srv/ is to be the bundle's /srv, its RUNPATH."""
    world = World(tmp_path)
    world.library("usr/lib/liba.so")
    world.program("app", needed=["liba.so"], runpath="/srv")
    return world


def said(world: World, *include: str, exclude: str | None = None, verify: bool = True) -> tuple[str, bool]:
    """Return what is said of the bundle, and whether the program in it starts."""
    options = Options(
        ("/app",),
        "/bundle",
        include=include,
        exclude=(exclude,) if exclude else (),
        verify=verify,
    )
    try:
        bundle = bundled(world, options, cwd="/work")
    except MagicpakError as error:
        assert not (world.root / "bundle").exists()
        return str(error), False
    starts = os.access(f"{bundle.root}/app", os.X_OK) and bundle.runs("/app")
    shutil.rmtree(bundle.root)
    return "\n".join(bundle.warnings), starts


def made(world: World, *, include: str | None = "srv/liba.so", exclude: str | None = None, verify: bool = True) -> str:
    """Return what is said of the bundle, in which the program starts if nothing is."""
    text, starts = said(world, *filter(None, [include]), exclude=exclude, verify=verify)
    assert starts == (not text and verify)
    return text


def test_what_stands_in_the_way_of_a_library_is_told(world: World) -> None:
    world.add("work/srv/liba.so", b"no library")
    assert made(world) == "LibrariesMissing: in an empty image /app would not start"
    assert made(world, verify=False) == ""


def test_what_the_loader_passes_over_is_not(world: World) -> None:
    world.library("work/srv/liba.so", kind=I386)
    assert made(world) == ""


def test_what_a_pattern_has_left_out_is_told_with_the_pattern(world: World) -> None:
    expected = "/app will not start without {}, which is excluded by --exclude {}"
    (world.root / "work").mkdir()
    assert made(world, include=None, exclude="usr/lib") == expected.format("/usr/lib/liba.so", "usr/lib")


@pytest.fixture
def plugins(world: World) -> World:
    """Plugins in /plugins, of which two need a library in /usr/lib, one a library of the program, one nothing."""
    (world.root / "work").mkdir()
    world.library("usr/lib/libb.so")
    world.library("plugins/p1.so", needed=["libb.so"], runpath="/srv")
    world.library("plugins/p2.so", needed=["libb.so"], runpath="/srv")
    world.library("plugins/p3.so", needed=["liba.so"])
    world.library("plugins/p4.so")
    return world


def test_the_libraries_of_plugins_are_looked_for_too(plugins: World) -> None:
    assert said(plugins, "/plugins") == ("", True)


def test_what_stands_in_the_way_of_a_plugin_s_library_is_a_warning(plugins: World) -> None:
    plugins.add("work/srv/libb.so", b"no library")
    end = "libb.so cannot be loaded (/srv/libb.so is not an ELF file), needed by /plugins/p1.so"
    expected = f"/plugins/p1.so and 1 other library will not load: {end}"
    assert said(plugins, "/plugins", "srv/libb.so") == (expected, True)


def test_what_a_pattern_has_taken_from_plugins_is_told_with_the_pattern(plugins: World) -> None:
    end = "will not load without /usr/lib/libb.so, which is excluded by --exclude usr/lib/libb.so"
    assert said(plugins, "/plugins", exclude="usr/lib/libb.so") == (f"/plugins/p1.so and 1 other library {end}", True)
    assert said(plugins, "/plugins", exclude="/plugins") == ("", True)
    end = "will not start without /usr/lib/liba.so, which is excluded by --exclude usr/lib/liba.so"
    assert said(plugins, "/plugins", exclude="usr/lib/liba.so") == (f"/app {end}", False)


def test_what_a_plugin_lacks_on_the_host_is_told_once(plugins: World) -> None:
    (plugins.root / "usr/lib/libb.so").unlink()
    told = "libb.so is missing: needed by /plugins/p1.so and 1 more"
    assert said(plugins, "/plugins") == (told, True)


def test_a_plugin_moves_with_its_libraries(plugins: World) -> None:
    plugins.library("work/opt/p.so", needed=["libc1.so"], runpath="$ORIGIN/sub")
    plugins.library("work/opt/sub/libc1.so")
    assert said(plugins, "opt/p.so") == ("", True)
    end = "will not load without /opt/sub/libc1.so, which is excluded by --exclude opt/sub"
    assert said(plugins, "opt/p.so", exclude="opt/sub") == (f"/opt/p.so {end}", True)


def test_an_input_is_looked_at_though_nobody_may_execute_it(world: World) -> None:
    (world.root / "app").chmod(0o644)
    (world.root / "work").mkdir()
    told = "/app is not executable: the image cannot start it"
    assert said(world)[0] == told
    end = "/app will not start without /usr/lib/liba.so, which is excluded by --exclude usr/lib/liba.so"
    assert said(world, exclude="usr/lib/liba.so")[0] == f"{told}\n{end}"
    world.add("work/srv/liba.so", b"no library")
    assert said(world, "srv/liba.so")[0] == "LibrariesMissing: in an empty image /app would not start"
    assert said(world, exclude="/app")[0] == ""
