"""Which files of a bundle are in which layer of an image."""

from collections.abc import Collection, Sequence
from enum import Enum

from magicpak.bundle.entry import Copy, Directory
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Item


class Layers(Enum):
    """How a bundle becomes layers: `--layers`."""

    ONE = "one"
    PACKAGE = "package"


def split(items: Sequence[Item], lower: Collection[BundlePath]) -> list[Sequence[Item]]:
    """Return the items at the paths `lower` as the first layer, and the others as the second; none is empty.

    Each has the directories above what it has, since one that is missing in a layer would be made anew, with another
    owner and mode. All hard links of a file are in one layer, for a link cannot lead to another one.
    """
    upper_files = {item.entry.inode for item in items if isinstance(item.entry, Copy) and item.path not in lower}
    first = {item.path for item in items if item.path in lower and not _is_of(item, upper_files)}
    second = {item.path for item in items if item.path not in first and not isinstance(item.entry, Directory)}
    first, second = _with_parents(first), _with_parents(second)
    layers = (
        [item for item in items if item.path in first],
        [item for item in items if item.path in second or item.path not in first],
    )
    return [layer for layer in layers if layer] or [items]


def _is_of(item: Item, inodes: Collection[tuple[int, int]]) -> bool:
    return isinstance(item.entry, Copy) and item.entry.inode in inodes


def _with_parents(paths: Collection[BundlePath]) -> set[BundlePath]:
    found: set[BundlePath] = set()
    for path in paths:
        at = path
        while at not in found and at != "/":
            found.add(at)
            at = at.parent
    return found
