"""Everything that a record has of a bundle, as plain values, of which each form of record is a rendering."""

from collections.abc import Mapping
from typing import NamedTuple

from magicpak.packages.database import Package
from magicpak.packages.details import PackageDetails
from magicpak.packages.os_release import OsRelease
from magicpak.records.licence_expressions import LicenceExpression
from magicpak.records.purl import encoded


class RecordedFile(NamedTuple):
    """A regular file of the bundle: its path there, and the hashes of what is there, in hexadecimal.

    `sha1` is empty where nobody asks for it. `modules` are the `ref`s of those that it was built from; `is_made` says
    that magicpak has made the file. `ref` is a name that nothing else in the record has.
    """

    path: str
    ref: str
    sha256: str
    sha1: str
    modules: tuple[str, ...] = ()
    is_made: bool = False


def file_ref(path: str) -> str:
    """Return the `ref` of the file at `path`."""
    return f"file:{encoded(path, b'/')}"


class RecordedPackage(NamedTuple):
    """A package that owns something in the bundle, its package URL, and its files that are in."""

    package: Package
    ref: str
    details: PackageDetails
    licence: LicenceExpression
    files: tuple[RecordedFile, ...]


class RecordedModule(NamedTuple):
    """A module that executables were built from, by their own lists; `ref` is its package URL."""

    name: str
    version: str
    ref: str


class Record(NamedTuple):
    """What is in a bundle.

    `name` is what the bundle is called, `version` that of its first program, if known. `files` are those that no
    package owns. `depends` has for a `ref` those that it needs, ROOT for the bundle itself. `created` is in seconds
    since the epoch.
    """

    name: str
    version: str
    is_image: bool
    distribution: OsRelease
    packages: tuple[RecordedPackage, ...]
    files: tuple[RecordedFile, ...]
    modules: tuple[RecordedModule, ...]
    depends: Mapping[str, tuple[str, ...]]
    created: int


ROOT = "bundle"
"""The `ref` of the bundle."""
