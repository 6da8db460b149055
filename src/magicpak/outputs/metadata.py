"""What a file is besides its bytes: owner, mode, extended attributes, times; and what of it could not be kept."""

import errno
import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from magicpak.bundle.entry import Attributes, Copy
from magicpak.bundle.plan import Item
from magicpak.errors import SourceChanged, reason
from magicpak.text import printable

_NS = 1_000_000_000
_SET_ID = stat.S_ISUID | stat.S_ISGID
_REFUSALS = {errno.EPERM, errno.EACCES, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}
_KEPT = {"security.capability", "system.posix_acl_access", "system.posix_acl_default"}


class MetadataWarnings:
    """Troubles that stop nothing, one line for each kind."""

    def __init__(self) -> None:
        """Begin with none."""
        self._first: dict[tuple[str, str], str] = {}
        self._count: dict[tuple[str, str], int] = {}

    def add(self, what: str, path: str, why: str) -> None:
        """Record that `what` (`the owner`) of `path` could not be kept, and why."""
        kind = (what, why)
        self._first.setdefault(kind, path)
        self._count[kind] = self._count.get(kind, 0) + 1

    def lines(self) -> tuple[str, ...]:
        """Return one line for each kind, with the first path, in the order in which they arose."""
        return tuple(
            f"{what} of {printable(path)}{_more(self._count[what, why])} could not be kept: {why}"
            for (what, why), path in self._first.items()
        )


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""


class TimePolicy(NamedTuple):
    """The rule for times of change, in ns since the epoch: none after `latest`, and `unknown` for what has none."""

    unknown: int
    latest: int | None

    @classmethod
    def of(cls, items: Iterable[Item], source_date_epoch: int | None) -> "TimePolicy":
        """Return the rule for a plan's `items`; `source_date_epoch` is in seconds (reproducible-builds.org/specs)."""
        if source_date_epoch is not None:
            return cls(source_date_epoch * _NS, source_date_epoch * _NS)
        copies = (item.entry.attributes.mtime_ns or 0 for item in items if isinstance(item.entry, Copy))
        return cls(max(copies, default=0), None)

    def ruled(self, mtime_ns: int | None) -> int:
        """Return the time that something gets which had `mtime_ns`."""
        known = self.unknown if mtime_ns is None else mtime_ns
        return known if self.latest is None else min(known, self.latest)


class MetadataWriter:
    """Gives what has been written its attributes; for root also its owner. What is refused becomes a remark."""

    def __init__(self, times: TimePolicy) -> None:
        """Take the rule for times."""
        self._times = times
        self._is_root = os.geteuid() == 0
        self._remarks = MetadataWarnings()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be kept so far."""
        return self._remarks.lines()

    def finish(self, target: int, attributes: Attributes, path: str, source: int | str | None = None) -> None:
        """Finish the open file or directory `target`, which is `path` in the bundle.

        `source`, an open file or the path of a file or directory, has the extended attributes that it takes. Changing
        the owner drops set-ID bits and capabilities (chown(2)), and a mode may forbid the owner to set attributes
        (xattr(7)): hence the order. Raises OSError, and SourceChanged where `source` has gone.
        """
        mode = attributes.mode
        if self._is_root:
            try:
                os.chown(target, attributes.uid, attributes.gid)
            except OSError as error:
                self._excuse("the owner", path, error)
                mode &= ~_SET_ID  # they would lend the rights of whoever owns it now
        if source is not None:
            self._copy_extended(source, target, path)
        try:
            os.chmod(target, mode)
        except OSError as error:
            self._excuse("the mode", path, error)
        if mode & _SET_ID and not self._is_root and os.fstat(target).st_mode & _SET_ID != mode & _SET_ID:
            self._remarks.add("the set-ID bit", path, "dropped by the system")
        self.finish_time(target, path, attributes.mtime_ns)

    def finish_time(self, target: int, path: str, mtime_ns: int | None = None) -> None:
        """Set the times of the open `target` by the rule for `mtime_ns`. Raises OSError."""
        time = self._times.ruled(mtime_ns)
        try:
            os.utime(target, ns=(time, time))
        except OSError as error:
            self._excuse("the time", path, error)

    def finish_link(self, name: str, directory: int, attributes: Attributes, path: str) -> None:
        """Finish the symbolic link `name` in the open `directory`; a link has no mode."""
        if self._is_root:
            try:
                os.chown(name, attributes.uid, attributes.gid, dir_fd=directory, follow_symlinks=False)
            except OSError as error:
                self._excuse("the owner", path, error)
        time = self._times.ruled(attributes.mtime_ns)
        try:
            os.utime(name, ns=(time, time), dir_fd=directory, follow_symlinks=False)
        except OSError as error:
            self._excuse("the time", path, error)

    def _copy_extended(self, source: int | str, target: int, path: str) -> None:
        for name in self._to_keep(_extended(source)):
            try:
                value = os.getxattr(source, name, follow_symlinks=isinstance(source, int))
                os.setxattr(target, name, value)
            except OSError as error:
                what = name if name in _KEPT else name.partition(".")[0] + ".*"
                self._remarks.add(f"the extended attribute {what}", path, reason(error))

    def _to_keep(self, names: Iterable[str]) -> list[str]:
        """Leave out what belongs to the host's security or file system (security.selinux, btrfs.compression)."""
        prefixes = ("user.", "trusted.") if self._is_root else "user."
        return [name for name in names if name in _KEPT or name.startswith(prefixes)]

    def _excuse(self, what: str, path: str, error: OSError) -> None:
        if error.errno not in _REFUSALS:
            raise error
        self._remarks.add(what, path, reason(error))


def _extended(source: int | str) -> list[str]:
    try:
        return os.listxattr(source, follow_symlinks=isinstance(source, int))
    except FileNotFoundError as error:
        raise SourceChanged(str(source), "vanished") from error
    except OSError:  # the file system has none, or one may not look
        return []
