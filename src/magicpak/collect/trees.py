"""Directories with everything in them, as items of the plan."""

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Layout
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Because
from magicpak.collect.mirror import Mirror
from magicpak.collect.tree_links import TreeLinks
from magicpak.errors import CannotRead, SourceChanged, read_failure
from magicpak.files.cli_path import CliPath, Location
from magicpak.text import printable

ReadFailure = CannotRead | SourceChanged

_MAX_REPEATED = 10_000
"""Directories that links may add at a further place, which takes seconds: there can be a factorial of their number."""


class TooMuch(Exception):
    """What is to be collected `because` of something cannot be meant whole: `what` it is, and a `hint`."""

    def __init__(self, because: Because, what: str, hint: str) -> None:
        super().__init__(because, what, hint)
        self.because, self.what, self.hint = because, what, hint


class TooManyLinks(TooMuch):
    """Links to directories make too many directories."""


class _Branch(NamedTuple):
    """A directory to walk, and why.

    `above` are the real paths of the directories that hold the links on the way to it, and of those above them; `link`
    is the last of these links.
    """

    location: Location
    because: Because
    above: frozenset[str] = frozenset()
    link: BundlePath | None = None


class TreeCollector:
    """Walks trees, each directory once.

    Links in a tree include what they lead to, directories as trees too, except for directories above themselves.
    `unreadable` has the failure for each path of the bundle of which something could not be read.
    """

    def __init__(self, mirror: Mirror) -> None:
        self.unreadable: dict[BundlePath, ReadFailure] = {}
        self._mirror = mirror
        self._files = mirror.host.files
        self._links = TreeLinks(mirror.host)
        self._roots: list[_Branch] = []
        self._walked: dict[BundlePath, set[BundlePath]] = {}
        self._repeated = 0

    def collect(self, path: CliPath, because: Because) -> Location | None:
        """Collect what `path` leads to, and return where that is, if anywhere; `walk` does what is in a directory.

        Raises TooMuch.
        """
        end = self._placed(path.path, because, path.start, path.in_bundle)
        if end is not None and self._files.is_directory(end.host):
            on_host = BundlePath(path.on_host)
            if end.host == ROOT or stat.S_ISLNK(self._files.link_status(on_host).st_mode):
                self._require_bounded(on_host, end.host, because)
            self._links.add_root(end)
            self._roots.append(_Branch(end, because))
        return end

    def walk(self) -> None:
        """Collect what is in the directories. Raises TooMuch."""
        roots, self._roots = self._roots, []
        for root in roots:
            waiting = [root]
            while waiting:
                waiting += self._walk(waiting.pop())

    def _require_bounded(self, path: BundlePath, end: BundlePath, because: Because) -> None:
        """Raise TooMuch where `path` leads to the root directory, or to one that holds OUTPUT."""
        output = self._mirror.host.output
        if end != ROOT and (output is None or output == end or not BundlePath(output).is_under(end)):
            return
        where = "/, the whole file system" if end == ROOT else f"{printable(end)}, which holds OUTPUT"
        what = where if path == end else f"{printable(path)} is a link to {where}"
        raise TooMuch(because, what, "include what is needed there by its own path")

    def _is_new(self, branch: _Branch) -> bool:
        """Return whether the directory of `branch` is not walked yet. Raises TooManyLinks for one too many."""
        places = self._walked.setdefault(branch.location.host, set())
        is_new = branch.location.bundle not in places
        self._repeated += bool(places) and is_new
        if self._repeated > _MAX_REPEATED and branch.link is not None:
            raise TooManyLinks(
                branch.because,
                f"links to directories, such as {printable(branch.link)},"
                f" would add more than {_MAX_REPEATED} directories once more",
                "--layout host keeps such links; so does including all directories that they lead to",
            )
        places.add(branch.location.bundle)
        return is_new

    def _walk(self, branch: _Branch) -> Sequence[_Branch]:
        """Collect a directory and what is in it, and return the directories that are to be walked next."""
        location = branch.location
        if self._mirror.host.is_off_limits(location.host) or not self._is_new(branch):
            return ()
        branches: list[_Branch] = []
        try:
            self._mirror.whole_directory(location, self._files.link_status(location.host), branch.because)
            with os.scandir(self._files.physical(location.host)) as listing:
                children = sorted(listing, key=lambda child: child.name)
            if any(child.is_symlink() for child in children):
                branch = branch._replace(above=branch.above.union(_with_parents(location.host)))
            for child in children:
                if child.is_symlink():
                    branches += self._collect_link(location.joined(child.name), branch)
                    continue
                status = child.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    branches.append(branch._replace(location=location.joined(child.name)))
                else:
                    self._mirror.leaf(location.joined(child.name), status, branch.because)
        except OSError as error:
            self.unreadable.setdefault(
                location.bundle, read_failure(self._files.inside(error.filename or "") or location.host, error)
            )
        return branches

    def _placed(self, path: str, because: Because, start: Location, in_bundle: BundlePath) -> Location | None:
        """Place `path` in the mirror; return where it ends, None for nothing, and for what cannot be read."""
        try:
            return self._mirror.place(path, because, start)
        except (CannotRead, SourceChanged) as error:
            self.unreadable.setdefault(in_bundle, error)
            return None

    def _collect_link(self, link: Location, branch: _Branch) -> Iterator[_Branch]:
        unlinked = self._mirror.layout is Layout.DIRECTORIES
        if unlinked and self._links.stays(link):
            self._mirror.keep_link(link, branch.because)
            return
        end = self._placed(link.host.name, branch.because, branch.location, link.bundle)
        if end is None or not self._files.is_directory(end.host):
            return
        if end.host not in branch.above:
            self._require_bounded(link.host, end.host, branch.because)
            self._links.add_root(end)
            yield branch._replace(location=end, link=link.host)
        elif unlinked:
            self._mirror.host.skip(link.host, "a link to a directory above itself cannot become a directory")


def _with_parents(path: BundlePath) -> Iterator[BundlePath]:
    """Yield `path` and all directories above it."""
    yield path
    while path != ROOT:
        path = path.parent
        yield path
