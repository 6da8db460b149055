"""The packages of Alpine Linux and its relatives, by the database of apk(8).

It is one file. A package is a paragraph of lines that start with a letter and a colon: P is its name, V its version, A
its architecture; then F is a directory without the leading slash, followed by R for each file in it.
"""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from magicpak.packages.database import DatabaseReader, InstalledPackages, Ownership, Package, PathNames, all_names
from magicpak.text import count_noun, printable

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

DATABASES = ("/usr/lib/apk/db/installed", "/lib/apk/db/installed")
"""Since Alpine's /usr is merged, and before."""


def query(paths: Collection[PathNames], files: "SourceView") -> Ownership:
    """Return the packages that own the names of `paths`, by the databases in `files`."""
    names = all_names(paths)
    reader = DatabaseReader(files)
    by_name: dict[bytes, Package] = {}
    for path in DATABASES:
        paragraphs = [paragraph for each in reader.content(path).split(b"\n\n") if (paragraph := each.strip(b"\n"))]
        incomplete = 0
        for head, *directories in (paragraph.split(b"\nF:") for paragraph in paragraphs):
            package = _package(head)
            if package is None:
                incomplete += 1
                continue
            for name in names.intersection(_files(directories)):
                by_name.setdefault(name, package)
        if incomplete:
            reader.warnings.append(f"{printable(path)} has {count_noun(incomplete, 'package')} without name or version")
    return Ownership(by_name, tuple(reader.warnings))


def installed(files: "SourceView") -> InstalledPackages:
    """Return the installed packages by the databases in `files`."""
    reader = DatabaseReader(files)
    needs: dict[str, list[list[str]]] = {}
    provided: dict[str, str] = {}
    contents: dict[str, list[bytes]] = {}
    for path in DATABASES:
        for paragraph in reader.content(path).split(b"\n\n"):
            head, *directories = paragraph.strip(b"\n").split(b"\nF:")
            package = _package(head)
            if package is not None and package.name not in needs:
                needs[package.name] = [[each] for each in _relations(head, b"D:")]
                provided |= dict.fromkeys(_relations(head, b"p:"), package.name)
                contents[package.name] = directories

    def files_of(name: str) -> list[str]:
        directories = contents.get(name, [])
        held = [b"/" + each.partition(b"\n")[0] for each in directories]
        return [os.fsdecode(path) for path in (*held, *_files(directories))]

    return InstalledPackages(needs, {**provided, **{name: name for name in needs}}, files_of, reader.warnings)


def _relations(head: bytes, letter: bytes) -> list[str]:
    """Return the names in a line such as `D:so:libc.so.1 tool>=2 !other`, without versions and conflicts (apk(5))."""
    lines = (os.fsdecode(line[2:]) for line in head.split(b"\n") if line.startswith(letter))
    return [re.split("[<>=~@]", each)[0] for line in lines for each in line.split() if not each.startswith("!")]


def _files(directories: Sequence[bytes]) -> Iterator[bytes]:
    for directory, *lines in (each.split(b"\n") for each in directories):
        prefix = b"/%s/" % directory if directory else b"/"
        for line in lines:
            if line.startswith(b"R:"):
                yield prefix + line[2:]


def _package(head: bytes) -> Package | None:
    fields = {line[:1]: os.fsdecode(line[2:]) for line in head.split(b"\n") if line[1:2] == b":"}
    name, version, architecture = (fields.get(letter, "") for letter in (b"P", b"V", b"A"))
    return Package("apk", name, version, architecture) if name and version else None
