"""The story of a build: what is downloaded, CPython for the machine, and magicpak with all that is inside."""

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
from standalone.interpreter import Interpreter
from standalone.licensing import licences_of
from standalone.toolchain import MACHINES, Machine, Zig

HERE = Path(__file__).parent
SOURCE = HERE.parent
APPLICATION = SOURCE / "magicpak"
_HELPER = APPLICATION / "ldso" / "helper.c"
SHIPPED = (_HELPER, *(APPLICATION / "reports" / "html" / name for name in ("page.css", "page.js")))
"""The files beside magicpak's modules that it reads through `magicpak.resources`."""

_TOOLCHAIN, _DEPENDENCIES = HERE / "toolchain.txt", HERE / "dependencies.txt"
_MODULES = ("pins", "toolchain", "commands", "interpreter", "libffi")
_OF_INTERPRETER = [*(HERE / f"{name}.py" for name in _MODULES), HERE / "fficonfig.h", _TOOLCHAIN]
_OLD_GLIBC = "gnu.2.17"
"""The glibc whose symbols the helper uses: the oldest that zig knows for all machines, of 2012.

musl's loader knows all of them too, and takes `libc.so.6` for itself.
"""


class Parts(NamedTuple):
    """What an executable is put together from."""

    machine: Machine
    native: Interpreter
    own: Interpreter
    musl: Zig
    glibc: Zig
    dependencies: Path


def executable(machine: Machine, cache: Path) -> Path:
    """Return magicpak for `machine`, built in `cache` unless it is there from the same sources.

    CPython is built again only where what is pinned has changed, and with it the way in which it is built.
    """
    cache.mkdir(parents=True, exist_ok=True)
    key = _hash([*_files(APPLICATION), *_files(HERE)])
    built = cache / f"magicpak-{machine.name}-{key}" / name_of(machine)
    with _alone(cache):
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


def name_of(machine: Machine) -> str:
    """Return the name under which it is published."""
    return f"magicpak-{machine.name}-linux-musl"


def parts_of(machine: Machine, cache: Path) -> Parts:
    """Return the parts, each made where it is not in `cache`."""
    this = MACHINES[os.uname().machine]
    toolchain = fetching.wheels(_TOOLCHAIN, cache / f"toolchain-{_hash([_TOOLCHAIN])}")
    dependencies = fetching.wheels(_DEPENDENCIES, cache / f"dependencies-{_hash([_DEPENDENCIES])}")

    def zig(machine: Machine, libc: str) -> Zig:
        return Zig(toolchain, f"{machine.name}-linux-{libc}", cache / "zig", hidden=cache)

    def cpython(machine: Machine, native: Interpreter | None) -> Interpreter:
        target = cache / f"python-{machine.name}-{_hash(_OF_INTERPRETER)}"
        return interpreter.build(machine, zig(machine, "musl"), native, cache / "downloads", target)

    native = cpython(this, None)
    own = native if machine == this else cpython(machine, native)
    return Parts(machine, native, own, zig(machine, "musl"), zig(machine, _OLD_GLIBC), dependencies)


def put_together(parts: Parts, work: Path) -> Path:
    """Freeze and link in the directory `work`; return the executable."""
    shipped = work / "shipped"
    for each in SHIPPED:
        target = shipped / each.relative_to(APPLICATION)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(each, target)
    build_helper(parts, shipped / "ldso")
    (shipped / "licences.txt").write_text(licences_of(parts.own, parts.musl, parts.dependencies, SOURCE.parent))
    places = [SOURCE, parts.dependencies, parts.native.standard_library]
    run(parts.native.command("-P", HERE / "freezing.py", work, shipped, *places))
    code = [HERE / "main.c", HERE / "dlshim.c", work / "frozen.c", work / "frozen.S"]
    link(parts, code, work / "magicpak", work)
    return work / "magicpak"


def link(parts: Parts, code: Iterable[Path], target: Path, work: Path) -> None:
    """Make one static executable of CPython and some files of C, in the directory `work`."""
    includes = [f"-I{each}" for each in parts.own.includes]
    options = ["-static", "-s", "-Wl,--gc-sections"]
    # The libraries come last, with musl at the very end: a function is taken from where it is met first.
    parts.musl.compile(*options, *includes, *code, *parts.own.libraries, "-lm", "-o", target, cwd=work)


def build_helper(parts: Parts, directory: Path) -> Path:
    """Compile the helper in `directory`, under the name by which `ldso/carrying` asks for it; return its path."""
    plain = ["-U_FORTIFY_SOURCE", "-fno-stack-protector", "-s"]  # as ldso/compiling has them, and why
    target = directory / f"helper-{parts.machine.name}"
    parts.glibc.compile(*plain, _HELPER, "-ldl", "-o", target, cwd=directory)
    return target


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Let nobody else build in `cache` meanwhile."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _hash(files: Iterable[Path]) -> str:
    """Return what tells these files from others, by names and contents."""
    whole = hashlib.sha256()
    for file in files:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        whole.update(f"{file.relative_to(SOURCE)} {content}\n".encode())
    return whole.hexdigest()[:16]
