"""A package, what one package database knows of files, and how the files of a database are read."""

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from magicpak.errors import reason
from magicpak.files.view import read_host_file
from magicpak.text import format_size, printable


class Package(NamedTuple):
    """A package as its manager names it."""

    manager: str
    """`dpkg`, `apk` or `rpm`."""

    name: str
    version: str
    architecture: str
    """Empty if the manager does not say."""


PathNames = tuple[bytes, ...]
"""The names that a database may have of one path: its own first, then those by links, of which the first counts."""


def all_names(paths: Iterable[PathNames]) -> frozenset[bytes]:
    """Return the names of all `paths`."""
    return frozenset(name for names in paths for name in names)


class Ownership(NamedTuple):
    """The owner of each of some names that has one, and a warning for each part of the database that is unreadable.

    The names are those of the database, which may lead through links.
    """

    by_name: Mapping[bytes, Package]
    warnings: tuple[str, ...] = ()


MAX_FILE = 64_000_000
"""Bytes of one file of a database: the status of ten thousand packages has 15 million."""

MAX_DATABASE = 512_000_000
"""Bytes of all its files: the lists of three thousand packages have 23 million."""


class DatabaseReader:
    """Reads files and directories of a database; what is missing, unreadable or too large is empty.

    `warnings` says what is unreadable or too large.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._left = MAX_DATABASE

    def content(self, path: str) -> bytes:
        """Return the content of the file at `path`."""
        if self._left < 0:
            return b""
        try:
            content = read_host_file(path, MAX_FILE + 1)
        except FileNotFoundError:
            return b""
        except OSError as error:
            self._warn(path, reason(error))
            return b""
        self._left -= len(content)
        if self._left < 0:
            self._warn(path, f"the files of the database are larger than {format_size(MAX_DATABASE)}")
        elif len(content) > MAX_FILE:
            self._warn(path, f"larger than {format_size(MAX_FILE)}")
        else:
            return content
        return b""

    def entries(self, path: str) -> list[str]:
        """Return the names in the directory at `path`."""
        try:
            return os.listdir(path)
        except FileNotFoundError:
            return []
        except OSError as error:
            self._warn(path, reason(error))
            return []

    def _warn(self, path: str, why: str) -> None:
        self.warnings.append(f"cannot read {printable(path)}: {why}")
