"""A report as a file, which is written as a whole or not at all."""

import os
import stat
from contextlib import suppress

from magicpak.errors import ReportNotWritable, reason
from magicpak.files.view import real_path
from magicpak.outputs.copy import write_all
from magicpak.process.signals import deferred


class ReportFile:
    """A new file at `path`, or in place of the one there; a pipe or a device is written to.

    `path` is as the user wrote it. It may not be inside `output`, the bundle.
    """

    def __init__(self, path: str, output: str | None) -> None:
        self._path = path
        self._output = output

    def check(self) -> None:
        """Raise ReportNotWritable if the file could not be written now, without changing anything."""
        if _is_special(self._path):
            return
        real = real_path(self._path)
        if self._output is not None and f"{real}/".startswith(f"{real_path(self._output)}/"):
            raise ReportNotWritable(self._path, "is inside OUTPUT and would become part of the bundle")
        if not self._path or os.path.isdir(real):
            raise ReportNotWritable(self._path, "is a directory" if self._path else "is an empty path")
        directory = os.path.dirname(real)
        if not os.path.isdir(directory):
            raise ReportNotWritable(self._path, "cannot be written: its directory does not exist")
        if not os.access(directory, os.W_OK):
            raise ReportNotWritable(self._path, "cannot be written: Permission denied")

    def write(self, data: bytes) -> None:
        """Write `data`. Raises ReportNotWritable; an existing file is then unchanged."""
        try:
            if _is_special(self._path):
                _write(self._path, data, os.O_WRONLY)
            else:
                with deferred():
                    _replace(real_path(self._path), data)
        except OSError as error:
            raise ReportNotWritable(self._path, f"cannot be written: {reason(error)}") from None


def _is_special(path: str) -> bool:
    """Return whether `path` exists and stores no bytes, such as a pipe or a device."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _replace(path: str, data: bytes) -> None:
    """Write a file beside `path` and rename it, so that nobody sees half of it. Raises OSError."""
    temporary = os.path.join(os.path.dirname(path), f".magicpak-{os.urandom(16).hex()}")
    try:
        _write(temporary, data, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _write(path: str, data: bytes, flags: int) -> None:
    target = os.open(path, flags | os.O_CLOEXEC, 0o666)
    try:
        write_all(target, data)
    finally:
        os.close(target)
