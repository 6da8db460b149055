"""What `--include` and `--mkdir` ask for: files, links, directories, and everything in them."""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy, Directory, Layout
from magicpak.bundle.globs import glob_paths, is_literal
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, Item, made_directory
from magicpak.collect.mirror import Mirror
from magicpak.errors import CannotRead
from magicpak.files.cli_path import CliPath, Location, parse_cli_path
from magicpak.files.host import Host
from magicpak.text import printable

_ELF_MAGIC = b"\x7fELF"


class IncludeMatches(NamedTuple):
    """The ELF files among what the patterns match, and a line for each thing worth a warning.

    `unreadable` has the failure for each path of the bundle that cannot be read, which `--exclude` may still remove.
    """

    elf_files: tuple[Location, ...]
    warnings: tuple[str, ...]
    unreadable: Mapping[BundlePath, CannotRead]


def include(patterns: Sequence[str], mirror: Mirror) -> IncludeMatches:
    """Collect everything that `patterns` match, directories as trees."""
    warnings: list[str] = []
    trees = TreeCollector(mirror)
    before = len(mirror)
    for pattern in patterns:
        because = Because(f"matched by --include {pattern}")
        matches = _matches(pattern)
        if not matches:
            warnings.append(f"--include {printable(pattern)} matches nothing")
        for each in matches:
            trees.collect(each, because)
    elf_files = _elf_files(mirror.after(before), trees.unreadable)
    return IncludeMatches(tuple(elf_files), tuple(warnings), trees.unreadable)


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


def _elf_files(items: Iterable[Item], unreadable: dict[BundlePath, CannotRead]) -> list[Location]:
    """Return the files that begin as ELF files do, each once; add to `unreadable` those that cannot be read."""
    found: dict[str, Location] = {}
    for item in items:
        if not isinstance(item.entry, Copy) or item.entry.source in found:
            continue
        try:
            if _is_elf(item.entry.source):
                found[item.entry.source] = Location(BundlePath(item.entry.source), item.path)
        except CannotRead as error:
            unreadable.setdefault(item.path, error)
    return list(found.values())


def _is_elf(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.read(descriptor, len(_ELF_MAGIC)) == _ELF_MAGIC
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CannotRead(path, error) from None


class _Branch(NamedTuple):
    """A directory to walk, and the real paths of the directories that hold the links on the way to it."""

    location: Location
    link_directories: tuple[str, ...] = ()


class TreeCollector:
    """Walks trees, each directory once.

    Links in a tree include what they lead to, directories as trees too, except for directories above themselves.
    `unreadable` has the failure for each path of the bundle of which something could not be read.
    """

    def __init__(self, mirror: Mirror) -> None:
        self.unreadable: dict[BundlePath, CannotRead] = {}
        self._mirror = mirror
        self._walked: set[Location] = set()
        self._waiting: list[_Branch] = []

    def collect(self, path: CliPath, because: Because) -> None:
        """Collect what `path` leads to, if that is anything."""
        end = self._placed(path.path, because, path.start, path.in_bundle)
        if end is not None and os.path.isdir(end.host):
            self._waiting.append(_Branch(end))
        while self._waiting:
            self._walk(self._waiting.pop(), because)

    def _walk(self, branch: _Branch, because: Because) -> None:
        location = branch.location
        if location in self._walked or self._mirror.host.is_off_limits(location.host):
            return
        self._walked.add(location)
        try:
            self._mirror.whole_directory(location, os.lstat(location.host), because)
            with os.scandir(location.host) as listing:
                children = sorted(listing, key=lambda child: child.name)
            for child in children:
                self._collect_child(child, branch, because)
        except OSError as error:
            self.unreadable.setdefault(location.bundle, CannotRead(error.filename or location.host, error))

    def _placed(self, path: str, because: Because, start: Location, in_bundle: BundlePath) -> Location | None:
        """Place `path` in the mirror; return where it ends, None for nothing, and for what cannot be read."""
        try:
            return self._mirror.place(path, because, start)
        except CannotRead as error:
            self.unreadable.setdefault(in_bundle, error)
            return None

    def _collect_child(self, child: os.DirEntry[str], branch: _Branch, because: Because) -> None:
        if child.is_symlink():
            self._collect_link(child.name, branch, because)
            return
        location = branch.location.joined(child.name)
        status = child.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            self._waiting.append(_Branch(location, branch.link_directories))
        else:
            self._mirror.leaf(location, status, because)

    def _collect_link(self, name: str, branch: _Branch, because: Because) -> None:
        end = self._placed(name, because, branch.location, branch.location.bundle.joined(name))
        if end is None or not os.path.isdir(end.host):
            return
        directories = (*branch.link_directories, branch.location.host)
        if not any(os.path.commonpath((end.host, each)) == end.host for each in directories):
            self._waiting.append(_Branch(end, directories))
        elif self._mirror.layout is Layout.DIRECTORIES:
            link = branch.location.host.joined(name)
            self._mirror.host.skip(link, "a link to a directory above itself cannot become a directory")
