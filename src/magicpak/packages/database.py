"""A package, what one package database knows of files, and how the files of a database are read."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from magicpak.errors import reason
from magicpak.files.view import read_host_file
from magicpak.text import printable


class Package(NamedTuple):
    """A package as its manager names it."""

    manager: str
    """`dpkg`, `apk` or `rpm`."""

    name: str
    version: str
    architecture: str
    """Empty if the manager does not say."""


class Ownership(NamedTuple):
    """The owner of each of some names that has one, and a warning for each part of the database that is unreadable.

    The names are those of the database, which may lead through links.
    """

    by_name: Mapping[bytes, Package]
    warnings: tuple[str, ...] = ()


class DatabaseReader:
    """Reads files and directories of a database; what is missing or unreadable is empty.

    `warnings` says what is unreadable.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def content(self, path: str) -> bytes:
        """Return the content of the file at `path`."""
        try:
            return read_host_file(path)
        except FileNotFoundError:
            return b""
        except OSError as error:
            self._warn(path, error)
            return b""

    def entries(self, path: str) -> list[str]:
        """Return the names in the directory at `path`."""
        try:
            return os.listdir(path)
        except FileNotFoundError:
            return []
        except OSError as error:
            self._warn(path, error)
            return []

    def _warn(self, path: str, error: OSError) -> None:
        self.warnings.append(f"cannot read {printable(path)}: {reason(error)}")
