"""Compile all modules that magicpak can import into a table for C. Run this with the CPython that will execute them.

    run freezing.py TARGET SHIPPED SOURCE DEPENDENCIES STANDARD_LIBRARY

TARGET is the output directory for frozen.bin (the code) and for frozen.S and frozen.c, which make it available to C.
SHIPPED is the directory of the files that `magicpak.resources` reads.
"""

import _imp
import importlib.machinery
import marshal
import sys
from collections.abc import Iterable, Iterator
from modulefinder import Module, ModuleFinder
from pathlib import Path
from typing import NamedTuple

APPLICATION = "magicpak"
SHIPPED = "magicpak.resources"

EXCLUDED = Path(__file__).with_name("excluded_modules.txt")
ENCODINGS = ("aliases", "ascii", "latin_1", "unicode_escape", "utf_8", "utf_8_sig")
"""Encodings that magicpak and its dependencies use. Python imports them by name, without an import statement."""


class Frozen(NamedTuple):
    """A module: its name, its marshalled code, and whether it is a package."""

    name: str
    code: bytes
    is_package: bool


def found(source: Path, dependencies: Path, standard_library: Path) -> dict[str, Module]:
    """Return all modules that magicpak imports, directly or indirectly.

    Exits with an error if a module that magicpak itself imports is missing. Imports of its dependencies may be missing:
    they are optional.
    """
    lines = EXCLUDED.read_text().splitlines()
    excluded = [name for line in lines if not line.startswith("#") for name in line.split()]
    finder = ModuleFinder([str(source), str(dependencies), str(standard_library)], excludes=excluded)
    for name in (*_modules_below(source, APPLICATION), *(f"encodings.{each}" for each in ENCODINGS)):
        finder.import_hook(name)
    missing = {*finder.any_missing_maybe()[0], *excluded}
    needed = sorted(name for name in missing if _is_imported_by_magicpak(finder.badmodules.get(name, ())))
    if needed:
        sys.exit(
            f"magicpak imports modules that are not included (see {EXCLUDED.name}, C_MODULES): {', '.join(needed)}"
        )
    return finder.modules


def frozen(modules: dict[str, Module], shipped: Path) -> Iterator[Frozen]:
    """Yield the modules that are not already frozen in the interpreter, sorted by name."""
    for name, module in sorted(modules.items()):
        file = getattr(module, "__file__", None) or ""
        if not file.endswith(tuple(importlib.machinery.SOURCE_SUFFIXES)) or _imp.is_frozen(name):
            continue
        text = shipping(shipped) if name == SHIPPED else Path(file).read_bytes()
        yield Frozen(name, compiled(text, name), bool(getattr(module, "__path__", None)))


def compiled(text: bytes, name: str) -> bytes:
    """Return the marshalled code of a module, without docstrings unless it is magicpak's own: those contain its help.

    Marshalling twice makes the bytes reproducible: marshal marks constants that are referenced elsewhere.
    """
    level = 0 if name.partition(".")[0] == APPLICATION else 2
    code = compile(text, f"<frozen {name}>", "exec", dont_inherit=True, optimize=level)
    return marshal.dumps(marshal.loads(marshal.dumps(code, 2)))  # noqa: S302 - our own data


def shipping(shipped: Path) -> bytes:
    """Return the source of a module that contains the files of `shipped` and has the API of `magicpak.resources`."""
    files = {str(path.relative_to(shipped)): path.read_bytes() for path in sorted(shipped.rglob("*")) if path.is_file()}
    lines = [
        '"""The data files of magicpak, embedded in this module."""',
        f"_FILES = {files!r}",
        "def read(name):",
        "    return _FILES.get(name)",
        "",
    ]
    return "\n".join(lines).encode()


def write(modules: list[Frozen], target: Path) -> None:
    """Write the code of `modules`, and the table for C, to the directory `target`."""
    blob, rows = bytearray(), []
    for name, code, is_package in modules:
        rows.append(f'    {{"{name}", frozen_code + {len(blob)}, {len(code)}, {int(is_package)}}},\n')
        blob += code + bytes(-len(code) % 16)
    target.mkdir(parents=True, exist_ok=True)
    (target / "frozen.bin").write_bytes(blob)
    (target / "frozen.S").write_text(
        '.section .rodata\n.balign 16\n.globl frozen_code\nfrozen_code:\n.incbin "frozen.bin"\n'
        '.section .note.GNU-stack,"",%progbits\n'
    )
    (target / "frozen.c").write_text(
        "#include <Python.h>\nextern const unsigned char frozen_code[];\n"
        f"const struct _frozen frozen_modules[] = {{\n{''.join(rows)}    {{0}},\n}};\n"
    )


def _is_imported_by_magicpak(importers: Iterable[str]) -> bool:
    return any(importer.partition(".")[0] == APPLICATION for importer in importers)


def _modules_below(source: Path, package: str) -> Iterator[str]:
    for path in sorted((source / package).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


if __name__ == "__main__":
    target, shipped_, *search_path = map(Path, sys.argv[1:])
    write(list(frozen(found(*search_path), shipped_)), target)
