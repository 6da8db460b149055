"""A directory as a base: whoever has made it, nothing in it leads out of it."""

import errno
import os
import stat
from collections.abc import Iterator

from magicpak.base.base import Base
from magicpak.base.compare import FileComparer
from magicpak.bundle.entry import Copy, Directory, Entry, Fifo, Link
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item
from magicpak.errors import CannotRead, MagicpakError
from magicpak.files.host import attributes_of
from magicpak.files.view import KERNEL_DIRECTORIES, link_text, real_path
from magicpak.text import printable

MAX_ENTRIES = 2_000_000
"""What a base can have: fifty times what a usual system has, in two gigabytes of memory."""

_UNREADABLE = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)


def directory_base(path: str) -> Base:
    """Return the base that the directory `path` has: all but what is in the kernel's directories, and devices.

    Raises MagicpakError.
    """
    unreadable: list[str] = []
    because = Because(f"in the base {path}")
    items = {}
    for place, entry in _below(real_path(path).rstrip("/"), unreadable):
        items[place] = Item(place, entry, because)
        if len(items) > MAX_ENTRIES:
            message = f"--onto {printable(path)} has more than {MAX_ENTRIES} entries"
            raise MagicpakError(message)
    return Base(path, BundlePlan(items), FileComparer(), unreadable)


def _below(root: str, unreadable: list[str]) -> Iterator[tuple[BundlePath, Entry]]:
    """Yield what is in the directory `root`; the paths of directories that we may not list go to `unreadable`."""
    waiting = [ROOT]
    while waiting:
        above = waiting.pop()
        try:
            with os.scandir(f"{root}{above}") as listing:
                children = list(listing)
        except FileNotFoundError:  # it is gone
            continue
        except OSError as error:
            if error.errno not in _UNREADABLE:
                raise CannotRead(f"{root}{above}", error) from None
            unreadable.append(f"{root}{above}")
            continue
        for child in children:
            place = above.joined(child.name)
            path = f"{root}{place}"
            try:
                entry = _entry(path, child.stat(follow_symlinks=False))
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno not in _UNREADABLE:
                    raise CannotRead(path, error) from None
                unreadable.append(path)
                continue
            if entry is None:
                continue
            yield place, entry
            if isinstance(entry, Directory) and place not in KERNEL_DIRECTORIES:
                waiting.append(place)


def _entry(path: str, status: os.stat_result) -> Entry | None:
    """Return what is at `path`; None for a device or a socket, which no bundle has. Raises OSError."""
    attributes = attributes_of(status)
    if stat.S_ISREG(status.st_mode):
        return Copy(path, status.st_size, (status.st_dev, status.st_ino), attributes)
    if stat.S_ISDIR(status.st_mode):
        return Directory(attributes, path)
    if stat.S_ISLNK(status.st_mode):
        return Link(link_text(path), attributes, path)
    return Fifo(attributes) if stat.S_ISFIFO(status.st_mode) else None
