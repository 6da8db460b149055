"""Compiles all modules that magicpak can import into tables of C. Run by the CPython that will run them.

    run freezing.py TARGET SHIPPED SOURCE DEPENDENCIES STANDARD_LIBRARY

TARGET is the directory for frozen.bin, with the code, frozen.S and frozen.c, which tell C of it. SHIPPED is the
directory of the files that `magicpak.resources` reads.
"""

import _imp
import ast
import importlib.machinery
import marshal
import sys
from collections.abc import Collection, Iterable, Iterator
from modulefinder import Module, ModuleFinder
from pathlib import Path
from typing import NamedTuple

APPLICATION = "magicpak"
SHIPPED = "magicpak.resources"

LEFT_OUT = Path(__file__).with_name("left_out.txt")
ENCODINGS = ("aliases", "ascii", "latin_1", "unicode_escape", "utf_8", "utf_8_sig")
"""What is imported by names that no import statement tells: the encodings that magicpak and its dependencies name."""

LATER = {"ast": (), "tokenize": (), "inspect": ("sys", "cleandoc")}
"""Modules that are imported when something of them is used, but for the functions that are named here, with the modules
that these need. click needs `inspect` for its `cleandoc` alone: all that the rest of it imports is 6 ms of the 46 that
bundling /bin/ls takes."""

WITHOUT_CATALOGUES = """
def gettext(message):
    return message

def ngettext(one, several, count):
    return one if count == 1 else several
"""
"""The module `gettext`, as far as click uses it: there are no catalogues of its messages, for which it would look."""

FORWARDING = """
def __getattr__(name):
    import {itself}
    globals().update(vars({itself}))
    return getattr({itself}, name)
"""


class Frozen(NamedTuple):
    """One module: its name, its code as `marshal` writes it, and whether it is a package."""

    name: str
    code: bytes
    is_package: bool


def found(source: Path, dependencies: Path, standard_library: Path) -> dict[str, Module]:
    """Return all modules that some import statement of magicpak, or of what it imports, names.

    Dependencies import more than there is, where they find it; magicpak itself must not.
    """
    lines = LEFT_OUT.read_text().splitlines()
    left_out = [name for line in lines if not line.startswith("#") for name in line.split()]
    finder = ModuleFinder([str(source), str(dependencies), str(standard_library)], excludes=left_out)
    for name in (*_modules_below(source, APPLICATION), *(f"encodings.{each}" for each in ENCODINGS)):
        finder.import_hook(name)
    missing = {*finder.any_missing_maybe()[0], *left_out}
    wanted = sorted(name for name in missing if _is_wanted(finder.badmodules.get(name, ())))
    if wanted:
        sys.exit(f"magicpak imports what is not inside (see left_out.txt, C_MODULES): {', '.join(wanted)}")
    return finder.modules


def frozen(modules: dict[str, Module], shipped: Path) -> Iterator[Frozen]:
    """Return what is not in the interpreter already, in order of names."""
    ours = {SHIPPED: shipping(shipped), "gettext": WITHOUT_CATALOGUES.encode()}
    for name, module in sorted(modules.items()):
        file = getattr(module, "__file__", None) or ""
        if not file.endswith(tuple(importlib.machinery.SOURCE_SUFFIXES)) or _imp.is_frozen(name):
            continue
        text = ours.get(name) or Path(file).read_bytes()
        if name in LATER:
            itself = f"_{name}_itself"
            yield Frozen(itself, compiled(text, name), False)
            text = (first_of(text, LATER[name]) + FORWARDING.format(itself=itself)).encode()
        yield Frozen(name, compiled(text, name), bool(getattr(module, "__path__", None)))


def first_of(text: bytes, names: Collection[str]) -> str:
    """Return those statements of a module by which it imports modules, or defines functions, of these names."""
    kept: list[ast.stmt] = []
    for statement in ast.parse(text).body:
        match statement:
            case ast.FunctionDef(name=name) if name in names:
                kept.append(statement)
            case ast.Import(names=[ast.alias(name=name, asname=None)]) if name in names:
                kept.append(statement)
            case _:
                pass
    return "\n".join(map(ast.unparse, kept))


def compiled(text: bytes, name: str) -> bytes:
    """Return the code of a module, without documentation where that is not magicpak's own, which is its help.

    The bytes do not depend on who else holds its constants, which marshal would mark: hence there and back again.
    """
    level = 0 if name.partition(".")[0] == APPLICATION else 2
    code = compile(text, f"<frozen {name}>", "exec", dont_inherit=True, optimize=level)
    return marshal.dumps(marshal.loads(marshal.dumps(code, 2)))  # noqa: S302 - our own, from just before


def shipping(shipped: Path) -> bytes:
    """Return the module that has the files of `shipped` inside, with the interface of `magicpak.resources`."""
    files = {str(path.relative_to(shipped)): path.read_bytes() for path in sorted(shipped.rglob("*")) if path.is_file()}
    lines = [
        '"""The files that come with magicpak beside its modules: here, inside of this one."""',
        f"_FILES = {files!r}",
        "def read(name):",
        "    return _FILES.get(name)",
        "",
    ]
    return "\n".join(lines).encode()


def write(modules: list[Frozen], target: Path) -> None:
    """Write the tables."""
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


def _is_wanted(importers: Iterable[str]) -> bool:
    return any(importer.partition(".")[0] == APPLICATION for importer in importers)


def _modules_below(source: Path, package: str) -> Iterator[str]:
    for path in sorted((source / package).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


if __name__ == "__main__":
    target, shipped_, *places = map(Path, sys.argv[1:])
    write(list(frozen(found(*places), shipped_)), target)
