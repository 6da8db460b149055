"""The programs that a run has executed: with their libraries, scripts with what runs them."""

import os
import stat

from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Because
from magicpak.collect.mirror import Mirror
from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import FileType
from magicpak.files.cli_path import Location
from magicpak.files.script import HEAD, MOST_INTERPRETERS, Script, env_program, parse_script
from magicpak.ldso.factory import Loaders
from magicpak.process.exec import find_program
from magicpak.resolve.inputs import Program
from magicpak.resolve.libraries import Resolved, resolve_program
from magicpak.text import printable


class ProgramCollector:
    """Places executed programs, and collects what their loaders bring in."""

    def __init__(self, mirror: Mirror, loaders: Loaders, store: ElfCache, *, hwcaps: bool) -> None:
        """Take the mirror of the host as the run found it, and what resolves libraries."""
        self._mirror = mirror
        self._loaders = loaders
        self._store = store
        self._hwcaps = hwcaps
        self._resolved: dict[Location, Resolved | None] = {}
        self._placed: dict[Location, None] = {}
        self._reals: set[str] = set()

    @property
    def resolved(self) -> list[Resolved]:
        """What the loaders of the placed programs bring in."""
        return [found for spot in self._placed if (found := self.resolve(spot)) is not None]

    @property
    def warnings(self) -> list[str]:
        """A line for each program whose interpreter cannot be used."""
        return [
            f"{printable(each.name)} cannot run: its interpreter {printable(interpreter)} {each.trouble}"
            for each in self.resolved
            if each.trouble and (interpreter := each.closure.program.facts.interpreter)
        ]

    def has(self, real: str) -> bool:
        """Tell whether the program at the real path `real` was placed."""
        return real in self._reals

    def place(self, path: str, because: Because, root: BundlePath = ROOT, depth: int = 0) -> Location | None:
        """Collect the program at `path`, as a process with the root directory `root` sees it, and what runs it.

        Returns where it is; None for no file that can be bundled. Raises CannotRead and ToolFailed.
        """
        spot = self._mirror.place(path, because, root=root)
        if spot is None or spot in self._placed or self._is_directory(spot):
            return spot
        self._reals.add(spot.real)
        script = self._script(spot)
        if script is not None:
            self._place_interpreter(script, spot, root, depth)
        elif root == ROOT:
            self._placed[spot] = None
        else:
            self._place_interpreter_of_elf(spot, root)
        return spot

    def resolve(self, spot: Location) -> Resolved | None:
        """Return what the loader of the program at `spot` brings in; None where that is no ELF program."""
        if spot not in self._resolved:
            file = self._elf_file(spot)
            if file is None or file.facts.type not in (FileType.EXEC, FileType.DYN):
                self._resolved[spot] = None
            else:
                program = Program(spot.real, spot.real, spot.real, file, spot.at)
                self._resolved[spot] = resolve_program(program, self._loaders, self._store, hwcaps=self._hwcaps)
        return self._resolved[spot]

    def _elf_file(self, spot: Location) -> ElfFile | None:
        status = self._mirror.host.status(spot.real)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        try:
            return self._store.get(spot.real)
        except (OSError, ElfError):  # so it is no program, or one that was removed
            return None

    def _is_directory(self, spot: Location) -> bool:
        status = self._mirror.host.status(spot.real)
        return status is not None and stat.S_ISDIR(status.st_mode)

    def _script(self, spot: Location) -> Script | None:
        try:
            with open(self._mirror.host.source(spot.real) or spot.real, "rb", buffering=0) as file:
                return parse_script(file.read(HEAD))
        except OSError:
            return None

    def _place_interpreter(self, script: Script, spot: Location, root: BundlePath, depth: int) -> None:
        """Collect the interpreter, unless it is named relative to a current directory: the trace has that too."""
        if depth == MOST_INTERPRETERS or not script.interpreter.startswith("/"):
            return
        because = Because("the interpreter (#!) of", spot.real)
        self.place(_below(root, script.interpreter), because, root, depth + 1)
        name = env_program(script)
        program = find_program(name) if name and root == ROOT else None
        if program is not None:
            self.place(os.path.abspath(program), Because("the program that env runs for", spot.real), root, depth + 1)

    def _place_interpreter_of_elf(self, spot: Location, root: BundlePath) -> None:
        """Collect the loader of a program in another root directory, in which the trace alone tells its libraries."""
        file = self._elf_file(spot)
        if file is not None and file.facts.interpreter is not None:
            because = Because("the interpreter (PT_INTERP) of", spot.real)
            self._mirror.place(_below(root, file.facts.interpreter), because, root=root)


def _below(root: BundlePath, path: str) -> str:
    return root.rstrip("/") + path
