"""The libraries that included ELF files bring along."""

from collections.abc import Sequence
from typing import NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.display import shown
from magicpak.elf.facts import FileType
from magicpak.elf.refusal import NotElf
from magicpak.elf.store import ElfFile, ElfStore
from magicpak.ldso.choosing import Loaders
from magicpak.sources.libraries import Resolved, resolve_library, resolve_program
from magicpak.sources.programs import Program
from magicpak.sources.shortfall import tell


class Companions(NamedTuple):
    """What the loader brings in for included ELF files, and a line for each that is worth a warning."""

    resolved: tuple[Resolved, ...]
    remarks: tuple[str, ...]


def companions(
    paths: Sequence[str], programs: Sequence[Resolved], loaders: Loaders, store: ElfStore, *, hwcaps: bool
) -> Companions:
    """Return what the ELF files at the real paths `paths` need. What is missing is a remark. Raises ToolFailed."""
    known = {loaded.path for resolved in programs for loaded in resolved.closure.objects}
    result: list[Resolved] = []
    remarks: list[str] = []
    for path in paths:
        if path in known:
            continue
        try:
            file = store.get(path)
        except (OSError, NotElf) as error:
            remarks.append(f"{shown(path)} goes in as it is: {error}")
            continue
        if file.facts.type not in (FileType.EXEC, FileType.DYN) or not (file.facts.needed or file.facts.interpreter):
            continue
        resolved = _resolve(path, file, programs, loaders, store, hwcaps=hwcaps)
        if resolved is None:
            remarks.append(f"{shown(path)} goes in without libraries: it is made for another machine")
            continue
        if resolved.trouble:
            remarks.append(
                f"{shown(path)} cannot run: its interpreter {shown(file.facts.interpreter or '')} {resolved.trouble}"
            )
        remarks += tell(resolved)
        result.append(resolved)
    return Companions(tuple(result), tuple(remarks))


def _resolve(  # noqa: PLR0913 - what every closure takes
    path: str, file: ElfFile, programs: Sequence[Resolved], loaders: Loaders, store: ElfStore, *, hwcaps: bool
) -> Resolved | None:
    if file.facts.interpreter is not None:
        program = Program(path, path, path, file, BundlePath(path))
        return resolve_program(program, loaders, store, hwcaps=hwcaps)
    return resolve_library(path, file, programs, loaders, store, hwcaps=hwcaps)
