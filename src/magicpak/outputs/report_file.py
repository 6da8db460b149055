"""A report as a file: all of it, or nothing."""

import os
import stat
from contextlib import suppress

from magicpak.errors import ReportNotWritable, reason
from magicpak.outputs.copy import write_all
from magicpak.process.signals import deferred


class ReportFile:
    """Writes one file, in the place of one that is there; what is no regular file, as a pipe, is written to."""

    def __init__(self, path: str, output: str | None) -> None:
        """Take the path as the user wrote it, and OUTPUT, where no report can stand."""
        self._path = path
        self._output = output

    def check(self) -> None:
        """Raise ReportNotWritable where the file could not be written now; nothing is changed."""
        if _is_special(self._path):
            return
        real = os.path.realpath(self._path)
        if self._output is not None and f"{real}/".startswith(f"{os.path.realpath(self._output)}/"):
            raise ReportNotWritable(self._path, "stands in OUTPUT, and would be part of the bundle")
        if not self._path or os.path.isdir(real):
            raise ReportNotWritable(self._path, "is a directory" if self._path else "is an empty name")
        directory = os.path.dirname(real)
        if not os.path.isdir(directory):
            raise ReportNotWritable(self._path, "cannot be written: its directory does not exist")
        if not os.access(directory, os.W_OK):
            raise ReportNotWritable(self._path, "cannot be written: Permission denied")

    def write(self, data: bytes) -> None:
        """Write `data`. Raises ReportNotWritable; a file that was there is as it was then."""
        try:
            if _is_special(self._path):
                _write(self._path, data, os.O_WRONLY)
            else:
                with deferred():
                    _replace(os.path.realpath(self._path), data)
        except OSError as error:
            raise ReportNotWritable(self._path, f"cannot be written: {reason(error)}") from None


def _is_special(path: str) -> bool:
    """Tell whether something is there that keeps no bytes, as a pipe or a device."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _replace(path: str, data: bytes) -> None:
    """Write a file beside `path` and let it take its place, so that nobody sees half of it."""
    beside = os.path.join(os.path.dirname(path), f".magicpak-{os.urandom(16).hex()}")
    try:
        _write(beside, data, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


def _write(path: str, data: bytes, flags: int) -> None:
    target = os.open(path, flags | os.O_CLOEXEC, 0o666)
    try:
        write_all(target, data)
    finally:
        os.close(target)
