"""What /proc says of a thread while it is stopped: its directories, its open files, what it runs.

A thread is read by its own number: one whose leader has ended has no current directory in /proc/PID of the leader.
"""

import os
import struct
from collections.abc import Callable
from typing import TypeVar

from magicpak.elf.errors import ElfError
from magicpak.elf.facts import ElfFacts
from magicpak.elf.reader import read_facts
from magicpak.process.prctl import die_with_parent
from magicpak.tracing import ptrace
from magicpak.tracing.memory import Unreadable

_DELETED = " (deleted)"
_MEMFD = "/memfd:"
_MUCH = 1 << 16  # bytes
_AT_BASE = 7  # linux/auxvec.h
_AUXILIARY = struct.Struct("=QQ")
_LOADERS = (b"ld-linux", b"ld64.so", b"ld.so.", b"ld-2.")
"""How the names of the files of glibc's loader begin."""
_Seen = TypeVar("_Seen")


def current_directory(tid: int) -> str | None:
    """Return the real path of the thread's current directory; None where it has none any more. Raises Unreadable."""
    return _link(tid, "cwd")


def root_directory(tid: int) -> str:
    """Return the real path of the thread's root directory. Raises Unreadable."""
    return _link(tid, "root") or "/"


def file_of(tid: int, descriptor: int) -> str | None:
    """Return the path of what is open as `descriptor`, taken as a C int; None where it has none. Raises Unreadable."""
    descriptor &= 0xFFFFFFFF
    return _link(tid, f"fd/{descriptor}") if descriptor < 1 << 31 else None


def executable_of(pid: int) -> tuple[str, tuple[int, int]]:
    """Return the real path of the program that a process runs, and its device and inode number; empty if unreadable.

    The path is empty, too, where it has none any more.
    """
    link = f"/proc/{pid}/exe"
    try:
        status = _as_its_user(pid, lambda: os.stat(link))
        return _link(pid, "exe") or "", (status.st_dev, status.st_ino)
    except (OSError, Unreadable):
        return "", (0, 0)


def former_path(pid: int, link: str) -> str:
    """Return the path that a file had to which a link in /proc/PID leads, such as `exe`; empty if unreadable.

    For one in memory that is `memfd:NAME`.
    """
    try:
        text = (_link_text(pid, link) or "").removesuffix(_DELETED)
    except Unreadable:
        return ""
    return text.removeprefix("/") if text.startswith(_MEMFD) else text


def facts_of_executable(pid: int) -> ElfFacts | None:
    """Return the facts of the file that a process runs, whether it still has a path or not; None if unreadable."""
    path = f"/proc/{pid}/exe"
    try:
        descriptor = _as_its_user(pid, lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return None
    try:
        return read_facts(descriptor)
    except (OSError, ElfError):
        return None
    finally:
        os.close(descriptor)


def arguments_of(pid: int) -> tuple[str, ...]:
    """Return the arguments of a process's program as the kernel has put them on its stack; none if unreadable."""
    return tuple(map(os.fsdecode, _text(pid, "cmdline").split(b"\0")[:-1]))


def process_of(tid: int) -> int:
    """Return the number of the process that a thread belongs to (Tgid of proc_pid_status(5)), its own if unknown."""
    return _status(tid, "Tgid:") or tid


def parent_of(pid: int) -> int:
    """Return the number of a process's parent (PPid of proc_pid_status(5)), 0 if unknown."""
    return _status(pid, "PPid:")


def filter_count(tid: int) -> int:
    """Return how many seccomp filters a thread has, 0 if the kernel does not say so (before Linux 5.9)."""
    return _status(tid, "Seccomp_filters:")


def is_init_without_handler(tid: int, number: int) -> bool:
    """Return whether the thread is of process 1 of its namespace, which has no handler for the signal `number`."""
    fields = dict(line.split(b":", 1) for line in _text(tid, "status").splitlines())
    is_init = fields.get(b"NSpid", b"").split()[-1:] == [b"1"]
    return is_init and not int(fields[b"SigCgt"], 16) >> (number - 1) & 1


def loader_of(pid: int) -> tuple[int, int]:
    """Return from where to where the code of glibc's dynamic loader is mapped; an empty range where there is none.

    musl's loader is its C library too, whose calls are the program's own.
    """
    parts = [line for line in _text(pid, "maps").splitlines() if is_loader(line)]
    if not parts:
        return 0, 0
    return int(parts[0].partition(b"-")[0], 16), int(parts[-1].partition(b" ")[0].partition(b"-")[2], 16)


def is_loader(path: bytes) -> bool:
    """Return whether `path`, or a line that ends in one, is that of glibc's dynamic loader by its name."""
    return path.rpartition(b"/")[2].startswith(_LOADERS)


def loader_base(pid: int) -> int:
    """Return where the kernel has put the loader of a process of 64 bits (AT_BASE of getauxval(3)), 0 for nowhere."""
    data = _text(pid, "auxv")
    return dict(_AUXILIARY.iter_unpack(data)).get(_AT_BASE, 0) if len(data) % _AUXILIARY.size == 0 else 0


def _text(pid: int, name: str) -> bytes:
    """Return what a file in /proc/PID says; nothing where we may not read it."""
    path = f"/proc/{pid}/{name}"
    try:
        descriptor = _as_its_user(pid, lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return b""
    try:
        text = b""
        while chunk := os.read(descriptor, _MUCH):
            text += chunk
    finally:
        os.close(descriptor)
    return text


def _status(pid: int, field: str) -> int:
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            return next((int(line.split()[1]) for line in file if line.startswith(field)), 0)
    except OSError:
        return 0


def _link(tid: int, name: str) -> str | None:
    """Return the path that a link in /proc/TID has for a text; None for what has no path or is removed."""
    target = _link_text(tid, name)
    if target is None or not target.startswith("/") or (target.endswith(_DELETED) and not os.path.lexists(target)):
        return None
    return target


def _link_text(tid: int, name: str) -> str | None:
    """Return the text of a link in /proc/TID; None where there is none. Raises Unreadable."""
    path = f"/proc/{tid}/{name}"
    try:
        return os.readlink(path)
    except PermissionError:
        try:
            return _as_its_user(tid, lambda: os.readlink(path))
        except OSError:
            raise Unreadable from None
    except OSError:
        return None


def _as_its_user(tid: int, look: Callable[[], _Seen]) -> _Seen:
    """Return what `look` returns; if we may not, let the thread's own user look.

    /proc/PID is closed to those who are neither of its user nor have CAP_SYS_PTRACE (ptrace(2)). Each change of user
    makes the kernel forget that we are to end with our parent. Raises OSError.
    """
    try:
        return look()
    except PermissionError:
        if os.geteuid() != 0:
            raise
    owner, parent = os.stat(f"/proc/{tid}"), os.getppid()  # the process's, if it is dumpable
    ptrace.set_file_user(owner.st_uid, owner.st_gid)
    try:
        return look()
    finally:
        ptrace.set_file_user(0, os.getegid())
        die_with_parent(parent)
