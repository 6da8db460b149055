"""What keeps the programs of a view from starting; nothing is run to find out."""

import os
from collections.abc import Callable, Iterable, Iterator

from magicpak.bundle.path import BundlePath
from magicpak.elf.cache import ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import DF_1_PIE, ElfFacts, FileType
from magicpak.errors import ToolFailed, reason
from magicpak.files.cli_path import Location
from magicpak.files.root_view import RootView
from magicpak.files.view import read_file
from magicpak.ldso.factory import Loaders
from magicpak.resolve.inputs import Program
from magicpak.resolve.libraries import Resolved, resolve_library, resolve_program
from magicpak.text import printable
from magicpak.verify.problems import (
    Problem,
    ProgramCheck,
    libc_problems,
    missing_problems,
    unaudited_warnings,
    version_problems,
)


class ProgramChecker:
    """Checks programs of one view as its kernel and its loaders will start them, in a clean environment.

    `loaders` are those of the view, emulated. `more_problems` finds further problems of a process. `unknown_loaders`
    are the interpreters that are not known, `unreadable` the executable files that cannot be read, `unaudited` lines on
    audit libraries that cannot be loaded, `packed` says why what is inside a program is not known.
    """

    def __init__(
        self,
        view: RootView,
        loaders: Loaders,
        more_problems: Callable[[Resolved], Iterable[Problem]] = lambda _resolved: (),
    ) -> None:
        self.view = view
        self.loaders = loaders
        self._more_problems = more_problems
        self._known: dict[str, ProgramCheck] = {}
        self.unknown_loaders: dict[str, None] = {}
        self.unreadable: dict[str, None] = {}
        self.unaudited: list[str] = []
        self.packed: dict[str, str] = {}

    def __len__(self) -> int:
        """Return the number of programs and scripts that were checked so far."""
        return len(self._known)

    def programs(self) -> Iterator[str]:
        """Yield the programs and scripts among the executable files."""
        for place in self.view.executables():
            try:
                facts = self.loaders.elf.get(place).facts
            except ElfError as error:
                if error.script is not None:
                    yield place
            except OSError:
                self.unreadable[place] = None
            else:
                if is_program(facts):
                    yield place

    def check_all(self, named: Iterable[str] = ()) -> tuple[int, list[Problem]]:
        """Return how many programs and scripts were checked, and what is wrong with them, those `named` included."""
        paths = dict.fromkeys([*named, *self.programs()])
        problems = [problem for path in paths for problem in self.check(path).problems]
        return len(paths.keys() - self.packed.keys()), problems

    def check(self, path: str, depth: int = 0) -> ProgramCheck:
        """Return the result for the program or script that `path` leads to. Raises OSError and ElfError."""
        place = self.view.reached(path)
        if place not in self._known:
            try:
                self._known[place] = self._check_elf(place, self.loaders.elf.get(place))
            except ElfError as error:
                if error.script is None:
                    raise
                problems = [each._replace(is_of_script=True) for each in self._script_problems(place, depth)]
                self._known[place] = ProgramCheck(None, tuple(problems))
        return self._known[place]

    def _check_elf(self, place: BundlePath, file: ElfFile) -> ProgramCheck:
        if file.unpack_error is not None:
            self.packed[place] = file.unpack_error
            return ProgramCheck(None, ())
        try:
            resolved = self._resolved(place, file)
        except ToolFailed:
            self.unknown_loaders[file.facts.interpreter or ""] = None
            return ProgramCheck(None, ())
        if resolved is None:
            return ProgramCheck(None, (Problem(place, place, place, "it is a library, and there is no loader for it"),))
        self.unaudited += unaudited_warnings(resolved)
        problems = (
            *self._interpreter_problems(resolved),
            *missing_problems(resolved),
            *version_problems(resolved),
            *libc_problems(resolved),
            *self._more_problems(resolved),
        )
        return ProgramCheck(resolved, problems)

    def _resolved(self, place: BundlePath, file: ElfFile) -> Resolved | None:
        """Return what the loader of a program, or that of the ABI of a library, loads; None where there is none."""
        if is_program(file.facts) or file.facts.interpreter is not None or not file.facts.is_dynamic:
            return resolve_program(Program.at(Location(place, place), file), self.loaders)
        return resolve_library(place, file, (), self.loaders)

    def _interpreter_problems(self, resolved: Resolved) -> Iterator[Problem]:
        path = resolved.closure.program.facts.interpreter
        why = resolved.interpreter_error
        if path is not None and why is None and not self.view.is_executable(path):
            why = "is not executable"
        if path is not None and why is not None:
            yield Problem(resolved.name, path, resolved.name, f"its interpreter {printable(path)} {why}")

    def _script_problems(self, place: str, depth: int) -> Iterator[Problem]:
        """Yield what is wrong with the interpreters of a script, one behind the other, up to the last."""
        from magicpak.files.env_line import env_command
        from magicpak.files.script import HEAD, MAX_INTERPRETERS, SEARCH_PATH, parse_script

        script = parse_script(read_file(self.view, place, HEAD))
        if script is None or not script.interpreter.startswith("/"):
            return  # a relative one depends on where the script is run
        if depth > MAX_INTERPRETERS:
            yield Problem(place, script.interpreter, place, "its interpreter is a script, run by a script, and so on")
            return
        yield from self._script_interpreter_problems(place, script.interpreter, depth)
        command = env_command(script)
        if command is None or "/" in command.program:
            return
        path, name = command.environment.get("PATH"), command.program
        directories = SEARCH_PATH if path is None else path.split(":")
        if not any(self.view.is_executable(f"{directory}/{name}") for directory in directories):
            elsewhere = self._in_path_of_host(name) if path is None else None
            why = f"is in {printable(elsewhere)}: set PATH in the image" if elsewhere else "is missing"
            yield Problem(place, name, place, f"{printable(name)}, which env runs for it, {why}")

    def _in_path_of_host(self, name: str) -> str | None:
        """Return the directory of our own PATH where the view has the program `name`; an empty image has another."""
        directories = os.environ.get("PATH", "").split(":")
        return next((each for each in directories if self.view.is_executable(f"{each}/{name}")), None)

    def _script_interpreter_problems(self, place: str, interpreter: str, depth: int) -> Iterator[Problem]:
        subject = f"its interpreter {printable(interpreter)} (#!)"
        try:
            problems = self.check(interpreter, depth + 1).problems
        except OSError as error:
            yield Problem(place, interpreter, place, f"{subject} cannot be read: {reason(error)}")
        except ElfError as error:
            yield Problem(place, interpreter, place, f"{subject} {error}")
        else:
            if not self.view.is_executable(interpreter):
                yield Problem(place, interpreter, place, f"{subject} is not executable")
            for problem in problems[:1]:
                yield problem._replace(subject=place, message=f"{subject} does not start: {problem.message}")


def is_program(facts: ElfFacts) -> bool:
    """Return whether an executable ELF file is a program: libraries can be executable, and some have an interpreter."""
    if facts.type == FileType.EXEC or facts.flags_1 & DF_1_PIE or facts.packed:
        return True
    if facts.type != FileType.DYN or facts.soname is not None:
        return False
    return facts.interpreter is not None or (facts.entry != 0 and not facts.is_dynamic)  # the latter as upx makes it
