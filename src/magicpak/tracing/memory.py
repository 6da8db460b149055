"""Reads strings and structures in the memory of a thread while it is stopped.

The quick way is process_vm_readv(2). Where that is not there or is refused, words are read one by one with
PTRACE_PEEKDATA: the kernel allows that for some processes of other users too.
"""

import errno
import os
import struct
from collections.abc import Iterator

from magicpak.tracing import ptrace

PATH_MAX = 4096

_MOST_STRINGS = 4096  # of a command line
_LONGEST_STRING = 1 << 17  # MAX_ARG_STRLEN of linux/binfmts.h
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
        place = address + len(found)
        try:
            text, is_over = _window.text(tid, place, min(wanted, _PAGE - place % _PAGE))
        except OSError as error:
            return _peeked(tid, address, limit, until_nul=True) if error.errno in _REFUSED else None
        if is_over:
            return found + text
        found += text
        wanted = _PAGE
    return None


def bytes_at(tid: int, address: int, length: int) -> bytes | None:
    """Return `length` bytes at `address`; None where there are not so many. Raises Unreadable."""
    found = b""
    while len(found) < length:
        place = address + len(found)
        try:
            count = _window.fill(tid, place, min(length - len(found), _PAGE - place % _PAGE))
        except OSError as error:
            return _peeked(tid, address, length, until_nul=False) if error.errno in _REFUSED else None
        found += _window.bytes(count)
    return found


def strings_at(tid: int, address: int, pointer: int) -> tuple[str, ...]:
    """Return the strings of a list of pointers, `pointer` bytes each, that ends with a null pointer, as for execve(2).

    Raises Unreadable.
    """
    result: list[str] = []
    for place in _pointers_at(tid, address, pointer):
        text = string_at(tid, place, _LONGEST_STRING)
        if text is None:
            break
        result.append(os.fsdecode(text))
    return tuple(result)


def _pointers_at(tid: int, address: int, pointer: int) -> Iterator[int]:
    """Yield the pointers at `address` up to a null pointer, as many as can be read. Raises Unreadable.

    They are read several at once, but not across the end of a page.
    """
    layout = "Q" if pointer == 8 else "I"  # noqa: PLR2004 - bytes
    count = 0
    while address and count < _MOST_STRINGS:
        data = bytes_at(tid, address, max(min(_AT_FIRST, _PAGE - address % _PAGE) // pointer, 1) * pointer)
        places = struct.unpack(f"={len(data) // pointer}{layout}", data) if data else ()
        for place in places:
            if not place:
                return
            yield place
        count += len(places)
        address = address + len(data) if data else 0


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
    """Return whether we may read the thread's memory: its code is there for certain."""
    try:
        instruction = ptrace.get_syscall_info(tid).instruction
        ptrace.peek_memory(tid, instruction - instruction % _WORD)
    except OSError:
        return False
    return True
