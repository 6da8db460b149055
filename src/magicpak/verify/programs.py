"""What keeps the programs of a world from starting: nothing is run for it."""

from collections.abc import Callable, Iterable, Iterator

from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import DF_1_PIE, ElfFacts, FileType
from magicpak.errors import ToolFailed, reason
from magicpak.files.view import content
from magicpak.files.walk import RootView
from magicpak.ldso.factory import Loaders
from magicpak.resolve.inputs import Program
from magicpak.resolve.libraries import Resolved, resolve_library, resolve_program
from magicpak.text import printable
from magicpak.verify.problems import Problem, ProgramCheck, missing_problems, version_problems

SEARCHED = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")  # Docker's


class ProgramChecker:
    """Looks at programs of one world as its kernel and its loaders will, in a clean environment.

    `unknown` are the interpreters that nothing is known of, `unread` the executable files that cannot be read.
    """

    def __init__(
        self,
        world: RootView,
        store: ElfCache,
        loaders: Loaders,
        more: Callable[[Resolved], Iterable[Problem]] = lambda _resolved: (),
    ) -> None:
        """Take the world, the store and the loaders that look at it, and what finds more problems of a process.

        The loaders ask nobody.
        """
        self._more = more
        self.world = world
        self.store = store
        self.loaders = loaders
        self._known: dict[str, ProgramCheck] = {}
        self.unknown: dict[str, None] = {}
        self.unread: dict[str, None] = {}

    def __len__(self) -> int:
        """Return the number of programs and scripts that were looked at so far."""
        return len(self._known)

    def programs(self) -> Iterator[str]:
        """Yield the programs and scripts among the executable files."""
        for place in self.world.executables():
            try:
                facts = self.store.get(place).facts
            except ElfError as error:
                if error.script is not None:
                    yield place
            except OSError:
                self.unread[place] = None
            else:
                if is_program(facts):
                    yield place

    def look_at_all(self, named: Iterable[str] = ()) -> tuple[int, list[Problem]]:
        """Return how many programs and scripts there are, with those that are `named`, and what is wrong with them."""
        paths = dict.fromkeys([*named, *self.programs()])
        return len(paths), [problem for path in paths for problem in self.look(path).problems]

    def look(self, path: str, depth: int = 0) -> ProgramCheck:
        """Return what there is to say of the program or script that `path` leads to. Raises OSError and ElfError."""
        place = self.world.reached(path)
        if place not in self._known:
            try:
                self._known[place] = self._look_at_elf(place, self.store.get(place))
            except ElfError as error:
                if error.script is None:
                    raise
                self._known[place] = ProgramCheck(None, tuple(self._script(place, depth)))
        return self._known[place]

    def _look_at_elf(self, place: str, file: ElfFile) -> ProgramCheck:
        try:
            resolved = self._resolved(place, file)
        except ToolFailed:
            self.unknown[file.facts.interpreter or ""] = None
            return ProgramCheck(None, ())
        if resolved is None:
            return ProgramCheck(None, (Problem(place, place, place, "is a library, and no loader for it is there"),))
        problems = (
            *self._interpreter(resolved),
            *missing_problems(resolved),
            *version_problems(resolved),
            *self._more(resolved),
        )
        return ProgramCheck(resolved, problems)

    def _resolved(self, place: str, file: ElfFile) -> Resolved | None:
        """Return what the loader of a program, or that of the ABI of a library, brings in; None where there is none."""
        if is_program(file.facts) or file.facts.interpreter is not None or not file.facts.is_dynamic:
            program = Program(place, place, place, file, self.world.reached(place))
            return resolve_program(program, self.loaders, self.store, hwcaps=True)
        return resolve_library(place, file, (), self.loaders, self.store, hwcaps=True)

    def _interpreter(self, resolved: Resolved) -> Iterator[Problem]:
        path = resolved.closure.program.facts.interpreter
        trouble = resolved.trouble
        if path is not None and trouble is None and not self.world.is_executable(path):
            trouble = "is not executable"
        if path is not None and trouble is not None:
            words = f"its interpreter {printable(path)} {trouble}"
            yield Problem(resolved.name, path, resolved.name, words)

    def _script(self, place: str, depth: int) -> Iterator[Problem]:
        """Yield what is wrong with the interpreters of a script, one behind the other, up to the last."""
        from magicpak.files.script import (  # noqa: PLC0415 - most bundles have none
            HEAD,
            MOST_INTERPRETERS,
            env_program,
            parse_script,
        )

        script = parse_script(content(self.world, place, HEAD))
        if script is None or not script.interpreter.startswith("/"):
            return  # a relative one depends on where the script is run
        if depth > MOST_INTERPRETERS:
            yield Problem(place, script.interpreter, place, "is run by a script, which is run by a script, and so on")
            return
        yield from self._runs(place, script.interpreter, depth)
        name = env_program(script)
        if name is not None and "/" not in name and not self._is_in_path(name):
            yield Problem(place, name, place, f"{printable(name)}, which env is to run for it, is missing")

    def _is_in_path(self, name: str) -> bool:
        return any(self.world.is_executable(f"{directory}/{name}") for directory in SEARCHED)

    def _runs(self, place: str, interpreter: str, depth: int) -> Iterator[Problem]:
        words = f"its interpreter {printable(interpreter)} (#!)"
        try:
            problems = self.look(interpreter, depth + 1).problems
        except OSError as error:
            yield Problem(place, interpreter, place, f"{words} cannot be read: {reason(error)}")
        except ElfError as error:
            yield Problem(place, interpreter, place, f"{words} {error}")
        else:
            if not self.world.is_executable(interpreter):
                yield Problem(place, interpreter, place, f"{words} is not executable")
            for problem in problems[:1]:
                yield problem._replace(program=place, words=f"{words} does not start: {problem.words}")


def is_program(facts: ElfFacts) -> bool:
    """Tell whether an executable ELF file is a program: libraries can be executable, and some have an interpreter."""
    if facts.type == FileType.EXEC or facts.flags_1 & DF_1_PIE:
        return True
    if facts.type != FileType.DYN or facts.soname is not None:
        return False
    return facts.interpreter is not None or (facts.entry != 0 and not facts.is_dynamic)  # the latter as upx makes it
