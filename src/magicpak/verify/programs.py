"""What keeps the programs of a world from starting: nothing is run for it."""

from collections.abc import Callable, Iterable, Iterator

from magicpak.elf.cache import ElfFile, ElfStore
from magicpak.elf.errors import NotElf
from magicpak.elf.facts import DF_1_PIE, ElfFacts, FileType
from magicpak.errors import ToolFailed, reason
from magicpak.files.view import content
from magicpak.files.walk import World
from magicpak.ldso.factory import Loaders
from magicpak.resolve.inputs import Program
from magicpak.resolve.libraries import Resolved, resolve_library, resolve_program
from magicpak.text import shown
from magicpak.verify.problems import Problem, Starting, missing, unversioned

SEARCHED = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")  # Docker's


class Starter:
    """Looks at programs of one world as its kernel and its loaders will, in a clean environment.

    `unknown` are the interpreters that nothing is known of, `unread` the executable files that cannot be read.
    """

    def __init__(
        self,
        world: World,
        store: ElfStore,
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
        self._known: dict[str, Starting] = {}
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
            except NotElf as error:
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

    def look(self, path: str, depth: int = 0) -> Starting:
        """Return what there is to say of the program or script that `path` leads to. Raises OSError and NotElf."""
        place = self.world.reached(path)
        if place not in self._known:
            try:
                self._known[place] = self._look_at_elf(place, self.store.get(place))
            except NotElf as error:
                if error.script is None:
                    raise
                self._known[place] = Starting(None, tuple(self._script(place, depth)))
        return self._known[place]

    def _look_at_elf(self, place: str, file: ElfFile) -> Starting:
        try:
            resolved = self._resolved(place, file)
        except ToolFailed:
            self.unknown[file.facts.interpreter or ""] = None
            return Starting(None, ())
        if resolved is None:
            return Starting(None, (Problem(place, place, place, "is a library, and no loader for it is there"),))
        problems = (*self._interpreter(resolved), *missing(resolved), *unversioned(resolved), *self._more(resolved))
        return Starting(resolved, problems)

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
            words = f"its interpreter {shown(path)} {trouble}"
            yield Problem(resolved.name, path, resolved.name, words)

    def _script(self, place: str, depth: int) -> Iterator[Problem]:
        """Yield what is wrong with the interpreters of a script, one behind the other, up to the last."""
        from magicpak.files.script import (  # noqa: PLC0415 - most bundles have none
            HEAD,
            MOST_INTERPRETERS,
            program_of_env,
            script_in,
        )

        script = script_in(content(self.world, place, HEAD))
        if script is None or not script.interpreter.startswith("/"):
            return  # a relative one depends on where the script is run
        if depth > MOST_INTERPRETERS:
            yield Problem(place, script.interpreter, place, "is run by a script, which is run by a script, and so on")
            return
        yield from self._runs(place, script.interpreter, depth)
        name = program_of_env(script)
        if name is not None and "/" not in name and not self._is_in_path(name):
            yield Problem(place, name, place, f"{shown(name)}, which env is to run for it, is missing")

    def _is_in_path(self, name: str) -> bool:
        return any(self.world.is_executable(f"{directory}/{name}") for directory in SEARCHED)

    def _runs(self, place: str, interpreter: str, depth: int) -> Iterator[Problem]:
        words = f"its interpreter {shown(interpreter)} (#!)"
        try:
            problems = self.look(interpreter, depth + 1).problems
        except OSError as error:
            yield Problem(place, interpreter, place, f"{words} cannot be read: {reason(error)}")
        except NotElf as error:
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
