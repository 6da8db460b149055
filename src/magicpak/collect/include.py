"""What `--include` and `--mkdir` ask for: files, links, directories, and everything in them."""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy, Directory, Layout
from magicpak.bundle.globs import glob_paths, is_literal
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Because, Item, made_directory
from magicpak.collect.mirror import Mirror
from magicpak.errors import CannotRead, InvalidUsage, SourceChanged, read_failure
from magicpak.files.cli_path import CliPath, Location, parse_cli_path
from magicpak.files.host import Host
from magicpak.files.view import link_target, read_host_file
from magicpak.text import printable

ReadFailure = CannotRead | SourceChanged

_ELF_MAGIC = b"\x7fELF"
_SCRIPT_MAGIC = b"#!"


class IncludeMatches(NamedTuple):
    """What the patterns match.

    `named` are the files that a pattern itself matches, not a directory above them, `scripts` the executable scripts
    among them, `elf_files` all ELF files, `warnings` lines worth a warning, `unreadable` the failures by the paths of
    the bundle that cannot be read, which `--exclude` may still remove.
    """

    named: tuple[Location, ...]
    scripts: tuple[Location, ...]
    elf_files: tuple[Location, ...]
    warnings: tuple[str, ...]
    unreadable: Mapping[BundlePath, ReadFailure]


def include(patterns: Sequence[str], mirror: Mirror) -> IncludeMatches:
    """Collect everything that `patterns` match, directories as trees.

    Raises InvalidUsage for a link to the root, or to a directory that holds OUTPUT.
    """
    warnings: list[str] = []
    named: dict[Location, None] = {}
    trees = TreeCollector(mirror)
    before = len(mirror)
    for pattern in patterns:
        because = Because(f"matched by --include {pattern}")
        matches = _matches(pattern)
        if not matches:
            warnings.append(f"--include {printable(pattern)} matches nothing")
        try:
            ends = [trees.collect(each, because) for each in matches]
        except TooMuch as error:
            raise _refusal(pattern, error) from None
        named |= dict.fromkeys(end for end in ends if end is not None)
    elf_files = elf_files_among(mirror.after(before), trees.unreadable)
    scripts = tuple(location for location in named if _is_script(location.host))
    return IncludeMatches(tuple(named), scripts, tuple(elf_files), tuple(warnings), trees.unreadable)


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


def elf_files_among(items: Iterable[Item], unreadable: dict[BundlePath, ReadFailure]) -> list[Location]:
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


def _is_script(path: str) -> bool:
    """Return whether the kernel can execute the file at `path` as a script."""
    try:
        return (
            os.path.isfile(path)
            and os.access(path, os.X_OK)
            and read_host_file(path, len(_SCRIPT_MAGIC)) == _SCRIPT_MAGIC
        )
    except OSError:  # one that cannot be read is among `unreadable`
        return False


class TooMuch(Exception):
    """What is to be collected is at `path`, a link to the directory `end` or that itself, and cannot be meant whole."""

    def __init__(self, path: str, end: BundlePath) -> None:
        super().__init__(path, end)
        self.path, self.end = path, end


def _refusal(pattern: str, error: TooMuch) -> InvalidUsage:
    end = "/, the whole file system" if error.end == ROOT else f"{printable(error.end)}, which holds OUTPUT"
    what = end if error.path == error.end else f"{printable(error.path)} is a link to {end}"
    message = f"--include {printable(pattern)}: {what}"
    return InvalidUsage(message, hints=["include what is needed there by its own path"])


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
        self.unreadable: dict[BundlePath, ReadFailure] = {}
        self._mirror = mirror
        self._walked: set[Location] = set()
        self._waiting: list[_Branch] = []

    def collect(self, path: CliPath, because: Because) -> Location | None:
        """Collect what `path` leads to, and return where that is, if anywhere. Raises TooMuch."""
        end = self._placed(path.path, because, path.start, path.in_bundle)
        if end is not None and os.path.isdir(end.host):
            on_host = BundlePath(path.on_host)
            if end.host == ROOT or link_target(on_host) is not None:
                self._require_bounded(on_host, end.host)
            self._waiting.append(_Branch(end))
        while self._waiting:
            self._walk(self._waiting.pop(), because)
        return end

    def _require_bounded(self, path: str, end: BundlePath) -> None:
        """Raise TooMuch where `path` leads to the root directory, or to one that holds OUTPUT."""
        output = self._mirror.host.output
        if end == ROOT or (output is not None and output != end and BundlePath(output).is_under(end)):
            raise TooMuch(path, end)

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
            self.unreadable.setdefault(location.bundle, read_failure(error.filename or location.host, error))

    def _placed(self, path: str, because: Because, start: Location, in_bundle: BundlePath) -> Location | None:
        """Place `path` in the mirror; return where it ends, None for nothing, and for what cannot be read."""
        try:
            return self._mirror.place(path, because, start)
        except (CannotRead, SourceChanged) as error:
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
            self._require_bounded(branch.location.host.joined(name), end.host)
            self._waiting.append(_Branch(end, directories))
        elif self._mirror.layout is Layout.DIRECTORIES:
            link = branch.location.host.joined(name)
            self._mirror.host.skip(link, "a link to a directory above itself cannot become a directory")
