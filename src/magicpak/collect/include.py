"""What `--include` and `--mkdir` ask for: files, links, directories, and everything in them."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy, Directory, Layout
from magicpak.bundle.globs import glob_paths, is_literal
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Because, Item, made_directory
from magicpak.collect.mirror import Mirror
from magicpak.collect.tree_links import TreeLinks
from magicpak.errors import CannotRead, InvalidUsage, SourceChanged, read_failure
from magicpak.files.cli_path import CliPath, Location, parse_cli_path
from magicpak.files.host import Host
from magicpak.files.view import link_target, read_host_file
from magicpak.text import printable

ReadFailure = CannotRead | SourceChanged

_ELF_MAGIC = b"\x7fELF"
_MAX_REPEATED = 10_000
"""Directories that links may add at a further place, which takes seconds: there can be a factorial of their number."""


class IncludeMatches(NamedTuple):
    """What the patterns match.

    `named` are the places in the bundle of the files that a pattern itself matches, not a directory above them,
    `elf_files` all ELF files, `warnings` lines worth a warning, `unreadable` the failures by the paths of the bundle
    that cannot be read, which `--exclude` may still remove.
    """

    named: frozenset[BundlePath]
    elf_files: tuple[Location, ...]
    warnings: tuple[str, ...]
    unreadable: Mapping[BundlePath, ReadFailure]


def include(patterns: Sequence[str], mirror: Mirror) -> IncludeMatches:
    """Collect everything that `patterns` match, directories as trees.

    Raises InvalidUsage for a link to the root, or to a directory that holds OUTPUT, and for links that make too many
    directories.
    """
    warnings: list[str] = []
    named: set[BundlePath] = set()
    trees = TreeCollector(mirror)
    before = len(mirror)
    for pattern in patterns:
        matches = _matches(pattern)
        if not matches:
            warnings.append(f"--include {printable(pattern)} matches nothing")
        ends = [trees.collect(each, pattern) for each in matches]
        named |= {end.bundle for end in ends if end is not None}
    trees.walk()
    elf_files = _elf_files(mirror.after(before), trees.unreadable)
    return IncludeMatches(frozenset(named), tuple(elf_files), tuple(warnings), trees.unreadable)


def make_directories(paths: Sequence[str], mirror: Mirror) -> None:
    """Collect the directories of `--mkdir` with their parents, each with the host's mode and owner where it has one.

    The others are root's, 0755; /tmp and /var/tmp are 1777 in any case. Raises CannotRead.
    """
    for path in paths:
        because = Because(f"--mkdir {path}")
        place = mirror.directory(BundlePath(path), because)
        if place != "/":
            mirror.add(Item(place, _directory_entry(place, mirror.host), because))


def _directory_entry(place: BundlePath, host: Host) -> Directory:
    status = host.followed_status(place)
    if status is None or not stat.S_ISDIR(status.st_mode):
        return made_directory(place)
    return host.implied_directory(Location(host.real(place), place), status)._replace(implied=False)


def _matches(pattern: str) -> list[CliPath]:
    """Return what `pattern` matches, in the order of the names."""
    if is_literal(pattern):
        return [parse_cli_path(pattern)] if pattern and os.path.lexists(pattern) else []
    head = _literal_directories(pattern)
    directory = parse_cli_path(head or ".")
    names = {name.rstrip("/") for name in glob_paths(pattern[len(head) :], directory.on_host)}
    return [directory.joined(name) for name in sorted(names)]


def _literal_directories(pattern: str) -> str:
    """Return the directories before the first wildcard, with the slash that follows them."""
    parts = pattern.split("/")
    count = next(index for index, part in enumerate(parts) if not is_literal(part))
    return "/".join(parts[:count]) + ("/" if count else "")


def _elf_files(items: Iterable[Item], unreadable: dict[BundlePath, ReadFailure]) -> list[Location]:
    """Return the files that begin as ELF files do, each once; add to `unreadable` those that cannot be read."""
    found: dict[str, Location] = {}
    for item in items:
        if not isinstance(item.entry, Copy) or item.entry.source in found:
            continue
        try:
            if _is_elf(item.entry.source):
                found[item.entry.source] = Location(BundlePath(item.entry.source), item.path)
        except (CannotRead, SourceChanged) as error:
            unreadable.setdefault(item.path, error)
    return list(found.values())


def _is_elf(path: str) -> bool:
    try:
        return read_host_file(path, len(_ELF_MAGIC)) == _ELF_MAGIC
    except OSError as error:
        raise read_failure(path, error) from None


class _Branch(NamedTuple):
    """A directory to walk for `pattern`, and the real paths of the directories that hold the links on the way to it.

    `link` is the last of these links.
    """

    location: Location
    pattern: str
    link_directories: tuple[str, ...] = ()
    link: BundlePath | None = None

    @property
    def because(self) -> Because:
        """Why it is in the bundle."""
        return Because(f"matched by --include {self.pattern}")


class TreeCollector:
    """Walks trees, each directory once.

    Links in a tree include what they lead to, directories as trees too, except for directories above themselves.
    `unreadable` has the failure for each path of the bundle of which something could not be read.
    """

    def __init__(self, mirror: Mirror) -> None:
        self.unreadable: dict[BundlePath, ReadFailure] = {}
        self._mirror = mirror
        self._links = TreeLinks(mirror.host)
        self._roots: list[_Branch] = []
        self._walked: dict[BundlePath, set[BundlePath]] = {}
        self._repeated = 0

    def collect(self, path: CliPath, pattern: str) -> Location | None:
        """Collect what `path` leads to, and return where that is, if anywhere; a directory still has to be walked.

        Raises InvalidUsage.
        """
        root = _Branch(path.start, pattern)
        end = self._placed(path.path, root.because, path.start, path.in_bundle)
        if end is not None and os.path.isdir(end.host):
            on_host = BundlePath(path.on_host)
            if end.host == ROOT or link_target(on_host) is not None:
                self._require_bounded(on_host, end.host, pattern)
            self._links.add_root(end)
            self._roots.append(root._replace(location=end))
        return end

    def walk(self) -> None:
        """Collect what is in the directories. Raises InvalidUsage."""
        for root in self._roots:
            waiting = [root]
            while waiting:
                waiting += self._walk(waiting.pop())

    def _require_bounded(self, path: BundlePath, end: BundlePath, pattern: str) -> None:
        """Raise InvalidUsage where `path` leads to the root directory, or to one that holds OUTPUT."""
        output = self._mirror.host.output
        if end != ROOT and (output is None or output == end or not BundlePath(output).is_under(end)):
            return
        where = "/, the whole file system" if end == ROOT else f"{printable(end)}, which holds OUTPUT"
        what = where if path == end else f"{printable(path)} is a link to {where}"
        message = f"--include {printable(pattern)}: {what}"
        raise InvalidUsage(message, hints=["include what is needed there by its own path"])

    def _is_new(self, branch: _Branch) -> bool:
        """Return whether the directory of `branch` is not walked yet. Raises InvalidUsage for one too many."""
        places = self._walked.setdefault(branch.location.host, set())
        self._repeated += bool(places) and branch.location.bundle not in places
        if self._repeated > _MAX_REPEATED and branch.link is not None:
            message = (
                f"--include {printable(branch.pattern)}: links to directories, such as {printable(branch.link)},"
                f" would add more than {_MAX_REPEATED} directories once more"
            )
            hints = ["--layout host keeps such links; so does including all directories that they lead to"]
            raise InvalidUsage(message, hints=hints)
        is_new = branch.location.bundle not in places
        places.add(branch.location.bundle)
        return is_new

    def _walk(self, branch: _Branch) -> Sequence[_Branch]:
        """Collect a directory and what is in it, and return the directories that are to be walked next."""
        location = branch.location
        if self._mirror.host.is_off_limits(location.host) or not self._is_new(branch):
            return ()
        branches: list[_Branch] = []
        try:
            self._mirror.whole_directory(location, os.lstat(location.host), branch.because)
            with os.scandir(location.host) as listing:
                children = sorted(listing, key=lambda child: child.name)
            for child in children:
                branches += self._collect_child(child, branch)
        except OSError as error:
            self.unreadable.setdefault(location.bundle, read_failure(error.filename or location.host, error))
        return branches

    def _placed(self, path: str, because: Because, start: Location, in_bundle: BundlePath) -> Location | None:
        """Place `path` in the mirror; return where it ends, None for nothing, and for what cannot be read."""
        try:
            return self._mirror.place(path, because, start)
        except (CannotRead, SourceChanged) as error:
            self.unreadable.setdefault(in_bundle, error)
            return None

    def _collect_child(self, child: os.DirEntry[str], branch: _Branch) -> Iterator[_Branch]:
        """Collect `child`, and yield it if it is, or leads to, a directory."""
        location = branch.location.joined(child.name)
        if child.is_symlink():
            yield from self._collect_link(location, branch)
            return
        status = child.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            yield branch._replace(location=location)
        else:
            self._mirror.leaf(location, status, branch.because)

    def _collect_link(self, link: Location, branch: _Branch) -> Iterator[_Branch]:
        unlinked = self._mirror.layout is Layout.DIRECTORIES
        if unlinked and self._links.stays(link):
            self._mirror.keep_link(link, branch.because)
            return
        end = self._placed(link.host.name, branch.because, branch.location, link.bundle)
        if end is None or not os.path.isdir(end.host):
            return
        directories = (*branch.link_directories, branch.location.host)
        if not any(os.path.commonpath((end.host, each)) == end.host for each in directories):
            self._require_bounded(link.host, end.host, branch.pattern)
            self._links.add_root(end)
            yield _Branch(end, branch.pattern, directories, link.host)
        elif unlinked:
            self._mirror.host.skip(link.host, "a link to a directory above itself cannot become a directory")
