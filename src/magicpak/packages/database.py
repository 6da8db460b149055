"""A package, what one package database knows of files, and how the files of a database are read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.errors import reason
from magicpak.files.view import file_pieces, read_file
from magicpak.text import format_size, printable

if TYPE_CHECKING:
    from magicpak.files.source import SourceView


class Package(NamedTuple):
    """A package as its manager names it."""

    manager: str
    """`dpkg`, `apk` or `rpm`."""

    name: str
    version: str
    architecture: str
    """Empty if the manager does not say."""

    @property
    def is_file_name(self) -> bool:
        """Whether the name is that of a file, too: a database of somebody else can have others."""
        return not {"/", "\0"} & set(self.name + self.architecture) and not self.name.startswith(".")


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


class InstalledPackages(NamedTuple):
    """The packages of one database.

    `needs` has for each package what it needs, each as the names of which one must be there; `providers` has for such a
    name the package that satisfies it. `files` returns the paths of a package, directories too, as the database has
    them.
    """

    needs: Mapping[str, Sequence[Sequence[str]]]
    providers: Mapping[str, str]
    files: Callable[[str], Sequence[str]]
    warnings: list[str]


MAX_FILE = 64_000_000
"""Bytes of one file of a database: the status of ten thousand packages has 15 million."""

MAX_DATABASE = 512_000_000
"""Bytes of all its files: the lists of three thousand packages have 23 million."""


class DatabaseReader:
    """Reads files and directories of a database in `files`; what is missing, unreadable or too large is empty.

    `warnings` says what is unreadable or too large.
    """

    def __init__(self, files: "SourceView") -> None:
        self._files = files
        self.warnings: list[str] = []
        self._left = MAX_DATABASE

    def content(self, path: str) -> bytes:
        """Return the content of the file at `path`, of which a database may have made a name that no file has."""
        if self._left < 0 or "\0" in path:
            return b""
        try:
            content = read_file(self._files, path, MAX_FILE + 1)
        except OSError as error:
            self._warn(path, error)
            return b""
        return content if self._is_within_limits(path, len(content)) else b""

    def paragraphs(self, path: str) -> Iterator[bytes]:
        """Yield the parts of the file at `path` between empty lines, those of a piece of it in memory at a time."""
        size, ends, parts = 0, b"", list[bytes]()
        try:
            for piece in file_pieces(self._files, path, min(MAX_FILE, self._left) + 1):
                size += len(piece)
                text = ends + piece
                lines = text.rstrip(b"\n")
                ends = text[len(lines) : len(lines) + 2]  # an empty line may begin in one piece and end in the next
                first, *others = lines.split(b"\n\n")
                parts.append(first)
                if others:
                    yield b"".join(parts)
                    yield from others[:-1]
                    parts = others[-1:]
        except OSError as error:
            self._warn(path, error)
        if self._is_within_limits(path, size):
            yield b"".join(parts)

    def entries(self, path: str, suffix: str = "") -> list[str]:
        """Return the names in the directory at `path` that end in `suffix`, without it."""
        try:
            return [each.removesuffix(suffix) for each in self._files.names(path) if each.endswith(suffix)]
        except OSError as error:
            self._warn(path, error)
            return []

    def _is_within_limits(self, path: str, size: int) -> bool:
        """Count `size` bytes that were read of the file at `path`, and warn where they are too many."""
        if self._left < 0:
            return False
        self._left -= size
        if self._left < 0:
            why = f"the files of the database are larger than {format_size(MAX_DATABASE)}"
        elif size > MAX_FILE:
            why = f"larger than {format_size(MAX_FILE)}"
        else:
            return True
        self.warnings.append(f"cannot read {printable(path)}: {why}")
        return False

    def _warn(self, path: str, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            self.warnings.append(f"cannot read {printable(path)}: {reason(error)}")
