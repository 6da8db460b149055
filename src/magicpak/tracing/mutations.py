"""Calls that change files: what was there is backed up before the change, and the backup dropped if it fails."""

import os
import stat
from collections.abc import Callable, Sequence
from functools import partial

from magicpak.tracing.path_args import PathArgument, SyscallEntry, real_path
from magicpak.tracing.recorder import RESTARTED, OnExit, Recorder, error_of
from magicpak.tracing.trace import Access

_O_ACCMODE = 3
_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2  # linux/fs.h
_AT_SYMLINK_FOLLOW, _AT_EMPTY_PATH = 0x400, 0x1000  # linux/fcntl.h

_Change = tuple[Access, PathArgument, str]
"""What is done to a file, its name, and its real path; that is empty where the file stays as it is."""


def open_for_writing(recorder: Recorder, entry: SyscallEntry, named: PathArgument, flags: int) -> OnExit:
    """Handle the opening of a file so that it can be changed, or made."""
    follows = not flags & os.O_NOFOLLOW and flags & (os.O_CREAT | os.O_EXCL) != os.O_CREAT | os.O_EXCL
    real = real_path(entry.tid, named, follows=follows)
    changes = [(access, named, "" if access is Access.READ else real) for access in _accesses(_mode(real), flags)]
    before = any(access in (Access.CHANGED, Access.EMPTIED) for access, _, _ in changes)
    return _changing(recorder, entry, changes, [real] if before else [])


def _accesses(mode: int | None, flags: int) -> tuple[Access, ...]:
    """Return what opening for writing does to what has the st_mode `mode`, None where nothing is there."""
    access = flags & _O_ACCMODE
    if mode is None:
        return (Access.MADE,) if flags & os.O_CREAT else (Access.CHANGED,)
    if not stat.S_ISREG(mode) or (access == os.O_RDONLY and not flags & os.O_TRUNC):
        return (Access.READ,)
    if flags & os.O_TRUNC:
        return (Access.EMPTIED,)
    return (Access.READ, Access.CHANGED) if access == os.O_RDWR else (Access.CHANGED,)


def make(recorder: Recorder, entry: SyscallEntry, named: PathArgument, *others: _Change) -> OnExit:
    """Handle a call that makes something by the name `named`, for which `others` are used."""
    return _changing(recorder, entry, [*others, (Access.MADE, named, real_path(entry.tid, named, follows=False))])


def _make(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    named = recorder.names.of(entry)
    return make(recorder, entry, named) if named else None


def _link(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    named = recorder.names.of(entry)
    old = recorder.names.argument(entry, *((1, 0) if entry.call.directory >= 0 else (0, -1)))
    if named is None or old is None:
        return make(recorder, entry, named) if named else None
    real, first = real_path(entry.tid, named, follows=False), real_path(entry.tid, old, follows=_is_followed(entry))
    on_exit = make(recorder, entry, named, (Access.TESTED, old, ""))

    def linked(result: int) -> None:
        on_exit(result)
        if not result:
            recorder.backups.link(real, first)

    return linked


def _is_followed(entry: SyscallEntry) -> bool:
    return entry.call.name == "linkat" and bool(entry.arguments[4] & _AT_SYMLINK_FOLLOW)


def _remove(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    named = recorder.names.of(entry)
    if named is None:
        return None
    real = real_path(entry.tid, named, follows=False)
    return _changing(recorder, entry, [(Access.REMOVED, named, real)], [real])


def _rename(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    first, second = ((0, -1), (1, -1)) if entry.call.directory < 0 else ((1, 0), (3, 2))
    old, new = recorder.names.argument(entry, *first), recorder.names.argument(entry, *second)
    if old is None or new is None:
        return None
    flags = entry.flags() if entry.call.name == "renameat2" else 0
    here, there = real_path(entry.tid, old, follows=False), real_path(entry.tid, new, follows=False)
    changes = [(Access.REMOVED, old, here)]
    before = [here]
    if not flags & _RENAME_NOREPLACE and _mode(there) is not None:
        changes.append((Access.REMOVED, new, there))
        before.append(there)
    changes.append((Access.MADE, new, there))
    if flags & _RENAME_EXCHANGE:
        changes.append((Access.MADE, old, here))
    return _changing(recorder, entry, changes, [path for real in before for path in _with_used(recorder, real)])


def _with_used(recorder: Recorder, real: str) -> list[str]:
    """Return `real`, and if it is a directory also what was used below it, which moves along."""
    mode = _mode(real)
    if mode is None or not stat.S_ISDIR(mode):
        return [real]
    return [real, *recorder.take_used_below(real)]


def _change(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    call, arguments = entry.call, entry.arguments
    named = recorder.names.of(entry)
    if named is not None:
        real = real_path(entry.tid, named, follows=entry.follows())
        return _changing(recorder, entry, [(Access.CHANGED, named, real)], [real])
    if call.directory >= 0 and (not arguments[call.path] or entry.flags() & _AT_EMPTY_PATH):
        return _change_descriptor(recorder, entry)
    return None


def _change_descriptor(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    named = recorder.names.descriptor(entry.tid, entry.arguments[0])
    return _changing(recorder, entry, [(Access.CHANGED, named, named.path)], [named.path]) if named else None


def _changing(
    recorder: Recorder, entry: SyscallEntry, changes: Sequence[_Change], before: Sequence[str] = ()
) -> OnExit:
    """Back up what stands at the real paths `before`; return what records `changes` when the call has ended."""
    kept = [real for real in before if recorder.backups.keep(real)]
    recorder.something_changes()
    return partial(_changed, recorder, entry, changes, kept)


def _changed(
    recorder: Recorder, entry: SyscallEntry, changes: Sequence[_Change], kept: Sequence[str], result: int
) -> None:
    error = error_of(result)
    recorder.something_changes()
    if error:
        recorder.drop_backups(kept)
    for access, named, real in changes if error not in RESTARTED else ():
        if access is Access.MADE and not error:
            recorder.backups.make(real)
        recorder.changed(entry, access, named, error, real)


def _mode(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except OSError:
        return None


HANDLERS: dict[str, Callable[[Recorder, SyscallEntry], OnExit | None]] = {
    "make": _make,
    "link": _link,
    "remove": _remove,
    "rename": _rename,
    "change": _change,
    "change descriptor": _change_descriptor,
}
