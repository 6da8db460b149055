"""The build from start to finish: download, build CPython for the machine, freeze the modules, and link."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from standalone import fetching, interpreter
from standalone.commands import run
from standalone.interpreter import CPython
from standalone.licensing import licences_of
from standalone.toolchain import MACHINES, TargetMachine, Zig

HERE = Path(__file__).parent
SOURCE = HERE.parent
APPLICATION = SOURCE / "magicpak"
_HELPER = APPLICATION / "ldso" / "helper.c"
_TABLES = tuple(sorted(APPLICATION.rglob("*.toml")))
SHIPPED = (_HELPER, *_TABLES, *(APPLICATION / "reports" / "html" / name for name in ("page.css", "page.js")))
"""The data files of magicpak, which it reads through `magicpak.resources`."""

_TOOLCHAIN, _DEPENDENCIES = HERE / "toolchain.txt", HERE / "dependencies.txt"
_MODULES = ("pins", "toolchain", "commands", "interpreter")
_INTERPRETER_SOURCES = [*(HERE / f"{name}.py" for name in _MODULES), HERE / "fficonfig.h", _TOOLCHAIN]
"""CPython is rebuilt if one of these files changes."""

_OLD_GLIBC = "gnu.2.17"
"""The version of glibc that the helper is linked against: the oldest that zig supports for all machines, from 2012.

musl's loader has all of these symbols too, and treats `libc.so.6` as itself.
"""


class Parts(NamedTuple):
    """The components of an executable.

    `native` is the CPython for the machine that builds, `own` the one for `machine`.
    """

    machine: TargetMachine
    native: CPython
    own: CPython
    musl: Zig
    glibc: Zig
    dependencies: Path


def executable(machine: TargetMachine, cache: Path) -> Path:
    """Return the path of magicpak for `machine`, built in `cache` unless `cache` has it for the current sources.

    CPython is rebuilt only if its pinned sources, the toolchain or the build steps have changed. Raises
    CommandFailedError, WrongContentError and OSError.
    """
    cache.mkdir(parents=True, exist_ok=True)
    key = _hash([*_files(APPLICATION), *_files(HERE)])
    built = cache / f"magicpak-{machine.name}-{key}" / name_of(machine)
    with _locked(cache):
        if not built.exists():
            parts = parts_of(machine, cache)
            for old in cache.glob(f"magicpak-{machine.name}-*"):
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(dir=cache) as directory:
                made = put_together(parts, Path(directory))
                built.parent.mkdir()
                for each in ("frozen.c", "frozen.S", "frozen.bin"):  # for tests
                    (made.parent / each).rename(built.parent / each)
                made.rename(built)
    return built


def name_of(machine: TargetMachine) -> str:
    """Return the file name under which the executable for `machine` is published."""
    return f"magicpak-{machine.name}-linux-musl"


def parts_of(machine: TargetMachine, cache: Path) -> Parts:
    """Return the components for `machine`; build those that are not in `cache`."""
    this = MACHINES[os.uname().machine]
    toolchain = fetching.wheels(_TOOLCHAIN, cache / f"toolchain-{_hash([_TOOLCHAIN])}")
    dependencies = fetching.wheels(_DEPENDENCIES, cache / f"dependencies-{_hash([_DEPENDENCIES])}")

    def zig(machine: TargetMachine, libc: str) -> Zig:
        return Zig(toolchain, f"{machine.name}-linux-{libc}", cache / "zig", hidden=cache)

    def cpython(machine: TargetMachine, native: CPython | None) -> CPython:
        target = cache / f"python-{machine.name}-{_hash(_INTERPRETER_SOURCES)}"
        return interpreter.build(machine, zig(machine, "musl"), native, cache / "downloads", target)

    native = cpython(this, None)
    own = native if machine == this else cpython(machine, native)
    return Parts(machine, native, own, zig(machine, "musl"), zig(machine, _OLD_GLIBC), dependencies)


def put_together(parts: Parts, work: Path) -> Path:
    """Freeze the modules and link the executable in the directory `work`; return its path."""
    shipped = work / "shipped"
    for each in SHIPPED:
        target = shipped / each.relative_to(APPLICATION)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(each, target)
    build_helper(parts, shipped / "ldso")
    (shipped / "licences.txt").write_text(licences_of(parts.own, parts.musl, parts.dependencies, SOURCE.parent))
    search_path = [SOURCE, parts.dependencies, parts.native.standard_library]
    run(parts.native.command("-P", HERE / "freezing.py", work, shipped, *search_path))
    code = [HERE / "main.c", HERE / "dlshim.c", work / "frozen.c", work / "frozen.S"]
    link(parts, code, work / "magicpak", work)
    return work / "magicpak"


def link(parts: Parts, code: Iterable[Path], target: Path, work: Path) -> None:
    """Compile the C and assembly files in `code`, and link them with CPython into the static executable `target`."""
    includes = [f"-I{each}" for each in parts.own.includes]
    options = ["-static", "-s", "-Wl,--gc-sections"]
    # The libraries come after our code, with musl at the very end: the linker takes the first definition of a function.
    parts.musl.compile(*options, *includes, *code, *parts.own.libraries, "-lm", "-o", target, cwd=work)


def build_helper(parts: Parts, directory: Path) -> Path:
    """Compile the helper in `directory`, with the name that `ldso/helper_build` expects; return its path."""
    plain = ["-U_FORTIFY_SOURCE", "-fno-stack-protector", "-s"]  # the same as in ldso/helper_build, which says why
    target = directory / f"helper-{parts.machine.name}"
    parts.glibc.compile(*plain, _HELPER, "-ldl", "-o", target, cwd=directory)
    return target


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Prevent other builds in `cache`."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _hash(files: Iterable[Path]) -> str:
    """Return a hash of the names and contents of `files`."""
    whole = hashlib.sha256()
    for file in files:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        whole.update(f"{file.relative_to(SOURCE)} {content}\n".encode())
    return whole.hexdigest()[:16]
