"""INPUTs that are elsewhere in the bundle than on the host: what they find by their own path moves along.

A program finds its files by /proc/self/exe, by argv[0], by a file beside it (pyvenv.cfg), or from its current
directory, and a trace does not say by which. So what was used keeps its path, and is at the new place as well: hard
links, which take no space.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy, Directory, Fifo, Link
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item
from magicpak.collect.libraries import Placed, place_libraries
from magicpak.collect.mirror import Mirror
from magicpak.files.cli_path import Location, parse_cli_path
from magicpak.files.host import Host
from magicpak.files.script import SEARCH_PATH
from magicpak.files.view import real_path
from magicpak.resolve.inputs import Input, is_relative, unmoved
from magicpak.resolve.libraries import Resolved
from magicpak.text import list_names, printable

_SHARED_PREFIXES = frozenset(BundlePath(each).parent for each in SEARCH_PATH)
"""What is in a directory of PATH, or beside it, is everybody's: no program is found to look there for its own."""
_WRITABLE = ("/tmp", "/var/tmp")  # noqa: S108 - the bundle's, which have a mode of their own


class Relocation(NamedTuple):
    """A directory of the host, and the directory of the bundle where what was used below it is too.

    `argument` is the INPUT for which it is there, as the user wrote it.
    """

    start: Location
    argument: str

    def place_of(self, path: str) -> str:
        """Return where the directory `path` of the host is, if it is below, or else `path`."""
        below = BundlePath(path)[len(self.start.host) :]
        return BundlePath(f"{self.start.bundle}/{below}") if self.covers(path) else path

    def covers(self, path: str) -> bool:
        """Return whether `path` of the host is that directory or below."""
        return BundlePath(path).is_under(self.start.host)


def relocations(inputs: Sequence[Input]) -> list[Relocation]:
    """Return what moves along with `inputs`, the INPUTs.

    With a relative one, that is the current directory: in the bundle it is the root. With any that moves, it is what
    the program may take for its own directory.
    """
    found: dict[Location, Relocation] = {}
    for program in inputs:
        starts = [Location(each, program.place.parent) for each in _own_directories(program)]
        if is_relative(program):
            whole = Relocation(parse_cli_path(program.argument).start, program.argument)
            starts = [whole.start, *(each for each in starts if whole.place_of(each.host) != each.bundle)]
        for start in starts if program.is_moved else ():
            if start.host not in (ROOT, start.bundle):
                found.setdefault(start, Relocation(start, program.argument))
    return list(found.values())


def _own_directories(program: Input) -> list[BundlePath]:
    """Return the directories that `program` may take for its own: that of the file, and that of a link as INPUT."""
    paths = program.real, parse_cli_path(program.argument).on_host
    directories = dict.fromkeys(BundlePath(real_path(os.path.dirname(path))) for path in paths)
    return [each for each in directories if each not in SEARCH_PATH]


class MovedItems(NamedTuple):
    """What one relocation adds, and the places of libraries that were found through an `$ORIGIN` that moves.

    `sources` has the paths of the host from which files move.
    """

    relocation: Relocation
    items: Sequence[Item]
    placed: Sequence[Placed]
    sources: Mapping[BundlePath, BundlePath]


def move_along(
    relocation: Relocation, items: Iterable[Item], resolved: Sequence[Resolved], mirror: Mirror, before: Host
) -> MovedItems:
    """Return what `relocation` adds to `items`, those of the INPUTs and of the runs, whose programs are `resolved`.

    `mirror` is that of the plan, `before` the host as the runs found it. Raises CannotRead.
    """
    files = _Mover(relocation, Mirror(mirror.layout, before))
    for item in items:
        if item.path != relocation.start.host and relocation.covers(item.path):
            files.take(item)
    libraries = Mirror(mirror.layout, mirror.host)
    placed = [
        place_libraries(each, libraries, directory_in_bundle=relocation.place_of)
        for each in resolved
        if any(relocation.covers(loaded.path) for loaded in each.closure.everything)
    ]
    return MovedItems(relocation, [*files.mirror.take(), *libraries.take()], placed, files.sources)


class _Mover:
    """Collects items of the host once more in `mirror`, at their new places; `sources` has those of files."""

    def __init__(self, relocation: Relocation, mirror: Mirror) -> None:
        self.mirror = mirror
        self.sources: dict[BundlePath, BundlePath] = {}
        self._because = f"moved along with {relocation.argument}, from"
        host, place = relocation.start
        self._start = Location(host, mirror.directory(place, Because(self._because, host)))
        self._directories: dict[BundlePath, Location | None] = {}

    def take(self, item: Item) -> None:
        """Collect `item`, with the directories above it, and what a relative link leads to from its new place."""
        because = Because(self._because, item.path)
        is_directory = isinstance(item.entry, Directory)
        holder = self._directory(item.path if is_directory else item.path.parent, because)
        if holder is None:
            return
        place = holder.bundle if is_directory else holder.bundle.joined(item.path.name)
        match item.entry:
            case Directory(implied=True):
                return
            case Directory() if place in (ROOT, *_WRITABLE):
                return
            case Copy() | Fifo():
                self.sources[place] = item.path
            case Link(target=target, source=source) if source is not None and not target.startswith("/"):
                self.mirror.place(target, because, Location(item.path.parent, holder.bundle))
        self.mirror.add(Item(place, item.entry, because))

    def _directory(self, path: BundlePath, because: Because) -> Location | None:
        if path not in self._directories:
            self._directories[path] = self.mirror.place(path[len(self._start.host) :], because, self._start)
        return self._directories[path]


class PlanWithMoved(NamedTuple):
    """A plan with what moves along.

    `used` has the paths on the host of the files that the runs have used, by their places. `warnings` are lines worth a
    warning.
    """

    plan: BundlePlan
    used: Mapping[BundlePath, str]
    warnings: Sequence[str]


def with_moved(
    plan: BundlePlan, moved: Sequence[MovedItems], inputs: Sequence[Input], files: Collection[BundlePath]
) -> PlanWithMoved:
    """Return `plan` with the items of `moved` where nothing else is planned, and a warning where something is.

    `files` are those that the runs of `inputs`, the INPUTs, have used.
    """
    used: dict[BundlePath, str] = {path: path for path in files}
    warnings: list[str] = []
    for relocation, items, _, sources in moved:
        known = plan
        plan, refused = known.adding_where_free(filter(_is_readable, items))
        for item in items:
            if item.path not in known and item.path in plan and isinstance(item.entry, Copy | Fifo):
                used[item.path] = sources.get(item.path) or _source(item) or item.path
        others = [item.path for item in refused if _end(item) != _end(plan.get(item.path))]
        if others:
            argument = printable(relocation.argument)
            warnings.append(
                f"{list_names(others)} did not move along with {argument}: the bundle has something else there"
            )
    return PlanWithMoved(plan, used, [*warnings, *_beside_warnings(inputs, files, plan)])


def _beside_warnings(inputs: Sequence[Input], used: Iterable[BundlePath], plan: BundlePlan) -> Iterator[str]:
    """Yield a line for each of `inputs` that moves away from files beside its directory that the runs have `used`."""
    files = sorted(used)
    for program in inputs:
        parent = program.place.parent
        if not program.is_moved or any(plan.reached(f"{each}/pyvenv.cfg")[0] for each in (parent, parent.parent)):
            continue  # by that file, a virtual environment's Python finds all others where they are
        others = {each for other in inputs if other is not program for each in _own_directories(other)}
        lost = dict.fromkeys(
            path
            for own in _own_directories(program)
            for path in files
            if own.parent not in _SHARED_PREFIXES
            and path.is_under(own.parent)
            and not any(path.is_under(each) for each in (program.real, own, *others))
            and plan.reached(f"{parent}/{os.path.relpath(path, own)}")[0] is None
        )
        if lost:
            yield (
                f"{printable(program.argument)} moves to {printable(program.place)}: it will not find"
                f" {list_names(lost)} if it looks for them by its own path; it keeps its path {unmoved(program)}"
            )


def _end(item: Item | None) -> str | None:
    """Return the real path of the host's file that `item` is, or leads to."""
    source = _source(item) if item is not None else None
    return real_path(source) if source is not None else None


def _source(item: Item) -> str | None:
    return item.entry.source if isinstance(item.entry, Copy | Link | Directory) else None


def _is_readable(item: Item) -> bool:
    return not isinstance(item.entry, Copy) or os.access(item.entry.source, os.R_OK)
