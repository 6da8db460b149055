"""A report as a file, which is written as a whole or, where that is possible, not at all."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from magicpak.errors import ReportNotWritable, reason
from magicpak.files.view import link_text, real_path
from magicpak.outputs.copy import write_all
from magicpak.process.signals import deferred

_MAX_LINKS = 40  # the kernel follows as many in one path (path_resolution(7))
_MAX_DIGITS = 9  # what a descriptor's number, below fs.nr_open, can have


class ReportFile:
    """A new file at `path`, or the one that is there, which stays the same file: mode, owner and hard links are kept.

    A pipe or a device is written to, and so is a descriptor of this process, such as /dev/stdout, wherever it leads.
    `path` is as the user wrote it. It may not be inside `output`, the bundle.
    """

    def __init__(self, path: str, output: str | None) -> None:
        self._path = path
        self._output = output

    def check(self) -> None:
        """Raise ReportNotWritable if the file could not be written now, without changing anything."""
        if not self._path:
            raise ReportNotWritable("''", "is an empty path")
        descriptor = _own_descriptor(self._path)
        if descriptor is not None:
            _require_writable(self._path, descriptor)
            return
        try:
            mode = _mode(self._path)
        except OSError as error:
            raise ReportNotWritable(self._path, f"cannot be written: {reason(error)}") from None
        if mode is not None and stat.S_ISDIR(mode):
            raise ReportNotWritable(self._path, "is a directory")
        if mode is not None and not stat.S_ISREG(mode):
            return
        real = real_path(self._path)
        if self._output is not None and f"{real}/".startswith(f"{real_path(self._output)}/"):
            raise ReportNotWritable(self._path, "is inside OUTPUT and would become part of the bundle")
        directory = os.path.dirname(real)
        if mode is None and not os.path.isdir(directory):
            raise ReportNotWritable(self._path, "cannot be written: its directory does not exist")
        if not os.access(directory if mode is None else self._path, os.W_OK, effective_ids=True):
            raise ReportNotWritable(self._path, "cannot be written: Permission denied")

    def write(self, data: bytes) -> None:
        """Write `data`. Raises ReportNotWritable; an existing file is then unchanged unless the disk has failed."""
        with self._failures(), deferred():
            self._write(data)

    @contextmanager
    def written_at_the_end(self, data: bytes) -> Iterator[None]:
        """Write `data` when what is done inside has succeeded; a new file is written before, and gets its name then.

        Raises ReportNotWritable.
        """
        temporary: str | None = None
        try:
            with self._failures(), deferred():
                if _own_descriptor(self._path) is None and _mode(self._path) is None:
                    temporary = _written_beside(real_path(self._path), data)
            yield
            with self._failures(), deferred():
                if temporary is None:
                    self._write(data)
                else:
                    os.replace(temporary, real_path(self._path))
                    temporary = None
        finally:
            if temporary is not None:
                with suppress(OSError):
                    os.unlink(temporary)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Raise ReportNotWritable for the system's failures inside."""
        try:
            yield
        except OSError as error:
            raise ReportNotWritable(self._path, f"cannot be written: {reason(error)}") from None

    def _write(self, data: bytes) -> None:
        descriptor, mode = _own_descriptor(self._path), _mode(self._path)
        if descriptor is not None:
            write_all(descriptor, data)
        elif mode is None:
            _create(real_path(self._path), data)
        else:
            target = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                (_overwrite if stat.S_ISREG(mode) else write_all)(target, data)
            finally:
                os.close(target)


def _mode(path: str) -> int | None:
    """Return the kind and mode of what `path` leads to; None for nothing. Raises OSError."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _own_descriptor(path: str) -> int | None:
    """Return the number of this process's descriptor that `path` stands for, as /dev/stdout does (proc(5)).

    It is written to as it is: opened anew, a file would be written from its start, over what a shell's `>>` keeps.
    """
    for _ in range(_MAX_LINKS):
        directory, name = os.path.split(path)
        directory = real_path(directory)
        process, _, rest = directory.removeprefix("/proc/").partition("/")
        if process == str(os.getpid()) and (rest == "fd" or (rest[:5] == "task/" and rest[-3:] == "/fd")):
            return int(name) if name.isascii() and name.isdigit() and len(name) <= _MAX_DIGITS else None
        try:
            path = os.path.join(directory, link_text(os.path.join(directory, name)))
        except OSError:
            return None
    return None


def _require_writable(path: str, descriptor: int) -> None:
    try:
        access = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
    except OSError:
        raise ReportNotWritable(path, "is not an open file descriptor") from None
    if access == os.O_RDONLY:
        raise ReportNotWritable(path, "is open for reading only")


def _create(path: str, data: bytes) -> None:
    """Write a file beside `path` and rename it, so that nobody sees half of it. Raises OSError."""
    temporary = _written_beside(path, data)
    try:
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _written_beside(path: str, data: bytes) -> str:
    """Write a new file beside `path`, and return its path. Raises OSError."""
    temporary = os.path.join(os.path.dirname(path), f".magicpak-{os.urandom(16).hex()}")
    try:
        target = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            write_all(target, data)
        finally:
            os.close(target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    return temporary


def _overwrite(target: int, data: bytes) -> None:
    """Write `data` in place of what the file has, first what makes it longer: that is what can fail. Raises OSError."""
    size = os.fstat(target).st_size
    try:
        os.lseek(target, size, os.SEEK_SET)
        write_all(target, data[size:])
    except OSError:
        os.ftruncate(target, size)
        raise
    os.lseek(target, 0, os.SEEK_SET)
    write_all(target, data[:size])
    os.ftruncate(target, len(data))
