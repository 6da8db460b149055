"""`--exclude`: what the patterns take out of a plan, and which of them took what."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Link
from magicpak.bundle.globs import is_literal, path_matcher
from magicpak.bundle.path import BundlePath, resolve
from magicpak.bundle.plan import BundlePlan, Item
from magicpak.text import printable, shell_line

_ROOTED = ("/", "*", "?", "[")
_MAX_NAMES = 64  # of one directory: only links in a loop give more


class Removed(NamedTuple):
    """An item that is excluded, the pattern that took it, and the position of that pattern on the command line."""

    item: Item
    pattern: str
    position: int


class Exclusion(NamedTuple):
    """The plan before and after `--exclude`, what was removed in between, and the patterns that match nothing."""

    before: BundlePlan
    plan: BundlePlan
    removed: Mapping[BundlePath, Removed] = {}
    unused: tuple[str, ...] = ()

    def flag_for(self, path: str) -> str | None:
        """Return the first option that excluded what `path` led to, as `--exclude '*.so'`; None if none did."""
        end = resolve(path, self.before.target)
        places = () if end.error else end.passed
        taken = (self.removed[place] for place in places if place in self.removed)
        first = min(taken, key=lambda each: each.position, default=None)
        return None if first is None else shell_line(["--exclude", first.pattern])

    def covers(self, path: str) -> bool:
        """Return whether anything on the way to `path`, which may lead nowhere, is excluded."""
        return any(place in self.removed for place in resolve(path, self.before.target).passed)

    def warnings(self) -> list[str]:
        """Return a line for each pattern that matches nothing."""
        return [f"--exclude {printable(pattern)} matches nothing" for pattern in self.unused]


def exclude(plan: BundlePlan, patterns: Sequence[str]) -> Exclusion:
    """Return `plan` without what `patterns` match.

    A pattern is matched against each path that the bundle has for an item: its own, those through links to the
    directories above it, and, for a link, what it leads to. A directory goes with everything in it. Directories that
    become empty go, and so do links that would lead to nothing. An item that several patterns match is said to be taken
    by the first. The cost is linear in the items, whatever the number of patterns.
    """
    if not patterns:
        return Exclusion(plan, plan)
    aliases = _Aliases(plan)
    hits_of = matching_patterns(patterns)
    used: set[int] = set()
    taken: dict[BundlePath, int] = {}
    for item in plan:
        hits = {index for path in aliases.of(item.path) for index in hits_of(path)}
        used |= hits
        first = min([*hits, *([taken[item.path.parent]] if item.path.parent in taken else [])], default=None)
        if first is not None:
            taken[item.path] = first
    _take_dependents(plan, taken)
    removed = {path: Removed(item, patterns[taken[path]], taken[path]) for item in plan if (path := item.path) in taken}
    unused = tuple(pattern for index, pattern in enumerate(patterns) if index not in used)
    return Exclusion(plan, plan.without(lambda item: item.path in removed), removed, unused)


def matching_patterns(patterns: Sequence[str]) -> Callable[[str], Sequence[int]]:
    """Return what gives the indices of the patterns that match an absolute path of the bundle.

    A pattern without a leading `/` or `*` is taken from the root, as is every relative path of the command line.
    """
    literal: dict[str, list[int]] = {}
    matchers = []
    for index, pattern in enumerate(patterns):
        if is_literal(pattern):
            literal.setdefault(BundlePath(pattern), []).append(index)
            continue
        rooted = pattern if pattern[:1] in _ROOTED else "/" + pattern.removeprefix("./")
        matchers.append((index, path_matcher(rooted.rstrip("/"))))

    def hits(path: str) -> list[int]:
        return [*literal.get(path, ()), *(index for index, matches in matchers if matches(path))]

    return hits


def _take_dependents(plan: BundlePlan, taken: dict[BundlePath, int]) -> None:
    """Take the directories that become empty and the links that would lead to nothing, until there are no more."""
    passed = {item.path: resolve(item.path, plan.target).passed for item in plan if isinstance(item.entry, Link)}
    links_by_place: dict[str, list[BundlePath]] = defaultdict(list)
    for link, places in passed.items():
        for place in places:
            links_by_place[place].append(link)
    held: dict[BundlePath, list[BundlePath]] = defaultdict(list)
    for item in plan:
        held[item.path.parent].append(item.path)
    left = {directory: len(paths) for directory, paths in held.items()}
    for path in (queue := list(taken)):
        for link in links_by_place[path]:
            if link not in taken:
                taken[link] = next(taken[place] for place in passed[link] if place in taken)
                queue.append(link)
        directory = path.parent
        left[directory] -= 1
        if left[directory] == 0 and directory in plan and directory not in taken:
            taken[directory] = taken[held[directory][0]]
            queue.append(directory)


class _Aliases:
    """The paths that a bundle has for an item, through its symbolic links."""

    def __init__(self, plan: BundlePlan) -> None:
        self._links_to: dict[str, list[BundlePath]] = {}
        self._names: dict[BundlePath, list[str]] = {}
        for item in plan:
            if isinstance(item.entry, Link):
                end = resolve(item.path, plan.target)
                if not end.error and not item.path.is_under(end.place):
                    self._links_to.setdefault(end.place, []).append(item.path)

    def of(self, path: BundlePath) -> list[str]:
        """Return `path`, first, and what it is called through links to the directories above it."""
        above = path.parent
        if above not in self._names:
            self._names[above] = self._names_of(above)
        return [f"{name.rstrip('/')}/{path.name}" for name in self._names[above]]

    def _names_of(self, directory: BundlePath) -> list[str]:
        """Return the names of `directory`, its own first, and at most a certain number."""
        names: list[str] = [directory]
        for name in names:
            head, tail = name.rstrip("/"), ""
            while True:
                new = [link + tail for link in self._links_to.get(head or "/", ())]
                names += [each for each in new if each not in names][: _MAX_NAMES - len(names)]
                if not head:
                    break
                head, _, last = head.rpartition("/")
                tail = f"/{last}{tail}"
        return names
