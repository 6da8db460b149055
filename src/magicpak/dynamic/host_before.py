"""What the host was before programs were run on it, and what of it a bundle can hold."""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Link
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.files.host import Host, PreviousFile
from magicpak.text import printable
from magicpak.tracing.trace import Access, Backup, Trace, Use

READING = frozenset({Access.READ, Access.MAPPED, Access.EXECUTED})
CHANGING = frozenset({Access.MADE, Access.EMPTIED, Access.CHANGED, Access.REMOVED})

_FROM_THE_KERNEL = ("/proc", "/sys", "/dev", "/run")
_NS = 1_000_000_000


class HostChanges(NamedTuple):
    """What the runs have done to the host, by real paths.

    `before` is what stood where they changed something. `strange` are the paths that are not the program's to find:
    where there was nothing before, and files that were emptied before anybody had read them. `written` are the
    directories in which something was made or removed. `has_other_links` tells that a link leads elsewhere now than
    before. `warnings` are lines worth a warning.
    """

    before: Mapping[str, PreviousFile]
    strange: frozenset[str]
    written: frozenset[str]
    has_other_links: bool
    warnings: tuple[str, ...]


def changes_of(traces: Sequence[Trace]) -> HostChanges:
    """Return what the runs that left `traces`, one after the other, have done. Raises CannotRead."""
    uses = [use for trace in traces for use in trace.uses if not use.error]
    changes = [use for use in uses if use.access in CHANGING]
    first: dict[str, Access] = {}
    for use in changes:
        first.setdefault(use.real, use.access)
    made = {path for path, access in first.items() if access is Access.MADE}
    kept: dict[str, Backup] = {}
    for each in (each for trace in traces for each in trace.kept if each.path not in made):
        kept.setdefault(each.path, each)
    before = {path: known for path, each in kept.items() if (known := _before(each)) is not None}
    emptied = {path for path, access in first.items() if access is Access.EMPTIED}
    unread = _unread(emptied, uses, before) if emptied else set()
    return HostChanges(
        before,
        frozenset(made | unread),
        frozenset(os.path.dirname(use.real) for use in changes if use.access in (Access.MADE, Access.REMOVED)),
        any(os.path.islink(path) for path in first),
        tuple(_remark(path) for path in kept if path not in before and path not in unread),
    )


class HostBefore(Host):
    """The host as the runs found it, without what they made, and without what is the kernel's in a running system.

    `entered` collects the mount points of the latter that were on a way.
    """

    def __init__(self, output: str | None, past: HostChanges) -> None:
        """Take the real path of the output, and what the runs have done."""
        super().__init__(output)
        self.as_before(past.before)
        self.entered: set[BundlePath] = set()
        self._is_strange: dict[str, bool] = dict.fromkeys(past.strange, True)
        self._is_strange["/"] = False
        self._limits: tuple[str, ...] = _FROM_THE_KERNEL

    def add_root(self, root: str) -> None:
        """Take that a process has had the root directory `root`, in which such mount points may be too."""
        self._limits = tuple(dict.fromkeys((*self._limits, *(root + path for path in _FROM_THE_KERNEL))))

    def status(self, path: str) -> os.stat_result | None:
        """Return the status of what stood at `path`; None for nothing, and for what no bundle holds."""
        return None if self._stands_strangely(path) or self._is_off_limits(path) else super().status(path)

    def link(self, path: str, status: os.stat_result, root: BundlePath = ROOT) -> Link:
        """Return the link at `path` as it was. Raises CannotRead."""
        link = super().link(path, status, root)
        return link if link.source is None or self.followed(path) is not None else link._replace(source=None)

    def is_off_limits(self, real: BundlePath) -> bool:
        """Tell whether `real` is the output itself or the kernel's."""
        return self._is_off_limits(real) or (self.output is not None and real.is_under(self.output))

    def _stands_strangely(self, path: str) -> bool:
        """Tell whether `path` or a directory above it is strange."""
        known = self._is_strange.get(path)
        if known is None:
            known = self._is_strange[path] = self._stands_strangely(path.rpartition("/")[0] or "/")
        return known

    def _is_off_limits(self, path: str) -> bool:
        if path.startswith(self._limits):
            for limit in self._limits:
                if path == limit or path.startswith(f"{limit}/"):
                    self.entered.add(BundlePath(limit))
                    return True
        return False


def _before(kept: Backup) -> PreviousFile | None:
    """Return what was kept as what the host was; None for a file whose bytes could not be kept."""
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
    """Return those of `emptied` that nobody had read when they were emptied."""
    host = Host(None)
    host.as_before(before)
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


def _remark(path: str) -> str:
    what = "it goes in as it is now" if os.path.exists(path) else "it does not go in"
    return f"{printable(path)} was changed by the run and could not be kept as it was: {what}"
