"""The typelibs that `gi.repository` loads by the names that are imported from it, and the libraries that they name."""

import os
import re
import struct
from collections.abc import Iterator

from magicpak.bundle.plan import Because
from magicpak.scripts.sources import Sources

_PREFIX = "gi.repository."
_ALWAYS = ("GLib", "GObject", "Gio")
_VERSION = re.compile(rb"""["'](\w+)["']\s*[,:]\s*["'](\d+(?:\.\d+)*)["']""")
_MAGIC = b"GOBJ\nMETADATA\r\n\x1a"
_DEPENDENCIES, _LIBRARIES = 36, 52
"""Where the header of a typelib has the places of these texts (girepository/gitypelib-internal.h)."""
_MAX_TYPELIB = 16 << 20
_DIRECTORY = "girepository-1.0"


class Typelibs:
    """The typelibs that the modules of a script import, each with its first importer, found in `directories`."""

    def __init__(self, directories: list[str], sources: Sources) -> None:
        self._sources = sources
        self._versions: dict[str, str] = {}
        self._imported: dict[str, Because] = {}
        self._directories = [each for each in directories if _DIRECTORY in sources.names(each)]

    def note_versions(self, data: bytes) -> None:
        """Remember the versions that the code `data` requires: `gi.require_version("Gtk", "3.0")`."""
        if b"require_version" in data:
            for name, version in _VERSION.findall(data):
                self._versions.setdefault(os.fsdecode(name), os.fsdecode(version))

    def note_import(self, name: str, because: Because) -> None:
        """Remember that `name` is imported, if it is one of `gi.repository`."""
        if name.startswith(_PREFIX):
            for each in (name.removeprefix(_PREFIX).partition(".")[0], *_ALWAYS):
                self._imported.setdefault(each, because)

    def reads_settings(self) -> Because | None:
        """Return what imports a library whose programs read compiled settings, and end where there are none."""
        return self._imported.get("Gtk")

    def files(self) -> Iterator[tuple[str, Because]]:
        """Yield the typelibs, those that they depend on, and their libraries."""
        waiting = [(name, self._versions.get(name, ""), why) for name, why in self._imported.items()]
        seen: set[str] = set()
        for name, version, because in waiting:  # which grows meanwhile
            path = self._find(name, version)
            if path is None or path in seen:
                continue
            seen.add(path)
            yield path, because
            dependency = Because("a dependency of", path)
            waiting += [(*_parted(each), dependency) for each in self._texts(path, _DEPENDENCIES, "|")]
            for library in self._texts(path, _LIBRARIES, ","):
                yield from ((each, Because("loaded by", path)) for each in self._library(library))

    def _find(self, name: str, version: str) -> str | None:
        """Return the typelib of `name` in `version`; the newest if no version is required."""
        for directory in self._directories:
            names = self._sources.names(os.path.join(directory, _DIRECTORY))
            found = [each for each in names if _parted(each.removesuffix(".typelib"))[0] == name]
            exact = [each for each in found if each == f"{name}-{version}.typelib"]
            if exact or (found and not version):
                return os.path.join(directory, _DIRECTORY, *(exact or [max(found, key=_age)]))
        return None

    def _library(self, name: str) -> Iterator[str]:
        paths = [name] if name.startswith("/") else [os.path.join(each, name) for each in self._directories]
        yield from [path for path in paths if self._sources.is_file(path)][:1]

    def _texts(self, path: str, place: int, separator: str) -> list[str]:
        """Return the parts of the text that the header of the typelib at `path` has at `place`."""
        data = self._sources.head(path, _MAX_TYPELIB)
        if not data.startswith(_MAGIC) or len(data) < _LIBRARIES + 4:
            return []
        (start,) = struct.unpack_from("=I", data, place)
        text = data[start : data.find(b"\0", start)] if 0 < start < len(data) else b""
        return [os.fsdecode(each) for each in text.split(separator.encode()) if each]


def _parted(name: str) -> tuple[str, str]:
    first, _, version = name.rpartition("-")
    return first, version


def _age(name: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", _parted(name)[1])]
