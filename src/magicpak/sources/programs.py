"""The INPUTs: checked, and given their places in the bundle."""

import errno
import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because
from magicpak.display import shown
from magicpak.elf.facts import FileType
from magicpak.elf.refusal import NotElf
from magicpak.elf.store import ElfFile, ElfStore
from magicpak.errors import InputNotBundleable, PlanConflict, UsageRefused, reason
from magicpak.sources.mirror import Mirror


class Program(NamedTuple):
    """An INPUT: as it was given, its absolute path with links as they are, its real path, and where it will stand."""

    given: str
    path: str
    real: str
    file: ElfFile
    at: BundlePath

    @property
    def is_moved(self) -> bool:
        """Whether its path in the bundle is another than on the host."""
        return self.at != self.path


def find_programs(inputs: Sequence[str], install_to: str | None, store: ElfStore) -> list[Program]:
    """Return the programs of the command line. Raises InputNotBundleable, UsageRefused, and PlanConflict."""
    if install_to is not None and len(inputs) > 1 and not install_to.endswith("/"):
        message = f"--install-to {shown(install_to)} is one path for {len(inputs)} executables"
        raise UsageRefused(message, hints=[f"end it with / to make it a directory: --install-to {shown(install_to)}/"])
    programs = [_program(given, install_to, store) for given in inputs]
    places: dict[str, Program] = {}
    for program in programs:
        other = places.setdefault(program.at, program)
        if other.file.inode != program.file.inode:
            raise PlanConflict(
                program.at,
                f"the input {shown(other.given)}",
                f"the input {shown(program.given)}",
                "bundle them at their own paths, without --install-to",
            )
    return programs


def place_programs(programs: Sequence[Program], mirror: Mirror) -> None:
    """Collect the programs themselves, with the links that lead to them. Raises MagicpakError."""
    for program in programs:
        because = Because("the executable to be bundled")
        if program.is_moved:
            mirror.place_at(program.real, program.at, because)
        else:
            mirror.place(program.path, because)


def _program(given: str, install_to: str | None, store: ElfStore) -> Program:
    if not given:
        raise InputNotBundleable("INPUT", "is an empty name")
    try:
        status = os.stat(given)
        file = store.get(given) if stat.S_ISREG(status.st_mode) else None
    except OSError as error:
        raise InputNotBundleable(given, f"cannot be read: {reason(error)}", _hint_for_absent(given, error)) from None
    except NotElf as error:
        raise InputNotBundleable(given, str(error), _hint_for_script(error)) from None
    if file is None:
        raise InputNotBundleable(given, _kind(status.st_mode))
    _check(given, file)
    path = _host_path(given)
    return Program(given, path, os.path.realpath(given), file, _place(given, path, install_to))


def _check(given: str, file: ElfFile) -> None:
    facts = file.facts
    kinds = {FileType.REL: "is a relocatable object file (.o)", FileType.CORE: "is a core dump"}
    if facts.type not in (FileType.EXEC, FileType.DYN):
        raise InputNotBundleable(
            given,
            kinds.get(FileType(facts.type), "is no executable")
            if facts.type in list(FileType)
            else f"is an ELF file of unknown type {facts.type}",
        )
    if facts.entry == 0 and facts.interpreter is None:
        raise InputNotBundleable(
            given,
            "is a shared library: it has no entry point",
            f"bundle the program that loads it, with --include {shown(given)}",
        )


def _host_path(given: str) -> str:
    """Return the absolute path of `given`; what stands before `..` is resolved as the kernel does it."""
    path = os.path.join(os.getcwd(), given)
    if ".." in path.split("/"):
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return os.path.normpath("/" + path.lstrip("/"))


def _place(given: str, path: str, install_to: str | None) -> BundlePath:
    """Return the place in the bundle: `--install-to`, or where INPUT stands relative to the root or the bundle's."""
    if install_to is not None:
        return BundlePath(install_to + os.path.basename(path) if install_to.endswith("/") else install_to)
    normal = os.path.normpath(given)
    if normal.startswith(("/", "../")):
        return BundlePath(path)
    return BundlePath(normal)


def _kind(mode: int) -> str:
    for test, words in (
        (stat.S_ISDIR, "is a directory, not an executable"),
        (stat.S_ISFIFO, "is a named pipe, not an executable"),
        (stat.S_ISSOCK, "is a socket, not an executable"),
    ):
        if test(mode):
            return words
    return "is a device, not an executable"


def _hint_for_absent(given: str, error: OSError) -> str | None:
    if error.errno != errno.ENOENT or "/" in given:
        return None
    for directory in os.environ.get("PATH", "").split(":"):
        candidate = os.path.join(directory, given)
        if directory and os.access(candidate, os.X_OK) and os.path.isfile(candidate):
            return f"INPUT is a path; did you mean {shown(candidate)}?"
    return None


def _hint_for_script(error: NotElf) -> str | None:
    if "script" not in str(error):
        return None
    return "bundle its interpreter as INPUT and bring the script with --include"
