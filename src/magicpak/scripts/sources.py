"""Source files and directories for the readers of scripts: each looked at once, within bounds."""

import errno
import stat
from typing import TYPE_CHECKING

from magicpak.errors import reason
from magicpak.files.view import HOST, read_file
from magicpak.text import printable

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

MAX_SOURCE = 4 << 20
"""Bytes of one source file: the largest of a full Debian that are written by people have one MiB."""

MAX_TOTAL = 256 << 20
"""Bytes of all source files of a run, each counted once: ten times the standard library of Python."""

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


class Sources:
    """Source files and directories among `files`."""

    def __init__(self, files: "SourceView" = HOST) -> None:
        self.files = files
        self._names: dict[str, frozenset[str]] = {}
        self._kinds: dict[str, int] = {}
        self._unread: dict[str, str] = {}
        self._counted: set[str] = set()
        self._left = MAX_TOTAL

    def read(self, path: str) -> bytes | None:
        """Return the source file at `path`; None for what is absent, and for what is not read, which is a warning.

        Nothing is kept: the caller keeps what it has found in a file, as far as it can.
        """
        try:
            data = read_file(self.files, path, MAX_SOURCE + 1)
        except OSError as error:
            if error.errno not in _ABSENT:
                self.leave_unread(path, reason(error))
            return None
        if len(data) > MAX_SOURCE:
            self.leave_unread(path, f"has more than {MAX_SOURCE >> 20} MiB")
            return None
        self._left -= len(data) if path not in self._counted else 0
        self._counted.add(path)
        if self._left < 0:
            self.leave_unread(path, f"more than {MAX_TOTAL >> 20} MiB of scripts")
            return None
        return data

    def head(self, path: str, most: int) -> bytes:
        """Return the first `most` bytes of the file at `path`, which is no source file. Raises OSError."""
        return read_file(self.files, path, most)

    def leave_unread(self, path: str, why: str) -> None:
        """Remember that what the file at `path` needs is unknown, because `why`."""
        self._unread.setdefault(why, path)

    def warnings(self) -> list[str]:
        """Return a line for each reason why files were left unread."""
        return [f"{printable(path)} is not read for what it needs: {why}" for why, path in self._unread.items()]

    def names(self, directory: str) -> frozenset[str]:
        """Return the names in `directory`; none where it is not one or cannot be read."""
        if directory not in self._names:
            try:
                self._names[directory] = frozenset(self.files.names(directory))
            except OSError:
                self._names[directory] = frozenset()
        return self._names[directory]

    def is_file(self, path: str) -> bool:
        """Return whether `path` leads to a regular file."""
        return stat.S_ISREG(self._kind(path))

    def is_directory(self, path: str) -> bool:
        """Return whether `path` leads to a directory."""
        return stat.S_ISDIR(self._kind(path))

    def is_executable(self, path: str) -> bool:
        """Return whether `path` leads to a file that can be executed."""
        return self.files.is_executable(path)

    def is_public(self, path: str) -> bool:
        """Return whether everybody can read the file or directory that `path` leads to."""
        return bool(self._kind(path) & stat.S_IROTH)

    def real(self, path: str) -> str:
        """Return `path` with all links resolved."""
        return self.files.real(path)

    def program(self, name: str) -> str | None:
        """Return the path of the program that a shell executes for `name`, an absolute path or found in PATH."""
        if "/" in name and not name.startswith("/"):
            return None
        return self.files.program(name)

    def _kind(self, path: str) -> int:
        if path not in self._kinds:
            try:
                self._kinds[path] = self.files.status(path).st_mode
            except (OSError, ValueError):  # ValueError: a null character
                self._kinds[path] = 0
        return self._kinds[path]
