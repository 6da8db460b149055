"""The INPUTs: checked, and given their places in the bundle."""

import errno
import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Layout
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import FileType
from magicpak.errors import InputNotBundleable, InvalidUsage, PlanConflict, reason
from magicpak.files.cli_path import HOST_ROOT, CliPath, Location, parse_cli_path
from magicpak.files.host import describe_file_type
from magicpak.files.view import real_path
from magicpak.text import printable, shell_line


class Program(NamedTuple):
    """A program of the host: an INPUT, or one that comes with the bundle otherwise.

    `argument` is the INPUT as the user wrote it, or else its path; `path` is its absolute path with the links that are
    kept, `real` its real path, `place` its place in the bundle.
    """

    argument: str
    path: str
    real: str
    file: ElfFile
    place: BundlePath

    @classmethod
    def at(cls, location: Location, file: ElfFile) -> "Program":
        """Return the program `file` at `location`, which is not an INPUT."""
        return cls(location.host, location.host, location.host, file, location.bundle)

    @property
    def is_moved(self) -> bool:
        """Whether its path in the bundle is not that on the host."""
        return self.place != self.path

    @property
    def is_relative(self) -> bool:
        """Whether its path in the bundle is that below the current directory."""
        given = parse_cli_path(self.argument)
        return given.start != HOST_ROOT and given.in_bundle == self.place

    @property
    def unmoved(self) -> str:
        """How to give INPUT so that it has the same path in the bundle as on the host, in words."""
        if self.is_relative:
            return f"as an absolute INPUT, {printable(self.path)}"
        return f"as INPUT {printable(self.path)} without --install-to"


def find_inputs(inputs: Sequence[str], install_to: str | None, layout: Layout, elf: ElfCache) -> list[Program]:
    """Return the programs of the command line. Raises InputNotBundleable, InvalidUsage, and PlanConflict."""
    if install_to is not None and not install_to.endswith("/") and BundlePath(install_to) == ROOT:
        message = f"--install-to {printable(install_to)!r} is the root directory of the bundle, not a file"
        raise InvalidUsage(message, hints=["end it with / to keep the name of the executable"])
    if install_to is not None and len(inputs) > 1 and not install_to.endswith("/"):
        message = f"--install-to {printable(install_to)} is one path for {len(inputs)} executables"
        hint = f"end it with / to make it a directory: --install-to {printable(install_to)}/"
        raise InvalidUsage(message, hints=[hint])
    programs = [_program(argument, install_to, layout, elf) for argument in inputs]
    places: dict[str, Program] = {}
    for program in programs:
        other = places.setdefault(program.place, program)
        if other.file.inode != program.file.inode:
            raise PlanConflict(
                program.place,
                f"the input {printable(other.argument)}",
                f"the input {printable(program.argument)}",
                "bundle them at their own paths, without --install-to",
            )
    return programs


def _program(argument: str, install_to: str | None, layout: Layout, elf: ElfCache) -> Program:
    if not argument:
        raise InputNotBundleable("INPUT", "is an empty name")
    try:
        status = os.stat(argument)
        file = elf.get(argument) if stat.S_ISREG(status.st_mode) else None
        path = parse_cli_path(argument)
    except OSError as error:
        why = f"cannot be read: {reason(error)}"
        raise InputNotBundleable(argument, why, _hint_for_absent(argument, error)) from None
    except ElfError as error:
        raise InputNotBundleable(argument, str(error), _hint_for_script(argument, error)) from None
    if file is None:
        raise InputNotBundleable(argument, f"is {describe_file_type(status.st_mode)}, not an executable")
    _require_program(argument, file)
    real = real_path(argument)
    if not _is_same_file(real, status):
        why = "has no path here: it was deleted, is in memory only, or has another root directory"
        raise InputNotBundleable(argument, why, f"copy it first: {shell_line(['cp', argument, 'FILE'])}")
    if install_to is None and path.in_bundle.is_under("/proc"):
        raise InputNotBundleable(argument, "is in /proc, which no bundle has", "set its place with --install-to")
    host_path = path.on_host if layout is Layout.HOST else real
    return Program(argument, host_path, real, file, _place(path, install_to))


def _is_same_file(path: str, status: os.stat_result) -> bool:
    """Return whether `path` leads to the file of `status`: what a link of /proc leads to may have no path (proc(5))."""
    try:
        return os.path.samestat(os.stat(path), status)
    except OSError:
        return False


def _require_program(argument: str, file: ElfFile) -> None:
    facts = file.facts
    if facts.type not in (FileType.EXEC, FileType.DYN):
        types: dict[int, str] = {FileType.REL: "is a relocatable object file (.o)", FileType.CORE: "is a core dump"}
        why = types.get(facts.type, f"is an ELF file of type {facts.type}, not an executable")
        raise InputNotBundleable(argument, why)
    if facts.entry == 0 and facts.interpreter is None:
        raise InputNotBundleable(
            argument,
            "is a shared library: it has no entry point",
            f"bundle the program that loads it, with --include {printable(argument)}",
        )


def _place(path: CliPath, install_to: str | None) -> BundlePath:
    """Return the place in the bundle: what `--install-to` says, or its own."""
    if install_to is None:
        return path.in_bundle
    return BundlePath(install_to + path.in_bundle.name if install_to.endswith("/") else install_to)


def _hint_for_absent(argument: str, error: OSError) -> str | None:
    if error.errno != errno.ENOENT or "/" in argument:
        return None
    from magicpak.process.exec import find_program

    found = find_program(argument)
    return f"INPUT is a path; did you mean {printable(found)}?" if found else None


def _hint_for_script(argument: str, error: ElfError) -> str | None:
    """Return the command that bundles the script `argument` with its interpreter."""
    from magicpak.bundle.globs import literal_pattern
    from magicpak.files.script import env_command, parse_script
    from magicpak.process.exec import find_program

    script = parse_script(b"#!%s\n" % os.fsencode(error.script)) if error.script is not None else None
    if script is None:
        return None
    command = env_command(script) or [script.interpreter, *([script.argument] if script.argument else [])]
    interpreter = find_program(command[0])
    if interpreter is None:
        return f"install its interpreter, {printable(command[0])}, and bundle that: it is the program"
    words = ["--dynamic", *(word for each in (*command[1:], argument) for word in ("--dynamic-arg", each))]
    included = [argument, *([script.interpreter] if env_command(script) else [])]
    words += [word for each in included for word in ("--include", literal_pattern(each))]
    return f"bundle its interpreter, which runs it: magicpak {shell_line([*words, interpreter])} OUTPUT"
