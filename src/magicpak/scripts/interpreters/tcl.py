"""Tcl, Tk, Expect and Jim: packages by pkgIndex.tcl below auto_path, and Tcl modules (`.tm`)."""

import os
import re
from collections.abc import Iterator

from magicpak.scripts.interpreters.interpreted import FinderContext, Interpreted, LibraryFinder, Reach
from magicpak.scripts.interpreters.source_syntax import SourceSyntax

_COMMAND = r"(?:^|[\[;{])[ \t]*"

SYNTAX = SourceSyntax(
    comments=r"^[ \t]*#[^\\\n]*(?:\\.[^\\\n]*)*|;[ \t]*#[^\n]*",
    kept=r"(?!)",
    imports=(
        r"\bpackage\s+(?:require|present)\s+(?:-exact\s+)?\{?([\w:.+-]+)|(?<![\w.+-])(lib[\w.+-]+\.so[\d.]*)"
        r"|(?<![\w./+-])([\w./+-]+\.tcl)\b|\blappend\s+(?:::)?auto_path\s+[\"{]?(/[\w./+-]+)"
    ),
    beside=r"\[\s*file\s+dirname\s+\[\s*info\s+script\s*\]\s*\](?:/|\s+)([\w./+-]+)",
    pipelines=(
        rf"{_COMMAND}exec\s+(?:-(?:ignorestderr|keepnewline|-)\s+)*([^\]\n]*)|\bopen\s+[\"{{]?\|\s*([^\]\n\"}}]*)"
    ),
    words=(
        rf"{_COMMAND}(?:eval\s+)?spawn\s+(?:-(?:noecho|console|nottyinit|ignore\s+\S+)\s+)*([\w./+-]+)"
        r"|\bauto_execok\s+[\"{]?([\w./+-]+)"
    ),
    assignments="",
    suffixes=(".tcl", ".tm"),
)

_LIBRARY = (
    "share/tcltk/tcl[89]*", "share/tcl[89]*", "lib*/tcl[89]*", "lib/*-linux-*/tcl[89]*", "lib/tcltk/tcl[89]*",
)  # fmt: skip
_WITH_TK = ("share/tcltk/tk[89]*", "share/tk[89]*", "lib*/tk[89]*", "lib/*-linux-*/tk[89]*")
_AUTO_PATH = ("share/tcltk", "share/tcl[89]*", "lib/tcltk/*-linux-*", "lib/tcltk", "lib*/tcl[89]*", "lib", "lib64")
_MODULES = ("share/tcltk/tcl[89]/*", "lib*/tcl[89]/*", "share/tcltk/tcl[89].*/tcl8", "lib/tcltk/tcl[89]/*")
_DEFINED = re.compile(r"\bpackage\s+ifneeded\s+[\"{]?([\w:.+-]+)")
_SHARED_OBJECT = re.compile(r"lib[\w.+-]+\.so[\d.]*")
_EXTENDS_PATH = re.compile(r"lappend\s+(?:::)?auto_path")
_MAX_INDEXES = 3000


class TclPackages:
    """Finds packages by reading the indexes of all packages of the system, when the first is looked for."""

    def __init__(self, context: FinderContext) -> None:
        self._sources = context.sources
        self._home = context.home
        self._whole = context.whole
        self._script = context.sources.real(context.script.path)
        self._index: dict[str, dict[str, None]] | None = None
        self._objects: dict[str, list[str]] = {}

    def beginning(self) -> Reach:
        """Return the packages of the system, if all are needed."""
        return Reach(self._home.modules(*_AUTO_PATH[:4]) if self._whole else ())

    def find(self, name: str, importer: str) -> Reach:
        """Return the package `name`, the library or the source file `name`, or what is in the directory `name`."""
        if name.startswith("/") and not name.endswith(".tcl"):
            self._add_to_index(name, self._indexed())
            return Reach()
        if _SHARED_OBJECT.fullmatch(name):
            return Reach(self._library_files(name, os.path.dirname(importer)))
        if name.endswith(".tcl"):
            path = os.path.normpath(os.path.join(os.path.dirname(self._sources.real(importer)), name))
            return Reach([path], [path]) if self._sources.is_file(path) else Reach()
        return self._package(name)

    def _package(self, name: str) -> Reach:
        directories = list(self._indexed().get(name, ()))
        tail = name.replace("::", "/")
        modules = self._home.modules(*(f"{place}/{tail}-[0-9]*.tm" for place in _MODULES))
        tk = self._home.library(*_WITH_TK) if name in ("Tk", "Ttk", "tile") else []
        files = [*directories, *modules, *tk]
        for directory in directories:
            files += self._indexes_around(directory)
            for library in self._objects.get(directory, ()):
                files += self._library_files(library, directory)
        return Reach(files, [*self._tcl_files(directories), *modules])

    def _indexes_around(self, directory: str) -> list[str]:
        """Return the index above `directory`, if there is one, and those that it may read: all below itself."""
        above = os.path.dirname(directory)
        if not self._sources.is_file(f"{above}/pkgIndex.tcl"):
            return []
        names = ("", *(f"{name}/" for name in sorted(self._sources.names(above))))
        return [path for name in names if self._sources.is_file(path := f"{above}/{name}pkgIndex.tcl")]

    def _tcl_files(self, directories: list[str]) -> Iterator[str]:
        for directory in directories:
            for name in sorted(self._sources.names(directory)):
                if name.endswith((".tcl", ".tm")):
                    yield f"{directory}/{name}"

    def _library_files(self, name: str, directory: str) -> list[str]:
        """Return the shared object `name` in `directory`, or where libraries are."""
        candidates = [f"{directory}/{name}", *self._home.library(f"lib/*-linux-*/{name}", f"lib*/{name}")]
        return [path for path in candidates if self._sources.is_file(path)][:1]

    def _indexed(self) -> dict[str, dict[str, None]]:
        """Return the directories of each package."""
        if self._index is None:
            self._index = {}
            for directory in (*self._home.modules(*_AUTO_PATH), os.path.dirname(self._script)):
                self._add_to_index(directory, self._index)
        return self._index

    def _add_to_index(self, directory: str, index: dict[str, dict[str, None]]) -> None:
        """Read the indexes in `directory` and up to two levels below it: some add their own directory to auto_path."""
        if not self._read_index(directory, index):
            for name in sorted(self._sources.names(directory)):
                below = f"{directory}/{name}"
                if self._read_index(below, index):
                    for inner in sorted(self._sources.names(below)):
                        self._read_index(f"{below}/{inner}", index)

    def _read_index(self, directory: str, index: dict[str, dict[str, None]]) -> bool:
        path = f"{directory}/pkgIndex.tcl"
        if len(self._objects) > _MAX_INDEXES or not self._sources.is_file(path):
            return False
        if directory not in self._objects:
            text = os.fsdecode(self._sources.read(path) or b"")
            self._objects[directory] = list(dict.fromkeys(_SHARED_OBJECT.findall(text)))
            if not _EXTENDS_PATH.search(text):  # else it lists what is in the directories below it
                for match in _DEFINED.finditer(text):
                    index.setdefault(match[1], {})[directory] = None
        return True


TCL = Interpreted(SYNTAX, LibraryFinder(_LIBRARY, is_required=True), TclPackages)


TK = Interpreted(SYNTAX, LibraryFinder((*_LIBRARY, *_WITH_TK), is_required=True), TclPackages)


JIM = Interpreted(SYNTAX, LibraryFinder(["lib/jim", "share/jim"]), TclPackages)
