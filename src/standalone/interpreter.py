"""Builds CPython as a static library for one machine, with the C modules that are needed and no others."""

import os
import shutil
from pathlib import Path

from standalone import fetching
from standalone.commands import run
from standalone.libffi import build_libffi
from standalone.pins import LIBFFI, PYTHON
from standalone.toolchain import Machine, Zig

C_MODULES = (
    # by magicpak itself, and by everything
    "_struct", "fcntl", "select", "math", "_ctypes", "mmap", "resource", "binascii", "array", "_opcode",
    "_posixsubprocess", "_bisect", "_heapq", "_random", "_sha2", "_md5", "_sha1", "_sha3", "_blake2",
    # by its dependencies: colours, widths of characters, times, terminals, structlog's asyncio and its logger of JSON
    "unicodedata", "termios", "grp", "_contextvars", "_datetime", "_json", "_pickle", "_queue", "_socket", "_asyncio",
)  # fmt: skip
"""Modules of CPython's Modules/Setup.stdlib that are built into the library; posix, pwd and the like always are."""

_CONFIGURE = (
    "--prefix=/nonexistent",  # nothing is ever looked up there
    "--disable-shared",
    "--disable-test-modules",
    "--without-ensurepip",
    "--without-readline",
    "--without-doc-strings",
    "--with-builtin-hashlib-hashes=md5,sha1,sha2,sha3,blake2",
    "ac_cv_computed_gotos=yes",  # a program that is run would have to tell, and none is where the machine is another
    "ac_cv_file__dev_ptmx=yes",
    "ac_cv_file__dev_ptc=no",
    "ac_cv_buggy_getaddrinfo=no",
)
_LICENCES = ("LICENSE", "Doc/license.rst", "Modules/_hacl/Hacl_Hash_SHA2.c")
_KEPT = ("Include", "pyconfig.h", "libpython3.13.a", "libHacl.a", "ffi", "python", "Lib", *_LICENCES)
_RUN = """\
#!/bin/sh
here=$(dirname "$0")
PYTHONPATH=$here/Lib${PYTHONPATH:+:$PYTHONPATH} exec "$here/python" -S -B "$@"
"""


class Interpreter:
    """A directory with the static library and what belongs to it."""

    def __init__(self, directory: Path) -> None:
        """Take the directory."""
        self.directory = directory
        self.includes = [directory / "Include", directory]
        self.libraries = [directory / "libpython3.13.a", directory / "libHacl.a", directory / "ffi" / "libffi.a"]
        self.standard_library = directory / "Lib"

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the command line that runs the interpreter itself, where it is this machine's."""
        return [str(self.directory / "run"), *map(str, arguments)]


def build(machine: Machine, zig: Zig, native: Interpreter | None, downloads: Path, target: Path) -> Interpreter:
    """Build for `machine` in `target`, unless it is there; `native` is this machine's where `machine` is another."""
    if not target.exists():
        work = target.with_name(f"{target.name}.part")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        tree = _unpacked(fetching.source(PYTHON, downloads), work / "python")
        ffi = _unpacked(fetching.source(LIBFFI, downloads), work / "libffi")
        build_libffi(ffi, machine, zig, tree / "ffi")
        _configure(tree, machine, zig, native)
        _choose_modules(tree)
        make = ["make", f"-j{len(os.sched_getaffinity(0))}", "python"]
        run(make, cwd=tree, env=zig.environment, log=work / "make.log")
        _keep(tree, work / "kept")
        (work / "kept").rename(target)
        shutil.rmtree(work)
    return Interpreter(target)


def _unpacked(archive: Path, directory: Path) -> Path:
    directory.mkdir()
    run(["tar", "-xf", str(archive), "-C", str(directory), "--strip-components=1", "--exclude=*/Lib/test"])
    return directory


def _configure(tree: Path, machine: Machine, zig: Zig, native: Interpreter | None) -> None:
    environment = {
        **zig.environment,
        "CC": " ".join(zig.cc),
        "AR": " ".join(zig.ar),
        "RANLIB": " ".join(zig.ranlib),
        "OPT": "-DNDEBUG",  # no -g and -O3 after our own flags
        "LDFLAGS": "-static -s",
        "LINKFORSHARED": " ",  # no symbols for modules that would be loaded: none can be
        "LIBFFI_CFLAGS": f"-I{tree / 'ffi'}",
        "LIBFFI_LIBS": f"-L{tree / 'ffi'} -lffi",
        "PKG_CONFIG": "/bin/false",  # no library of this machine's
    }
    cross = []
    if native is not None:
        own = os.uname().machine
        cross = [f"--build={own}-linux-gnu", f"--host={machine.name}-linux-musl"]
        cross += [f"--with-build-python={native.command()[0]}"]
    run(["sh", "./configure", *_CONFIGURE, *cross], cwd=tree, env=environment, log=tree.parent / "configure.log")


def _choose_modules(tree: Path) -> None:
    """Have makesetup build the C_MODULES into the library: it takes a module from where it meets it first."""
    lines = (tree / "Modules" / "Setup.stdlib").read_text().splitlines()
    chosen = {line.split()[0]: line for line in lines if line and line.split()[0] in C_MODULES}
    missing = sorted(set(C_MODULES) - chosen.keys())
    if missing:
        message = f"CPython's configure leaves out {', '.join(missing)}"
        raise LookupError(message)
    local = ["*static*", *chosen.values(), "*disabled*", *_others(lines)]
    (tree / "Modules" / "Setup.local").write_text("\n".join([*local, ""]))


def _others(lines: list[str]) -> list[str]:
    names = {line.split()[0] for line in lines if line and line[0] not in "#*"}
    return sorted(names - set(C_MODULES))


def _keep(tree: Path, kept: Path) -> None:
    """Move what is used later, a twentieth of all, and add the command that runs the interpreter."""
    (tree / "Modules" / "_hacl" / "libHacl_Hash_SHA2.a").rename(tree / "libHacl.a")
    for name in _KEPT:
        (kept / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).rename(kept / name)
    command = kept / "run"
    command.write_text(_RUN)
    command.chmod(0o755)
