"""Only the system's own loader is run without `--resolver dlopen`: a program may name any file as its interpreter."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from magicpak.bundle.entry import Layout
from magicpak.elf.cache import ElfCache
from magicpak.ldso.factory import Loaders
from magicpak.ldso.resolver import Resolver
from magicpak.ldso.trust import is_systems_own
from magicpak.resolve.inputs import find_inputs
from magicpak.resolve.libraries import resolve_program
from support.elf_files import X86_64_EXIT_0, make_elf
from support.loader_oracle import GLIBC, MUSL, LibraryTree, World, inside, resolved
from support.run_magicpak import NOBODY, magicpak, magicpak_as_nobody

pytestmark = pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}")

# What makes a glibc of it for whoever looks at its strings, and leaves a mark for whoever runs it.
_FAKE = r"""
const char strings[] __attribute__((used)) = "GLIBC_PRIVATE\0/lib/\0/usr/lib/\0";
static long call(long number, long one, long two, long three) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(one), "S"(two), "d"(three) : "rcx", "r11", "memory");
  return result;
}
void _start(void) { call(85, (long)MARK, 0666, 0); call(60, 127, 0, 0); }
"""


@pytest.fixture
def fake(tmp_path: Path) -> tuple[Path, Path]:
    """Return a program whose interpreter is not the system's, and the path of the mark that it leaves when it runs."""
    tmp_path.chmod(0o777)
    mark = tmp_path / "mark"
    (tmp_path / "fake.c").write_text(_FAKE)
    flags = ["-O1", "-nostdlib", "-static-pie", "-fPIE", f'-DMARK="{mark}"']
    subprocess.run(["cc", *flags, "-o", tmp_path / "ld.so", tmp_path / "fake.c"], check=True)
    program = tmp_path / "program"
    program.write_bytes(make_elf(interpreter=f"{tmp_path}/ld.so", needed=["libgone.so"], code=X86_64_EXIT_0))
    program.chmod(0o755)
    assert subprocess.run([program], check=False).returncode == 127
    mark.unlink()
    return program, mark


@pytest.mark.needs("compiler")
class TestForeignLoader:
    @pytest.mark.parametrize("options", [[], ["--dry-run"], ["--resolver=auto", "--report=json"]])
    def test_it_is_not_run(self, fake: tuple[Path, Path], options: list[str]) -> None:
        program, mark = fake
        result = magicpak(*options, program, program.parent / "out")
        assert (result.code, mark.exists()) == (3, False)
        assert result.stderr.endswith(
            f"hint: the loader {program.parent}/ld.so was not asked: if you trust the program, --resolver dlopen runs "
            "its loader to ask it\n"
        )

    def test_it_is_not_run_for_an_ordinary_user(self, fake: tuple[Path, Path]) -> None:
        program, mark = fake
        for directory in list(program.parents)[:3]:
            os.chmod(directory, 0o777)
        result = magicpak_as_nobody(program, "out", cwd=program.parent)
        assert (result.code, mark.exists()) == (3, False)
        assert f"hint: the loader {program.parent}/ld.so was not asked: " in result.stderr

    @pytest.mark.parametrize("resolver", ["dlopen", "noload"])
    def test_it_is_run_where_that_is_asked_for(self, fake: tuple[Path, Path], resolver: str) -> None:
        program, mark = fake
        magicpak("--resolver", resolver, program, program.parent / "out")
        assert mark.exists()

    def test_neither_is_one_of_an_included_program_nor_of_one_in_a_checked_directory(
        self, fake: tuple[Path, Path]
    ) -> None:
        program, mark = fake
        magicpak("--include", program, "/bin/true", program.parent / "out")
        magicpak("--check", program.parent)
        assert not mark.exists()

    def test_one_that_is_not_known_is_not_run_either(self, fake: tuple[Path, Path]) -> None:
        program, mark = fake
        loader = program.parent / "ld.so"
        loader.write_bytes(loader.read_bytes().replace(b"GLIBC_", b"DIET__"))
        result = magicpak(program, program.parent / "out")
        assert (result.code, mark.exists()) == (1, False)
        assert result.stderr == (
            f"error: the loader {loader} is neither a glibc nor a musl that magicpak knows\n"
            "hint: if you trust the program, --resolver dlopen runs its loader to ask it, for which it needs a C "
            "compiler\n"
        )


@pytest.mark.needs("compiler", "patchelf")
def test_the_systems_loader_runs_no_library_of_the_program(tmp_path: Path) -> None:
    """Not even as the C library of the process that asks."""
    tree = LibraryTree(tmp_path)
    mark = tmp_path / "mark"
    calls = f'open("{mark}", O_CREAT | O_WRONLY, 0600)'
    tree.add("mine.c", f"#include <fcntl.h>\n__attribute__((constructor)) void f(void) {{ {calls}; }}".encode())
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tree / "libmine.so", tree / "mine.c"], check=True)
    libc = resolved("/bin/true").closure.objects[1]
    assert libc.name == "libc.so.6"
    tree.add("libc.so.6", Path(libc.path).read_bytes())
    subprocess.run(["patchelf", "--add-needed", tree / "libmine.so", tree / "libc.so.6"], check=True)
    program = tree.program("app", needed=["libc.so.6", "libgone.so"], rpath="$ORIGIN")
    assert magicpak(program, tree / "out").code == 3
    assert not mark.exists()
    magicpak("--resolver=dlopen", program, tree / "out")
    assert mark.exists()


def _to_usr(root: Path, directory: str = "usr/lib/x", mode: int = 0o755, owner: int = 0) -> None:
    """Move the loader into a `directory` of `mode`, and put links of `owner` where it and its directory were."""
    (root / directory).mkdir(parents=True)
    (root / GLIBC[1:]).rename(root / directory / "ld.so")
    (root / "lib64").rmdir()
    (root / "usr/lib64").mkdir(parents=True)
    (root / "lib64").symlink_to("usr/lib64")
    (root / "usr/lib64" / os.path.basename(GLIBC)).symlink_to(f"/{directory}/ld.so")
    for path in ("usr", os.path.dirname(directory), "usr/lib64"):
        os.chmod(root / path, 0o755)
    os.chmod(root / directory, mode)
    os.chown(root / "lib64", owner, 0, follow_symlinks=False)


class TestSystemsOwn:
    def own(self, path: str) -> bool:
        return is_systems_own(Loaders(Resolver.STATIC, "", "", ElfCache(), lambda: "").interpreter(path))

    def test_the_loaders_of_this_machine_are(self) -> None:
        assert self.own(GLIBC)
        assert os.path.exists(MUSL) is False or self.own(MUSL)

    def test_a_copy_and_another_path_to_it_are_not(self, tmp_path: Path) -> None:
        copy = tmp_path / "ld-linux-x86-64.so.2"
        copy.write_bytes(Path(GLIBC).read_bytes())
        assert not self.own(str(copy))
        assert not self.own("/lib64/../lib64/ld-linux-x86-64.so.2")

    @pytest.mark.needs("chroot", "root")
    @pytest.mark.parametrize(
        ("bend", "expected"),
        [
            (lambda _: None, True),
            (_to_usr, True),
            (lambda root: os.chmod(root / "lib64", 0o1777), False),
            (lambda root: os.chmod(root / "lib64", 0o775), False),
            (lambda root: os.chmod(root, 0o757), False),
            (lambda root: os.chmod(root / GLIBC[1:], 0o775), False),
            (lambda root: os.chown(root / GLIBC[1:], NOBODY, 0), False),
            (lambda root: os.chown(root / "lib64", NOBODY, 0), False),
            (lambda root: _to_usr(root, owner=NOBODY), False),
            (lambda root: _to_usr(root, mode=0o777), False),
            (lambda root: _to_usr(root, "opt/x"), False),
        ],
        ids=["plain", "links", "sticky", "group", "root", "file", "owner", "directory", "link", "end", "elsewhere"],
    )
    def test_everything_on_the_way_must_be_roots(
        self,
        tmp_path: Path,
        bend: Callable[[Path], None],
        expected: bool,  # noqa: FBT001
    ) -> None:
        world = World(tmp_path)
        os.chmod(tmp_path, 0o755)
        os.chmod(tmp_path / "lib64", 0o755)
        bend(tmp_path)
        assert inside(world.root, lambda: self.own(GLIBC)) is expected

    def test_a_library_of_the_system_that_the_emulation_misses_is_found_by_asking(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Were the emulation wrong, the system's loader would know."""
        monkeypatch.setattr("magicpak.ldso.glibc.GlibcLoader.find", lambda *_: None)
        program = LibraryTree(tmp_path).program("app", needed=["libm.so.6"])
        elf = ElfCache()
        loaders = Loaders(Resolver.AUTO, "cc", "", elf, lambda: str(tmp_path))
        try:
            closure = resolve_program(find_inputs([program], None, Layout.HOST, elf).programs[0], loaders).closure
        finally:
            loaders.close()
        assert "libm.so.6" not in [need.name for need in closure.missing]
