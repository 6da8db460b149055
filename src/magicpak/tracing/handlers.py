"""Calls that change no file: names are read when a call begins, its result when it ends."""

import os
import struct
from collections.abc import Callable

from magicpak.tracing import memory, mutations, procfs
from magicpak.tracing.memory import Unreadable
from magicpak.tracing.path_args import PathArgument, SyscallEntry
from magicpak.tracing.recorder import OnExit, Recorder
from magicpak.tracing.seccomp import MAP_ANONYMOUS, PROT_EXEC, SYS_BIND, SYS_CONNECT, is_old_mmap
from magicpak.tracing.syscalls import CALLS
from magicpak.tracing.trace import Access

_O_ACCMODE, _O_TMPFILE = 3, 0o20000000
_RESOLVE_IN_ROOT = 0x10  # linux/openat2.h
_AT_EMPTY_PATH = 0x1000  # linux/fcntl.h
_AF_UNIX, _SOCKADDR_UN = 1, 110  # unix(7)


def on_entry(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    """Handle the beginning of a call; return what to do when it ends, None if its end does not matter."""
    if entry.call.moves:
        recorder.names.directories.move_begins()
    try:
        on_exit = _HANDLERS[entry.call.kind](recorder, entry)
    except Unreadable:
        recorder.unreadable += 1
        on_exit = None
    return _moving(recorder, on_exit) if entry.call.moves else on_exit


def _moving(recorder: Recorder, on_exit: OnExit | None) -> OnExit:
    def moved(result: int) -> None:
        recorder.names.directories.move_ends()
        if on_exit is not None:
            on_exit(result)

    return moved


def _move(recorder: Recorder, _stop: SyscallEntry) -> OnExit:
    """Handle a call after which the same names can be other files."""
    recorder.something_changes()
    return lambda _result: recorder.something_changes()


class PendingExec:
    """An execve that has begun: what to do when it has failed, or with result 0 when it has not."""

    def __init__(
        self, recorder: Recorder, entry: SyscallEntry, named: PathArgument | None, argv: tuple[str, ...]
    ) -> None:
        self.path = named.path if named else ""
        self.argv = argv
        self._named = named
        self._recorder = recorder
        self._stop = entry

    def __call__(self, result: int) -> None:
        """Record its end, unless the file has no name."""
        if self._named is not None:
            self._recorder.used(self._stop, Access.EXECUTED, self._named, False, result)


def _ask(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    named = recorder.names.of(entry)
    return recorder.use(entry, entry.call.access, named) if named else None


def _open(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    named = recorder.names.of(entry)
    flags, resolve = _open_flags(entry)
    if named is not None and resolve & _RESOLVE_IN_ROOT:
        root = recorder.names.directory(entry.tid, entry.arguments[0])
        named = PathArgument(root, named.name, root) if root is not None else None
    if named is None:
        return None
    writes = flags & _O_ACCMODE in (os.O_WRONLY, os.O_RDWR) or flags & (os.O_CREAT | os.O_TRUNC)
    if writes and not flags & (os.O_PATH | _O_TMPFILE):
        return mutations.open_for_writing(recorder, entry, named, flags)
    return recorder.use(entry, Access.READ, named)


def _open_flags(entry: SyscallEntry) -> tuple[int, int]:
    """Return the flags of a call of the open family, and openat2's `resolve`."""
    if entry.call.name == "creat":
        return os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0
    if entry.call.name != "openat2":
        return entry.flags(), 0
    data = memory.bytes_at(entry.tid, entry.arguments[2], 24)
    flags, resolve = struct.unpack("=Q8xQ", data) if data else (0, 0)
    return flags, resolve


def _open_by_handle(recorder: Recorder, entry: SyscallEntry) -> OnExit:
    def opened(result: int) -> None:
        named = recorder.names.descriptor(entry.tid, result) if result >= 0 else None
        if named is not None:
            recorder.used(entry, Access.READ, named, recorder.is_by_loader(entry), 0)

    return opened


def _list(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    return _use_descriptor(recorder, entry, entry.arguments[0], Access.LISTED)


def _use_descriptor(recorder: Recorder, entry: SyscallEntry, descriptor: int, access: Access) -> OnExit | None:
    named = recorder.names.descriptor(entry.tid, descriptor)
    return recorder.use(entry, access, named) if named else None


def _map(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    protection, flags, descriptor = entry.arguments[2:5]
    if is_old_mmap(entry.call, entry.abi):
        data = memory.bytes_at(entry.tid, entry.arguments[0], 20)
        protection, flags, descriptor = struct.unpack_from("=8xIII", data) if data else (0, 0, 0)
    if not protection & PROT_EXEC or flags & MAP_ANONYMOUS:
        return None
    named = recorder.names.descriptor(entry.tid, descriptor)
    if named is None:
        return None
    on_exit = recorder.use(entry, Access.MAPPED, named)
    if procfs.is_loader(os.fsencode(named.path)):
        entry.process.loader = None  # as a program does that upx has packed: the kernel has loaded none
    return on_exit


def _enter(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    if entry.call.path < 0:
        return _use_descriptor(recorder, entry, entry.arguments[0], Access.ENTERED)
    named = recorder.names.of(entry)
    if entry.call.name != "chdir":
        recorder.names.roots_differ = True
        recorder.something_changes()
    return recorder.use(entry, Access.ENTERED, named) if named else None


def _execute(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    call = entry.call
    named = recorder.names.of(entry)
    if named is None and entry.flags() & _AT_EMPTY_PATH:
        named = recorder.names.descriptor(entry.tid, entry.arguments[call.directory])
    elif named is None:
        return None
    argv = memory.strings_at(entry.tid, entry.arguments[call.path + 1], entry.abi.pointer)
    return PendingExec(recorder, entry, named, argv)


def _connect(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    return _socket(recorder, entry, *entry.arguments[1:3])


def _socketcall(recorder: Recorder, entry: SyscallEntry) -> OnExit | None:
    """Handle i386's socketcall(2): its first argument says what it does, its second where the others are."""
    name = {SYS_BIND: "bind", SYS_CONNECT: "connect"}.get(entry.arguments[0])
    data = memory.bytes_at(entry.tid, entry.arguments[1], 12)
    if name is None or data is None:
        return None
    return _socket(recorder, entry._replace(call=CALLS[name]), *struct.unpack_from("=4xII", data))


def _socket(recorder: Recorder, entry: SyscallEntry, address: int, length: int) -> OnExit | None:
    """Handle the address of a unix socket: a path, with or without a NUL at its end, unless it begins with NUL."""
    data = memory.bytes_at(entry.tid, address, min(length & 0xFFFFFFFF, _SOCKADDR_UN)) or b"\0\0"
    name = data[2:].partition(b"\0")[0]
    if struct.unpack_from("=H", data)[0] != _AF_UNIX or not name:
        return None
    named = recorder.names.starting(entry.tid, name, None)
    if named is None:
        return None
    if entry.call.access is Access.MADE:
        return mutations.make(recorder, entry, named)
    return recorder.use(entry, Access.CONNECTED, named)


_HANDLERS: dict[str, Callable[[Recorder, SyscallEntry], OnExit | None]] = {
    "ask": _ask,
    "open": _open,
    "open by handle": _open_by_handle,
    "list": _list,
    "map": _map,
    "enter": _enter,
    "move": _move,
    "execute": _execute,
    "connect": _connect,
    "socketcall": _socketcall,
    **mutations.HANDLERS,
}
