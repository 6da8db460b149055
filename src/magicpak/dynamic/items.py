"""What programs have used while they were traced, as items of the plan."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy, Fifo, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Item
from magicpak.collect.mirror import Mirror
from magicpak.collect.programs import ProgramCollector
from magicpak.dynamic.classify import TraceClassifier
from magicpak.dynamic.dlopen import DlopenResolver
from magicpak.dynamic.files import FileCollector
from magicpak.dynamic.host_before import HostChanges
from magicpak.files.host import Host
from magicpak.ldso.factory import Loaders
from magicpak.resolve.inputs import Inputs
from magicpak.resolve.libraries import Resolved
from magicpak.resolve.missing import missing_warnings
from magicpak.tracing.trace import Trace


class TracedItems(NamedTuple):
    """What the traces have added.

    `resolved` are executed programs and libraries loaded at run time, with what their loaders load, for
    `place_libraries`. `warnings` are lines worth a warning. `files` are the paths of the files that were collected,
    `caches` those of them that are a copy of a loader's cache, which a program reads itself.
    """

    resolved: tuple[Resolved, ...]
    warnings: tuple[str, ...]
    files: frozenset[BundlePath]
    caches: frozenset[BundlePath] = frozenset()


def collect_traced(
    traces: Sequence[Trace],
    inputs: Inputs,
    resolved: Sequence[Resolved],
    loaders: Loaders,
    mirror: Mirror,
    changes: HostChanges,
) -> TracedItems:
    """Collect in `mirror` what the runs of `inputs`, whose libraries are `resolved`, have used, as it was before.

    `changes` are what the runs have changed. What the loader of a program finds by itself is left to
    `place_libraries`. Raises CannotRead and ToolFailed.
    """
    files = FileCollector(mirror.layout, mirror.host.output, changes)
    executed = ProgramCollector(files.mirror, loaders)
    by_inode = dict(zip((program.inode for program in inputs.programs), resolved, strict=True))
    classifier = TraceClassifier(files, executed, DlopenResolver(loaders), by_inode)
    for trace in traces:
        classifier.take(trace)
    moved = {each.place for each in inputs.all if each.is_moved}
    host = files.mirror.host
    used = files.items()
    copies = {item.path for item in used if isinstance(item.entry, Copy)}
    caches = copies & {host.real(path) for path in classifier.caches}  # a loader's own look at it collects nothing
    loader_files = {host.real(path) for path in classifier.loader_files} - caches
    items = [
        item
        for item in used
        if item.path not in moved and _end(item, host) not in loader_files and _is_readable(item, mirror.host)
    ]
    mirror.add_uncounted(items)
    found = classifier.resolved()
    collected = frozenset(item.path for item in items if isinstance(item.entry, Copy | Fifo))
    warnings = (*changes.warnings, *executed.warnings, *missing_warnings(found))
    return TracedItems(tuple(found), warnings, collected, collected & caches)


def _end(item: Item, host: Host) -> BundlePath:
    """Return the place of `item`, and for a link where it leads."""
    link = item.entry.source if isinstance(item.entry, Link) else None
    return host.real(link) if link else item.path


def _is_readable(item: Item, host: Host) -> bool:
    """Return whether `item` is not a file, or one that we can copy; for one that only others may read, say so."""
    if not isinstance(item.entry, Copy) or os.access(item.entry.source, os.R_OK):
        return True
    host.skip(item.path, "the program used it, but the current user may not read it")
    return False
