"""Whether the libraries that programs load at run time find in a plan what they find on the host."""

from collections.abc import Iterator, Sequence

from magicpak.collect.libraries import Placed
from magicpak.dynamic.dlopen import DlopenResolver, LoadedProcess
from magicpak.elf.errors import ElfError
from magicpak.errors import ToolFailed
from magicpak.ldso.loader import Loaded
from magicpak.resolve.libraries import Resolved
from magicpak.text import printable
from magicpak.verify.plan_view import PlanElfCache
from magicpak.verify.problems import (
    FailureKind,
    Problem,
    ProgramCheck,
    libc_problems,
    missing_problems,
    version_problems,
)
from magicpak.verify.programs import ProgramChecker, is_program
from magicpak.verify.substitutes import SubstituteCheck


class PluginChecker:
    """Lets the programs of a plan load once more what they load at run time on the host, in the same order.

    `programs` checks the programs of the plan, `elf` has its ELF files, `compared` compares it with the host.
    """

    def __init__(self, programs: ProgramChecker, elf: PlanElfCache, compared: SubstituteCheck) -> None:
        self._programs = programs
        self._elf = elf
        self._compared = compared
        self._dlopened = DlopenResolver(programs.loaders)

    def check(self, placed: Placed) -> dict[str, ProgramCheck]:
        """Return the result for each library that `placed` has loaded at run time, by its path in the plan.

        What is not in the plan is skipped, and so are the libraries of a program that does not start there. What is
        missing on the host is not a problem of the plan.
        """
        host = placed.resolved
        program = host.closure.program
        base = program if is_program(program.facts) else program.needed_by
        process = self._process(base)
        if process is None:
            return {}
        loaded: dict[str, tuple[Loaded, Sequence[Loaded]]] = {}
        for library in _loaded_at_run_time(host) if base is program else [program]:
            place = self._elf.place_of(library.path)
            new = self._load(process, place) if place is not None else ()
            if place is not None and new:
                loaded[place] = library, new
        process.settle([each for _, new in loaded.values() for each in new])
        within = process.within
        if within is None:
            return {}
        pairs = {library: new[0] for library, new in loaded.values()}
        others = list(self._compared.problems(placed, within, pairs, FailureKind.LIBRARY_SUBSTITUTE))
        return {place: _check(place, host, library, within, new, others) for place, (library, new) in loaded.items()}

    def _process(self, base: Loaded | None) -> LoadedProcess | None:
        """Return the process of `base` in the plan, or one without a program; None where it does not start."""
        if base is None:
            return LoadedProcess(None, self._elf)
        place = self._elf.place_of(base.path)
        try:
            check = self._programs.check(place) if place else None
        except (OSError, ElfError):
            return None
        if check is None or check.resolved is None or check.problems:
            return None
        return LoadedProcess(check.resolved, self._elf)

    def _load(self, process: LoadedProcess, place: str) -> Sequence[Loaded]:
        """Load the library at `place`, and return what is new in the process, the library first."""
        before = len(process.within.closure.objects) if process.within else 0
        try:
            file = self._elf.get(place)
            if not process.has(file.inode):
                self._dlopened.load(process, place, file)
        except (OSError, ElfError, ToolFailed):
            return ()
        return process.within.closure.objects[before:] if process.within else ()


def _check(
    place: str,
    host: Resolved,
    library: Loaded,
    within: Resolved,
    new: Sequence[Loaded],
    substitutes: Sequence[Problem],
) -> ProgramCheck:
    """Return the result for the `library` of the host that is at `place`, and with which `new` was loaded.

    `substitutes` are the names of all libraries for which the plan has another file.
    """
    program = within.closure.program
    name = _name(library, host)
    missing = {need.name for need in host.closure.missing}
    kind = FailureKind.LIBRARY
    problems = [each._replace(kind=kind) for each in _problems(within, new) if each.missing not in missing]
    paths = {each.path for each in new}
    problems += [each._replace(subject=place) for each in substitutes if each.requester in paths]
    if name is not None and all(need.name != name for need in program.needs):
        message = f"{printable(program.path)} does not find it by its name {printable(name)}"
        problems.append(Problem(place, name, program.path, message, kind=kind))
    return ProgramCheck(within, tuple(problems))


def _problems(within: Resolved, new: Sequence[Loaded]) -> Iterator[Problem]:
    """Yield what is wrong with the objects that are `new` in a process, the library that needs the others first."""
    library, paths = new[0], {each.path for each in new}
    process = within._replace(name=library.path, closure=within.closure._replace(program=library))
    yield from missing_problems(process._replace(closure=process.closure._replace(objects=tuple(new))))
    of_libc = libc_problems(within._replace(name=library.path))
    yield from (problem for problem in (*version_problems(process), *of_libc) if problem.requester in paths)


def _loaded_at_run_time(program: Resolved) -> list[Loaded]:
    """Return what a program has loaded that it does not need at its start, in that order."""
    itself = program.closure.program
    others = [each for each in program.closure.objects if each is not itself and each.needed_by in (None, itself)]
    names = {each.name for each in itself.facts.dependencies}
    return [each for each in others if each.name not in names]


def _name(library: Loaded, host: Resolved) -> str | None:
    """Return the name by which a program on the host finds a library that it has loaded."""
    needs = host.closure.program.needs
    return next((need.name for need in needs if need.satisfied_by is library and "/" not in need.name), None)
