"""Collect the licences of everything in the executable."""

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from magicpak import __version__
from magicpak.licences import Licence, as_text, of_distribution
from standalone.interpreter import CPython
from standalone.pins import LIBFFI, PYTHON, ZLIB
from standalone.toolchain import Zig

_INCORPORATED = "Licenses and Acknowledgements for Incorporated Software\n"


def licences_of(interpreter: CPython, zig: Zig, dependencies: Path, project: Path) -> str:
    """Return the text that `magicpak --licenses` prints, with our own licences first."""
    return as_text([*_own(project), *_of_dependencies(dependencies), *_of_python(interpreter), *_of_libcs(zig)])


def _own(project: Path) -> Iterator[Licence]:
    for file in ("LICENSE-APACHE", "LICENSE-MIT"):
        yield Licence(f"magicpak {__version__}", file, (project / file).read_text())


def _of_dependencies(dependencies: Path) -> Iterator[Licence]:
    found = sorted(metadata.distributions(path=[str(dependencies)]), key=lambda each: each.metadata["Name"])
    for distribution in found:
        licences = list(of_distribution(distribution))
        if not licences:
            sys.exit(f"{distribution.metadata['Name']} has no licence file")
        yield from licences


def _of_python(interpreter: CPython) -> Iterator[Licence]:
    name, directory = f"CPython {PYTHON.version}", interpreter.directory
    yield Licence(name, "LICENSE", (directory / "LICENSE").read_text())
    text = (directory / "Doc" / "license.rst").read_text()
    yield Licence(name, "license.rst", text[text.index(_INCORPORATED) :])  # the text before it is the same as LICENSE
    hacl = directory / "Modules" / "_hacl" / "Hacl_Hash_SHA2.c"
    yield Licence("HACL*", hacl.name, _first_comment(hacl))
    yield Licence(f"libffi {LIBFFI.version}", "LICENSE", (directory / "ffi" / "LICENSE").read_text())
    yield Licence(f"zlib {ZLIB.version}", "LICENSE", (directory / "zlib" / "LICENSE").read_text())


def _of_libcs(zig: Zig) -> Iterator[Licence]:
    libc = zig.directory / "lib" / "libc"
    yield Licence("musl", "COPYRIGHT", (libc / "musl" / "COPYRIGHT").read_text())
    yield Licence("zig's compiler_rt", "LICENSE", (zig.directory / "LICENSE").read_text())
    start = libc / "glibc" / "csu" / "elf-init-2.33.c"
    yield Licence("glibc's start-up code, in the helper that asks the loader", start.name, _first_comment(start))


def _first_comment(file: Path) -> str:
    """Return the comment at the start of a C file, which contains its licence."""
    comment, end, _ = file.read_text().partition("*/")
    return comment + end
