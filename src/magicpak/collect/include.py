"""What `--include` and `--mkdir` ask for: files, links, directories, and everything in them."""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.entry import Copy, Directory
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, Item, made_directory
from magicpak.collect.mirror import Mirror
from magicpak.collect.trees import ReadFailure, TooMuch, TreeCollector
from magicpak.errors import CannotRead, InvalidUsage, SourceChanged, read_failure
from magicpak.files.cli_path import Location
from magicpak.files.host import Host
from magicpak.files.matches import matching_paths
from magicpak.files.view import open_regular, read_file
from magicpak.text import printable

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_ELF_MAGIC = b"\x7fELF"
_SCRIPT_MAGIC = b"#!"
_MATCHED_BY = "matched by "


class IncludeMatches(NamedTuple):
    """What the patterns match.

    `named` are the files that a pattern itself matches, not a directory above them, `scripts` the executable scripts
    among them, `items` all that was collected, `elf_files` the ELF files among that, `warnings` lines worth a warning,
    `unreadable` the failures by the paths of the bundle that cannot be read, which `--exclude` may still remove.
    """

    named: tuple[Location, ...]
    scripts: tuple[Location, ...]
    items: Sequence[Item]
    elf_files: tuple[Location, ...]
    warnings: tuple[str, ...]
    unreadable: Mapping[BundlePath, ReadFailure]


def include(patterns: Sequence[str], mirror: Mirror) -> IncludeMatches:
    """Collect everything that `patterns` match, directories as trees.

    Raises InvalidUsage for a link to the root, or to a directory that holds OUTPUT, and for links that make too many
    directories.
    """
    warnings: list[str] = []
    named: dict[Location, None] = {}
    trees = TreeCollector(mirror)
    before = len(mirror)
    try:
        for pattern in patterns:
            because = Because(f"{_MATCHED_BY}--include {pattern}")
            matches = matching_paths(pattern, mirror.host.files)
            if not matches:
                warnings.append(f"--include {printable(pattern)} matches nothing")
            ends = [trees.collect(each, because) for each in matches]
            named |= dict.fromkeys(end for end in ends if end is not None)
        trees.walk()
    except TooMuch as error:
        option = printable(error.because.words.removeprefix(_MATCHED_BY))
        raise InvalidUsage(f"{option}: {error.what}", hints=[error.hint]) from None
    items = mirror.after(before)
    elf_files = elf_files_among(items, trees.unreadable, mirror.host.files)
    scripts = tuple(location for location in named if _is_script(location.host, mirror.host.files))
    return IncludeMatches(tuple(named), scripts, items, tuple(elf_files), tuple(warnings), trees.unreadable)


def make_directories(paths: Sequence[str], mirror: Mirror) -> None:
    """Collect the directories of `--mkdir` with their parents, each with the host's mode and owner where it has one.

    The others are root's, 0755; /tmp and /var/tmp are 1777 in any case. Raises CannotRead.
    """
    for path in paths:
        make_directory(path, mirror, Because(f"--mkdir {path}"))


def make_directory(path: str, mirror: Mirror, because: Because) -> None:
    """Collect the directory `path`, without what is in it, as `make_directories` does. Raises CannotRead."""
    place = mirror.directory(BundlePath(path), because)
    if place != "/":
        mirror.add(Item(place, _directory_entry(place, mirror.host), because))


def _directory_entry(place: BundlePath, host: Host) -> Directory:
    status = host.followed_status(place)
    if status is None or not stat.S_ISDIR(status.st_mode):
        return made_directory(place)
    return host.implied_directory(Location(host.real(place), place), status)._replace(implied=False)


def elf_files_among(
    items: Iterable[Item], unreadable: dict[BundlePath, ReadFailure], files: "SourceView"
) -> list[Location]:
    """Return those of `files` that begin as ELF files do, each once; add to `unreadable` those that cannot be read."""
    found: dict[str, Location] = {}
    for item in items:
        if not isinstance(item.entry, Copy) or item.entry.source in found:
            continue
        try:
            inside = files.inside(item.entry.source)
            if inside is not None and _is_elf(item.entry.source):
                found[item.entry.source] = Location(BundlePath(inside), item.path)
        except (CannotRead, SourceChanged) as error:
            unreadable.setdefault(item.path, error)
    return list(found.values())


def _is_elf(path: str) -> bool:
    try:
        descriptor = open_regular(path)
        try:
            return os.read(descriptor, len(_ELF_MAGIC)) == _ELF_MAGIC
        finally:
            os.close(descriptor)
    except OSError as error:
        raise read_failure(path, error) from None


def _is_script(path: str, files: "SourceView") -> bool:
    """Return whether the kernel can execute the file at `path` as a script."""
    try:
        return files.is_executable(path) and read_file(files, path, len(_SCRIPT_MAGIC)) == _SCRIPT_MAGIC
    except OSError:  # one that cannot be read is among `unreadable`
        return False
