"""Source files and directories for the readers of scripts: each looked at once, within bounds."""

import errno
import os
import re
import stat
from collections.abc import Iterable
from typing import TYPE_CHECKING

from magicpak.errors import reason
from magicpak.files.script import HEAD
from magicpak.files.view import HOST, read_file
from magicpak.text import printable

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

MAX_SOURCE = 4 << 20
"""Bytes of one source file: the largest of a full Debian that are written by people have one MiB."""

MAX_TOTAL = 256 << 20
"""Bytes of all source files of a run, each counted once: ten times the standard library of Python."""

MAX_BINARY = 32 << 20
"""Bytes of a shared object that are searched for names."""

MAX_COMMAND = 1024
"""Characters of a constant that are looked at: of a command line, the beginning."""

# fmt: off
UTILITIES = frozenset({
    "awk", "basename", "cat", "chgrp", "chmod", "chown", "comm", "cp", "cut", "date", "dd", "df", "diff", "dirname",
    "du", "egrep", "env", "expr", "fgrep", "find", "grep", "gunzip", "gzip", "head", "hostname", "id", "install", "ls",
    "mkdir", "mkfifo", "mktemp", "mv", "nproc", "od", "paste", "readlink", "realpath", "rm", "rmdir", "sed", "seq",
    "sha256sum", "sleep", "sort", "split", "stat", "stty", "sync", "tail", "tar", "tee", "touch", "tr", "tty", "uname",
    "uniq", "wc", "which", "xargs", "zcat",
})
# fmt: on
"""Programs of every system, which no package says that it depends on."""

_ARGUMENT = re.compile(r"['\"]?[-/$%{\0]")
"""What follows the name of a program in a command, and hardly ever a word of a sentence."""

_NAME = re.compile(rb"(?<=[\"'])[a-z][\w.+-]{1,40}")

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


class Sources:
    """Source files and directories among `files`."""

    def __init__(self, files: "SourceView" = HOST) -> None:
        self.files = files
        self._names: dict[str, frozenset[str]] = {}
        self._statuses: dict[str, tuple[int, int]] = {}
        self._expected: set[str] = set()
        self._own: set[str] = set()
        self._modules: set[str] = set()
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

    def head(self, path: str, most: int = HEAD) -> bytes:
        """Return the first `most` bytes of the file at `path`, no source file; nothing of what is unreadable."""
        try:
            return read_file(self.files, path, most)
        except OSError:
            return b""

    def binary(self, path: str) -> bytes:
        """Return the content of the ELF file at `path`, at most MAX_BINARY; nothing of what cannot be read."""
        return self.head(path, MAX_BINARY)

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

    def library(self, name: str) -> str | None:
        """Return the path of the library `name` in the directories where every loader looks."""
        for directory in ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"):
            inside = (each for each in sorted(self.names(directory)) if "-linux-" in each)
            for path in (*(f"{directory}/{each}/{name}" for each in inside), f"{directory}/{name}"):
                if self.is_file(path):
                    return path
        return None

    def size(self, path: str) -> int:
        """Return the bytes of the regular file that `path` leads to; 0 for anything else."""
        return self._status(path)[1] if self.is_file(path) else 0

    def expect(self, names: Iterable[str], own: Iterable[str], modules: Iterable[str] = ()) -> None:
        """Take the words `names` for those of programs, wherever a script has them alone or first in a text.

        The files `own` count as the scripts themselves do; `modules` are the only ones that packages need, if any are.
        """
        self._modules.update(modules)
        self._expected.update(names)
        self._own.update(own)

    def is_optional(self, module: str) -> bool:
        """Return whether the packages of the scripts can do without the `module`, a path: they depend on others."""
        return bool(self._modules) and module not in self._modules

    def is_own(self, path: str) -> bool:
        """Return whether the file at `path` belongs to the package of a script."""
        return path in self._own

    def expects(self, data: bytes) -> bool:
        """Return whether one of the words in `data` is taken for the name of a program."""
        return bool(self._expected) and not self._expected.isdisjoint(map(os.fsdecode, _NAME.findall(data)))

    def expected(self, text: str) -> str | None:
        """Return the path of the program that the constant `text` of a script is the name of, or begins with.

        None where that is only a word, as far as one can tell.
        """
        name, _, argument = text[:MAX_COMMAND].partition(" ")
        if name in self._expected or (name in UTILITIES and _ARGUMENT.match(argument)):
            return self.program(name)
        return None

    def _kind(self, path: str) -> int:
        return self._status(path)[0]

    def _status(self, path: str) -> tuple[int, int]:
        """Return the mode and the size of what `path` leads to; zeros for what is absent."""
        if path not in self._statuses:
            try:
                found = self.files.status(path)
                self._statuses[path] = found.st_mode, found.st_size
            except (OSError, ValueError):  # ValueError: a null character
                self._statuses[path] = 0, 0
        return self._statuses[path]
