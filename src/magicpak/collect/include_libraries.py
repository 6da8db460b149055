"""The libraries that included ELF files bring along."""

from collections.abc import Sequence
from typing import NamedTuple

from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import FileType
from magicpak.files.cli_path import Location
from magicpak.ldso.factory import Loaders
from magicpak.resolve.inputs import Program
from magicpak.resolve.libraries import Resolved, resolve_library, resolve_program
from magicpak.resolve.missing import missing_warnings
from magicpak.text import printable


class IncludedLibraries(NamedTuple):
    """What the loader brings in for included ELF files, and a line for each that is worth a warning."""

    resolved: tuple[Resolved, ...]
    warnings: tuple[str, ...]


def resolve_included(
    spots: Sequence[Location], programs: Sequence[Resolved], loaders: Loaders, store: ElfCache, *, hwcaps: bool
) -> IncludedLibraries:
    """Return what the ELF files at `spots` need. What is missing is a remark. Raises ToolFailed."""
    known = {loaded.path for resolved in programs for loaded in resolved.closure.objects}
    result: list[Resolved] = []
    warnings: list[str] = []
    for spot in spots:
        path = spot.real
        if path in known:
            continue
        try:
            file = store.get(path)
        except (OSError, ElfError) as error:
            warnings.append(f"{printable(path)} goes in as it is: {error}")
            continue
        if file.facts.type not in (FileType.EXEC, FileType.DYN) or not (file.facts.needed or file.facts.interpreter):
            continue
        resolved = _resolve(spot, file, programs, loaders, store, hwcaps=hwcaps)
        if resolved is None:
            warnings.append(f"{printable(path)} goes in without libraries: it is made for another machine")
            continue
        if resolved.trouble:
            interpreter = printable(file.facts.interpreter or "")
            warnings.append(f"{printable(path)} cannot run: its interpreter {interpreter} {resolved.trouble}")
        result.append(resolved)
    return IncludedLibraries(tuple(result), (*warnings, *missing_warnings(result)))


def _resolve(
    spot: Location, file: ElfFile, programs: Sequence[Resolved], loaders: Loaders, store: ElfCache, *, hwcaps: bool
) -> Resolved | None:
    if file.facts.interpreter is not None:
        program = Program(spot.real, spot.real, spot.real, file, spot.at)
        return resolve_program(program, loaders, store, hwcaps=hwcaps)
    resolved = resolve_library(spot.real, file, programs, loaders, store, hwcaps=hwcaps)
    return resolved._replace(at=spot.at.parent) if resolved and spot.at != spot.real else resolved
