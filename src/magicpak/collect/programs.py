"""Programs that are executed: ELF files with their libraries, and scripts with their interpreters."""

import os
import stat
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Because
from magicpak.collect.mirror import Mirror
from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import ElfFacts, FileType
from magicpak.files.cli_path import Location
from magicpak.files.env_line import env_command
from magicpak.files.script import HEAD, MAX_INTERPRETERS, Script, parse_script
from magicpak.files.view import read_host_file
from magicpak.ldso.factory import Loaders
from magicpak.resolve.inputs import Program, ScriptInput
from magicpak.resolve.libraries import Resolved, resolve_program
from magicpak.scripts.needs import ScriptFile

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_NO_FILE = (0, 0), 0o755
"""Inode and mode of a program that is not on the host any more, or not as it was."""


class PlacedScript(NamedTuple):
    """A script, what runs it, and its place in the bundle."""

    file: ScriptFile
    place: BundlePath


class ProgramCollector:
    """Collects executed programs in `mirror`, with what their loaders load.

    `scripts` are the scripts among them, each with what runs it.
    """

    def __init__(self, mirror: Mirror, loaders: Loaders) -> None:
        self._mirror = mirror
        self._loaders = loaders
        self.scripts: dict[Location, ScriptFile] = {}
        self._resolved: dict[Location, Resolved | None] = {}
        self._placed: dict[Location, None] = {}
        self._real_paths: set[str] = set()

    @property
    def elf(self) -> ElfCache:
        """The ELF files of the host."""
        return self._loaders.elf

    @property
    def resolved(self) -> list[Resolved]:
        """What the loaders of the placed programs load."""
        return [found for location in self._placed if (found := self.resolve(location)) is not None]

    @property
    def warnings(self) -> list[str]:
        """A line for each program whose interpreter cannot be used."""
        return [line for each in self.resolved for line in each.interpreter_warnings()]

    def has(self, real: str) -> bool:
        """Return whether the program at the real path `real` was placed."""
        return real in self._real_paths

    def place(self, path: str, because: Because, root: BundlePath = ROOT, depth: int = 0) -> Location | None:
        """Collect the program at `path`, as a process with the root directory `root` sees it, and its interpreter.

        Returns its location; None for what is not a file that can be bundled. Raises CannotRead and ToolFailed.
        """
        location = self._mirror.place(path, because, root=root)
        if location is None or location in self._placed or self._is_directory(location):
            return location
        self._real_paths.add(location.host)
        script = self._script(location)
        if script is not None:
            self.place_interpreter(path, location, script, root, depth)
        elif root == ROOT:
            self._placed[location] = None
        else:
            self._place_interpreter_of_elf(location, root)
        return location

    def interpret(self, location: Location) -> None:
        """Collect what runs the script at `location`, if that is one. Raises CannotRead and ToolFailed."""
        script = self._script(location)
        if script is not None:
            self.place_interpreter(location.host, location, script)

    def resolve(self, location: Location) -> Resolved | None:
        """Return what the loader of the program at `location` loads; None where that is not an ELF program."""
        if location not in self._resolved:
            file = self._elf_file(location)
            if file is None or file.facts.type not in (FileType.EXEC, FileType.DYN):
                self._resolved[location] = None
            else:
                self._resolved[location] = resolve_program(Program.at(location, file), self._loaders)
        return self._resolved[location]

    def resolve_made(self, path: str, facts: ElfFacts, root: BundlePath) -> Resolved | None:
        """Return what the loader of a program loads that the run has made at `path`, or in memory, and has executed.

        None where its interpreter is made by the run too, and in another root directory than `/`: what that loads is
        known from the trace alone.
        """
        if facts.type not in (FileType.EXEC, FileType.DYN):
            return None
        because = Because("the interpreter (PT_INTERP) of", path)
        if root != ROOT and facts.interpreter is not None:
            self._mirror.place(_below(root, facts.interpreter), because, root=root)
        if root != ROOT or self._is_made(facts.interpreter):
            return None
        file = ElfFile(facts, *_NO_FILE)
        self._loaders.elf.add(path, file)
        return resolve_program(Program(path, path, path, file, BundlePath(path)), self._loaders)

    def _is_made(self, interpreter: str | None) -> bool:
        return interpreter is not None and self._mirror.host.status(self._mirror.host.real(interpreter)) is None

    def _elf_file(self, location: Location) -> ElfFile | None:
        status = self._mirror.host.status(location.host)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        try:
            return self._loaders.elf.get(location.host)
        except (OSError, ElfError):  # not a program, or one that was removed
            return None

    def _is_directory(self, location: Location) -> bool:
        status = self._mirror.host.status(location.host)
        return status is not None and stat.S_ISDIR(status.st_mode)

    def _script(self, location: Location) -> Script | None:
        source = self._mirror.host.source(location.host)
        try:
            return parse_script(read_host_file(source, HEAD)) if source is not None else None
        except OSError:
            return None

    def place_interpreter(
        self, path: str, location: Location, script: Script, root: BundlePath = ROOT, depth: int = 0
    ) -> None:
        """Collect what runs `script`, which is at `location` and is executed by the path `path`.

        An interpreter that is relative to a current directory is not collected: a trace has it. Raises CannotRead and
        ToolFailed.
        """
        if depth == MAX_INTERPRETERS or not script.interpreter.startswith("/"):
            return
        because = Because("the interpreter (#!) of", location.host)
        self.place(_below(root, script.interpreter), because, root, depth + 1)
        command = env_command(script)
        if command is None:
            arguments = (script.argument,) if script.argument else ()
            self.scripts[location] = ScriptFile(path, script.interpreter, arguments)
            return
        files = self._mirror.host.files
        program = files.program(command.program, command.search_path) if root == ROOT else None
        if program is not None:
            program = program if os.path.isabs(program) else os.path.join(files.current_directory(), program)
            program = os.path.normpath(program)
            self.scripts[location] = ScriptFile(path, program, command.arguments, command.environment)
            self.place(program, Because("the program that env runs for", location.host), root, depth + 1)

    def _place_interpreter_of_elf(self, location: Location, root: BundlePath) -> None:
        """Collect the loader of a program in another root directory, where only the trace has its libraries."""
        file = self._elf_file(location)
        if file is not None and file.facts.interpreter is not None:
            because = Because("the interpreter (PT_INTERP) of", location.host)
            self._mirror.place(_below(root, file.facts.interpreter), because, root=root)


def _below(root: BundlePath, path: str) -> str:
    return root.rstrip("/") + path


def interpreters(
    inputs: Sequence[ScriptInput], scripts: Sequence[PlacedScript], elf: ElfCache, files: "SourceView"
) -> list[Program]:
    """Return the programs of `files` that run `inputs`, of which `scripts` says what runs them. Raises OSError."""
    places = {each.place for each in inputs}
    paths = dict.fromkeys(each.file.interpreter for each in scripts if each.place in places)
    found = []
    for path in paths:
        real = BundlePath(files.real(path))
        try:
            found.append(Program(path, path, real, elf.get(real), BundlePath(path)))
        except ElfError:  # a script in its turn
            continue
    return found
