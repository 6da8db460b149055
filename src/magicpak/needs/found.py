"""What a need stands for on this host."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.elf.cache import ElfCache
from magicpak.errors import NeedNotFound
from magicpak.files.cli_path import CliPath
from magicpak.ldso.factory import Loaders
from magicpak.needs.places import Places, homes_of, places_of
from magicpak.needs.rows import NeedRow, WantedNeed
from magicpak.resolve.libraries import Resolved

if TYPE_CHECKING:
    from magicpak.files.source import SourceView


class NeedFiles(NamedTuple):
    """What comes into the bundle.

    `trees` come with all that is below them, `entries` by themselves. `made` are files of our own and `links` links, by
    their paths in the bundle; `directories` are made, `programs` are executed, `libraries` loaded. `sought` is what was
    looked for and is not there, `warnings` are lines worth a warning.
    """

    trees: Sequence[CliPath] = ()
    entries: Sequence[str] = ()
    made: Mapping[str, bytes] = {}
    links: Mapping[str, str] = {}
    directories: Sequence[str] = ()
    programs: Sequence[str] = ()
    libraries: Sequence[Resolved] = ()
    sought: Sequence[str] = ()
    warnings: Sequence[str] = ()

    def __bool__(self) -> bool:
        """Return whether anything was found."""
        return any(self[:-2])

    def joined(self, other: "NeedFiles") -> "NeedFiles":
        """Return both together."""
        return NeedFiles(
            (*self.trees, *other.trees),
            (*self.entries, *other.entries),
            {**self.made, **other.made},
            {**self.links, **other.links},
            (*self.directories, *other.directories),
            (*self.programs, *other.programs),
            (*self.libraries, *other.libraries),
            (*self.sought, *other.sought),
            (*self.warnings, *other.warnings),
        )


class NeedHost(NamedTuple):
    """The host as needs see it: real paths of INPUTs, programs with what their loaders load, and their places.

    It is that of the programs: with `--root`, the tree.
    """

    inputs: Sequence[str]
    programs: Sequence[Resolved]
    loaders: Loaders
    places: Places

    @classmethod
    def of(
        cls, inputs: Sequence[str], programs: Sequence[Resolved], loaders: Loaders, files: "SourceView"
    ) -> "NeedHost":
        """Return the host for `inputs` and `programs` of `files`. Raises ToolFailed."""
        return cls(inputs, programs, loaders, places_of(inputs, programs, loaders, files))

    @property
    def elf(self) -> ElfCache:
        """The ELF files of the host."""
        return self.loaders.elf

    @property
    def files(self) -> "SourceView":
        """All of its files."""
        return self.places.files


def find_need(need: WantedNeed, host: NeedHost) -> NeedFiles:
    """Return what `need` stands for. Raises NeedNotFound, also where only a part of it is not found, and ToolFailed."""
    row, places = need.row, _places(need.row, host.places)
    found = _matching(row.include, places)
    for alternatives in row.any:
        found = found.joined(_required(alternatives, need, places))
    if need.has_default:
        found = found.joined(_matching(row.default, places))
    for argument in need.arguments if row.arguments else ():
        patterns = [each.replace("{}", argument) for each in row.arguments]
        found = found.joined(_required(patterns, need, places, whole=True))
    found = found.joined(NeedFiles(directories=row.mkdir)).joined(_programs(row, host))
    if row.made:
        from magicpak.needs.made import make

        found = found.joined(make(need, host))
    if not found:
        raise NeedNotFound(need.flag, found.sought)
    return found


def _places(row: NeedRow, places: Places) -> Places:
    """Return `places` with the one home that the row is about, if it is about one."""
    program = places.files.program(row.home) if row.home else None
    homes = [*places.homes, *(homes_of(places.files.real(program)) if program else ())] if row.home else []
    candidates = (places._replace(homes=[home]) for home in homes)
    return next((each for each in candidates if all(map(each.matches_one, row.any))), places)


def _matching(patterns: Sequence[str], places: Places) -> NeedFiles:
    found = [(pattern, places.matches(pattern)) for pattern in patterns]
    sought = [each for pattern, paths in found if not paths for each in places.patterns(pattern) or [pattern]]
    return NeedFiles(trees=list(dict.fromkeys(path for _, paths in found for path in paths)), sought=sought)


def _required(alternatives: Sequence[str], need: WantedNeed, places: Places, *, whole: bool = False) -> NeedFiles:
    """Return what the first of `alternatives` matches that matches anything, or what all do. Raises NeedNotFound."""
    groups = [alternatives] if whole else [[each] for each in alternatives]
    for found in (_matching(group, places) for group in groups):
        if found:
            return found._replace(sought=())
    raise NeedNotFound(need.flag, _matching(alternatives, places).sought)


def _programs(row: NeedRow, host: NeedHost) -> NeedFiles:
    found = {name: host.files.program(name) for name in row.programs}
    paths = [path for path in found.values() if path is not None]
    return NeedFiles(programs=paths, sought=[name for name, path in found.items() if path is None])
