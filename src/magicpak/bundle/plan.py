"""The plan: what will be at each path of the bundle, because of what, and how large it is."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from magicpak.bundle.entry import Attributes, Content, Copy, Directory, Entry, Fifo, Link
from magicpak.bundle.path import BundlePath, resolve
from magicpak.errors import BundleTooLarge, PlanConflict
from magicpak.text import format_size, printable


class Because(NamedTuple):
    """Why something is in the bundle: in words, and the path of the bundle that asked for it, if one did."""

    words: str
    of: str | None = None

    def __str__(self) -> str:
        """Return the reason on one line."""
        return printable(f"{self.words} {self.of}" if self.of else self.words)


class Item(NamedTuple):
    """One path of the bundle, what stands there, and why."""

    path: BundlePath
    entry: Entry
    because: Because


class BundlePlan:
    """An immutable set of items, at most one for each path, in the order in which they can be written.

    Every parent directory of an item is an item too, except for the root, which always is. Items given to the
    constructor are trusted to be free of conflicts.
    """

    __slots__ = ("_items", "_sorted")

    def __init__(self, items: Mapping[BundlePath, Item] | None = None) -> None:
        self._items: dict[BundlePath, Item] = dict(items or {})
        self._sorted: list[Item] | None = None

    def __iter__(self) -> Iterator[Item]:
        """Return the items, each directory before what it holds, names in byte order of their components."""
        if self._sorted is None:
            self._sorted = sorted(self._items.values(), key=_components)
        return iter(self._sorted)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def __contains__(self, path: str) -> bool:
        """Return whether something is at `path`."""
        return path in self._items

    def get(self, path: str) -> Item | None:
        """Return the item at `path`, not following links."""
        return self._items.get(path if isinstance(path, BundlePath) else BundlePath(path))

    def where(self, wanted: Callable[[Item], bool]) -> list[Item]:
        """Return the items for which `wanted` is true, in the order in which they can be written."""
        return list(filter(wanted, self))

    def target(self, path: BundlePath) -> str | None:
        """Return the text of the link at `path`, None for what is not a link. Raises FileNotFoundError for nothing."""
        item = self._items.get(path)
        if item is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return item.entry.target if isinstance(item.entry, Link) else None

    def reached(self, path: str) -> tuple[Item | None, BundlePath]:
        """Return the item that `path` leads to through links, and its place.

        Where the path leads nowhere, there is no item, and the place is the first one that is missing on the way, or a
        link that closes a loop, with what would come after it.
        """
        end = resolve(path, self.target)
        return (None, end.missing) if end.error else (self._items.get(end.place), end.place)

    def is_same_file(self, first: str, second: str) -> bool | None:
        """Return whether two paths lead to one file, or to copies of one; None where one of them leads to nothing."""
        (one, at), (other, there) = self.reached(first), self.reached(second)
        if one is None or other is None:
            return None
        if isinstance(one.entry, Copy) and isinstance(other.entry, Copy):
            return one.entry.inode == other.entry.inode
        return at == there

    def adding(self, items: Iterable[Item]) -> "BundlePlan":
        """Return a plan with `items` too; for an equal entry the first reason stays. Raises PlanConflict."""
        merged = dict(self._items)
        for item in items:
            known = merged.get(item.path)
            merged[item.path] = item if known is None else _reconcile(known, item)
        for item in merged.values():
            _require_parent_directory(item, merged)
        return BundlePlan(merged)

    def adding_where_free(self, items: Iterable[Item]) -> "tuple[BundlePlan, list[Item]]":
        """Return a plan with those of `items` for whose paths nothing else is planned, and the others.

        A directory that is merely made gets the attributes of one among `items`. What would be below one of the others
        is left out with it.
        """
        merged = dict(self._items)
        others: list[Item] = []
        for item in sorted(items, key=lambda item: (item.path.parts, _is_implied(item))):
            known = merged.get(item.path)
            holder = merged.get(item.path.parent)
            if known is None:
                if item.path.parent == "/" or (holder is not None and isinstance(holder.entry, Directory)):
                    merged[item.path] = item
            elif isinstance(known.entry, Directory) and isinstance(item.entry, Directory):
                merged[item.path] = item if known.entry.implied and known.entry.source is None else known
            elif not _is_same(known, item):
                others.append(item)
        return BundlePlan(merged), others

    def without(self, unwanted: Callable[[Item], bool]) -> "BundlePlan":
        """Return a plan that lacks the items for which `unwanted` is true, and what stands below them."""
        kept: dict[BundlePath, Item] = {}
        for item in self:
            parent = item.path.parent
            if (parent == "/" or parent in kept) and not unwanted(item):
                kept[item.path] = item
        return BundlePlan(kept)


def _components(item: Item) -> str:
    """Return what sorts like `item.path.parts` and is faster to make: a name has no NUL byte, the least of all."""
    return item.path.replace("/", "\0")


def _require_parent_directory(item: Item, items: Mapping[BundlePath, Item]) -> None:
    parent = item.path.parent
    if parent == "/":
        return
    holder = items.get(parent)
    if holder is None:
        message = f"{item.path} has no parent in the plan"
        raise ValueError(message)
    if not isinstance(holder.entry, Directory):
        raise PlanConflict(parent, describe_item(holder), f"a directory for {printable(item.path)} ({item.because})")


def _reconcile(known: Item, new: Item) -> Item:
    if isinstance(known.entry, Directory) and isinstance(new.entry, Directory):
        return new if known.entry.implied and not new.entry.implied else known
    if _is_same(known, new):
        return known
    raise PlanConflict(known.path, describe_item(known), describe_item(new))


def _is_same(known: Item, new: Item) -> bool:
    first, second = known.entry, new.entry
    if isinstance(first, Copy) and isinstance(second, Copy):
        return first.inode == second.inode or first == second
    if isinstance(first, Link) and isinstance(second, Link):
        return first._replace(source=second.source) == second
    return type(first) is type(second) and first == second


def _is_implied(item: Item) -> bool:
    return isinstance(item.entry, Directory) and item.entry.implied


def describe_item(item: Item) -> str:
    """Return what `item` is and why it is there, for a message."""
    return f"{describe_entry(item.entry)} ({item.because})"


def describe_entry(entry: Entry) -> str:
    """Return what `entry` is, for a message."""
    match entry:
        case Copy(source=source):
            return f"the file {printable(source)}"
        case Link(target=target):
            return f"a link to {printable(target)}"
        case Directory():
            return "a directory"
        case Fifo():
            return "a named pipe"
        case Content():
            return "a file made by magicpak"


def made_directory(path: str) -> Directory:
    """Return the directory that is made where the host has none: 0755, and 1777 for those that all may write to."""
    mode = 0o1777 if path in {"/tmp", "/var/tmp"} else 0o755  # noqa: S108 - the bundle's, not the host's
    return Directory(Attributes(mode))


_MAX_NAMED = 10


def file_sizes(plan: BundlePlan) -> dict[BundlePath, int]:
    """Return the bytes that each regular file of `plan` adds, in the plan's order: none for a further hard link."""
    seen: set[tuple[int, int]] = set()
    result: dict[BundlePath, int] = {}
    for item in plan:
        match item.entry:
            case Copy(size=size, inode=inode):
                result[item.path] = 0 if inode in seen else size
                seen.add(inode)
            case Content(data=data):
                result[item.path] = len(data)
            case _:
                pass
    return result


def total_size(plan: BundlePlan) -> int:
    """Return the bytes of all files of `plan`, those of hard links once."""
    return sum(file_sizes(plan).values())


def check_size_limit(plan: BundlePlan, most: int) -> None:
    """Raise BundleTooLarge, with the largest files, if those of `plan` have more than `most` bytes."""
    weights = file_sizes(plan)
    total = sum(weights.values())
    if total <= most:
        return
    largest = sorted(weights, key=lambda path: (-weights[path], path))[:_MAX_NAMED]
    details = []
    for path in largest:
        item = plan.get(path)
        details.append(f"{format_size(weights[path])}  {printable(path)}: {item.because if item else ''}")
    excess = f"{format_size(total)}, {format_size(total - most)} over the limit of {format_size(most)}"
    hints = ["--why PATH explains one file, --report html shows all, --exclude removes what the program does not need"]
    raise BundleTooLarge(f"the bundle is {excess}", details=details, hints=hints)
