"""Collects what is seen of a run: programs from their start to their end, and each use of a file once."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from magicpak.tracing import procfs
from magicpak.tracing.backups import Backups
from magicpak.tracing.executable import OTHER_NAMES, read_executable
from magicpak.tracing.memory import Unreadable
from magicpak.tracing.path_args import (
    PathArgument,
    PathArgumentReader,
    SyscallEntry,
    TracedProcess,
    path_outside,
)
from magicpak.tracing.trace import Access, Execution, Trace, Use
from magicpak.tracing.used_paths import UsedPaths

OnExit = Callable[[int], None]
"""What is done when a call has ended, with its result."""

RESTARTED: Final = range(512, 517)
"""ERESTARTSYS and its like, linux/errno.h: the call has no result yet, it is made again."""

FAILURES_KEPT = 1 << 26
"""Bytes for uses that have failed: some 150,000 of them. They matter for messages alone, whatever fills a bundle."""

_LAST_ERROR = 4095
_USE_SIZE = 400  # bytes that a Use takes beside its path: the tuple, its strings, its place in a list and in a set


class Recorder:
    """Collects what becomes the Trace; `keep_in` is a private directory for backups.

    `has_own_root` is whether the program has another root directory than we have.
    """

    def __init__(self, keep_in: str, *, has_own_root: bool = False) -> None:
        self.backups = Backups(keep_in)
        self.names = PathArgumentReader(roots_differ=has_own_root)
        self.unreadable = 0
        self._omitted = 0
        self._failures_left = FAILURES_KEPT
        self._executions: list[Execution] = []
        self._uses: list[Use] = []
        self._used_paths = UsedPaths()
        self._uses_in_paths = 0
        self._emptied: set[str] = set()
        self._changes = 0
        self._loader_lengths: dict[object, int] = {}
        """How much memory the loader takes, by the program that it loads."""

    def trace(self) -> Trace:
        """Return all that was seen."""
        kept = tuple(self.backups.kept.values())
        return Trace(tuple(self._executions), tuple(self._uses), kept, self.unreadable, self._omitted)

    def executed(self, process: TracedProcess, path: str, arguments: Sequence[str], *, by: int | None) -> None:
        """Record that `process` runs the program `path` now; `by` is the index of the execution that called execve.

        `path` is empty for a program that was executed without one.
        """
        pid, cwd = process.pid, self._cwd(process.pid)
        file = read_executable(pid, path, arguments, self._is_made)
        execution = Execution(pid, by, False, file.path, file.real, file.inode, tuple(arguments), cwd, None, file.facts)
        self._become(process, execution)
        process.loader = None
        if file.interpreter is not None:
            root = procfs.root_directory(pid) if self.names.roots_differ else "/"
            path = PathArgument(root, os.fsencode(file.interpreter), root).path
            self._add(process, Use(process.execution, "execve", Access.EXECUTED, path, "", 0, root, by_loader=False))

    def _is_made(self, real: str) -> bool:
        return self.backups.is_made(real) or real in self._emptied

    def forked(self, parent: TracedProcess | None, pid: int) -> TracedProcess:
        """Record that `pid` is a new process that runs the program of `parent`, and return it."""
        process = TracedProcess(pid, parent.loader if parent else None)
        if parent is None:
            real, inode = procfs.executable_of(pid)
            execution = Execution(pid, None, True, real, real, inode, (), self._cwd(pid), None)
        else:
            execution = self._executions[parent.execution]._replace(
                pid=pid, parent=parent.execution, forked=True, cwd=self._cwd(pid), returncode=None
            )
        self._become(process, execution)
        return process

    def set_parent(self, child: TracedProcess, parent: TracedProcess) -> None:
        """Record that `child`, seen before its parent was known, comes from `parent`, unless it is the same."""
        known = self._executions[child.born]
        if known.forked and known.parent is None and child is not parent:
            theirs = self._executions[parent.execution]
            self._executions[child.born] = theirs._replace(
                pid=known.pid, parent=parent.execution, forked=True, cwd=known.cwd, returncode=known.returncode
            )

    def ended(self, process: TracedProcess, returncode: int) -> None:
        """Record that `process` has ended."""
        self._executions[process.execution] = self._executions[process.execution]._replace(returncode=returncode)

    def program(self, process: TracedProcess) -> str:
        """Return the path of what `process` runs."""
        return self._executions[process.execution].path

    def take_used_below(self, directory: str) -> Sequence[str]:
        """Return what was used with success below `directory` since this was last asked, with directories on the way.

        Of what is moved twice, the backup is made once. Uses are entered when this is asked: few runs rename
        directories.
        """
        for use in self._uses[self._uses_in_paths :]:
            if not use.error:
                self._used_paths.add(use.path)
        self._uses_in_paths = len(self._uses)
        return self._used_paths.take_below(directory)

    def drop_backups(self, kept: Sequence[str]) -> None:
        """Drop the backups `kept`: the change that they were made for has failed."""
        for real in kept:
            self.backups.forget(real)
            self._used_paths.add(real)

    def is_by_loader(self, entry: SyscallEntry) -> bool:
        """Return whether the call comes from the code of the dynamic loader."""
        first, last = entry.process.loader or self._find_loader(entry)
        return first <= entry.instruction < last

    def _find_loader(self, entry: SyscallEntry) -> tuple[int, int]:
        """Find where the loader is; for a program that has run before only where it begins, a quarter of the work."""
        execution = self._executions[entry.process.execution]
        program = execution.inode, execution.cwd  # the loader's name in it can be a relative one
        base, length = procfs.loader_base(entry.tid), self._loader_lengths.get(program)
        if base and length:
            loader = base, base + length
        else:
            loader = procfs.loader_of(entry.tid)
            if loader[0] == base and execution.facts is None and not self.names.roots_differ:
                self._loader_lengths[program] = loader[1] - base
        entry.process.loader = loader
        return loader

    def use(self, entry: SyscallEntry, access: Access, named: PathArgument) -> OnExit | None:
        """Return what is to be done at the end of a call that changes nothing.

        None is returned for what the execution has done with success before, while the run has changed no file and no
        rights: nearly all calls of a busy program, and waiting for their end would cost as much again.
        """
        process = entry.process
        loader = process.loader or self._find_loader(entry)
        by_loader = loader[0] <= entry.instruction < loader[1]
        if process.changes != self._changes:
            process.known.clear()
            process.changes = self._changes
        if (entry.call.name, named, by_loader) in process.known:
            return None
        return partial(self.used, entry, access, named, by_loader)

    def used(self, entry: SyscallEntry, access: Access, named: PathArgument, by_loader: bool, result: int) -> None:  # noqa: FBT001 - a partial's
        """Record the end of a call that changes nothing."""
        process, error = entry.process, error_of(result)
        if not error and process.changes == self._changes:
            process.known.add((entry.call.name, named, by_loader))
        if error not in RESTARTED:
            self._append(entry, access, named, error, by_loader=by_loader)

    def something_changes(self) -> None:
        """Note that from now on a call can have another result than before, and a program another loader."""
        self._changes += 1
        self._loader_lengths.clear()

    def changed(self, entry: SyscallEntry, access: Access, named: PathArgument, error: int, real: str) -> None:
        """Record the end of a call that has changed `real`, or has tried to."""
        if access is Access.EMPTIED and not error:
            self._emptied.add(real)
        self._append(entry, access, named, error, real, by_loader=self.is_by_loader(entry))

    def _append(
        self, entry: SyscallEntry, access: Access, named: PathArgument, error: int, real: str = "", *, by_loader: bool
    ) -> None:
        path = named.path
        real = path if real == path else real  # one string for both
        use = Use(entry.process.execution, entry.call.name, access, path, real, error, named.root, by_loader)
        self._add(entry.process, use)
        if not error and not real and path.startswith(OTHER_NAMES):
            there = path_outside(entry.tid, named, OTHER_NAMES, follows=entry.follows())
            is_itself = there == self._executions[entry.process.execution].real  # as /proc/self/exe, wherever it stands
            if there is not None and not is_itself and os.path.lexists(there):
                self._add(entry.process, use._replace(path=there, root="/"))

    def _add(self, process: TracedProcess, use: Use) -> None:
        if use in process.seen:
            return
        if use.error:
            self._failures_left -= _USE_SIZE + len(use.path) + len(use.real)
            if self._failures_left < 0:
                self._omitted += 1
                return
        process.seen.add(use)
        self._uses.append(use)

    def _cwd(self, pid: int) -> str:
        try:
            return self.names.directories.of(pid) or ""
        except Unreadable:
            return ""

    def _become(self, process: TracedProcess, execution: Execution) -> None:
        process.execution = len(self._executions)
        process.born = process.execution if process.born < 0 else process.born
        process.seen, process.known = set(), set()
        self._executions.append(execution)


def error_of(result: int) -> int:
    """Return the errno that a system call's result is, 0 for success."""
    return -result if -_LAST_ERROR <= result < 0 else 0
