"""Another file of a library's name is in the bundle: the loader takes the host's there too, or the run is refused."""

import os
import subprocess
from pathlib import Path
from random import Random

import pytest

from magicpak.errors import MagicpakError
from magicpak.ldso.cache import CacheEntry, make_cache
from magicpak.options import Options
from support.elf_files import I386
from support.loader_oracle import (
    GLIBC,
    MUSL,
    LibraryTree,
    World,
    below,
    bundled,
    contents,
    inside,
    listed,
    listed_by_musl,
)
from support.run_magicpak import magicpak

pytestmark = [
    pytest.mark.needs("root", "chroot"),
    pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}"),
]

CREATED = "created {} so that the loader finds the same libraries as on the host; "
SEEDS = 15
REFUSED = "LibrariesMissing: in an empty image /app would not load the same libraries as on the host"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A library in /usr/lib, and another of its name in the current directory's lib/, which is to be /lib."""
    world = World(tmp_path)
    world.library("usr/lib/liba.so")
    world.library("work/lib/liba.so")
    return world


def options(*include: str, exclude: str | None = None, library_path: str = "", verify: bool = True) -> Options:
    return Options(
        ("/app",),
        "/bundle",
        include=include,
        exclude=(exclude,) if exclude else (),
        library_path=library_path,
        verify=verify,
    )


def loaded_in_bundle(world: World, asked: Options) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return what the loader in the bundle loads for /app, and the warnings."""
    bundle = bundled(world, asked, cwd="/work")
    return bundle.loads("/app"), bundle.warnings


def refused(world: World, asked: Options) -> list[str]:
    with pytest.raises(MagicpakError) as caught:
        bundled(world, asked, cwd="/work")
    assert not (world.root / "bundle").exists()
    return [str(caught.value), *caught.value.details, *caught.value.hints]


def bytes_of(world: World, path: str) -> bytes:
    return (world.root / path).read_bytes()


class TestCured:
    def test_an_earlier_default_directory_has_another_file(self, world: World) -> None:
        world.program("app", needed=["liba.so"])
        loads, warnings = loaded_in_bundle(world, options("lib/liba.so"))
        assert loads == {"liba.so": bytes_of(world, "usr/lib/liba.so")}
        assert [each.startswith(CREATED.format("/etc/ld.so.cache")) for each in warnings] == [True]

    def test_the_other_file_is_no_library(self, world: World) -> None:
        world.add("work/lib/liba.so", b"no library")
        world.program("app", needed=["liba.so"])
        loads, _ = loaded_in_bundle(world, options("lib/liba.so"))
        assert loads == {"liba.so": bytes_of(world, "usr/lib/liba.so")}

    def test_a_later_directory_or_a_file_for_another_machine_needs_no_cure(self, world: World) -> None:
        world.library("work/lib/x86_64-linux-gnu/liba.so", kind=I386)
        world.library("lib/liba.so")
        world.program("app", needed=["liba.so"])
        asked = options("/usr/lib/liba.so", "lib/x86_64-linux-gnu/liba.so")
        loads, warnings = loaded_in_bundle(world, asked)
        assert (loads, warnings) == ({"liba.so": bytes_of(world, "lib/liba.so")}, ())

    def test_two_names_of_one_file_need_no_cure(self, world: World) -> None:
        (world.root / "work/lib/liba.so").unlink()
        os.link(world / "usr/lib/liba.so", world / "work/lib/liba.so")
        world.program("app", needed=["liba.so"])
        loads, warnings = loaded_in_bundle(world, options("lib/liba.so"))
        assert (loads, warnings) == ({"liba.so": bytes_of(world, "usr/lib/liba.so")}, ())

    def test_the_cache_of_the_host_led_to_a_directory_of_its_own(self, world: World) -> None:
        world.library("opt/new/liba.so", soname="liba.so")
        world.library("usr/lib/liba.so", soname="liba.so")
        world.ldconfig("/opt/new")
        world.program("app", needed=["liba.so"])
        loads, _ = loaded_in_bundle(world, options("/usr/lib/liba.so"))
        assert loads == {"liba.so": bytes_of(world, "opt/new/liba.so")}

    def test_a_library_s_own_library(self, world: World) -> None:
        world.library("usr/lib/libb.so", needed=["liba.so"])
        world.program("app", needed=["libb.so"])
        loads, _ = loaded_in_bundle(world, options("lib/liba.so"))
        assert loads == {each: bytes_of(world, f"usr/lib/{each}") for each in ("liba.so", "libb.so")}

    @pytest.mark.skipif(not os.path.exists(MUSL), reason=f"there is no {MUSL}: install musl")
    def test_musl_gets_a_path_file(self, world: World) -> None:
        LibraryTree.__init__(world, world.root, MUSL)
        world.add(MUSL.lstrip("/"), Path(MUSL).read_bytes())
        world.program("app", needed=["liba.so"])
        bundle = bundled(world, options("lib/liba.so"), cwd="/work")
        loads = inside(bundle.root, lambda: contents(listed_by_musl("/app")))
        assert loads == {"liba.so": bytes_of(world, "usr/lib/liba.so")}
        assert [each.startswith(CREATED.format("/etc/ld-musl-x86_64.path")) for each in bundle.warnings] == [True]


class TestRefused:
    def test_a_runpath_has_another_file_in_the_bundle(self, world: World) -> None:
        world.program("app", needed=["liba.so"], runpath="/lib")
        assert refused(world, options("lib/liba.so")) == [
            REFUSED,
            "/app: liba.so is /lib/liba.so in the bundle, but /usr/lib/liba.so on the host, needed by /app",
            "unless something else uses /lib/liba.so, remove it from the bundle with --exclude /lib/liba.so",
            "--no-verify writes the bundle anyway",
        ]

    def test_the_loader_takes_the_other_file_there(self, world: World) -> None:
        world.program("app", needed=["liba.so"], runpath="/lib")
        loads, _ = loaded_in_bundle(world, options("lib/liba.so", verify=False))
        assert loads == {"liba.so": bytes_of(world, "work/lib/liba.so")}

    def test_the_cure_that_is_named_helps(self, world: World) -> None:
        world.program("app", needed=["liba.so"], runpath="/lib")
        loads, warnings = loaded_in_bundle(world, options("lib/liba.so", exclude="/lib/liba.so"))
        assert (loads, warnings) == ({"liba.so": bytes_of(world, "usr/lib/liba.so")}, ())

    def test_a_relative_path_leads_elsewhere_in_the_bundle_than_the_cache_of_the_host(self, world: World) -> None:
        """The host's cache leads to a file of another name; what the path leads to in the bundle comes before it."""
        world.library("usr/lib/liba-1.2.3.so")
        (world.root / "usr/lib/liba.so").unlink()
        world.add("etc/ld.so.cache", make_cache([CacheEntry("liba.so", "/usr/lib/liba-1.2.3.so", 0x303)], little=True))
        world.library("srv/lib/liba.so")
        world.link("lib/own", "/srv/lib")
        world.program("app", needed=["liba.so"], rpath="lib/own")
        assert refused(world, options("/lib/own/liba.so"))[:2] == [
            REFUSED,
            "/app: liba.so is /lib/own/liba.so in the bundle, but /usr/lib/liba-1.2.3.so on the host, needed by /app",
        ]

    def test_a_library_path_came_before_the_runpath_on_the_host(self, world: World) -> None:
        world.library("opt/liba.so")
        world.program("app", needed=["liba.so"], runpath="/usr/lib")
        asked = options("/usr/lib/liba.so", library_path="/opt")
        assert refused(world, asked)[1] == (
            "/app: liba.so is /usr/lib/liba.so in the bundle, but /opt/liba.so on the host, needed by /app"
        )

    def test_what_a_pattern_took_is_a_warning_with_the_pattern(self, world: World) -> None:
        world.program("app", needed=["liba.so"])
        loads, warnings = loaded_in_bundle(world, options("lib/liba.so", exclude="/etc/ld.so.cache"))
        assert loads == {"liba.so": bytes_of(world, "work/lib/liba.so")}
        end = "without /etc/ld.so.cache, which is excluded by --exclude /etc/ld.so.cache"
        assert warnings[1:] == (f"/app will not load the same libraries as on the host {end}",)

    def test_what_was_to_be_taken_is_excluded(self, world: World) -> None:
        """The user has chosen between the two."""
        world.program("app", needed=["liba.so"], runpath="/lib")
        loads, warnings = loaded_in_bundle(world, options("lib/liba.so", exclude="/usr/lib/liba.so"))
        assert (loads, warnings) == ({"liba.so": bytes_of(world, "work/lib/liba.so")}, ())


class TestPlugins:
    def test_the_library_of_a_plugin_is_a_warning(self, world: World) -> None:
        world.library("plugins/p1.so", needed=["liba.so"], runpath="/lib")
        world.program("app")
        bundle = bundled(world, options("/plugins", "lib/liba.so"), cwd="/work")
        assert "/lib/liba.so" in below(bundle.root)
        which = "liba.so is /lib/liba.so in the bundle, but /usr/lib/liba.so on the host"
        chain = "needed by /plugins/p1.so, which is needed by /app"
        expected = f"/plugins/p1.so will not load the same libraries as on the host: {which}, {chain}"
        assert bundle.warnings[1:] == (expected,)

    def test_an_included_program_is_compared_as_well(self, world: World) -> None:
        world.program("app")
        world.program("other", needed=["liba.so"], runpath="/lib")
        assert refused(world, options("/other", "lib/liba.so"))[:2] == [
            REFUSED.replace("/app", "/other"),
            "/other: liba.so is /lib/liba.so in the bundle, but /usr/lib/liba.so on the host, needed by /other",
        ]


@pytest.mark.needs("compiler")
def test_a_library_that_a_run_has_changed_is_still_the_same(tmp_path: Path) -> None:
    """The bundle has it as it was: a copy, of another inode."""
    library, program = tmp_path / "libf.so", tmp_path / "app"
    source = f'#include <stdio.h>\nint f(void); int main(void) {{ return f() + fputc(0, fopen("{library}", "a")); }}'
    (tmp_path / "app.c").write_text(source)
    (tmp_path / "f.c").write_text("int f(void) { return 0; }")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "f.c"], check=True)
    before = library.read_bytes()
    link = [f"-L{tmp_path}", "-lf", f"-Wl,-rpath,{tmp_path}"]
    subprocess.run(["cc", "-o", program, tmp_path / "app.c", *link], check=True)
    ran = magicpak("--dynamic", program, tmp_path / "bundle")
    assert (ran.code, ran.stderr) == (0, "")
    assert (tmp_path / "bundle" / str(library)[1:]).read_bytes() == before != library.read_bytes()


NAMES = ("liba.so", "libb.so", "libc1.so")
DIRECTORIES = ("lib", "usr/lib", "usr/local/lib", "usr/lib/x86_64-linux-gnu", "opt/x", "opt/y", "work/lib")
PATHS = (None, None, "/opt/x", "/lib", "lib", "$ORIGIN/opt/y", "$ORIGIN")
PATTERNS = ("/usr/lib/*", "lib/*", "/opt/x/*", "/opt/y", "/lib/liba.so", "/usr/lib/x86_64-linux-gnu/*")


def random_world(root: Path, random: Random, interpreter: str) -> World:
    """Return libraries of few names in many directories, and a program that needs some of them."""
    world = World(root)
    LibraryTree.__init__(world, root, interpreter)
    world.add(interpreter.lstrip("/"), Path(os.path.realpath(interpreter)).read_bytes())
    (root / "work").mkdir()
    for directory in DIRECTORIES:
        for index, name in enumerate(NAMES):
            if random.random() < 0.4:
                needed = [each for each in NAMES[index + 1 :] if random.random() < 0.5]
                soname = random.choice((name, name, None))
                world.library(f"{directory}/{name}", needed=needed, soname=soname, runpath=random.choice(PATHS))
    world.program("app", needed=random.sample(NAMES, random.randint(1, 3)), rpath=random.choice(PATHS))
    world.link("proc/self/exe", "/app")
    if interpreter == GLIBC:
        world.ldconfig(*random.choice(((), ("/opt/x",), ("/opt/y", "/opt/x"))))
    elif random.random() < 0.5:
        world.add("etc/ld-musl-x86_64.path", "\n".join(random.sample(("/opt/x", "/usr/lib", "/lib"), 2)).encode())
    return world


def loaded(root: Path, interpreter: str, library_path: str | None, cwd: str) -> dict[str, bytes] | None:
    """Return what the real loader loads for /app; None where it does not start."""

    def look() -> dict[str, bytes] | None:
        os.chdir(cwd)
        listing = (listed if interpreter == GLIBC else listed_by_musl)("/app", library_path=library_path)
        return None if listing.missing or listing.stops else contents(listing)

    return inside(root, look)


def wrong(root: Path, random: Random, interpreter: str) -> str | None:
    """Return what is wrong with the bundle of a random world, if anything: it loads others, or is refused in vain."""
    world, library_path = random_world(root, random, interpreter), random.choice(("", "/opt/y", "/usr/lib"))
    asked = options(*random.sample(PATTERNS, random.randint(0, 3)), library_path=library_path)
    expected = loaded(root, interpreter, library_path, "/work")
    if expected is None:
        return None
    try:
        verdict, made = "accepted", bundled(world, asked, cwd="/work")
    except MagicpakError as error:
        verdict = str(error)
        if not verdict.startswith(REFUSED):  # two patterns may want different files at one path
            return None
        made = bundled(world, asked._replace(verify=False), cwd="/work")
    made.runs("/app")
    is_same = loaded(made.root, interpreter, None, "/") == expected
    return None if is_same == (verdict == "accepted") else f"{verdict}: {asked}"


@pytest.mark.parametrize("interpreter", [GLIBC, MUSL])
def test_random_bundles_load_what_the_host_loads_or_are_refused(tmp_path: Path, interpreter: str) -> None:
    if not os.path.exists(interpreter):
        pytest.skip(f"there is no {interpreter}")
    found = {seed: wrong(tmp_path / str(seed), Random(seed), interpreter) for seed in range(SEEDS)}
    assert {seed: text for seed, text in found.items() if text} == {}
