"""Build CPython as a static library for one machine, with only the C modules that are needed, libffi, and zlib."""

import os
import shutil
from pathlib import Path

from standalone import fetching
from standalone.commands import run
from standalone.pins import LIBFFI, PYTHON, ZLIB
from standalone.toolchain import TargetMachine, Zig

C_MODULES = (
    # for magicpak and everything that it imports
    "_struct", "fcntl", "select", "math", "_ctypes", "mmap", "resource", "binascii", "array", "_opcode",
    "_posixsubprocess", "_bisect", "_heapq", "_random", "_sha2", "_md5", "_sha1", "_sha3", "_blake2",
    "zlib",
    # for its dependencies: colours, character widths, times, terminals, structlog's asyncio support and JSON logger
    "unicodedata", "termios", "grp", "_contextvars", "_datetime", "_json", "_pickle", "_queue", "_socket", "_asyncio",
)  # fmt: skip
"""Modules in CPython's Modules/Setup.stdlib that are built into the library; posix, pwd and others always are."""

_CONFIGURE = (
    "--prefix=/nonexistent",  # no file is ever read from it
    "--disable-shared",
    "--disable-test-modules",
    "--without-ensurepip",
    "--without-readline",
    "--without-doc-strings",
    "--with-builtin-hashlib-hashes=md5,sha1,sha2,sha3,blake2",
    "ac_cv_computed_gotos=yes",  # these answers, because configure cannot run test programs when it cross-compiles
    "ac_cv_file__dev_ptmx=yes",
    "ac_cv_file__dev_ptc=no",
    "ac_cv_buggy_getaddrinfo=no",
)
_LICENCES = ("LICENSE", "Doc/license.rst", "Modules/_hacl/Hacl_Hash_SHA2.c")
_KEPT = ("Include", "pyconfig.h", "libpython3.13.a", "libHacl.a", "ffi", "zlib", "python", "Lib", *_LICENCES)
_LIBFFI_FILES = ("prep_cif.c", "types.c", "closures.c", "tramp.c")
_ZLIB_FILES = ("adler32.c", "crc32.c", "deflate.c", "inffast.c", "inflate.c", "inftrees.c", "trees.c", "zutil.c")
"""Those that compress and decompress what is in memory."""
_LIBFFI_CONFIG = Path(__file__).with_name("fficonfig.h")
_RUN = """\
#!/bin/sh
here=$(dirname "$0")
PYTHONPATH=$here/Lib${PYTHONPATH:+:$PYTHONPATH} exec "$here/python" -S -B "$@"
"""


class CPython:
    """A CPython in `directory`: the static libraries, the headers, the standard library, and an executable."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.includes = [directory / "Include", directory]
        self.libraries = [directory / "libpython3.13.a", directory / "libHacl.a", directory / "ffi" / "libffi.a"]
        self.libraries.append(directory / "zlib" / "libz.a")
        self.standard_library = directory / "Lib"

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the command line that runs the interpreter, which must be one for this machine."""
        return [str(self.directory / "run"), *map(str, arguments)]


def build(machine: TargetMachine, zig: Zig, native: CPython | None, downloads: Path, target: Path) -> CPython:
    """Return CPython for `machine` in the directory `target`, built unless it exists.

    To cross-compile, `native` must be an interpreter for this machine; otherwise it is None. Raises CommandFailedError,
    WrongContentError, and LookupError if CPython lacks one of C_MODULES.
    """
    if not target.exists():
        work = target.with_name(f"{target.name}.part")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        tree = _unpacked(fetching.source(PYTHON, downloads), work / "python")
        ffi = _unpacked(fetching.source(LIBFFI, downloads), work / "libffi")
        _build_libffi(ffi, machine, zig, tree / "ffi")
        _build_zlib(_unpacked(fetching.source(ZLIB, downloads), tree / "zlib"), zig)
        _configure(tree, machine, zig, native)
        _choose_modules(tree)
        make = ["make", f"-j{len(os.sched_getaffinity(0))}", "python"]
        run(make, cwd=tree, env=zig.environment, log=work / "make.log")
        _keep(tree, work / "kept")
        (work / "kept").rename(target)
        shutil.rmtree(work)
    return CPython(target)


def _unpacked(archive: Path, directory: Path) -> Path:
    directory.mkdir()
    run(["tar", "-xf", str(archive), "-C", str(directory), "--strip-components=1", "--exclude=*/Lib/test"])
    return directory


def _build_libffi(tree: Path, machine: TargetMachine, zig: Zig, target: Path) -> None:
    """Build the source in `tree`; put libffi.a, its headers and its licence into `target`.

    There are only a few files, and the release has no generated configure script.
    """
    answers = {
        "VERSION": LIBFFI.version,
        "TARGET": machine.ffi_target,
        "HAVE_LONG_DOUBLE": "1",
        "FFI_EXEC_TRAMPOLINE_TABLE": "0",
    }
    header = (tree / "include" / "ffi.h.in").read_text()
    for name, answer in answers.items():
        header = header.replace(f"@{name}@", answer)
    target.mkdir()
    (target / "ffi.h").write_text(header)
    (target / "ffitarget.h").write_bytes((tree / "src" / machine.ffi_files[0]).with_name("ffitarget.h").read_bytes())
    (target / "LICENSE").write_bytes((tree / "LICENSE").read_bytes())
    (tree / "fficonfig.h").write_bytes(_LIBFFI_CONFIG.read_bytes())
    sources = [f"src/{file}" for file in (*_LIBFFI_FILES, *machine.ffi_files)]
    includes = [f"-I{each}" for each in (target, tree, tree / "include", tree / "src")]
    for each in sources:  # zig writes only the first object of several
        zig.compile("-c", *includes, each, cwd=tree)
    zig.archive(target / "libffi.a", [f"{Path(each).stem}.o" for each in sources], cwd=tree)


def _build_zlib(tree: Path, zig: Zig) -> None:
    """Build libz.a among its sources in `tree`."""
    for each in _ZLIB_FILES:
        zig.compile("-c", each, cwd=tree)
    zig.archive("libz.a", [f"{Path(each).stem}.o" for each in _ZLIB_FILES], cwd=tree)


def _configure(tree: Path, machine: TargetMachine, zig: Zig, native: CPython | None) -> None:
    environment = {
        **zig.environment,
        "CC": " ".join(zig.cc),
        "AR": " ".join(zig.ar),
        "RANLIB": " ".join(zig.ranlib),
        "OPT": "-DNDEBUG",  # otherwise -g and -O3 would override our own flags
        "LDFLAGS": "-static -s",
        "LINKFORSHARED": " ",  # export no symbols: a static program cannot load modules
        "LIBFFI_CFLAGS": f"-I{tree / 'ffi'}",
        "LIBFFI_LIBS": f"-L{tree / 'ffi'} -lffi",
        "ZLIB_CFLAGS": f"-I{tree / 'zlib'}",
        "ZLIB_LIBS": f"-L{tree / 'zlib'} -lz",
        "PKG_CONFIG": "/bin/false",  # use no libraries of this machine
    }
    cross = []
    if native is not None:
        own = os.uname().machine
        cross = [f"--build={own}-linux-gnu", f"--host={machine.name}-linux-musl"]
        cross += [f"--with-build-python={native.command()[0]}"]
    run(["sh", "./configure", *_CONFIGURE, *cross], cwd=tree, env=environment, log=tree.parent / "configure.log")


def _choose_modules(tree: Path) -> None:
    """Make makesetup build C_MODULES into the library, and no others: it uses the first entry for each module."""
    lines = (tree / "Modules" / "Setup.stdlib").read_text().splitlines()
    chosen = {line.split()[0]: line for line in lines if line and line.split()[0] in C_MODULES}
    missing = sorted(set(C_MODULES) - chosen.keys())
    if missing:
        message = f"CPython's configure has disabled {', '.join(missing)}"
        raise LookupError(message)
    local = ["*static*", *chosen.values(), "*disabled*", *_unused_modules(lines)]
    (tree / "Modules" / "Setup.local").write_text("\n".join([*local, ""]))


def _unused_modules(lines: list[str]) -> list[str]:
    names = {line.split()[0] for line in lines if line and line[0] not in "#*"}
    return sorted(names - set(C_MODULES))


def _keep(tree: Path, kept: Path) -> None:
    """Move the files that are needed later, a twentieth of all, to `kept`, and add the command that runs Python."""
    (tree / "Modules" / "_hacl" / "libHacl_Hash_SHA2.a").rename(tree / "libHacl.a")
    for name in _KEPT:
        (kept / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).rename(kept / name)
    command = kept / "run"
    command.write_text(_RUN)
    command.chmod(0o755)
