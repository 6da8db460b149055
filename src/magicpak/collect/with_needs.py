"""What `--with` asks for as items of the plan: files, directories, programs, and the libraries of all of them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Attributes, Content, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, Item
from magicpak.collect.include import elf_files_among, make_directory
from magicpak.collect.include_libraries import resolve_included
from magicpak.collect.mirror import Mirror
from magicpak.collect.programs import ProgramCollector
from magicpak.collect.trees import ReadFailure, TooMuch, TreeCollector
from magicpak.errors import CannotRead, NeedNotFound
from magicpak.files.cli_path import Location
from magicpak.ldso.factory import Loaders
from magicpak.needs.found import NeedFiles, NeedHost, find_need
from magicpak.needs.rows import WantedNeed
from magicpak.resolve.libraries import Resolved
from magicpak.text import printable

_FILE, _LINK = Attributes(0o644), Attributes(0o777)


class NeedItems(NamedTuple):
    """What needs have added.

    `resolved` are programs and libraries with what their loaders load, for `place_libraries`; `scripts` are among the
    programs; `warnings` are lines worth a warning, `unreadable` the failures by the paths of the bundle that cannot be
    read, which `--exclude` may still remove.
    """

    resolved: Sequence[Resolved] = ()
    scripts: Sequence[Location] = ()
    warnings: Sequence[str] = ()
    unreadable: Mapping[BundlePath, ReadFailure] = {}


def collect_needs(
    wanted: Sequence[WantedNeed],
    inputs: Sequence[str],
    programs: Sequence[Resolved],
    loaders: Loaders,
    mirror: Mirror,
) -> NeedItems:
    """Collect in `mirror` what is `wanted` for `inputs`, real paths, and for `programs`.

    Nothing is executed. Raises NeedNotFound, CannotRead and ToolFailed.
    """
    collector = _NeedCollector(mirror, loaders)
    host = NeedHost.of(inputs, programs, loaders, mirror.host.files)
    for need in wanted:
        if need.row.of_bundle:  # comes when everything else is known
            continue
        try:
            collector.add(find_need(need, host), Because(f"added by {need.flag}"))
        except NeedNotFound:
            if not need.optional:
                raise
    return collector.items([*programs])


def collect_found(found: NeedFiles, because: Because, loaders: Loaders, mirror: Mirror) -> NeedItems:
    """Collect in `mirror` what was `found`. Raises ToolFailed."""
    collector = _NeedCollector(mirror, loaders)
    collector.add(found, because)
    return collector.items([])


class _NeedCollector:
    """Collects what was found."""

    def __init__(self, mirror: Mirror, loaders: Loaders) -> None:
        self._mirror = mirror
        self._loaders = loaders
        self._before = len(mirror)
        self._trees = TreeCollector(mirror)
        self._programs = ProgramCollector(mirror, loaders)
        self._libraries: list[Resolved] = []
        self._made: list[tuple[str, Content | Link, Because]] = []
        self._warnings: list[str] = []

    def add(self, found: NeedFiles, because: Because) -> None:
        for tree in found.trees:
            try:
                self._trees.collect(tree, because)
                self._trees.walk()
            except TooMuch as error:
                self._warnings.append(f"{printable(tree.on_host)} is not included whole: {error.what}")
        for alone in found.entries:
            try:
                self._mirror.place(alone, because)
            except CannotRead as error:
                self._trees.unreadable.setdefault(BundlePath(alone), error)
        for directory in found.directories:
            make_directory(directory, self._mirror, because)
        for program in found.programs:
            self._programs.place(program, because)
        made: dict[str, Content | Link] = {path: Content(data, _FILE) for path, data in found.made.items()}
        made |= {path: Link(target, _LINK) for path, target in found.links.items()}
        self._made += ((path, entry, because) for path, entry in made.items())
        self._libraries += found.libraries
        self._warnings += found.warnings

    def items(self, programs: Sequence[Resolved]) -> NeedItems:
        """Return what was collected for `programs`."""
        for path, entry, because in self._made:  # last: what the host has there comes first
            self._make(path, entry, because)
        elf_files = elf_files_among(self._mirror.after(self._before), self._trees.unreadable, self._mirror.host.files)
        resolved = [*self._libraries, *self._programs.resolved]
        # Java loads libjvm.so by its path, and then the libraries that need it by that name.
        loaded = {location.host.name for location in elf_files}
        included = resolve_included(elf_files, [*programs, *resolved], self._loaders, loaded)
        warnings = (*self._programs.warnings, *self._warnings, *included.warnings)
        scripts = tuple(self._programs.scripts)
        return NeedItems([*resolved, *included.resolved], scripts, warnings, self._trees.unreadable)

    def _make(self, path: str, entry: Content | Link, because: Because) -> None:
        """Collect `entry` as `path`, unless the whole file of the host is there, by another option."""
        place = BundlePath(path)
        place = self._mirror.directory(place.parent, because).joined(place.name)
        if place not in self._mirror:
            self._mirror.add(Item(place, entry, because))
