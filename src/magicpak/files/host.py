"""The files of the host, or of the tree of `--root`, as a plan needs them: each looked at once, and classified."""

import errno
import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.entry import Attributes, Copy, Directory, Fifo, HostPath, Link
from magicpak.bundle.path import ROOT, BundlePath, Resolution, resolve
from magicpak.bundle.plan import made_directory
from magicpak.errors import CannotRead
from magicpak.files.cli_path import Location
from magicpak.files.view import HOST, KERNEL_FILE_SYSTEMS, is_below
from magicpak.text import list_names

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_NOTHING = {errno.ENOENT, errno.ENOTDIR}


class PreviousFile(NamedTuple):
    """What was at a path before a run changed it: its status, and the text of a link.

    `source` is the path where its bytes and extended attributes are now, None where they are gone.
    """

    status: os.stat_result
    target: str | None
    source: str | None


class Host:
    """All of `files`, by their paths inside, and which of them are never bundled.

    `output` is the real path of OUTPUT, if it is inside. The real paths of `previous` are seen as what they were before
    the runs.
    """

    def __init__(
        self,
        output: str | None = None,
        previous: Mapping[str, PreviousFile] | None = None,
        files: "SourceView" = HOST,
    ) -> None:
        self.files = files
        self.output = output
        self._previous = previous or {}
        self._status: dict[str, os.stat_result | None] = {path: each.status for path, each in self._previous.items()}
        self._skipped: dict[str, dict[str, None]] = {}
        self._devices: dict[int, bool] = {}  # st_dev: whether that is a file system of the kernel

    def status(self, path: str) -> os.stat_result | None:
        """Return the status of what is at `path`, not following a link; None for nothing. Raises CannotRead."""
        if path not in self._status:
            self._status[path] = self._look(path)
        return self._status[path]

    def existing_status(self, path: str) -> os.stat_result:
        """Return the status of what is at `path`, not following a link. Raises CannotRead, for nothing as well."""
        status = self.status(path)
        if status is None:
            raise CannotRead(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
        return status

    def followed_status(self, path: str, root: BundlePath = ROOT) -> os.stat_result | None:
        """Return the status of what `path` leads to; None for nothing, and for a loop of links. Raises CannotRead."""
        status = self.status(path)
        if status is None or not stat.S_ISLNK(status.st_mode):
            return status
        end = self._resolve(path, root)
        return None if end.error else self.status(end.place)

    def is_loop(self, path: str, root: BundlePath = ROOT) -> bool:
        """Return whether `path` is a link in a loop of links. Raises CannotRead."""
        return self._resolve(path, root).error == errno.ELOOP

    def real(self, path: str, root: BundlePath = ROOT) -> BundlePath:
        """Return `path` with all links resolved, absolute ones from `root` (chroot(2)); a loop ends at a link of it.

        Raises CannotRead.
        """
        return self._resolve(path, root).place

    def target(self, path: str) -> str:
        """Return the text of the link at `path`. Raises CannotRead."""
        previous = self._previous.get(path)
        if previous is not None and previous.target is not None:
            return previous.target
        try:
            return self.files.link_text(path)
        except OSError as error:
            raise CannotRead(path, error) from None

    def source(self, path: str) -> HostPath | None:
        """Return the path of the host where the bytes and attributes of `path` are; None where they are gone."""
        previous = self._previous.get(path)
        return previous.source if previous else self.files.physical(path)

    def link(self, path: str, status: os.stat_result, root: BundlePath = ROOT) -> Link:
        """Return the link at `path` for a process with the root directory `root`. Raises CannotRead."""
        return Link(self.target(path), attributes_of(status), self.files.physical(path) if root == ROOT else None)

    def implied_directory(self, location: Location, status: os.stat_result) -> Directory:
        """Return the directory at `location` as one that only holds something else."""
        attributes = Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
        if location.bundle in ("/tmp", "/var/tmp"):  # noqa: S108 - the bundle's
            attributes = made_directory(location.bundle).attributes
        return Directory(attributes, self.source(location.host), implied=True)

    def file_entry(self, path: str, status: os.stat_result) -> Copy | Fifo | None:
        """Return the entry for a file or named pipe at `path`; None for all else.

        `status` is what is there now; what was there before counts.
        """
        previous = self._previous.get(path)
        if previous is None:
            source: HostPath | None = self.files.physical(path)
        else:
            status, source = previous.status, previous.source
        if stat.S_ISREG(status.st_mode) and source is not None:
            return Copy(source, status.st_size, (status.st_dev, status.st_ino), attributes_of(status))
        return Fifo(attributes_of(status)) if stat.S_ISFIFO(status.st_mode) else None

    def is_off_limits(self, real: BundlePath) -> bool:
        """Return whether `real` is OUTPUT itself or a file of the kernel's; there is a warning of the latter.

        Raises CannotRead.
        """
        if self.output is not None and real.is_under(self.output):
            return True
        if is_below(real, KERNEL_FILE_SYSTEMS) or self.is_kernels(real, self.status(real)):
            self.skip(real, "provided by the kernel at run time")
            return True
        return False

    def is_kernels(self, path: str, status: os.stat_result | None) -> bool:
        """Return whether `path`, whose status is `status`, is on a file system that the kernel makes.

        Of a link that is not asked: there is a directory above it.
        """
        if status is None or path in self._previous or stat.S_ISLNK(status.st_mode):
            return False
        known = self._devices.get(status.st_dev)
        if known is None:
            known = self._devices[status.st_dev] = _is_on_kernels(self.files.physical(path), status.st_dev)
        return known

    def skip(self, path: str, why: str) -> None:
        """Remember that `path` is not bundled, and why."""
        self._skipped.setdefault(why, {})[path] = None

    def warnings(self) -> list[str]:
        """Return a line for each kind of thing that was skipped."""
        return [f"skipped {list_names(paths)}: {why}" for why, paths in self._skipped.items()]

    def _look(self, path: str) -> os.stat_result | None:
        try:
            return self.files.link_status(path)
        except OSError as error:
            if error.errno in _NOTHING:
                return None
            raise CannotRead(path, error) from None

    def _resolve(self, path: str, root: BundlePath) -> Resolution:
        return resolve(path, self._link_target, root=root)

    def _link_target(self, place: BundlePath) -> str | None:
        status = self.status(place)
        return self.target(place) if status is not None and stat.S_ISLNK(status.st_mode) else None


def attributes_of(status: os.stat_result) -> Attributes:
    """Return mode, owner and time as they are in `status`."""
    return Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns)


def describe_file_type(mode: int) -> str:
    """Return what a file of `mode` (st_mode) is, for a message."""
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))
    return next((words for test, words in kinds if test(mode)), "a device")


def _is_on_kernels(path: str, device: int) -> bool:
    """Return whether `device`, on which `path` is, is made by the kernel: its file systems have no major number."""
    if os.major(device) != 0:
        return False
    from magicpak.files.file_systems import is_kernels

    return is_kernels(path)
