"""The metadata of a file: owner, mode, extended attributes, times; and warnings where it cannot be preserved."""

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Attributes, Copy
from magicpak.bundle.plan import Item
from magicpak.errors import SourceChanged, reason
from magicpak.text import list_names

_NS = 1_000_000_000
_SET_ID = stat.S_ISUID | stat.S_ISGID
_PERMITTED_ERRORS = {errno.EPERM, errno.EACCES, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}
_SYSTEM_ATTRIBUTES = {"security.capability", "system.posix_acl_access", "system.posix_acl_default"}
_OF_ROOT = "trusted."  # attributes that only root can see and set, xattr(7)


class MetadataWarnings:
    """Metadata that cannot be preserved, one line for each kind."""

    def __init__(self) -> None:
        self._paths: dict[tuple[str, str], dict[str, None]] = {}

    def add(self, what: str, path: str, why: str) -> None:
        """Record that `what` (such as `the owner`) of `path` cannot be preserved, and why."""
        self._paths.setdefault((what, why), {})[path] = None

    def lines(self) -> tuple[str, ...]:
        """Return one line for each kind, in the order of their first occurrence."""
        return tuple(
            f"cannot preserve {what} of {list_names(paths)}: {why}" for (what, why), paths in self._paths.items()
        )


class TimePolicy(NamedTuple):
    """The modification times, in ns since the epoch: none after `latest`, and `default` for an entry without one."""

    default: int
    latest: int | None

    @classmethod
    def of(cls, items: Iterable[Item], source_date_epoch: int | None) -> "TimePolicy":
        """Return the policy for a plan's `items`; `source_date_epoch` is in seconds (reproducible-builds.org/specs)."""
        if source_date_epoch is not None:
            return cls(source_date_epoch * _NS, source_date_epoch * _NS)
        copies = (item.entry.attributes.mtime_ns or 0 for item in items if isinstance(item.entry, Copy))
        return cls(max(copies, default=0), None)

    def time_for(self, mtime_ns: int | None) -> int:
        """Return the time for an entry with the modification time `mtime_ns`."""
        time = self.default if mtime_ns is None else mtime_ns
        return time if self.latest is None else min(time, self.latest)


class MetadataWriter:
    """Sets the attributes of files and directories, as root also the owner. What the system refuses is a warning."""

    def __init__(self, times: TimePolicy) -> None:
        self._times = times
        self._is_root = os.geteuid() == 0
        self._warnings = MetadataWarnings()
        self._is_as_created: dict[tuple[int, ...], bool] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be preserved so far."""
        return self._warnings.lines()

    def finish(self, target: int, attributes: Attributes, path: str, source: int | str | None = None) -> None:
        """Set the metadata of the open file or directory `target`, which is `path` in the bundle.

        The extended attributes are those of `source`, an open file or the path of a file or directory. Changing the
        owner drops set-ID bits and capabilities (chown(2)), and a mode may forbid the owner to set attributes
        (xattr(7)): hence the order. Raises OSError, and SourceChanged if `source` no longer exists.
        """
        self._set(target, attributes, path, source, portable_attributes(source) if source is not None else [])

    def finish_file(self, target: int, attributes: Attributes, path: str, source: int | str) -> None:
        """Do the same for a file that was created in the bundle with `creation_mode`: what it has is not set again."""
        names = portable_attributes(source)
        if names or not self._has_already(target, attributes):
            self._set(target, attributes, path, source, names)
        else:
            self.finish_time(target, path, attributes.mtime_ns)

    def _has_already(self, target: int, attributes: Attributes) -> bool:
        """Return whether the new `target` has its mode and owner; of those that are to have the same, one is asked.

        They are all in new directories of one file system, so that what one gets from there, the others get too.
        """
        kind = attributes[:3]
        known = self._is_as_created.get(kind)
        if known is None:
            status = os.fstat(target)
            has_owner = not self._is_root or (status.st_uid, status.st_gid) == (attributes.uid, attributes.gid)
            known = self._is_as_created[kind] = has_owner and stat.S_IMODE(status.st_mode) == attributes.mode
        return known

    def _set(
        self, target: int, attributes: Attributes, path: str, source: int | str | None, names: Sequence[str]
    ) -> None:
        mode = attributes.mode
        if self._is_root:
            try:
                os.chown(target, attributes.uid, attributes.gid)
            except OSError as error:
                self._warn("the owner", path, error)
                mode &= ~_SET_ID  # they would grant the rights of the actual owner
        if source is not None:
            self._copy_extended(source, names, target, path)
        try:
            os.chmod(target, mode)
        except OSError as error:
            self._warn("the mode", path, error)
        if mode & _SET_ID and not self._is_root and os.fstat(target).st_mode & _SET_ID != mode & _SET_ID:
            self._warnings.add("the set-ID bit", path, "dropped by the system")
        self.finish_time(target, path, attributes.mtime_ns)

    def finish_time(self, target: int, path: str, mtime_ns: int | None = None) -> None:
        """Set the times of the open `target`, which has the modification time `mtime_ns`. Raises OSError."""
        time = self._times.time_for(mtime_ns)
        try:
            os.utime(target, ns=(time, time))
        except OSError as error:
            self._warn("the time", path, error)

    def finish_link(self, name: str, directory: int, attributes: Attributes, path: str) -> None:
        """Set the metadata of the symbolic link `name` in the open `directory`; a link has no mode. Raises OSError."""
        if self._is_root:
            try:
                os.chown(name, attributes.uid, attributes.gid, dir_fd=directory, follow_symlinks=False)
            except OSError as error:
                self._warn("the owner", path, error)
        time = self._times.time_for(attributes.mtime_ns)
        try:
            os.utime(name, ns=(time, time), dir_fd=directory, follow_symlinks=False)
        except OSError as error:
            self._warn("the time", path, error)

    def _copy_extended(self, source: int | str, names: Sequence[str], target: int, path: str) -> None:
        for name in names:
            if name.startswith(_OF_ROOT) and not self._is_root:
                continue
            try:
                os.setxattr(target, name, attribute_value(source, name))
            except OSError as error:
                self._warnings.add(attribute_kind(name), path, reason(error))

    def _warn(self, what: str, path: str, error: OSError) -> None:
        """Raise `error` unless it is one that is only worth a warning."""
        if error.errno not in _PERMITTED_ERRORS:
            raise error
        self._warnings.add(what, path, reason(error))


def creation_mode(attributes: Attributes) -> int:
    """Return the mode with which a file of `attributes` is created: its own, as far as its owner can write to it."""
    return attributes.mode & ~_SET_ID | stat.S_IRUSR | stat.S_IWUSR


def portable_attributes(source: int | str) -> list[str]:
    """Return the names of the extended attributes of an open file, or of what is at a path, that a bundle keeps.

    Those of the host's security or file system (security.selinux, btrfs.compression) are not among them. Raises
    SourceChanged.
    """
    try:
        names = os.listxattr(source, follow_symlinks=isinstance(source, int))
    except FileNotFoundError as error:
        raise SourceChanged(str(source), "vanished") from error
    except OSError:  # the file system has none, or they may not be read
        return []
    return names and [name for name in names if name in _SYSTEM_ATTRIBUTES or name.startswith(("user.", _OF_ROOT))]


def attribute_value(source: int | str, name: str) -> bytes:
    """Return the value of the extended attribute `name`. Raises OSError."""
    return os.getxattr(source, name, follow_symlinks=isinstance(source, int))


def attribute_kind(name: str) -> str:
    """Return what a warning calls the extended attribute `name`."""
    return f"the extended attribute {name if name in _SYSTEM_ATTRIBUTES else name.partition('.')[0] + '.*'}"
