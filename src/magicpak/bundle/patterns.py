"""What `--include` and `--exclude` patterns mean; the only user of wcmatch."""

from collections.abc import Callable, Iterator, Sequence

from magicpak.bundle.entry import Directory, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan

_MAGIC = frozenset("*?[")


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
    pattern = pattern.removeprefix("./")
    if pattern[:1] not in ("/", "*", "[", "?"):
        pattern = "/" + pattern
    pattern = pattern.rstrip("/") or "/"
    if is_literal(pattern):
        return lambda path: path == pattern
    from wcmatch import fnmatch  # noqa: PLC0415 - 20 ms at import

    matcher = fnmatch.compile(_escaped(pattern), flags=fnmatch.DOTMATCH | fnmatch.CASE, limit=0)
    return lambda path: bool(matcher.match(path))


def excluded(plan: BundlePlan, patterns: Sequence[str]) -> tuple[BundlePlan, list[str]]:
    """Return the plan without what `patterns` match, and the patterns that match nothing.

    A pattern is held against each path under which the bundle knows a thing: its own, those through links to the
    directories above it, and, for a link, what it leads to. A directory goes with all it holds. Directories that are
    left empty go, unless they were so before.
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
    for item in plan:
        if isinstance(item.entry, Link) and not gone.isdisjoint(aliases.leads_to(item.path)):
            gone.add(item.path)
    kept = plan.without(lambda item: item.path in gone)
    return _without_emptied(plan, kept), [pattern for pattern in patterns if pattern in unused]


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
    """The other paths that lead to a path of the bundle, through its symbolic links."""

    def __init__(self, plan: BundlePlan) -> None:
        """Read the links of `plan`."""
        self._plan = plan
        self._links_to: dict[BundlePath, list[BundlePath]] = {}
        for item in plan:
            if isinstance(item.entry, Link):
                end = self.resolve(item.path)
                if end is not None and isinstance(self._entry(end), Directory):
                    self._links_to.setdefault(end, []).append(item.path)

    def of(self, path: BundlePath) -> list[BundlePath]:
        """Return `path` and what it is called through links to the directories above it."""
        result = [path]
        above = path.parent
        rest = path.name
        while self._links_to and above != "/":
            for link in self._links_to.get(above, ()):
                if not link.is_under(above):
                    result += [BundlePath(f"{alias}/{rest}") for alias in self.of(link)]
            above, rest = above.parent, f"{above.name}/{rest}"
        return result

    def leads_to(self, path: BundlePath) -> list[BundlePath]:
        """Return every path that the link at `path` passes through, to the end."""
        passed: list[BundlePath] = []
        self.resolve(path, passed)
        return passed

    def _entry(self, path: BundlePath) -> object:
        item = self._plan.get(path)
        return item.entry if item else Directory if path == "/" else None

    def resolve(self, path: BundlePath, passed: list[BundlePath] | None = None) -> BundlePath | None:
        """Return where `path` ends when all links are followed, as path_resolution(7) says; None for a dead end."""
        todo = list(path.parts)[::-1]
        at = BundlePath("/")
        for _ in range(4096):
            if not todo:
                return at
            name = todo.pop()
            if name in ("", "."):
                continue
            at = at.parent if name == ".." else at.joined(name)
            item = self._plan.get(at)
            if item is None and at != "/":
                return None
            if passed is not None and at != path:
                passed.append(at)
            if item is not None and isinstance(item.entry, Link):
                todo += item.entry.target.split("/")[::-1]
                at = BundlePath("/") if item.entry.target.startswith("/") else at.parent
        return None
