"""A library that is built for another C library than the program is neither hinted at nor taken for good."""

import os
import subprocess
from pathlib import Path

import pytest

from magicpak.errors import MagicpakError
from magicpak.options import Options
from magicpak.resolve import hints
from magicpak.resolve.missing import missing_error
from magicpak.verify.directory import check_directory
from support.elf_files import make_elf
from support.loader_oracle import GLIBC, MUSL, LibraryTree, World, bundled, resolved
from support.run_magicpak import magicpak

pytestmark = [
    pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}"),
    pytest.mark.skipif(not os.path.exists(MUSL), reason=f"there is no {MUSL}: install musl"),
]

LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
IN_A_WORLD = pytest.mark.needs("root", "chroot")


def with_musl(root: Path, interpreter: str = MUSL) -> World:
    world = World(root, GLIBC)
    LibraryTree.__init__(world, root, interpreter)
    world.add(interpreter.lstrip("/"), Path(MUSL).read_bytes())
    return world


def outcome(world: World, *include: str, inputs: tuple[str, ...] = ("/app",)) -> list[str]:
    """Return the error with all its lines, or the warnings."""
    try:
        return list(bundled(world, Options(inputs, "/bundle", include=include)).warnings)
    except MagicpakError as error:
        return [str(error), *error.details, *error.hints]


@IN_A_WORLD
class TestMusl:
    def test_a_library_for_glibc_is_refused(self, tmp_path: Path) -> None:
        world = with_musl(tmp_path)
        world.library("usr/lib/libz.so.1", needed=["libc.so.6"])
        world.program("app", needed=["libz.so.1", "libc.so"])
        assert outcome(world) == [
            "LibrariesMissing: in an empty image /app would not start",
            (
                "/app: libc.so.6 is glibc's, and does not work with musl's loader, needed by /usr/lib/libz.so.1, "
                "which is needed by /app"
            ),
            "use libraries that are built for musl",
            "--no-verify writes the bundle anyway",
        ]
        assert check_directory(str(tmp_path), ["/app"]).problems[0].missing == "libc.so.6"

    @pytest.mark.parametrize("needed", ["libc.so", "libc.musl-x86_64.so.1", None])
    def test_any_other_library_is_not(self, tmp_path: Path, needed: str | None) -> None:
        world = with_musl(tmp_path)
        world.library("usr/lib/libz.so.1", needed=[needed] if needed else [])
        world.program("app", needed=["libz.so.1"])
        world.link("usr/lib/libc.musl-x86_64.so.1", MUSL)
        assert outcome(world) == []

    def test_a_program_that_needs_libc_so_6_is_not(self, tmp_path: Path) -> None:
        """The linker takes glibc's libc where a path of its leads to that; for musl it is a name of its own."""
        world = with_musl(tmp_path)
        world.program("app", needed=["libc.so.6"])
        assert outcome(world) == []

    def test_with_gcompat_it_is_not(self, tmp_path: Path) -> None:
        world = with_musl(tmp_path)
        world.library("lib/libgcompat.so.0", needed=["libc.so"])
        world.library("usr/lib/libz.so.1", needed=["libc.so.6"])
        world.program("app", needed=["libgcompat.so.0", "libz.so.1"])
        assert outcome(world) == []

    def test_where_musl_stands_for_the_loader_of_glibc_it_is_not(self, tmp_path: Path) -> None:
        world = with_musl(tmp_path, GLIBC)
        world.library("usr/lib/libz.so.1", needed=["libc.so.6"])
        world.program("app", needed=["libz.so.1", "libc.so.6"])
        assert outcome(world) == []

    def test_a_plugin_for_glibc_is_a_warning_unless_a_program_for_glibc_can_load_it(self, tmp_path: Path) -> None:
        world = with_musl(tmp_path)
        world.library("plug.so", needed=["libc.so.6"])
        world.library("usr/lib/libc.so.6")
        world.program("app")
        world.add("other", make_elf(interpreter=GLIBC, code=b"\xc3"))
        why = "libc.so.6 is glibc's, and does not work with musl's loader, needed by /plug.so, which is needed by /app"
        assert outcome(world, "/plug.so") == [f"/plug.so will not load: {why}"]
        subprocess.run(["rm", "-r", world / "bundle"], check=True)
        assert outcome(world, "/plug.so", inputs=("/app", "/other")) == []


@IN_A_WORLD
class TestGlibc:
    @pytest.mark.parametrize("name", ["libc.so", "libc.musl-x86_64.so.1"])
    def test_a_library_for_musl_is_refused(self, tmp_path: Path, name: str) -> None:
        world = World(tmp_path)
        world.add(f"usr/lib/{name}", Path(MUSL).read_bytes())
        world.library("usr/lib/libz.so.1", needed=[name])
        world.program("app", needed=["libz.so.1"])
        text = outcome(world)
        assert text[1].startswith(f"/app: {name} is musl's, and does not work with glibc's loader, needed by /usr/lib/")
        assert text[2] == "use libraries that are built for glibc"

    @pytest.mark.skipif(not os.path.exists(LIBC), reason=f"there is no {LIBC}")
    def test_where_the_name_leads_to_glibc_it_is_not(self, tmp_path: Path) -> None:
        world = World(tmp_path)
        world.add("usr/lib/libc.so.6", Path(LIBC).read_bytes())
        world.link("usr/lib/libc.so", "libc.so.6")
        world.library("usr/lib/libz.so.1", needed=["libc.so"])
        world.program("app", needed=["libz.so.1"])
        assert outcome(world) == []


class TestHints:
    @pytest.fixture(autouse=True)
    def disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The only directory that is searched; no package manager is asked."""
        monkeypatch.setattr(hints, "SEARCH_ROOTS", (str(tmp_path / "disk"),))
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.chdir("/")

    @pytest.mark.parametrize(
        ("interpreter", "needed", "is_hinted"),
        [
            (MUSL, "libc.so.6", False),
            (MUSL, "libc.so", True),
            (MUSL, None, True),
            (GLIBC, "libc.so.6", True),
            (GLIBC, "libc.so", False),
            (GLIBC, "libc.musl-x86_64.so.1", False),
            (GLIBC, None, True),
        ],
    )
    def test_a_directory_is_hinted_at_if_its_library_is_built_for_the_same(
        self, tmp_path: Path, interpreter: str, needed: str | None, *, is_hinted: bool
    ) -> None:
        tree = LibraryTree(tmp_path, interpreter)
        tree.library("disk/libmine.so.1", needed=[needed] if needed else [])
        error = missing_error([resolved(tree.program("app", needed=["libmine.so.1"]))])
        assert [each.partition(":")[0] for each in error.hints] == (["libmine.so.1"] if is_hinted else [])

    def test_no_package_of_debian_is_named_for_musl(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[object] = []

        def answer(command: object, _until: float) -> list[str]:
            asked.append(command)
            return []

        monkeypatch.setattr(hints, "_answer", answer)
        missing_error([resolved(LibraryTree(tmp_path, MUSL).program("app", needed=["libmine.so.1"]))])
        assert asked == []
        missing_error([resolved(LibraryTree(tmp_path, GLIBC).program("app", needed=["libmine.so.1"]))])
        assert asked

    def test_the_libc_of_musl_is_not_hinted_at_for_glibc(self, tmp_path: Path) -> None:
        tree = LibraryTree(tmp_path)
        tree.add("disk/libc.musl-x86_64.so.1", Path(MUSL).read_bytes())
        library = tree.library("lib/liba.so", needed=["libc.musl-x86_64.so.1"])
        error = missing_error([resolved(tree.program("app", needed=["liba.so"], runpath="$ORIGIN/lib"))])
        assert error.hints == (f"libc.musl-x86_64.so.1: {library} is built for musl, but the loader is glibc's",)


@pytest.mark.needs("root", "chroot", "compiler")
def test_what_is_refused_does_not_start(tmp_path: Path) -> None:
    """A program of musl-gcc with a library of Debian."""
    libraries = "/usr/lib/x86_64-linux-gnu"
    (tmp_path / "app.c").write_text("const char *zlibVersion(void); int main(void) { return !zlibVersion(); }")
    subprocess.run(["musl-gcc", "-o", "app", "app.c", f"{libraries}/libz.so.1"], cwd=tmp_path, check=True)
    options = ("--resolver", "static", tmp_path / "app", tmp_path / "bundle")
    ran = magicpak(*options, env={"LD_LIBRARY_PATH": libraries})
    assert (ran.code, "libc.so.6 is glibc's, and does not work with musl's loader" in ran.stderr) == (3, True)
    assert magicpak("--no-verify", *options, env={"LD_LIBRARY_PATH": libraries}).code == 0
    started = subprocess.run(["/usr/sbin/chroot", "bundle", tmp_path / "app"], cwd=tmp_path, env={}, check=False)
    assert started.returncode == 127
