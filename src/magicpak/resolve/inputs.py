"""The INPUTs: checked, and given their places in the bundle."""

import errno
import os
import stat
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from magicpak.bundle.entry import Layout
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import FileType
from magicpak.errors import InputNotBundleable, InvalidUsage, PlanConflict, reason
from magicpak.files.cli_path import HOST_ROOT, CliPath, Location, parse_cli_path
from magicpak.files.host import describe_file_type
from magicpak.files.script import HEAD, Script, parse_script
from magicpak.files.view import HOST, read_file, real_path
from magicpak.text import printable, shell_line

if TYPE_CHECKING:
    from magicpak.files.source import SourceView


class Program(NamedTuple):
    """A program of the host: an INPUT, or one that comes with the bundle otherwise.

    `argument` is the INPUT as the user wrote it, or else its path; `path` is its absolute path with the links that are
    kept, `real` its real path, `place` its place in the bundle. With `--root`, both paths are those inside the tree.
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
    def inode(self) -> tuple[int, int]:
        """The device and inode number of the file."""
        return self.file.inode

    @property
    def is_moved(self) -> bool:
        """Whether its path in the bundle is not that on the host."""
        return self.place != self.path


class ScriptInput(NamedTuple):
    """An INPUT that begins with `#!`, with the fields of `Program`; `script` is its first line."""

    argument: str
    path: str
    real: str
    inode: tuple[int, int]
    place: BundlePath
    script: Script

    @property
    def is_moved(self) -> bool:
        """Whether its path in the bundle is not that on the host."""
        return self.place != self.path


Input: TypeAlias = Program | ScriptInput


def is_relative(given: Input) -> bool:
    """Return whether the path of an INPUT in the bundle is that below the current directory."""
    path = parse_cli_path(given.argument)
    return path.start != HOST_ROOT and path.in_bundle == given.place


def unmoved(given: Input) -> str:
    """Return how to give an INPUT so that it has the same path in the bundle as on the host, in words."""
    if is_relative(given):
        return f"as an absolute INPUT, {printable(given.path)}"
    return f"as INPUT {printable(given.path)} without --install-to"


class Inputs(NamedTuple):
    """What the command line names, in its order."""

    all: Sequence[Input]

    @property
    def programs(self) -> list[Program]:
        """The ELF files among them."""
        return [each for each in self.all if isinstance(each, Program)]

    @property
    def scripts(self) -> list[ScriptInput]:
        """The scripts among them."""
        return [each for each in self.all if isinstance(each, ScriptInput)]


def find_inputs(
    inputs: Sequence[str], install_to: str | None, layout: Layout, elf: ElfCache, files: "SourceView" = HOST
) -> Inputs:
    """Return what the command line names in `files`, of which `elf` has the ELF files.

    Raises InputNotBundleable, InvalidUsage, and PlanConflict.
    """
    if install_to is not None and not install_to.endswith("/") and BundlePath(install_to) == ROOT:
        message = f"--install-to {printable(install_to)!r} is the root directory of the bundle, not a file"
        raise InvalidUsage(message, hints=["end it with / to keep the name of the executable"])
    if install_to is not None and len(inputs) > 1 and not install_to.endswith("/"):
        message = f"--install-to {printable(install_to)} is one path for {len(inputs)} executables"
        hint = f"end it with / to make it a directory: --install-to {printable(install_to)}/"
        raise InvalidUsage(message, hints=[hint])
    found = [_input(argument, install_to, layout, elf, files) for argument in inputs]
    places: dict[str, Input] = {}
    for each in found:
        other = places.setdefault(each.place, each)
        if other.inode != each.inode:
            raise PlanConflict(
                each.place,
                f"the input {printable(other.argument)}",
                f"the input {printable(each.argument)}",
                "bundle them at their own paths, without --install-to",
            )
    return Inputs(found)


def _input(argument: str, install_to: str | None, layout: Layout, elf: ElfCache, files: "SourceView") -> Input:
    if not argument:
        raise InputNotBundleable("INPUT", "is an empty name")
    try:
        status = files.status(argument)
        content = _content(argument, elf) if stat.S_ISREG(status.st_mode) else None
        path = parse_cli_path(argument, files)
    except OSError as error:
        why = f"cannot be read: {reason(error)}"
        raise InputNotBundleable(argument, why, _hint_for_absent(argument, error, files)) from None
    except ElfError as error:
        raise InputNotBundleable(argument, str(error)) from None
    if content is None:
        raise InputNotBundleable(argument, f"is {describe_file_type(status.st_mode)}, not an executable")
    if isinstance(content, Script):
        _require_interpreter(argument, content, files)
    else:
        _require_program(argument, content)
    real = files.real(argument)
    if not _is_same_file(real, status, files):
        why = "has no path here: it was deleted, is in memory only, or has another root directory"
        raise InputNotBundleable(argument, why, f"copy it first: {shell_line(['cp', argument, 'FILE'])}")
    if install_to is None and path.in_bundle.is_under("/proc"):
        raise InputNotBundleable(argument, "is in /proc, which no bundle has", "set its place with --install-to")
    host_path = path.on_host if layout is Layout.HOST else real
    place = _place(path, install_to)
    if isinstance(content, Script):
        return ScriptInput(argument, host_path, real, (status.st_dev, status.st_ino), place, content)
    return Program(argument, host_path, real, content, place)


def _content(argument: str, elf: ElfCache) -> ElfFile | Script:
    """Return what is in the file. Raises OSError and ElfError."""
    try:
        return elf.get(argument)
    except ElfError as error:
        script = parse_script(read_file(elf.files, argument, HEAD)) if error.script is not None else None
        if script is None:
            raise
        return script


def _is_same_file(path: str, status: os.stat_result, files: "SourceView") -> bool:
    """Return whether `path` leads to the file of `status`: what a link of /proc leads to may have no path (proc(5))."""
    try:
        return os.path.samestat(files.status(path), status)
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


def _hint_for_absent(argument: str, error: OSError, files: "SourceView") -> str | None:
    if error.errno != errno.ENOENT:
        return None
    if not files.is_this_system and os.path.exists(argument):
        inside = files.inside(real_path(argument))
        if inside is not None:
            return f"with --root, INPUT is a path inside the tree: {printable(inside)}"
    found = files.program(argument) if "/" not in argument else None
    return f"INPUT is a path; did you mean {printable(found)}?" if found else None


def _require_interpreter(argument: str, script: Script, files: "SourceView") -> None:
    """Raise InputNotBundleable where the kernel, or env(1), will not find what runs `script`."""
    from magicpak.files.env_line import env_command

    command = env_command(script)
    name = command.program if command else script.interpreter
    found = files.program(command.program, command.search_path) if command else files.program(script.interpreter)
    if found is not None and os.path.isabs(found):
        return
    first_line = f"is a script whose interpreter '{printable(name)}'"
    if script.interpreter.endswith("\r") or (script.argument or "").endswith("\r"):
        cure = shell_line(["sed", "-i", r"s/\r$//", argument])
        why = f"{first_line} ends with the CR of a Windows line end"
        raise InputNotBundleable(argument, why, f"change its line ends: {cure}")
    if command is None and not script.interpreter.startswith("/"):
        why = f"{first_line} is a relative path, which leads elsewhere in another current directory"
        raise InputNotBundleable(argument, why, "name the interpreter by its absolute path, or with #!/usr/bin/env")
    if command is not None and " " in name:
        raise InputNotBundleable(argument, f"{first_line} is one word for env", f"#!/usr/bin/env -S {printable(name)}")
    why = "is not installed" if found is None and not files.exists(name) else "is not an executable file"
    raise InputNotBundleable(argument, f"{first_line} {why}", "install it, or change the first line of the script")
