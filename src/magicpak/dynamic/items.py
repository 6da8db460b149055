"""What programs have used while they were watched, as items of the bundle."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy, Fifo, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Item
from magicpak.collect.mirror import Mirror
from magicpak.dynamic.classify import TraceClassifier
from magicpak.dynamic.dlopen import DlopenResolver
from magicpak.dynamic.files import FileCollector
from magicpak.dynamic.host_before import changes_of
from magicpak.dynamic.programs import ProgramCollector
from magicpak.elf.cache import ElfCache
from magicpak.files.host import Host
from magicpak.ldso.factory import Loaders
from magicpak.resolve.inputs import Program
from magicpak.resolve.libraries import Resolved
from magicpak.resolve.missing import missing_warnings
from magicpak.tracing.trace import Trace


class TracedItems(NamedTuple):
    """What the traces have brought.

    `resolved` are executed programs and libraries loaded by themselves, with what their loaders bring in, for
    `place_libraries`. `warnings` are lines worth a warning. `paths` are those of the files that were collected.
    """

    resolved: tuple[Resolved, ...]
    warnings: tuple[str, ...]
    paths: frozenset[BundlePath]

    @property
    def files(self) -> int:
        """The number of paths of files that were collected."""
        return len(self.paths)


def collect_traced(
    traces: Sequence[Trace],
    programs: Sequence[Program],
    resolved: Sequence[Resolved],
    loaders: Loaders,
    store: ElfCache,
    mirror: Mirror,
    *,
    hwcaps: bool,
) -> TracedItems:
    """Collect in `mirror` what the runs of `programs`, whose libraries are `resolved`, have used, as it was before.

    From here on `mirror` sees the host without the changes to what was there. What the loader of a program finds by
    itself is left to `place_libraries`. Raises CannotRead and ToolFailed.
    """
    past = changes_of(traces)
    mirror.host.as_before(past.before)
    used = FileCollector(mirror, past)
    executed = ProgramCollector(used.mirror, loaders, store, hwcaps=hwcaps)
    inputs = dict(zip((program.file.inode for program in programs), resolved, strict=True))
    traced = TraceClassifier(used, executed, DlopenResolver(loaders, store, hwcaps=hwcaps), inputs, store)
    for trace in traces:
        traced.take(trace)
    moved = {program.at for program in programs if program.is_moved}
    loader_files = {used.mirror.host.real(path) for path in traced.loader_files}
    items = [
        item
        for item in used.items()
        if item.path not in moved and _end(item, mirror.host) not in loader_files and _is_readable(item, mirror.host)
    ]
    mirror.add_beside(items)
    found = traced.resolved()
    files = frozenset(item.path for item in items if isinstance(item.entry, Copy | Fifo))
    return TracedItems(tuple(found), (*past.warnings, *executed.warnings, *missing_warnings(found)), files)


def _end(item: Item, host: Host) -> BundlePath:
    """Return where `item` is, and for a link where it leads."""
    link = item.entry.source if isinstance(item.entry, Link) else None
    return host.real(link) if link else item.path


def _is_readable(item: Item, host: Host) -> bool:
    """Tell whether `item` is no file or one that we can copy; one that others alone may read is remarked on."""
    if not isinstance(item.entry, Copy) or os.access(item.entry.source, os.R_OK):
        return True
    host.leave_out(item.path, "it was looked at, but only others may read it")
    return False
