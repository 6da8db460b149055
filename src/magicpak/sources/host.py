"""The host's files as a plan needs them: looked at once, and told apart."""

import errno
import os
import stat

from magicpak.bundle.entry import Attributes, Copy, Directory, Fifo, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import made_directory
from magicpak.display import shown
from magicpak.errors import CannotRead
from magicpak.sources.given import Spot

_VIRTUAL = ("/proc", "/sys")
_NOTHING = {errno.ENOENT, errno.ENOTDIR}


class Host:
    """Looks at files of the host, and knows which of them are never bundled."""

    def __init__(self, output: str | None) -> None:
        """Take the real path of the output."""
        self._output = output
        self._status: dict[str, os.stat_result | None] = {}
        self._left_out: dict[str, dict[str, None]] = {}

    def status(self, path: str) -> os.stat_result | None:
        """Return the status of what stands at `path`, not following a link; None for nothing. Raises CannotRead."""
        if path not in self._status:
            self._status[path] = _status(path, follow=False)
        return self._status[path]

    def status_of(self, path: str) -> os.stat_result:
        """Return the status of what stands at `path`, not following a link. Raises CannotRead, also for nothing."""
        status = self.status(path)
        if status is None:
            raise CannotRead(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
        return status

    def followed(self, path: str) -> os.stat_result | None:
        """Return the status of what `path` leads to; None for nothing, a loop of links too. Raises CannotRead."""
        status = self.status(path)
        if status is None or not stat.S_ISLNK(status.st_mode):
            return status
        return _status(path, follow=True)

    def is_loop(self, path: str) -> bool:
        """Tell whether `path` is a link in a loop of links."""
        try:
            os.stat(path)
        except OSError as error:
            return error.errno == errno.ELOOP
        return False

    def real(self, path: str) -> BundlePath:
        """Return `path` with all links resolved."""
        return BundlePath(os.path.realpath(path))

    def target(self, path: str) -> str:
        """Return the text of the link at `path`. Raises CannotRead."""
        try:
            return os.readlink(path)
        except OSError as error:
            raise CannotRead(path, error) from None

    def link(self, path: str, status: os.stat_result) -> Link:
        """Return the link at `path` as it is. Raises CannotRead."""
        return Link(self.target(path), attributes_of(status))

    def implied(self, spot: Spot, status: os.stat_result) -> Directory:
        """Return the directory at `spot` as one that only holds something else."""
        attributes = Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
        if spot.at in ("/tmp", "/var/tmp"):  # noqa: S108 - the bundle's
            attributes = made_directory(spot.at).attributes
        return Directory(attributes, spot.real, implied=True)

    def is_off_limits(self, real: BundlePath) -> bool:
        """Tell whether `real` is the output itself or a file that the kernel makes; the latter is remarked on."""
        if self._output is not None and real.is_under(self._output):
            return True
        if real.is_under(_VIRTUAL[0]) or real.is_under(_VIRTUAL[1]):
            self.leave_out(real, "what is there is made by the kernel, and no file")
            return True
        return False

    def leave_out(self, path: str, why: str) -> None:
        """Remember that `path` is not bundled, and why."""
        self._left_out.setdefault(why, {})[path] = None

    def remarks(self) -> list[str]:
        """Return a line for each kind of thing that was left out."""
        return [
            f"{shown(next(iter(paths)))}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''} left out: {why}"
            for why, paths in self._left_out.items()
        ]


def file_entry(path: str, status: os.stat_result) -> Copy | Fifo | None:
    """Return what a file or named pipe at `path` is in the bundle; None for all else."""
    if stat.S_ISREG(status.st_mode):
        return Copy(path, status.st_size, (status.st_dev, status.st_ino), attributes_of(status))
    return Fifo(attributes_of(status)) if stat.S_ISFIFO(status.st_mode) else None


def attributes_of(status: os.stat_result) -> Attributes:
    """Return mode, owner and time as they stand in `status`."""
    return Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns)


def description(mode: int) -> str:
    """Return what a file of `mode` (st_mode) is, for a message."""
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))
    return next((words for test, words in kinds if test(mode)), "a device")


def _status(path: str, *, follow: bool) -> os.stat_result | None:
    try:
        return os.stat(path, follow_symlinks=follow)
    except OSError as error:
        if error.errno in _NOTHING or (follow and error.errno == errno.ELOOP):
            return None
        raise CannotRead(path, error) from None
