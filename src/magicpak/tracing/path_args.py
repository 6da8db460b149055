"""File names as a thread passes them: where they start, and what they lead to."""

import os
from collections.abc import Callable
from typing import NamedTuple

from magicpak.bundle.path import ROOT, BundlePath, PathWalk
from magicpak.files.view import link_text
from magicpak.tracing import memory, procfs
from magicpak.tracing.machines import Abi
from magicpak.tracing.syscalls import Call

_AT_SYMLINK_NOFOLLOW = 0x100  # linux/fcntl.h
_SLASH = ord("/")
_AT_FDCWD = -100 & 0xFFFFFFFF  # as a C int


class CwdCache:
    """Remembers current directories, of threads and not of processes: one thread can have its own (unshare(2)).

    It forgets them all with each call that can move anybody, or a directory, since who shares a directory with whom is
    not known; and it remembers none while such a call is under way in another thread.
    """

    def __init__(self) -> None:
        self._known: dict[int, str | None] = {}
        self._moves = 0

    def of(self, tid: int) -> str | None:
        """Return the real path of the thread's current directory; None where it has none now. Raises Unreadable."""
        known = self._known
        if tid in known:
            return known[tid]
        path = procfs.current_directory(tid)
        if not self._moves:
            known[tid] = path
        return path

    def move_begins(self) -> None:
        """Note that a call begins that can move. If the thread is killed in it, nothing is remembered any more."""
        self._moves += 1
        self._known.clear()

    def move_ends(self) -> None:
        """Note that such a call has ended."""
        self._moves -= 1

    def forget(self, tid: int) -> None:
        """Forget the thread with this number: another one has it now."""
        self._known.pop(tid, None)

    def inherit(self, tid: int, parent: int) -> None:
        """Note that the thread `tid`, of which no call has been seen, was made by `parent`, which is stopped there."""
        if parent in self._known:
            self._known[tid] = self._known[parent]


class TracedProcess:
    """A process that is traced: what it runs now, where the loader's code is in it, and what it has done already.

    `born` is the index of its first execution. `seen` are the uses of its execution that were recorded, `known` those
    that were a success since the run's last change of anything, counted in `changes`. `loader` is the place of the
    loader, None while it is not known.
    """

    __slots__ = ("born", "changes", "execution", "known", "loader", "pid", "seen")

    def __init__(self, pid: int, loader: tuple[int, int] | None = None) -> None:
        self.pid = pid
        self.execution = self.born = -1
        self.loader = loader
        self.seen: set[object] = set()
        self.known: set[object] = set()
        self.changes = 0


class SyscallEntry(NamedTuple):
    """A thread at the beginning of a call."""

    tid: int
    process: TracedProcess
    call: Call
    abi: Abi
    arguments: tuple[int, ...]
    instruction: int

    def flags(self) -> int:
        """Return the call's flags, 0 where it has none."""
        return self.arguments[self.call.flags] if self.call.flags >= 0 else 0

    def follows(self) -> bool:
        """Return whether the call acts on what a link leads to; those that open files have other flags."""
        return self.call.follows and (self.call.kind == "open" or not self.flags() & _AT_SYMLINK_NOFOLLOW)


class PathArgument(NamedTuple):
    """A file name as it was given, and where it starts: the real path of a directory, or the root."""

    base: str
    name: bytes
    root: str

    @property
    def path(self) -> str:
        """The absolute path on the host, links and `..` as they are."""
        return f"{self.base.rstrip('/')}/{os.fsdecode(self.name).lstrip('/')}"


class PathArgumentReader:
    """Reads the names of calls while the thread is stopped; only then can what /proc says of it be trusted.

    `roots_differ` is whether there are processes with another root directory than ours.
    """

    def __init__(self, *, roots_differ: bool) -> None:
        self.roots_differ = roots_differ
        self.directories = CwdCache()

    def of(self, entry: SyscallEntry) -> PathArgument | None:
        """Return the name that the call is about, None for none. Raises Unreadable."""
        return self.argument(entry, entry.call.path, entry.call.directory)

    def argument(self, entry: SyscallEntry, path: int, directory: int) -> PathArgument | None:
        """Return the name that is argument `path`, relative to the descriptor that is argument `directory`, if any."""
        name = memory.string_at(entry.tid, entry.arguments[path])
        if not name:
            return None
        return self.starting(entry.tid, name, entry.arguments[directory] if directory >= 0 else None)

    def starting(self, tid: int, name: bytes, directory: int | None) -> PathArgument | None:
        """Return the name `name`, relative to a descriptor, or to the current directory; None where that is gone."""
        root = procfs.root_directory(tid) if self.roots_differ else "/"
        if name[0] == _SLASH:
            return PathArgument(root, name, root)
        base = self.directory(tid, directory)
        return None if base is None else PathArgument(base, name, root)

    def directory(self, tid: int, descriptor: int | None) -> str | None:
        """Return the directory that names are relative to: the current one or a descriptor. Raises Unreadable."""
        if descriptor is None or descriptor & 0xFFFFFFFF == _AT_FDCWD:
            return self.directories.of(tid)
        return procfs.file_of(tid, descriptor)

    def descriptor(self, tid: int, descriptor: int) -> PathArgument | None:
        """Return the path of an open file as a name, None where it has none."""
        path = procfs.file_of(tid, descriptor)
        return None if path is None else PathArgument("/", os.fsencode(path), "/")


def real_path(tid: int, named: PathArgument, *, follows: bool = True) -> str:
    """Return the real path of what `named` leads to for the thread, which need not be there.

    A link that is not followed has its own: the last name without `follows`, one of a loop, and one in /proc/PID whose
    text is not a path (`pipe:[1]`, see proc(5)).
    """
    walk = _walk(named)
    while walk.step():
        here = str(walk.real)
        if (walk.is_over and not follows) or not _follow(tid, walk):
            return here
    return str(walk.real)


def path_outside(tid: int, named: PathArgument, directories: tuple[str, ...], *, follows: bool) -> str | None:
    """Return a path for the same as `named`, which begins with one of `directories`, that does not.

    Links are followed only until the path leads out. None where it never does.
    """
    walk = _walk(named)
    while walk.step():
        if not f"{walk.real}/".startswith(directories):
            return f"{walk.real}/{walk.ahead}".rstrip("/")
        if (walk.is_over and not follows) or not _follow(tid, walk):
            return None
    return None


def _walk(named: PathArgument) -> PathWalk:
    root = BundlePath(named.root)
    path = named.path
    return PathWalk(path[len(root) :] if root != ROOT and BundlePath(path).is_under(root) else path, root, root, root)


def _follow(tid: int, walk: PathWalk) -> bool:
    """Follow what stands at the end of `walk` so far, if it is a link; return False where that leads no further."""
    try:
        target = _OWN_LINKS[walk.real](tid) if walk.real in _OWN_LINKS else link_text(walk.real)
    except OSError:
        return True  # no link, or nothing
    return not (walk.real.startswith("/proc/") and ":" in target) and walk.follow(target)


_OWN_LINKS: dict[str, Callable[[int], str]] = {
    "/proc/self": lambda tid: str(procfs.process_of(tid)),
    "/proc/thread-self": lambda tid: f"{procfs.process_of(tid)}/task/{tid}",
}
"""The links whose text depends on who reads it."""
