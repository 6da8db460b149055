"""A plan laid onto a base: what is new, and what both are together. Pure: what files hold is asked of the caller."""

import errno
import posixpath
from collections.abc import Callable, Collection
from functools import cached_property

from magicpak.bundle.entry import Attributes, Copy, Directory, Entry, Link
from magicpak.bundle.laid import BaseConflict, Laid
from magicpak.bundle.path import ROOT, BundlePath, Resolution, resolve
from magicpak.bundle.plan import Because, BundlePlan, Item, made_directory

IsSame = Callable[[Entry, Entry], bool]
"""Returns whether the second file, of the base, can stand for the first."""

_FOR_LINK = Because("another name of what the base has")
_LINK = Attributes(0o777)


def lay(plan: BundlePlan, base: BundlePlan, is_same: IsSame, replacing: Collection[BundlePath] = ()) -> Laid:
    """Return `plan` laid onto `base`.

    Each path of the plan goes where the links of the base lead, and each name by which something is reached in the plan
    reaches the same in the union. A file of the base stays, with its attributes, if it can stand for that of the plan.
    A directory stays as it is, unless the plan wants it for its own sake with another owner or mode. What the plan has
    at the paths `replacing` takes the place of the base's without a conflict.
    """
    return _Laying(plan, base, is_same, replacing).laid()


_Twin = tuple[BundlePath, BundlePath]
"""Directories to which a link leads: in the plan, and in the base."""


class _Laying:
    """Lays one plan: directories first, then links, then files, since each needs those before it."""

    def __init__(self, plan: BundlePlan, base: BundlePlan, is_same: IsSame, replacing: Collection[BundlePath]) -> None:
        self._plan = plan
        self._is_same = is_same
        self._replacing = replacing
        self._union = {item.path: item for item in base}
        self._new: dict[BundlePath, Item] = {}
        self._at: dict[BundlePath, BundlePath] = {ROOT: ROOT}
        self._links: list[Item] = []  # those that are new
        self._twins: dict[_Twin, None] = {}
        self._conflicts: list[BaseConflict] = []
        self._shared = 0

    def laid(self) -> Laid:
        items = tuple(self._plan)
        for kind in (Directory, Link):
            for item in items:
                if isinstance(item.entry, kind):
                    self._lay(item)
        for item in items:
            if not isinstance(item.entry, Directory | Link):
                self._lay(item)
        done: set[_Twin] = set()
        for twin in self._twins:
            self._complete(*twin, done)
        for item in self._links:
            self._keep_end(item)
        delta, union = BundlePlan(self._new), BundlePlan(self._union)
        return Laid(delta, union, self._at, self._shared, tuple(self._conflicts))

    def _lay(self, item: Item) -> None:
        above = self._at.get(item.path.parent)
        if above is None:  # there is a conflict above
            return
        place = above.joined(item.path.name)
        if place not in self._union:
            self._add_new(item, place)
        elif isinstance(item.entry, Directory):
            self._directory(item, place)
        elif isinstance(item.entry, Link):
            self._link(item, place)
        else:
            self._file(item, place)

    def _add_new(self, item: Item, place: BundlePath) -> None:
        """Add what the base lacks; a file that it has by another name as a link to that."""
        twin = None if isinstance(item.entry, Directory | Link) else self._twin_file(item)
        if twin is not None:
            self._at[item.path] = twin
            self._add(place, Link(_relative(twin, place), _LINK), _FOR_LINK)
            return
        self._at[item.path] = place
        self._add(place, item.entry, item.because)
        if isinstance(item.entry, Link):
            self._links.append(item)

    def _directory(self, item: Item, place: BundlePath) -> None:
        end = self._resolve(place)
        there = self._union.get(end.place)
        if end.error and there is None and self._can_be_made(end):  # a link of the base to what it has not
            self._at[item.path] = end.missing
            self._add(end.missing, item.entry, item.because)
        elif there is not None and not end.error and isinstance(there.entry, Directory):
            self._at[item.path] = end.place
            if _wants_other_attributes(item.entry, there.entry):
                self._add(end.place, item.entry, item.because)
        else:
            self._conflict(self._union[place], item)

    def _link(self, item: Item, place: BundlePath) -> None:
        there = self._union[place]
        wanted, goal = self._plan.reached(item.path)
        found, end = self._reached(place)
        if not (_is_same_link(item, there) or self._leads_to_same(wanted, found)):
            self._conflict(there, item, place)
            return
        self._at[item.path] = place
        if wanted is not None and isinstance(wanted.entry, Directory) and self._at.get(goal) != end:
            self._twins[goal, end] = None

    def _leads_to_same(self, wanted: Item | None, found: Item | None) -> bool:
        if wanted is None or found is None or isinstance(found.entry, Directory):
            return wanted is not None and found is not None and isinstance(wanted.entry, Directory)
        return self._is_same(wanted.entry, found.entry)

    def _file(self, item: Item, place: BundlePath) -> None:
        found, end = self._reached(place)
        if found is not None and self._share(item, found, end):
            self._at[item.path] = end
        else:
            self._conflict(self._union[place], item, place)

    def _share(self, item: Item, found: Item, place: BundlePath) -> bool:
        """Return whether the file `found` can stand for `item`; the union remembers from where both are taken."""
        if isinstance(found.entry, Directory) or not self._is_same(item.entry, found.entry):
            return False
        if place not in self._new and isinstance(item.entry, Copy) and isinstance(found.entry, Copy):
            extended = found.entry.extended or found.entry.source
            entry = item.entry._replace(attributes=found.entry.attributes._replace(mtime_ns=None), extended=extended)
            self._union[place] = Item(place, entry, found.because)
        self._shared += place not in self._new
        return True

    def _twin_file(self, item: Item) -> BundlePath | None:
        """Return where the base has the file `item` by another name of a directory above it."""
        for goal, base in self._twins:
            if item.path.is_under(goal):
                found, end = self._reached(BundlePath(f"{base}/{item.path[len(goal) :]}"))
                if found is not None and self._share(item, found, end):
                    return end
        return None

    def _complete(self, directory: BundlePath, base: BundlePath, done: set[_Twin]) -> None:
        """Let all that is in `directory` of the plan be reached in `base` of the union as well, by links."""
        waiting = [(directory, base)]
        for here, there in waiting:  # it grows
            if (here, there) in done or self._at.get(here) == there:
                continue
            done.add((here, there))
            for child in self._held.get(here, ()):
                place, at = there.joined(child.path.name), self._at.get(child.path)
                if at is None:
                    continue
                if place not in self._union:
                    self._add(place, Link(_relative(at, place), _LINK), child.because)
                    continue
                (wanted, goal), (found, end) = self._plan.reached(child.path), self._reached(place)
                if wanted is None or self._at.get(goal) == end:
                    continue
                if not self._leads_to_same(wanted, found):
                    self._conflict(self._union[place], child, place)
                elif isinstance(wanted.entry, Directory):
                    waiting.append((goal, end))

    @cached_property
    def _held(self) -> dict[BundlePath, list[Item]]:
        """What is in each directory of the plan."""
        held: dict[BundlePath, list[Item]] = {}
        for item in self._plan:
            held.setdefault(item.path.parent, []).append(item)
        return held

    def _keep_end(self, item: Item) -> None:
        """Let a new link lead to what it leads to in the plan, wherever that is now."""
        place = self._at[item.path]
        wanted, goal = self._plan.reached(item.path)
        at = self._at.get(goal)
        if wanted is not None and at is not None and self._reached(place)[1] != at and isinstance(item.entry, Link):
            self._add(place, item.entry._replace(target=_relative(at, place)), item.because)

    def _conflict(self, there: Item, item: Item, place: BundlePath | None = None) -> None:
        """Note that `there`, in the union, is in the way of `item`; without a `place`, nothing can replace it."""
        has_directory = isinstance(there.entry, Directory) or place is None
        if has_directory or place not in self._replacing:
            self._conflicts.append(BaseConflict(there.path, there, item, not has_directory))
        if place is not None and not has_directory:
            self._at[item.path] = place
            self._add(place, item.entry, item.because)
            if isinstance(item.entry, Link):
                self._links.append(item)

    def _add(self, place: BundlePath, entry: Entry, because: Because) -> None:
        self._new[place] = self._union[place] = Item(place, entry, because)
        self._add_parents(place)

    def _add_parents(self, path: BundlePath) -> None:
        """Add the directories above `path` to what is written: as the base has them, or newly made."""
        while (path := path.parent) != ROOT and path not in self._new:
            item = self._union.get(path)
            if item is None:
                item = self._union[path] = Item(path, made_directory(path)._replace(implied=True), _FOR_LINK)
            self._new[path] = item

    def _can_be_made(self, end: Resolution) -> bool:
        """Return whether a directory can be made where the walk to `end` stopped."""
        place = end.place
        while (place := place.parent) not in self._union and place != ROOT:
            pass
        holder = self._union.get(place)
        return ".." not in end.ahead.split("/") and (holder is None or isinstance(holder.entry, Directory))

    def _resolve(self, place: BundlePath) -> Resolution:
        return resolve(place, self._target)

    def _reached(self, place: BundlePath) -> tuple[Item | None, BundlePath]:
        end = self._resolve(place)
        return (None, end.missing) if end.error else (self._union.get(end.place), end.place)

    def _target(self, place: BundlePath) -> str | None:
        entry = self._union.get(place)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, "", place)
        return entry.entry.target if isinstance(entry.entry, Link) else None


def _relative(target: BundlePath, link: BundlePath) -> str:
    """Return the text of a link at `link` that leads to `target`."""
    return posixpath.relpath(target, link.parent)


def _is_same_link(item: Item, there: Item) -> bool:
    """Return whether `there` is the link that `item` is, at the same place."""
    first, second = item.entry, there.entry
    if not (isinstance(first, Link) and isinstance(second, Link)):
        return False
    return item.path == there.path and first.target == second.target


def _wants_other_attributes(wanted: Entry, there: Entry) -> bool:
    """Return whether the host's directory `wanted` was asked for with another mode or owner than `there`."""
    if not isinstance(wanted, Directory) or wanted.implied or wanted.source is None:
        return False
    return wanted.attributes[:3] != there.attributes[:3]
