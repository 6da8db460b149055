"""The hashes of the files of a bundle, each file read once, in several threads: hashing releases Python's lock."""

import os
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha1, sha256
from threading import Thread
from typing import NamedTuple, TypeAlias

from magicpak.bundle.entry import Content, Copy
from magicpak.errors import MagicpakError, read_failure
from magicpak.outputs.copy import require_unchanged
from magicpak.outputs.copy_pool import LARGE

_BLOCK = 1 << 18
_MAX_THREADS = 4
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_ELF = b"\x7fELF"

Inode: TypeAlias = tuple[int, int]


class Hashes(NamedTuple):
    """The hashes of a file in hexadecimal, the SHA-1 empty where nobody asks for it; and whether it is an ELF file."""

    sha256: str
    sha1: str
    is_elf: bool = False


def content_hashes(content: Content, *, with_sha1: bool) -> Hashes:
    """Return the hashes of what magicpak makes."""
    data = content.data
    return Hashes(sha256(data).hexdigest(), sha1(data, usedforsecurity=False).hexdigest() if with_sha1 else "")


def file_hashes(copies: Iterable[Copy], *, with_sha1: bool) -> Mapping[Inode, Hashes]:
    """Return the hashes of the files that `copies` are made from. Raises SourceChanged and CannotRead."""
    hasher = _Hasher({each.inode: each for each in copies}.values(), with_sha1=with_sha1)
    count = min(_MAX_THREADS, len(os.sched_getaffinity(0)), hasher.large) - 1  # this thread is one of them
    threads = [Thread(target=hasher.work, daemon=True) for _ in range(count)]
    started = []
    try:
        with suppress(RuntimeError):  # there can be no more threads: fewer do it
            for thread in threads:
                thread.start()
                started.append(thread)
        hasher.work_alone()
        hasher.work()
    finally:
        hasher.stop()
    for thread in started:
        thread.join()
    if hasher.errors:
        raise min(hasher.errors, key=str)
    return hasher.found


class _Hasher:
    """Hashes files, the large ones in any thread, until none is left or one cannot be read.

    In Python, threads that do little between two system calls wait for each other.
    """

    def __init__(self, copies: Iterable[Copy], *, with_sha1: bool) -> None:
        by_size = sorted(copies, key=lambda copy: -copy.size)  # large ones first: threads end together
        self._waiting = deque(copy for copy in by_size if copy.size >= LARGE)
        self._small = deque(copy for copy in by_size if copy.size < LARGE)
        self._with_sha1 = with_sha1
        self.found: dict[Inode, Hashes] = {}
        self.errors: list[MagicpakError] = []

    @property
    def large(self) -> int:
        """The number of files that are worth a thread."""
        return len(self._waiting)

    def work(self) -> None:
        """Hash large files."""
        self._work(self._waiting)

    def work_alone(self) -> None:
        """Hash the others."""
        self._work(self._small)

    def _work(self, waiting: deque[Copy]) -> None:
        block = memoryview(bytearray(_BLOCK))
        while True:
            try:
                copy = waiting.popleft()
            except IndexError:
                return
            try:
                self.found[copy.inode] = self._hashed(copy, block)
            except MagicpakError as error:
                self.errors.append(error)
                self.stop()

    def stop(self) -> None:
        """Drop what is waiting."""
        self._waiting.clear()
        self._small.clear()

    def _hashed(self, copy: Copy, block: memoryview) -> Hashes:
        hashed = [sha256(), sha1(usedforsecurity=False)] if self._with_sha1 else [sha256()]
        try:
            source = os.open(copy.source, _OPEN)
        except OSError as error:
            raise read_failure(copy.source, error) from error
        try:
            left, is_elf = copy.size, False
            while left > 0 and (count := os.readv(source, [block])):
                is_elf = is_elf or (left == copy.size and block[: len(_ELF)] == _ELF)
                left -= count
                for each in hashed:
                    each.update(block[:count])
            require_unchanged(copy, source)
        except OSError as error:
            raise read_failure(copy.source, error) from error
        finally:
            os.close(source)
        return Hashes(hashed[0].hexdigest(), hashed[1].hexdigest() if self._with_sha1 else "", is_elf)
