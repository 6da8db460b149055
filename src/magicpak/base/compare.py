"""Whether a file of the base can stand for one of the bundle."""

import os

from magicpak.bundle.entry import Content, Copy, Entry, Fifo
from magicpak.errors import CannotRead
from magicpak.files.view import has_capabilities, open_file

_CHUNK = 1 << 20  # bytes at a time


class FileComparer:
    """Compares files, the bytes of two inodes once."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[int, int], tuple[int, int]], bool] = {}

    def __call__(self, wanted: Entry, base: Entry) -> bool:
        """Return whether `base` has the bytes of `wanted`, and gives everybody the same permissions at least.

        Its owner and time can be others. Raises CannotRead.
        """
        return self.has_same_bytes(wanted, base) and _permits(wanted, base)

    def has_same_bytes(self, wanted: Entry, base: Entry) -> bool:
        """Return whether both are files with the same bytes, or named pipes. Raises CannotRead."""
        match wanted, base:
            case Copy(), Copy():
                inodes = (wanted.inode, base.inode)
                if inodes not in self._known:
                    self._known[inodes] = wanted.size == base.size and (
                        wanted.inode == base.inode or _have_same_bytes(wanted.source, base.source)
                    )
                return self._known[inodes]
            case Content(data=data), Copy(source=source, size=size):
                return len(data) == size and _has_bytes(source, data)
            case Content(), Content():
                return wanted.data == base.data
            case Fifo(), Fifo():
                return True
            case _:
                return False


def _permits(wanted: Entry, base: Entry) -> bool:
    """Return whether `base` has the permission bits of `wanted`, set-ID bits and capabilities included."""
    if wanted.attributes.mode & ~base.attributes.mode:
        return False
    if not (isinstance(wanted, Copy) and isinstance(base, Copy)):
        return True
    return not has_capabilities(wanted.extended or wanted.source) or has_capabilities(base.extended or base.source)


def _has_bytes(path: str, data: bytes) -> bool:
    file = _opened(path)
    try:
        view = memoryview(data)
        while view:
            piece = _read(file, path)
            if piece != view[: len(piece)] or not piece:
                return False
            view = view[len(piece) :]
        return not _read(file, path)
    finally:
        os.close(file)


def _have_same_bytes(first: str, second: str) -> bool:
    one = _opened(first)
    try:
        other = _opened(second)
        try:
            while True:
                piece = _read(one, first)
                if piece != _read(other, second):  # regular files: a read is short at the end alone
                    return False
                if not piece:
                    return True
        finally:
            os.close(other)
    finally:
        os.close(one)


def _opened(path: str) -> int:
    try:
        return open_file(path, os.O_NOFOLLOW)
    except OSError as error:
        raise CannotRead(path, error) from None


def _read(file: int, path: str) -> bytes:
    try:
        return os.read(file, _CHUNK)
    except OSError as error:
        raise CannotRead(path, error) from None
