"""Backups of what the run is about to change."""

import fcntl
import os
import stat
from contextlib import suppress

from magicpak.files.view import link_text, open_file
from magicpak.outputs.copy import FICLONE, data_segments
from magicpak.tracing.trace import Backup

_KEPT = (stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO)


class Backups:
    """Copies files into a private directory, each once, at the moment before their first change.

    A copy shares the file's blocks where the file system can (reflink). It has the file's extended attributes as far
    as we may set them. Nothing is kept of what the run itself has made.
    """

    def __init__(self, directory: str) -> None:
        self.kept: dict[str, Backup] = {}
        self.made: set[str] = set()
        self._first_names: dict[str, str] = {}
        self._directory = directory

    def keep(self, real: str) -> bool:
        """Back up what stands at the real path `real`, if it was there before the run; return whether that is new.

        Of a hard link that the run has made, the file's first name is meant.
        """
        real = self._first_names.get(real, real)
        if real in self.kept or self.is_made(real):
            return False
        target = copy = None
        try:
            status = os.lstat(real)
            if stat.S_ISLNK(status.st_mode):
                target = link_text(real)
        except OSError:
            return False
        if stat.S_IFMT(status.st_mode) not in _KEPT:
            return False
        if stat.S_ISREG(status.st_mode):
            copy = self._copy(real, status.st_size)
        self.kept[real] = Backup(real, copy, target, status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)
        return True

    def forget(self, real: str) -> None:
        """Drop the backup of `real`: the change did not come about."""
        kept = self.kept.pop(self._first_names.get(real, real), None)
        if kept is not None and kept.copy is not None:
            with suppress(OSError):
                os.unlink(kept.copy)

    def make(self, real: str) -> None:
        """Remember that the run has made `real`, unless something by that name was there before."""
        if real not in self.kept:
            self.made.add(real)

    def link(self, real: str, first: str) -> None:
        """Remember that the run has made `real` a hard link of the file at the real path `first`."""
        first = self._first_names.get(first, first)
        if not self.is_made(first):
            self._first_names[real] = first

    def is_made(self, real: str) -> bool:
        """Return whether `real` or a directory above it was made by the run."""
        while self.made and real != "/":
            if real in self.made:
                return True
            real = os.path.dirname(real)
        return False

    def _copy(self, real: str, size: int) -> str | None:
        """Copy the bytes and extended attributes of a file; None where it cannot be read."""
        copy = os.path.join(self._directory, f"kept-{len(self.kept)}-{os.urandom(4).hex()}")
        try:
            source = open_file(real, os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            target = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                _copy_bytes(source, target, size)
                _copy_attributes(source, target)
            finally:
                os.close(target)
        except OSError:  # the disk is full, say
            with suppress(OSError):
                os.unlink(copy)
            return None
        finally:
            os.close(source)
        return copy


def _copy_bytes(source: int, target: int, size: int) -> None:
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError:
        os.truncate(target, size)
        for start, end in data_segments(source, size):
            at = os.lseek(target, start, os.SEEK_SET)
            while at < end and (count := os.sendfile(target, source, at, end - at)):
                at += count


def _copy_attributes(source: int, target: int) -> None:
    try:
        for name in os.listxattr(source):
            os.setxattr(target, name, os.getxattr(source, name))
    except OSError:
        return  # a file system without them, or an ordinary user
