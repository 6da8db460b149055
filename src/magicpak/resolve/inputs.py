"""The INPUTs: checked, and given their places in the bundle."""

import errno
import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from magicpak.bundle.layout import Layout
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import FileType
from magicpak.errors import InputNotBundleable, InvalidUsage, PlanConflict, reason
from magicpak.files.cli_path import CliPath, parse_cli_path
from magicpak.files.host import description
from magicpak.text import printable


class Program(NamedTuple):
    """An INPUT: as it was given, its absolute path with the links that are kept, its real path, its place."""

    given: str
    path: str
    real: str
    file: ElfFile
    at: BundlePath

    @property
    def is_moved(self) -> bool:
        """Whether its path in the bundle is another than on the host."""
        return self.at != self.path


def find_inputs(inputs: Sequence[str], install_to: str | None, layout: Layout, store: ElfCache) -> list[Program]:
    """Return the programs of the command line. Raises InputNotBundleable, InvalidUsage, and PlanConflict."""
    if install_to is not None and not install_to.endswith("/") and BundlePath(install_to) == ROOT:
        message = f"--install-to {printable(install_to)!r} is the bundle's root, where no file can be"
        raise InvalidUsage(message, hints=["end it with / to keep the name of the executable"])
    if install_to is not None and len(inputs) > 1 and not install_to.endswith("/"):
        message = f"--install-to {printable(install_to)} is one path for {len(inputs)} executables"
        raise InvalidUsage(
            message, hints=[f"end it with / to make it a directory: --install-to {printable(install_to)}/"]
        )
    programs = [_program(given, install_to, layout, store) for given in inputs]
    places: dict[str, Program] = {}
    for program in programs:
        other = places.setdefault(program.at, program)
        if other.file.inode != program.file.inode:
            raise PlanConflict(
                program.at,
                f"the input {printable(other.given)}",
                f"the input {printable(program.given)}",
                "bundle them at their own paths, without --install-to",
            )
    return programs


def _program(given: str, install_to: str | None, layout: Layout, store: ElfCache) -> Program:
    if not given:
        raise InputNotBundleable("INPUT", "is an empty name")
    try:
        status = os.stat(given)
        file = store.get(given) if stat.S_ISREG(status.st_mode) else None
        path = parse_cli_path(given)
    except OSError as error:
        raise InputNotBundleable(given, f"cannot be read: {reason(error)}", _hint_for_absent(given, error)) from None
    except ElfError as error:
        raise InputNotBundleable(given, str(error), _hint_for_script(error)) from None
    if file is None:
        raise InputNotBundleable(given, f"is {description(status.st_mode)}, not an executable")
    _check(given, file)
    if install_to is None and path.in_bundle.is_under("/proc"):
        raise InputNotBundleable(given, "stands in /proc, which no bundle holds", "say where it goes with --install-to")
    real = os.path.realpath(given)
    return Program(given, path.on_host if layout is Layout.HOST else real, real, file, _place(path, install_to))


def _check(given: str, file: ElfFile) -> None:
    facts = file.facts
    if facts.type not in (FileType.EXEC, FileType.DYN):
        kinds: dict[int, str] = {FileType.REL: "is a relocatable object file (.o)", FileType.CORE: "is a core dump"}
        raise InputNotBundleable(given, kinds.get(facts.type, f"is an ELF file of type {facts.type}, no executable"))
    if facts.entry == 0 and facts.interpreter is None:
        raise InputNotBundleable(
            given,
            "is a shared library: it has no entry point",
            f"bundle the program that loads it, with --include {printable(given)}",
        )


def _place(path: CliPath, install_to: str | None) -> BundlePath:
    """Return the place in the bundle: what `--install-to` says, or its own."""
    if install_to is None:
        return path.in_bundle
    return BundlePath(install_to + path.in_bundle.name if install_to.endswith("/") else install_to)


def _hint_for_absent(given: str, error: OSError) -> str | None:
    if error.errno != errno.ENOENT or "/" in given:
        return None
    for directory in os.environ.get("PATH", "").split(":"):
        candidate = os.path.join(directory, given)
        if directory and os.access(candidate, os.X_OK) and os.path.isfile(candidate):
            return f"INPUT is a path; did you mean {printable(candidate)}?"
    return None


def _hint_for_script(error: ElfError) -> str | None:
    if error.script is None:
        return None
    return "bundle its interpreter as INPUT and bring the script with --include"
