"""The host's files as a plan needs them: looked at once, and told apart."""

import errno
import os
import stat
from collections.abc import Mapping
from typing import NamedTuple

from magicpak.bundle.entry import Attributes, Copy, Directory, Fifo, Link
from magicpak.bundle.path import ROOT, BundlePath, PathWalk
from magicpak.bundle.plan import made_directory
from magicpak.errors import CannotRead
from magicpak.files.cli_path import Location
from magicpak.text import printable

_VIRTUAL = ("/proc", "/sys")
_NOTHING = {errno.ENOENT, errno.ENOTDIR}


class PreviousFile(NamedTuple):
    """What stood at a path before a run changed it: its status, and the text of a link.

    `source` is the path where its bytes and extended attributes are now, None for nowhere.
    """

    status: os.stat_result
    target: str | None
    source: str | None


class Host:
    """Looks at files of the host, and knows which of them are never bundled."""

    def __init__(self, output: str | None) -> None:
        """Take the real path of the output."""
        self.output = output
        self._status: dict[str, os.stat_result | None] = {}
        self._left_out: dict[str, dict[str, None]] = {}
        self._before: Mapping[str, PreviousFile] = {}

    def as_before(self, before: Mapping[str, PreviousFile]) -> None:
        """Answer from now on for the real paths of `before` as if they were still what they were."""
        self._before = before
        self._status = {path: each.status for path, each in before.items()}

    def status(self, path: str) -> os.stat_result | None:
        """Return the status of what stands at `path`, not following a link; None for nothing. Raises CannotRead."""
        if path not in self._status:
            self._status[path] = _status(path)
        return self._status[path]

    def status_of(self, path: str) -> os.stat_result:
        """Return the status of what stands at `path`, not following a link. Raises CannotRead, also for nothing."""
        status = self.status(path)
        if status is None:
            raise CannotRead(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
        return status

    def followed(self, path: str, root: BundlePath = ROOT) -> os.stat_result | None:
        """Return the status of what `path` leads to; None for nothing, a loop of links too. Raises CannotRead."""
        status = self.status(path)
        if status is None or not stat.S_ISLNK(status.st_mode):
            return status
        return None if self.is_loop(path, root) else self.status(self.real(path, root))

    def is_loop(self, path: str, root: BundlePath = ROOT) -> bool:
        """Tell whether `path` is a link in a loop of links. Raises CannotRead."""
        status = self.status(self.real(path, root))
        return status is not None and stat.S_ISLNK(status.st_mode)

    def real(self, path: str, root: BundlePath = ROOT) -> BundlePath:
        """Return `path` with all links resolved, absolute ones from `root` (chroot(2)); a loop ends at a link of it.

        Raises CannotRead.
        """
        way = PathWalk(path, root=root)
        while way.step():
            here = way.real
            status = self.status(here)
            if status is not None and stat.S_ISLNK(status.st_mode) and not way.follow(self.target(here)):
                return here
        return way.real

    def target(self, path: str) -> str:
        """Return the text of the link at `path`. Raises CannotRead."""
        before = self._before.get(path)
        if before is not None and before.target is not None:
            return before.target
        try:
            return os.readlink(path)
        except OSError as error:
            raise CannotRead(path, error) from None

    def source(self, path: str) -> str | None:
        """Return the path where the bytes and extended attributes of `path` are; None for nowhere any more."""
        before = self._before.get(path)
        return before.source if before else path

    def link(self, path: str, status: os.stat_result, root: BundlePath = ROOT) -> Link:
        """Return the link at `path` as it is, for a process with the root `root`. Raises CannotRead."""
        return Link(self.target(path), attributes_of(status), path if root == ROOT else None)

    def implied(self, spot: Location, status: os.stat_result) -> Directory:
        """Return the directory at `spot` as one that only holds something else."""
        attributes = Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
        if spot.at in ("/tmp", "/var/tmp"):  # noqa: S108 - the bundle's
            attributes = made_directory(spot.at).attributes
        return Directory(attributes, self.source(spot.real), implied=True)

    def file_entry(self, path: str, status: os.stat_result) -> Copy | Fifo | None:
        """Return what a file or named pipe at `path` is in the bundle; None for all else.

        `status` is what stands there now; what was there before counts.
        """
        status = self._before[path].status if path in self._before else status
        source = self.source(path)
        if stat.S_ISREG(status.st_mode) and source is not None:
            return Copy(source, status.st_size, (status.st_dev, status.st_ino), attributes_of(status))
        return Fifo(attributes_of(status)) if stat.S_ISFIFO(status.st_mode) else None

    def is_off_limits(self, real: BundlePath) -> bool:
        """Tell whether `real` is the output itself or a file that the kernel makes; the latter is remarked on."""
        if self.output is not None and real.is_under(self.output):
            return True
        if real.is_under(_VIRTUAL[0]) or real.is_under(_VIRTUAL[1]):
            self.leave_out(real, "what is there is made by the kernel, and no file")
            return True
        return False

    def leave_out(self, path: str, why: str) -> None:
        """Remember that `path` is not bundled, and why."""
        self._left_out.setdefault(why, {})[path] = None

    def warnings(self) -> list[str]:
        """Return a line for each kind of thing that was left out."""
        return [
            f"{printable(next(iter(paths)))}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''} left out: {why}"
            for why, paths in self._left_out.items()
        ]


def attributes_of(status: os.stat_result) -> Attributes:
    """Return mode, owner and time as they stand in `status`."""
    return Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns)


def description(mode: int) -> str:
    """Return what a file of `mode` (st_mode) is, for a message."""
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))
    return next((words for test, words in kinds if test(mode)), "a device")


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError as error:
        if error.errno in _NOTHING:
            return None
        raise CannotRead(path, error) from None
