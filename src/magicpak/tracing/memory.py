"""Reads strings and structures in the memory of a thread while it is stopped.

The quick way is process_vm_readv(2). Where that is not there or is refused, words are read one by one with
PTRACE_PEEKDATA: the kernel allows that for some processes of other users too.
"""

import errno
import os
import struct

from magicpak.tracing import ptrace

PATH_MAX = 4096

_MOST_WORDS = 4096  # of a command line
_LONGEST_WORD = 1 << 17  # MAX_ARG_STRLEN of linux/binfmts.h
_PAGE = 4096  # the least size of a page: what is read at once never crosses into one that may not be there
_AT_FIRST = 256  # bytes; nearly all names are shorter
_WORD = 8
_REFUSED = (errno.EPERM, errno.ENOSYS)
_window = ptrace.Window(_PAGE)


class Unreadable(Exception):
    """The thread is closed to us: it has changed its user, and we lack CAP_SYS_PTRACE."""


def string_at(tid: int, address: int, limit: int = PATH_MAX) -> bytes | None:
    """Return the string at `address`, which ends with NUL; None at a bad address, or without an end by `limit` bytes.

    Raises Unreadable.
    """
    found = b""
    wanted = _AT_FIRST
    while address and len(found) <= limit:
        try:
            count = _fill(tid, address + len(found), wanted)
        except OSError as error:
            return _peeked(tid, address, limit, until_nul=True) if error.errno in _REFUSED else None
        text = _window.text
        found += text[:count]
        if len(text) < count:
            return found
        wanted = _PAGE
    return None


def bytes_at(tid: int, address: int, length: int) -> bytes | None:
    """Return `length` bytes at `address`; None where there are not so many. Raises Unreadable."""
    found = b""
    while len(found) < length:
        try:
            count = _fill(tid, address + len(found), length - len(found))
        except OSError as error:
            return _peeked(tid, address, length, until_nul=False) if error.errno in _REFUSED else None
        found += _window.bytes(count)
    return found


def words_at(tid: int, address: int, pointer: int) -> tuple[str, ...]:
    """Return the strings of a list of pointers, `pointer` bytes each, that ends with a null pointer, as for execve(2).

    Raises Unreadable.
    """
    result: list[str] = []
    layout = struct.Struct("=Q" if pointer == 8 else "=I")  # noqa: PLR2004 - bytes
    while address and len(result) < _MOST_WORDS:
        data = bytes_at(tid, address + pointer * len(result), pointer)
        place = layout.unpack(data)[0] if data else 0
        word = string_at(tid, place, _LONGEST_WORD) if place else None
        if word is None:
            break
        result.append(os.fsdecode(word))
    return tuple(result)


def _fill(tid: int, address: int, wanted: int) -> int:
    """Read up to `wanted` bytes, and up to the end of a page. Raises OSError: EFAULT where there is none."""
    count = _window.fill(tid, address, min(wanted, _PAGE - address % _PAGE))
    if not count:
        raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
    return count


def _peeked(tid: int, address: int, length: int, *, until_nul: bool) -> bytes | None:
    """Return what stands at `address`, read word by word: `length` bytes, or a string of at most so many."""
    found = b""
    while len(found) < length and not (until_nul and b"\0" in found):
        at = address + len(found)
        try:
            found += ptrace.peek_memory(tid, at - at % _WORD)[at % _WORD :]
        except OSError:
            if found or _is_open(tid):
                return None
            raise Unreadable from None
    if until_nul:
        text, end, _ = found.partition(b"\0")
        return text if end else None
    return found[:length]


def _is_open(tid: int) -> bool:
    """Tell whether we may read the thread's memory: its code is there for certain."""
    try:
        instruction = ptrace.get_syscall_info(tid).instruction
        ptrace.peek_memory(tid, instruction - instruction % _WORD)
    except OSError:
        return False
    return True
