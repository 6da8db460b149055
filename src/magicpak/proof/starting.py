"""What keeps the programs of a world from starting: nothing is run for it."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from magicpak.display import shown
from magicpak.elf.disk import content
from magicpak.elf.facts import DF_1_PIE, ElfFacts, FileType, VersionNeeded
from magicpak.elf.refusal import NotElf
from magicpak.elf.store import ElfFile, ElfStore
from magicpak.errors import ToolFailed, reason
from magicpak.ldso.choosing import Loaders
from magicpak.ldso.loader import Loaded
from magicpak.proof.versions import missing_versions
from magicpak.proof.walked import World
from magicpak.sources.libraries import Resolved, missing_needs, resolve_library, resolve_program
from magicpak.sources.programs import Program

SEARCHED = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")  # Docker's


class Problem(NamedTuple):
    """One thing that keeps `program` from starting.

    `lacking` is the name of what is missing or wrong, which `by` asks for; `words` are one line, `details` more.
    """

    program: str
    lacking: str
    by: str
    words: str
    details: tuple[str, ...] = ()


class Starting(NamedTuple):
    """What there is to say of one program: what its loader brings in, where it has one, and what is wrong."""

    resolved: Resolved | None
    problems: tuple[Problem, ...]


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
        self._world = world
        self._store = store
        self._loaders = loaders
        self._known: dict[str, Starting] = {}
        self.unknown: dict[str, None] = {}
        self.unread: dict[str, None] = {}

    def __len__(self) -> int:
        """Return the number of programs and scripts that were looked at so far."""
        return len(self._known)

    def programs(self) -> Iterator[str]:
        """Yield the programs and scripts among the executable files."""
        for place in self._world.executables():
            try:
                facts = self._store.get(place).facts
            except NotElf as error:
                if error.script is not None:
                    yield place
            except OSError:
                self.unread[place] = None
            else:
                if is_program(facts):
                    yield place

    def look_at_all(self) -> tuple[int, list[Problem]]:
        """Return how many programs and scripts there are, and what is wrong with them."""
        paths = list(self.programs())
        return len(paths), [problem for path in paths for problem in self.look(path).problems]

    def look(self, path: str, depth: int = 0) -> Starting:
        """Return what there is to say of the program or script that `path` leads to. Raises OSError and NotElf."""
        place = self._world.reached(path)
        if place not in self._known:
            try:
                self._known[place] = self._look_at_elf(place, self._store.get(place))
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
        problems = (*self._interpreter(resolved), *_missing(resolved), *_versions(resolved), *self._more(resolved))
        return Starting(resolved, problems)

    def _resolved(self, place: str, file: ElfFile) -> Resolved | None:
        """Return what the loader of a program, or that of the ABI of a library, brings in; None where there is none."""
        if is_program(file.facts) or file.facts.interpreter is not None or not file.facts.is_dynamic:
            program = Program(place, place, place, file, self._world.reached(place))
            return resolve_program(program, self._loaders, self._store, hwcaps=True)
        return resolve_library(place, file, (), self._loaders, self._store, hwcaps=True)

    def _interpreter(self, resolved: Resolved) -> Iterator[Problem]:
        path = resolved.closure.program.facts.interpreter
        trouble = resolved.trouble
        if path is not None and trouble is None and not self._world.is_executable(path):
            trouble = "is not executable"
        if path is not None and trouble is not None:
            words = f"its interpreter {shown(path)} {trouble}"
            yield Problem(resolved.name, path, resolved.name, words)

    def _script(self, place: str, depth: int) -> Iterator[Problem]:
        """Yield what is wrong with the interpreters of a script, one behind the other, up to the last."""
        from magicpak.scripts import (  # noqa: PLC0415 - most bundles have none
            HEAD,
            MOST_INTERPRETERS,
            program_of_env,
            script_in,
        )

        script = script_in(content(self._world, place, HEAD))
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
        return any(self._world.is_executable(f"{directory}/{name}") for directory in SEARCHED)

    def _runs(self, place: str, interpreter: str, depth: int) -> Iterator[Problem]:
        words = f"its interpreter {shown(interpreter)} (#!)"
        try:
            problems = self.look(interpreter, depth + 1).problems
        except OSError as error:
            yield Problem(place, interpreter, place, f"{words} cannot be read: {reason(error)}")
        except NotElf as error:
            yield Problem(place, interpreter, place, f"{words} {error}")
        else:
            if not self._world.is_executable(interpreter):
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


def _missing(resolved: Resolved) -> Iterator[Problem]:
    if not resolved.closure.missing:
        return
    from magicpak.sources.shortfall import about_need, needed_by  # noqa: PLC0415 - where something is missing

    for _, need in missing_needs([resolved]):
        by = needed_by(resolved, need.by)
        trouble = need.trouble and f"{shown(need.trouble)}, at which the loader stops"
        words = trouble or f"{shown(need.name)} is missing"
        details = () if need.trouble else tuple(about_need(resolved, need)[1:])
        yield Problem(resolved.name, need.name, need.by.path, f"{words}, needed by {by}", details)


def _versions(resolved: Resolved) -> Iterator[Problem]:
    told: set[tuple[str, str]] = set()
    for by, needed, other in missing_versions(resolved):
        if (needed.of, needed.name) not in told:
            told.add((needed.of, needed.name))
            yield Problem(resolved.name, needed.of, by.path, _about_version(resolved, by, needed, other))


def _about_version(resolved: Resolved, by: Loaded, needed: VersionNeeded, other: Loaded | None) -> str:
    from magicpak.sources.shortfall import needed_by  # noqa: PLC0415 - where something is missing

    version, chain = shown(needed.name), needed_by(resolved, by)
    if other is None:
        return f"nothing that is loaded goes by {shown(needed.of)}, whose {version} is needed by {chain}"
    return f"{shown(other.path)} does not define {version}, needed by {chain}"
