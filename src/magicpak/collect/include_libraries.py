"""The libraries of included ELF files."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from magicpak.elf.cache import ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import FileType
from magicpak.errors import reason
from magicpak.files.cli_path import Location
from magicpak.ldso.factory import Loaders
from magicpak.resolve.inputs import Program
from magicpak.resolve.libraries import Resolved, resolve_library, resolve_program
from magicpak.resolve.missing import missing_warnings
from magicpak.text import printable


class IncludedLibraries(NamedTuple):
    """What the loader loads for included ELF files, and a line for each thing worth a warning."""

    resolved: tuple[Resolved, ...]
    warnings: tuple[str, ...]


def resolve_included(
    locations: Sequence[Location], programs: Sequence[Resolved], loaders: Loaders, loaded: Collection[str] = ()
) -> IncludedLibraries:
    """Return what the ELF files at `locations` need; for what is missing there is a warning. Raises ToolFailed.

    What has a name of `loaded` is not missing: the programs load it first, by its path.
    """
    known = {loaded.path for resolved in programs for loaded in resolved.closure.objects}
    result: list[Resolved] = []
    warnings: list[str] = []
    for location in locations:
        path = location.host
        if path in known:
            continue
        try:
            file = loaders.elf.get(path)
        except (OSError, ElfError) as error:
            why = str(error) if isinstance(error, ElfError) else f"cannot be read: {reason(error)}"
            warnings.append(f"{printable(path)} is included without libraries: it {why}")
            continue
        if file.facts.type not in (FileType.EXEC, FileType.DYN) or not (
            file.facts.dependencies or file.facts.interpreter
        ):
            continue
        resolved = _resolve(location, file, programs, loaders)
        if resolved is None:
            warnings.append(f"{printable(path)} is included without libraries: it is for another machine")
            continue
        warnings += resolved.interpreter_warnings()
        result.append(resolved)
    return IncludedLibraries(tuple(result), (*warnings, *missing_warnings(result, loaded)))


def _resolve(location: Location, file: ElfFile, programs: Sequence[Resolved], loaders: Loaders) -> Resolved | None:
    if file.facts.interpreter is not None:
        return resolve_program(Program.at(location, file), loaders)
    resolved = resolve_library(location.host, file, programs, loaders)
    is_moved = location.bundle != location.host
    return resolved._replace(origin_in_bundle=location.bundle.parent) if resolved and is_moved else resolved
