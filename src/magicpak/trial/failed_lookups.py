"""What a program looked for and did not find in the bundle.

The trace of a run in the bundle says what was looked for, and the plan what is missing on the path there.
"""

import errno
import os
from collections.abc import Container, Iterator
from typing import NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import BundlePlan, Item
from magicpak.elf.errors import ElfError
from magicpak.elf.reader import read_path
from magicpak.files.script import HEAD, MAX_INTERPRETERS, parse_script
from magicpak.files.view import (
    KERNEL_DIRECTORIES,
    RUNTIME_DIRECTORIES,
    SYSTEMD_MARKER,
    is_below,
    read_host_file,
)
from magicpak.tracing.trace import Access, Trace, Use

_NOT_FOUND = (errno.ENOENT, errno.ENOTDIR)
_NOT_OURS = (*KERNEL_DIRECTORIES, SYSTEMD_MARKER)
_LOADERS_OWN = ("/etc/ld.so.cache", "/etc/ld.so.preload")
_CONTAINERS_OWN = ("/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf")  # wherever it comes from
_OWN_FILE = "/proc/self/exe"
_WRITTEN = (Access.MADE, Access.CHANGED, Access.EMPTIED)


class FailedLookup(NamedTuple):
    """A path of the bundle where nothing is, and how it was to be used last: for MADE it is the missing directory.

    `was_read` is whether it was to be opened for reading, too, as a directory is that will be listed.
    """

    path: BundlePath
    access: Access
    was_read: bool = False


def failed_lookups(trace: Trace, plan: BundlePlan) -> list[FailedLookup]:
    """Return what the program looked for and did not find, each path once, in the order of the last time."""
    uses = list(_in_bundle(trace))
    found = {
        path.name for use, path in uses if not use.error or (use.access is Access.EXECUTED and plan.reached(path)[0])
    }
    result: dict[BundlePath, FailedLookup] = {}
    for use, path in uses:
        for each in _missed(use, path, plan) if use.error in _NOT_FOUND else ():
            if not _is_irrelevant(use, each, found):
                before = result.pop(each.path, each)
                was_read = before.was_read or use.access is Access.READ
                last = before if before.access is Access.EXECUTED else each
                result[each.path] = last._replace(was_read=was_read)
    return list(result.values())


def proc_lookups(trace: Trace, printed: str) -> Iterator[BundlePath]:
    """Yield the paths in /proc that programs, which `printed` that, looked for and did not find.

    What loaders look for is omitted, and what glibc looks for at the start of each static program, such as busybox.
    """
    dynamic = {_program(trace, use) for use in trace.uses if use.by_loader}
    for use, path in _in_bundle(trace):
        is_missed = use.error in _NOT_FOUND and not use.by_loader and is_below(path, ("/proc",))
        if is_missed and (path != _OWN_FILE or path in printed or _program(trace, use) in dynamic):
            yield path


def _program(trace: Trace, use: Use) -> int:
    """Return the index of the execution that has started the program which made `use`: forks go on with it."""
    index, execution = use.execution, trace.executions[use.execution]
    while execution.forked and execution.parent is not None:
        index, execution = execution.parent, trace.executions[execution.parent]
    return index


def unlisted_files(trace: Trace, plan: BundlePlan) -> list[FailedLookup]:
    """Return what the host has, and the bundle lacks, in directories that the program listed.

    Some programs look for files in no other way (Python's import system).
    """
    listed = dict.fromkeys(path for use, path in _in_bundle(trace) if use.access is Access.LISTED and not use.error)
    result = []
    listed.pop(ROOT, None)  # of which half is the container's
    for directory in (each for each in listed if not is_below(each, RUNTIME_DIRECTORIES)):
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        paths = (directory.joined(name) for name in sorted(names))
        result += [FailedLookup(path, Access.LISTED) for path in paths if path not in plan and not _is_elsewhere(path)]
    return result


def interpreter_of(item: Item) -> str | None:
    """Return the interpreter that a program or script of the bundle names; None for none."""
    if not isinstance(item.entry, Copy):
        return None
    try:
        script = parse_script(read_host_file(item.entry.source, HEAD))
        return script.interpreter if script else read_path(item.entry.source).interpreter
    except (OSError, ElfError):
        return None


def interpreters_missing(item: Item, plan: BundlePlan) -> Iterator[FailedLookup]:
    """Yield the interpreter of `item`, or the interpreter's own, where it is missing."""
    for _ in range(MAX_INTERPRETERS):
        interpreter = interpreter_of(item)
        if interpreter is None:
            return
        next_item, place = plan.reached(interpreter)
        if next_item is None:
            yield FailedLookup(place, Access.EXECUTED)
            return
        item = next_item


def _is_irrelevant(use: Use, lookup: FailedLookup, found: Container[str]) -> bool:
    """Return whether reporting this helps nobody: it is not the bundle's, or the search has found it elsewhere."""
    path = lookup.path
    if lookup.access is Access.MADE:
        return is_below(path, KERNEL_DIRECTORIES)
    if _is_elsewhere(path) or path in _LOADERS_OWN:
        return True
    if use.by_loader:
        return path.name in found or ".so" not in path.name
    return lookup.access is Access.EXECUTED and use.path.endswith(f"/{path.name}") and path.name in found


def _is_elsewhere(path: BundlePath) -> bool:
    return path in _CONTAINERS_OWN or is_below(path, _NOT_OURS)


def _in_bundle(trace: Trace) -> Iterator[tuple[Use, BundlePath]]:
    """Yield each use of what is below the run's own root directory, with its path in the bundle."""
    root = next((use.root for use in trace.uses if use.root != ROOT), ROOT)
    for use in trace.uses:
        if BundlePath(use.path).is_under(root):
            yield use, BundlePath(use.path[len(root) :] if root != ROOT else use.path)


def _missed(use: Use, path: BundlePath, plan: BundlePlan) -> Iterator[FailedLookup]:
    """Yield what is missing where `use` of `path` has failed."""
    if use.access in _WRITTEN:
        item, place = plan.reached(path.parent)
        if item is None and place != ROOT:
            yield FailedLookup(place, Access.MADE)
            return
    item, place = plan.reached(path)
    if item is None:
        yield FailedLookup(place, use.access)
    elif use.access is Access.EXECUTED:
        yield from interpreters_missing(item, plan)
