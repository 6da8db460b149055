"""Where the modules of Python are: what a name stands for in sys.path, as a whole package or a single module."""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from magicpak.scripts.python.home import PythonHome
from magicpak.scripts.python.path import PathEntry, PythonPath
from magicpak.scripts.sources import Sources

_INIT = "__init__"
_SOURCE, _ABI3 = ".py", ".abi3.so"
_LEGACY_NAMESPACE = re.compile(rb"declare_namespace\(|extend_path\(")
_LONGEST_OF_NAMESPACE = 1500
"""Bytes of the file of a package that is only a namespace; a longer one has code besides."""
_MAX_FILES = 50_000
"""Files of one package: the largest there are have 10,000."""
_MAX_DEPTH = 20
_ASIDE = {
    "tests",
    "test",
    "testing",
    "testsuite",
    "docs",
    "doc",
    "examples",
    "benchmarks",
    "__pycache__",
    "node_modules",
}
_OF_OTHERS = {"_vendor", "vendor", "vendored", "_vendored", "extern", "third_party"}
"""Where packages keep what others have written, of which they use a part."""
_ASIDE_FILE = re.compile(r"(conftest|setup|test_.*|.*_test|sphinx_?ext|pytest_plugin)\.py")
_FOR_OTHERS = re.compile(r"cpython-|pypy|\d+-|opt-")


class Unit(NamedTuple):
    """A package, or a module that is in none: what is needed as a whole if any module of it is imported.

    `name` is its full name, `path` that of its directory or file; `entry` is where it was found, and `files` are what
    has to be there beside it.
    """

    name: str
    path: str
    is_package: bool
    entry: PathEntry
    files: tuple[str, ...] = ()


class UnitFinder:
    """Finds the units of the modules in `search`."""

    def __init__(self, search: PythonPath, home: PythonHome, sources: Sources) -> None:
        self._search = search
        self._home = home
        self._sources = sources
        self._stems: dict[str, dict[str, str]] = {}
        self._found: dict[str, Unit | None] = {}
        self._namespaces: dict[str, bool] = {}
        self._trees: dict[str, list[tuple[str, str, list[str]]]] = {}

    def find(self, name: str) -> Unit | None:
        """Return the unit that the full name `name` is in; None for what is not found, and for a namespace alone.

        Of a namespace that has a file of its own, what is not found below it may be anything in it.
        """
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def top_level(self, entry: PathEntry) -> Iterator[str]:
        """Yield the names of what is in the directory of `entry`, in order."""
        for stem in sorted({*self._stems_of(entry.directory), *self._sources.names(entry.directory)}):
            if stem.isidentifier() and stem not in ("__pycache__", _INIT):
                yield stem

    def modules(self, unit: Unit) -> Iterator[tuple[str, str]]:
        """Yield the source files of `unit`, and the name of the package that each is in.

        Tests are left out, and copies of other packages, of which those count that are imported.
        """
        for directory, package, names in self._directories(unit):
            for name in names:
                if name.endswith(_SOURCE) and not _ASIDE_FILE.fullmatch(name):
                    yield os.path.join(directory, name), package

    def named_by_extensions(self, unit: Unit, *, is_own: bool = False) -> set[str]:
        """Return the C modules of the top level, like _cffi_backend, that C modules of `unit` have the names of.

        Modules of the same package count, too, by their full names.

        Of a unit that `is_own`, its C modules are its code, and all modules count that they have the names of.
        """
        wanted = {
            stem.encode(): stem
            for entry in self._search.entries
            if entry.is_site
            for stem, name in self._stems_of(entry.directory).items()
            if (stem.startswith("_") or stem.endswith("__mypyc")) and name.endswith(".so")
        }
        if is_own:
            wanted |= {name.encode(): name for entry in self._search.entries for name in self.top_level(entry)}
        found: set[str] = set()
        first = re.escape(unit.name.partition(".")[0].encode())
        inside = re.compile(rb"(?<=\0)%s(?:\.[A-Za-z_]\w*)+(?=\0)" % first)
        libraries = (f"{directory}/{name}" for directory, _, names in self._directories(unit) for name in names)
        for path in libraries:
            if path.endswith(".so"):
                data = self._sources.binary(path)
                found.update(stem for text, stem in wanted.items() if b"\0%s\0" % text in data)
                found.update(map(os.fsdecode, inside.findall(data)))
        return found

    def _directories(self, unit: Unit) -> list[tuple[str, str, list[str]]]:
        """Return the directories of `unit`, the name of the package that each is, and the names in it."""
        if unit.path not in self._trees:
            self._trees[unit.path] = list(self._walk(unit))
        return self._trees[unit.path]

    def _walk(self, unit: Unit) -> Iterator[tuple[str, str, list[str]]]:
        if not unit.is_package:
            yield os.path.dirname(unit.path), unit.name.rpartition(".")[0], [os.path.basename(unit.path)]
            return
        waiting, seen, left = [(unit.path, unit.name)], set[str](), _MAX_FILES
        while waiting and left > 0:
            directory, package = waiting.pop()
            real = self._sources.real(directory)
            if real in seen or package.count(".") > _MAX_DEPTH:
                continue
            seen.add(real)
            names = sorted(self._sources.names(directory))
            left -= len(names)
            yield directory, package, names
            below = [each for each in names if each.isidentifier() and each not in _ASIDE | _OF_OTHERS]
            places = [(os.path.join(directory, each), f"{package}.{each}") for each in reversed(below)]
            waiting += [place for place in places if self._sources.is_directory(place[0])]

    def on_the_way(self, unit: Unit, name: str) -> Iterator[tuple[str, str]]:
        """Yield the source files that an import of the full name `name`, which is in `unit`, executes.

        With each comes the name of the package that it is in.
        """
        if not unit.is_package:
            yield unit.path, unit.name.rpartition(".")[0]
            return
        directory, package = unit.path, unit.name
        for part in (_INIT, *name.split(".")[unit.name.count(".") + 1 :]):
            below = os.path.join(directory, part)
            init = self._init(below) if part in self._sources.names(directory) else None
            if init:
                directory, package = below, f"{package}.{part}"
                yield init, package
            elif part in self._stems_of(directory):
                yield os.path.join(directory, self._stems_of(directory)[part]), package
            elif self._sources.is_directory(below):
                directory, package = below, f"{package}.{part}"
            else:
                return

    def _find(self, name: str) -> Unit | None:
        first, *others = parts = name.split(".")
        if not all(parts):
            return None
        entries = [(entry, entry.directory) for entry in self._search.entries]
        mapped = self._search.mapped.get(first)
        if mapped and self._sources.is_directory(mapped.directory):
            return Unit(first, mapped.directory, True, mapped, mapped.added_by)
        files: tuple[str, ...] = ()
        legacy: Unit | None = None
        for depth, part in enumerate((first, *others), 1):
            full, portions = ".".join(parts[:depth]), []
            for entry, directory in entries:
                stem = self._stems_of(directory).get(part)
                below = os.path.join(directory, part)
                init = self._init(below) if part in self._sources.names(directory) else None
                if init and self._is_legacy_namespace(init):
                    legacy = legacy or Unit(full, below, True, entry, (*files, *entry.added_by))
                    files += (init,)
                    portions.append((entry, below))
                elif init:
                    return Unit(full, below, True, entry, (*files, *entry.added_by))
                elif stem:
                    compiled = self._compiled(directory, part) if stem.endswith(_SOURCE) else ()
                    return Unit(full, os.path.join(directory, stem), False, entry, (*files, *compiled, *entry.added_by))
                elif part in self._sources.names(directory) and self._sources.is_directory(below):
                    portions.append((entry, below))
            entries = portions
        return legacy

    def _stems_of(self, directory: str) -> dict[str, str]:
        """Return the modules in `directory`: the name of each, and its file, an extension before a source."""
        if directory not in self._stems:
            found: dict[str, str] = {}
            for name in sorted(self._sources.names(directory)):
                stem, dot, suffix = name.partition(".")
                if dot and self._is_module(suffix) and not found.get(stem, "").endswith(".so"):
                    found[stem] = name
            self._stems[directory] = found
        return self._stems[directory]

    def _is_module(self, suffix: str) -> bool:
        if suffix.endswith(".so"):
            return suffix.startswith((self._home.tag, "abi3")) or not _FOR_OTHERS.match(suffix)
        return suffix in ("so", "py", "pyc")

    def _init(self, directory: str) -> str | None:
        """Return the file that makes `directory` a package."""
        name = self._stems_of(directory).get(_INIT)
        return os.path.join(directory, name) if name else None

    def _is_legacy_namespace(self, init: str) -> bool:
        if init not in self._namespaces:
            text = (self._sources.read(init) or b"") if init.endswith(_SOURCE) else b""
            self._namespaces[init] = len(text) <= _LONGEST_OF_NAMESPACE and bool(_LEGACY_NAMESPACE.search(text))
        return self._namespaces[init]

    def _compiled(self, directory: str, stem: str) -> tuple[str, ...]:
        path = os.path.join(directory, "__pycache__", f"{stem}.{self._home.tag}.pyc")
        return (path,) if self._sources.is_file(path) else ()
