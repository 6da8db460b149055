"""The standalone executable: it holds all that magicpak imports, needs nothing of the host, and carries the helper.

It is built where it is not yet in ~/.cache/magicpak-standalone, which takes three minutes at first, and seconds when
only magicpak has changed. What magicpak does, the other tests ask of it too: MAGICPAK=… pytest tests/cli tests/system.
The first of these are a step of .ci/check.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from magicpak import __version__
from standalone import building
from standalone.__main__ import cache
from standalone.toolchain import MACHINES
from support.run_magicpak import RunResult, chrooted, compiled, names, tree

pytestmark = pytest.mark.needs("builder")

README = Path(__file__).parent.parent.parent / "README.md"
MEGABYTE = 1_000_000

INTERPRETER = """
#include <Python.h>
extern const struct _frozen frozen_modules[];
int main(int argc, char **argv)
{
    PyImport_FrozenModules = frozen_modules;
    return Py_BytesMain(argc, argv);
}
"""
IMPORT_ALL = """
import _imp, sys
sys.path.clear()
for name in filter(_imp.is_frozen, sys.argv[1:]):
    __import__(name)
    print(name)
"""


@pytest.fixture(scope="session")
def standalone() -> Path:
    """The executable for this machine."""
    return building.executable(MACHINES[os.uname().machine], cache())


def run(program: Path, *args: str | Path, cwd: Path | None = None, **env: str) -> RunResult:
    ran = subprocess.run([program, *args], cwd=cwd, env=env, capture_output=True, check=False, timeout=120)
    return RunResult(ran.returncode, os.fsdecode(ran.stdout), os.fsdecode(ran.stderr))


def test_it_is_small_and_asks_for_no_interpreter_and_no_library(standalone: Path) -> None:
    read = subprocess.run(["readelf", "-lW", standalone], capture_output=True, text=True, check=True).stdout
    assert ("INTERP" in read, "DYNAMIC" in read, "GNU_STACK" in read) == (False, False, True)
    assert standalone.stat().st_size <= 13.5 * MEGABYTE


def test_it_shows_the_version_and_the_help_of_the_readme(standalone: Path) -> None:
    assert run(standalone, "--version") == RunResult(0, f"magicpak {__version__}\n", "")
    assert run(standalone, "--help") == RunResult(0, README.read_text().split("```text\n")[1].split("```")[0], "")


def test_it_shows_the_licences_of_all_that_is_inside(standalone: Path) -> None:
    shown = run(standalone, "--licenses")
    headings = re.findall(r"^(.+): \S+\n=+$", shown.stdout, re.MULTILINE)
    parts = {re.sub(r" \d.*", "", heading).partition(",")[0] for heading in headings}
    of_python = {"CPython", "HACL*", "libffi", "zlib", "bracex", "click", "pyelftools", "structlog", "wcmatch"}
    assert parts == {"magicpak", *of_python, "musl", "zig's compiler_rt", "glibc's start-up code"}
    assert shown.code == 0


def test_every_module_of_magicpak_can_be_imported(standalone: Path, tmp_path: Path) -> None:
    """By the same interpreter with the same modules inside, but for a main() that runs other code."""
    parts = building.parts_of(MACHINES[os.uname().machine], cache())
    main, python = tmp_path / "main.c", tmp_path / "python"
    main.write_text(INTERPRETER)
    code = [main, building.HERE / "dlshim.c", *(standalone.parent / name for name in ("frozen.c", "frozen.S"))]
    building.link(parts, code, python, standalone.parent)
    source = building.APPLICATION
    files = (path.relative_to(source.parent).with_suffix("") for path in sorted(source.rglob("*.py")))
    modules = [".".join(file.parts).removesuffix(".__init__") for file in files]
    ran = subprocess.run([python, "-I", "-S", "-c", IMPORT_ALL, *modules], capture_output=True, text=True, check=False)
    assert (ran.stdout.split(), ran.returncode) == (modules, 0), ran.stderr


@pytest.mark.needs("root", "chroot")
def test_it_works_alone_in_an_empty_root(standalone: Path, tmp_path: Path) -> None:
    shutil.copy(standalone, tmp_path / "magicpak")
    assert chrooted(tmp_path, "/magicpak", "--version") == RunResult(0, f"magicpak {__version__}\n", "")
    assert chrooted(tmp_path, "/magicpak", "/magicpak", "-e", "*.none", "-v", "/bundle").code == 0
    assert names(tmp_path / "bundle") == ["magicpak"]


def test_it_neither_reads_the_environment_of_python_nor_imports_from_the_current_directory(
    standalone: Path, tmp_path: Path
) -> None:
    for name in ("click.py", "os.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit(9)")
    env = {"PYTHONPATH": str(tmp_path), "PYTHONHOME": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "os.py")}
    assert run(standalone, "--version", cwd=tmp_path, **env).code == 0


def test_it_starts_where_the_current_directory_was_removed(standalone: Path, tmp_path: Path) -> None:
    removing = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" --version'
    assert run(Path("/bin/sh"), "-c", removing, standalone, cwd=tmp_path) == RunResult(
        0, f"magicpak {__version__}\n", ""
    )


def test_an_interrupt_while_it_starts_shows_no_traceback(standalone: Path) -> None:
    """It is sent at fifty moments of the first 25 ms, which the start takes."""
    ends = set()
    for moment in range(50):
        with subprocess.Popen([standalone, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            time.sleep(moment / 2000)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
        ends.add((process.returncode, said))
    assert ends <= {(-signal.SIGINT, b""), (128 + signal.SIGINT, b""), (0, b"")}


@pytest.mark.parametrize("resolver", ["dlopen", "noload"])
def test_it_asks_the_loader_without_a_compiler(standalone: Path, tmp_path: Path, resolver: str) -> None:
    asked, static = tmp_path / "asked", tmp_path / "static"
    assert run(standalone, "--resolver", resolver, "/bin/ls", asked) == RunResult(0, "", "")
    assert run(standalone, "--resolver", "static", "/bin/ls", static) == RunResult(0, "", "")
    assert tree(asked).keys() == tree(static).keys()


@pytest.mark.needs("musl")
@pytest.mark.parametrize("resolver", ["dlopen", "noload"])
def test_it_asks_the_loader_of_musl_without_a_compiler(standalone: Path, tmp_path: Path, resolver: str) -> None:
    library = compiled(
        tmp_path / "lib" / "libown.so", "int own;", "-shared", "-fPIC", "-Wl,-soname,libown.so", compiler="musl-gcc"
    )
    program = compiled(
        tmp_path / "program", "extern int own; int main(void) { return own; }", library, compiler="musl-gcc"
    )
    arguments: list[str | Path] = ["--resolver", resolver, "--log-level=debug", program, tmp_path / "bundle"]
    found = run(standalone, *arguments, LD_LIBRARY_PATH=str(tmp_path / "lib"))
    assert found.code == 0, found.stderr
    assert f"{library}: libown.so" in found.stderr


def test_a_compiler_that_is_named_is_used(standalone: Path, tmp_path: Path) -> None:
    told = "error: the C compiler no-compiler cannot be started: no-compiler: no such program\n"
    hints = "hint: install one, for example: apt-get install gcc libc6-dev\n"
    hints += "hint: search without running the loader: --resolver static\n"
    arguments = ["--resolver", "dlopen", "/bin/ls", str(tmp_path / "bundle")]
    assert run(standalone, "--cc", "no-compiler", *arguments) == RunResult(1, "", told + hints)


@pytest.mark.needs("compiler")
def test_a_compiler_that_is_named_compiles_what_is_inside(standalone: Path, tmp_path: Path) -> None:
    arguments: list[str | Path] = ["--cc", "cc", "--resolver", "dlopen", "/bin/ls", tmp_path / "bundle"]
    assert run(standalone, *arguments, PATH=os.environ["PATH"]) == RunResult(0, "", "")


@pytest.mark.needs("ptrace")
def test_it_watches_a_program_run(standalone: Path, tmp_path: Path) -> None:
    (tmp_path / "used").write_text("used")
    watched = ["--dynamic", "--dynamic-arg=used", "/bin/cat", "bundle"]
    assert run(standalone, *watched, cwd=tmp_path) == RunResult(0, "", "")
    assert (tmp_path / "bundle" / str(tmp_path / "used").lstrip("/")).read_text() == "used"


def test_the_same_sources_give_the_same_bytes(standalone: Path, tmp_path: Path) -> None:
    parts = building.parts_of(MACHINES[os.uname().machine], cache())
    assert building.put_together(parts, tmp_path).read_bytes() == standalone.read_bytes()
