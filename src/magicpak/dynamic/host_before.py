"""What the host was before programs were run on it, and what of it a bundle can have."""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy, Fifo, Link
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.files.host import Host, PreviousFile
from magicpak.files.view import KERNEL_DIRECTORIES, STATE_DIRECTORIES, SYSTEMD_MARKER, is_below
from magicpak.text import printable
from magicpak.tracing.trace import Access, Backup, Trace, Use

READING = frozenset({Access.READ, Access.MAPPED, Access.EXECUTED})
CHANGING = frozenset({Access.MADE, Access.EMPTIED, Access.CHANGED, Access.REMOVED})

_NS = 1_000_000_000


class HostChanges(NamedTuple):
    """What the runs have done to the host, by real paths.

    `before` is what was where they changed something. `new` are the paths that are not the program's to find: where
    there was nothing before, and files that were emptied before anything had read them. `written` are the directories
    in which something was made or removed. `has_other_links` says that a link leads elsewhere now than before.
    `warnings` are lines worth a warning.
    """

    before: Mapping[str, PreviousFile]
    new: frozenset[str]
    written: frozenset[str]
    has_other_links: bool
    warnings: tuple[str, ...]


def changes_of(traces: Sequence[Trace]) -> HostChanges:
    """Return what the runs that left `traces`, one after the other, have changed. Raises CannotRead."""
    uses = [use for trace in traces for use in trace.uses if not use.error]
    changes = [use for use in uses if use.access in CHANGING]
    first: dict[str, Access] = {}
    for use in changes:
        first.setdefault(use.real, use.access)
    made = {path for path, access in first.items() if access is Access.MADE}
    kept: dict[str, Backup] = {}
    for each in (each for trace in traces for each in trace.kept if each.path not in made):
        kept.setdefault(each.path, each)
    before = {path: known for path, each in kept.items() if (known := _previous(each)) is not None}
    emptied = {path for path, access in first.items() if access is Access.EMPTIED}
    unread = _unread(emptied, uses, before) if emptied else set()
    return HostChanges(
        before,
        frozenset(made | unread),
        frozenset(os.path.dirname(use.real) for use in changes if use.access in (Access.MADE, Access.REMOVED)),
        any(os.path.islink(path) for path in first),
        tuple(_warning(path) for path in kept if path not in before and path not in unread),
    )


NO_CHANGES = HostChanges({}, frozenset(), frozenset(), has_other_links=False, warnings=())


class HostBefore(Host):
    """The host as the runs found it, without what they made, and without what is a running system's alone.

    Of /run there are the directories, and links, but no files. `output` is the real path of OUTPUT. `entered` collects
    the mount points of the kernel that were on a way.
    """

    def __init__(self, output: str | None, changes: HostChanges) -> None:
        super().__init__(output, changes.before)
        self.entered: set[BundlePath] = set()
        self._is_new: dict[str, bool] = dict.fromkeys(changes.new, True)
        self._is_new["/"] = False
        self._mount_points: tuple[str, ...] = KERNEL_DIRECTORIES
        self._state: tuple[str, ...] = STATE_DIRECTORIES

    def add_root(self, root: str) -> None:
        """Add `root`, the root directory of a process, in which such directories may be too."""
        self._mount_points = tuple(dict.fromkeys((*self._mount_points, *(root + path for path in KERNEL_DIRECTORIES))))
        self._state = tuple(dict.fromkeys((*self._state, *(root + path for path in STATE_DIRECTORIES))))

    def status(self, path: str) -> os.stat_result | None:
        """Return the status of what was at `path`; None for nothing, and for what no bundle has. Raises CannotRead."""
        return None if self._is_made_by_run(path) or self._is_at_run_time(path) else super().status(path)

    def link(self, path: str, status: os.stat_result, root: BundlePath = ROOT) -> Link:
        """Return the link at `path` as it was. Raises CannotRead."""
        link = super().link(path, status, root)
        return link if link.source is None or self.followed_status(path) is not None else link._replace(source=None)

    def file_entry(self, path: str, status: os.stat_result) -> Copy | Fifo | None:
        """Return the entry for a file or named pipe at `path`; None for all else, and for what is below /run."""
        return None if is_below(path, self._state) else super().file_entry(path, status)

    def is_off_limits(self, real: BundlePath) -> bool:
        """Return whether `real` is OUTPUT itself, or is filled when a system runs. Raises CannotRead."""
        if self._is_at_run_time(real) or (self.output is not None and real.is_under(self.output)):
            return True
        return self.is_kernels(real, self.status(real))

    def _is_made_by_run(self, path: str) -> bool:
        """Return whether `path` or a directory above it is new."""
        known = self._is_new.get(path)
        if known is None:
            known = self._is_new[path] = self._is_made_by_run(path.rpartition("/")[0] or "/")
        return known

    def _is_at_run_time(self, path: str) -> bool:
        if path.startswith(self._mount_points):
            for mount_point in self._mount_points:
                if path == mount_point or path.startswith(f"{mount_point}/"):
                    self.entered.add(BundlePath(mount_point))
                    return True
        return is_below(path, (SYSTEMD_MARKER,))


def _previous(kept: Backup) -> PreviousFile | None:
    """Return what the host had, by a backup; None for a file whose bytes could not be kept."""
    inode, device, size = 0, 0, 0
    source = None
    if kept.copy is not None:
        os.utime(kept.copy, ns=(kept.mtime_ns, kept.mtime_ns))  # a copy is held against its plan when it is written
        status = os.stat(kept.copy)
        inode, device, size, source = status.st_ino, status.st_dev, status.st_size, kept.copy
    elif stat.S_ISREG(kept.mode):
        return None
    elif stat.S_ISDIR(kept.mode) and os.path.isdir(kept.path) and not os.path.islink(kept.path):
        source = kept.path
    times = [kept.mtime_ns // _NS] * 3
    fields = (kept.mode, inode, device, 1, kept.uid, kept.gid, size, *times)
    return PreviousFile(os.stat_result(fields, {"st_mtime_ns": kept.mtime_ns}), kept.target, source)


def _unread(emptied: set[str], uses: Iterable[Use], before: Mapping[str, PreviousFile]) -> set[str]:
    """Return those of `emptied` that nothing had read when they were emptied."""
    host = Host(None, before)
    read: set[str] = set()
    waiting, result = set(emptied), set()
    for use in uses:
        if use.access in READING:
            read.add(host.real(use.path, BundlePath(use.root)))
        elif use.access is Access.EMPTIED and use.real in waiting:
            waiting.discard(use.real)
            result |= {use.real} - read
        if not waiting:
            break
    return result


def _warning(path: str) -> str:
    result = "it is included as it is now" if os.path.exists(path) else "it is not included"
    return f"{printable(path)} was changed by the run and could not be saved beforehand: {result}"
