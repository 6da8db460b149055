"""What `--include` and `--exclude` patterns mean; the only user of wcmatch."""

import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from magicpak.bundle.entry import Directory, Link
from magicpak.bundle.path import BundlePath, PathWalk
from magicpak.bundle.plan import BundlePlan

_MAGIC = frozenset("*?[")
_ROOTED = ("/", "*", "?", "[")
_MOST_NAMES = 64  # of one directory: more have only links that lead in a circle


def is_literal(pattern: str) -> bool:
    """Tell whether `pattern` has no wildcard, so that it is a path as it stands."""
    return _MAGIC.isdisjoint(pattern)


def glob_paths(pattern: str, root: str) -> Iterator[str]:
    """Yield the existing paths that an `--include` pattern matches below the directory `root`, in no certain order.

    `*` and `?` stay within a component and match a leading dot too, `**` is any number of directories (links are not
    followed), `[...]` is a set; a backslash is a character like any other.
    """
    from wcmatch import glob  # noqa: PLC0415 - 20 ms at import

    flags = glob.GLOBSTAR | glob.DOTGLOB | glob.CASE
    yield from glob.iglob(_escaped(pattern), flags=flags, root_dir=root, limit=0)


def _escaped(pattern: str) -> str:
    return pattern.replace("\\", "\\\\")


def exclusion(pattern: str) -> Callable[[str], bool]:
    """Return the test of an `--exclude` pattern for an absolute path of the bundle.

    `*` and `?` match any character, `/` too. A pattern without a leading `/` or `*` is taken from the root, as is
    every relative path of the command line.
    """
    if is_literal(pattern):
        whole = BundlePath(pattern)
        return lambda path: path == whole
    if pattern[:1] not in _ROOTED:
        pattern = "/" + pattern.removeprefix("./")
    from wcmatch import fnmatch  # noqa: PLC0415 - 20 ms at import

    (regex,), _ = fnmatch.translate(_escaped(pattern.rstrip("/")), flags=fnmatch.DOTMATCH | fnmatch.CASE)
    matches = re.compile(regex).fullmatch  # `$` lets a newline follow
    return lambda path: bool(matches(path))


def excluded(plan: BundlePlan, patterns: Sequence[str]) -> tuple[BundlePlan, list[str]]:
    """Return the plan without what `patterns` match, and the patterns that match nothing.

    A pattern is held against each path under which the bundle knows a thing: its own, those through links to the
    directories above it, and, for a link, what it leads to. A directory goes with all it holds. Directories that are
    left empty go, unless they were so before, and so do links that would lead to nothing.
    """
    if not patterns:
        return plan, []
    tests = [(pattern, exclusion(pattern)) for pattern in patterns]
    unused = set(patterns)
    aliases = Aliases(plan)
    gone: set[BundlePath] = set()
    for item in plan:
        hits = {pattern for pattern, test in tests if any(test(path) for path in aliases.of(item.path))}
        unused -= hits
        if hits:
            gone.add(item.path)
    return _without(plan, gone, aliases), [pattern for pattern in patterns if pattern in unused]


def pattern_against(path: str, plan: BundlePlan, patterns: Sequence[str]) -> str | None:
    """Return the first of `patterns` by which alone `path` would lead to nothing in `plan`; None for none."""
    return next((each for each in patterns if excluded(plan, [each])[0].reached(path)[0] is None), None)


def _without(plan: BundlePlan, unwanted: AbstractSet[BundlePath], aliases: "Aliases") -> BundlePlan:
    """Return `plan` without `unwanted`, the directories that are empty then, and the links that lead to any of it."""
    gone = set(unwanted)
    while True:
        kept = _without_emptied(plan, _lacking(plan, gone))
        dropped = {item.path for item in plan if item.path not in kept}
        links = [item.path for item in kept if isinstance(item.entry, Link)]
        dead = {link for link in links if not dropped.isdisjoint(aliases.passed(link))}
        if not dead:
            return kept
        gone |= dead


def _lacking(plan: BundlePlan, gone: AbstractSet[BundlePath]) -> BundlePlan:
    return plan.without(lambda item: item.path in gone)


def _without_emptied(before: BundlePlan, after: BundlePlan) -> BundlePlan:
    """Return `after` without the directories that held something in `before` and hold nothing any more."""
    held = {item.path.parent for item in before}
    holds: set[BundlePath] = set()
    for item in reversed(list(after)):
        if not isinstance(item.entry, Directory) or item.path in holds or item.path not in held:
            holds.add(item.path.parent)
    return after.without(
        lambda item: isinstance(item.entry, Directory) and item.path in held and item.path not in holds
    )


class Aliases:
    """The names that the bundle has for a path, through its symbolic links."""

    def __init__(self, plan: BundlePlan) -> None:
        """Read the links of `plan`."""
        self._plan = plan
        self._links_to: dict[str, list[BundlePath]] = {}
        self._names: dict[BundlePath, list[str]] = {}
        for item in plan:
            if isinstance(item.entry, Link):
                end = self._followed(item.path)[1]
                if end is not None and not item.path.is_under(end):
                    self._links_to.setdefault(end, []).append(item.path)

    def of(self, path: BundlePath) -> list[str]:
        """Return `path`, first, and what it is called through links to the directories above it."""
        above = path.parent
        if above not in self._names:
            self._names[above] = self._names_of(above)
        return [f"{name.rstrip('/')}/{path.name}" for name in self._names[above]]

    def passed(self, path: BundlePath) -> list[BundlePath]:
        """Return every path on the way to `path`, and to where the links on it lead."""
        return self._followed(path)[0]

    def _names_of(self, directory: BundlePath) -> list[str]:
        """Return the names of `directory`, its own first; links in a circle give endless ones, so at most some."""
        names: list[str] = [directory]
        for name in names:
            head, tail = name.rstrip("/"), ""
            while True:
                new = [link + tail for link in self._links_to.get(head or "/", ())]
                names += [each for each in new if each not in names][: _MOST_NAMES - len(names)]
                if not head:
                    break
                head, _, last = head.rpartition("/")
                tail = f"/{last}{tail}"
        return names

    def _followed(self, path: BundlePath) -> tuple[list[BundlePath], BundlePath | None]:
        """Return the paths on the way to `path`, and where it ends; None for a dead end."""
        passed: list[BundlePath] = []
        way = PathWalk(path)
        while way.step():
            passed.append(way.at)
            item = self._plan.get(way.at)
            if item is None or (isinstance(item.entry, Link) and not way.follow(item.entry.target)):
                return passed, None
        return passed, way.at
