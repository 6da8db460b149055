"""Copies the bytes of a file into the bundle: by a clone, in the kernel, or by reading and writing."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from threading import Lock

from magicpak.bundle.entry import Copy
from magicpak.errors import CannotRead, SourceChanged, read_failure
from magicpak.files.view import open_regular
from magicpak.process.signals import raise_if_interrupted

FICLONE = 0x40049409  # ioctl_ficlonerange(2), linux/fs.h
SMALL = 64 * 1024  # up to this size one read and one write are fastest
CHUNK = 1024 * 1024
KERNEL_CHUNK = 64 * 1024 * 1024  # between two checks for a signal

_NEVER = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
_BLOCK = 512  # the unit of st_blocks, stat(2)


def open_source(entry: Copy) -> int:
    """Return a descriptor of `entry.source`. Raises SourceChanged if it is gone or a link, otherwise CannotRead."""
    try:
        return open_regular(entry.source)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SourceChanged(entry.source, "became a symbolic link") from error
        raise read_failure(entry.source, error) from error


def write_all(target: int, data: bytes | memoryview) -> None:
    """Write all of `data`, in as many steps as the kernel needs. Raises OSError."""
    while (count := os.write(target, data)) < len(data):
        data = memoryview(data)[count:]


class FileCopier:
    """Copies files, from any thread, and remembers what the file systems refuse, so that it is tried only once.

    `copied` counts the bytes.
    """

    def __init__(self) -> None:
        self.copied = 0
        self._lock = Lock()
        self._refusing_clones: set[int] = set()
        self._refusing_ranges: set[int] = set()

    def copy(self, entry: Copy, source: int, target: int) -> None:
        """Copy the bytes of `entry` between two descriptors, into an empty file; holes stay holes.

        Raises SourceChanged if the file is not the one in the plan, CannotRead, and OSError for errors of the target.
        """
        status = require_unchanged(entry, source)
        sparse = status.st_blocks * _BLOCK < entry.size
        if entry.size <= SMALL and not sparse:
            write_all(target, _read_whole(entry, source))
            self._count(entry.size)
            return
        if self._cloned(entry, source, target):
            self._count(entry.size)
        elif sparse:
            self._copy_sparsely(entry, source, target)
        else:
            at = self._copy_in_kernel(entry, source, target, 0, entry.size)
            self._copy_by_reading(entry, source, target, at, entry.size)
        require_unchanged(entry, source)

    def _count(self, copied: int) -> None:
        with self._lock:
            self.copied += copied

    def _cloned(self, entry: Copy, source: int, target: int) -> bool:
        device = entry.inode[0]
        if device in self._refusing_clones:
            return False
        try:
            fcntl.ioctl(target, FICLONE, source)
        except OSError:
            self._refusing_clones.add(device)
            return False
        return True

    def _copy_sparsely(self, entry: Copy, source: int, target: int) -> None:
        at = 0
        for start, end in data_segments(source, entry.size):  # one, where the file system cannot tell
            self._count(start - at)
            self._copy_by_reading(entry, source, target, start, end, zeros=False)
            at = end
        os.ftruncate(target, entry.size)
        self._count(entry.size - at)

    def _copy_in_kernel(self, entry: Copy, source: int, target: int, at: int, end: int) -> int:
        """Copy from `at` on as far as the kernel does it by itself, and return the offset that was reached."""
        device = entry.inode[0]
        if device not in self._refusing_ranges and hasattr(os, "copy_file_range"):  # an old glibc has it not
            at = self._copy_range(entry, source, target, at, end)
        return self._send(source, target, at, end)

    def _copy_range(self, entry: Copy, source: int, target: int, at: int, end: int) -> int:
        def some(at: int, count: int) -> int:
            try:
                return os.copy_file_range(source, target, count, at, at)
            except OSError as error:  # reading and writing will tell whose trouble it is
                if error.errno in _NEVER:
                    self._refusing_ranges.add(entry.inode[0])
                return 0

        return self._repeat(some, at, end)

    def _send(self, source: int, target: int, at: int, end: int) -> int:
        """Copy with sendfile(2), which goes from one file system to another too; return the offset that was reached."""

        def some(at: int, count: int) -> int:
            try:
                return os.sendfile(target, source, at, count)
            except OSError:
                return 0

        if at < end:
            os.lseek(target, at, os.SEEK_SET)
        return self._repeat(some, at, end)

    def _repeat(self, some: Callable[[int, int], int], at: int, end: int) -> int:
        """Call `some` with an offset and a number of bytes up to `end`, until it copies none; return how far."""
        while at < end:
            raise_if_interrupted()
            count = some(at, min(KERNEL_CHUNK, end - at))
            if count == 0:
                break
            at += count
            self._count(count)
        return at

    def _copy_by_reading(self, entry: Copy, source: int, target: int, at: int, end: int, *, zeros: bool = True) -> None:
        """Copy from `at` to `end`; without `zeros`, what is nothing but them is passed over."""
        if at >= end:
            return
        os.lseek(source, at, os.SEEK_SET)
        os.lseek(target, at, os.SEEK_SET)
        while at < end:
            raise_if_interrupted()
            data = _read(entry, source, min(CHUNK if zeros else SMALL, end - at))
            if not data:
                raise SourceChanged(entry.source, "became shorter")
            at += len(data)
            if zeros or data.count(0) < len(data):
                write_all(target, data)
            else:
                os.lseek(target, at, os.SEEK_SET)
            self._count(len(data))


def read_small(entry: Copy, source: int) -> bytes:
    """Return all bytes of `entry`, of at most SMALL, from its open `source`. Raises SourceChanged and CannotRead."""
    require_unchanged(entry, source)
    return _read_whole(entry, source)


def pieces(entry: Copy, source: int) -> Iterator[bytes]:
    """Yield the bytes of `entry` from its open `source`. Raises SourceChanged, CannotRead and Interrupted."""
    require_unchanged(entry, source)
    left = entry.size
    while left:
        raise_if_interrupted()
        data = _read(entry, source, min(CHUNK, left))
        if not data:
            raise SourceChanged(entry.source, "became shorter")
        left -= len(data)
        yield data
    require_unchanged(entry, source)


def _read_whole(entry: Copy, source: int) -> bytes:
    """Return all bytes of a small file in one read, so that it cannot change in between."""
    data = _read(entry, source, entry.size + 1)
    if len(data) != entry.size:
        raise SourceChanged(entry.source, "changed in size")
    return data


def _read(entry: Copy, source: int, count: int) -> bytes:
    try:
        return os.read(source, count)
    except OSError as error:
        raise CannotRead(entry.source, error) from error


def require_unchanged(entry: Copy, source: int) -> os.stat_result:
    """Return the status of the open source. Raises SourceChanged unless it is the file in the plan."""
    status = os.fstat(source)
    if (status.st_dev, status.st_ino) != entry.inode or not stat.S_ISREG(status.st_mode):
        raise SourceChanged(entry.source, "was replaced")
    if status.st_size != entry.size:
        raise SourceChanged(entry.source, "changed in size")
    if entry.attributes.mtime_ns != status.st_mtime_ns and entry.attributes.mtime_ns is not None:
        raise SourceChanged(entry.source, "was written to")
    return status


def data_segments(source: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each run of data in a file with holes (lseek(2)), which may end with a hole."""
    at = 0
    while at < size:
        try:
            start = os.lseek(source, at, os.SEEK_DATA)
            end = os.lseek(source, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            start, end = at, size  # the file system does not know
        yield start, min(end, size)
        at = end
