"""Separates what the loaders of programs do in a trace, which the resolver covers, from what the programs do."""

import os
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Because
from magicpak.collect.programs import ProgramCollector
from magicpak.dynamic.dlopen import DlopenResolver, LoadedProcess
from magicpak.dynamic.files import FileCollector
from magicpak.elf.facts import ElfFacts
from magicpak.files.cli_path import Location
from magicpak.ldso.interpreter import GLIBC_CACHE, Glibc, Musl
from magicpak.ldso.musl import path_file
from magicpak.resolve.libraries import Resolved
from magicpak.tracing.trace import Access, Execution, Trace, Use

_WORDS = {Access.MAPPED: "loaded by", Access.MADE: "written into by"}


class TraceClassifier:
    """Takes one trace after another, and passes each use on to what collects it.

    `inputs` are the INPUTs by their inodes. `loader_files` are the files by which loaders find libraries: those of the
    bundle are made, or not needed. `caches` are those of glibc's loaders.
    """

    def __init__(
        self,
        files: FileCollector,
        executed: ProgramCollector,
        dlopened: DlopenResolver,
        inputs: Mapping[tuple[int, int], Resolved],
    ) -> None:
        self._files = files
        self._executed = executed
        self._dlopened = dlopened
        self._inputs = inputs
        self._processes: dict[tuple[str, ElfFacts | None], LoadedProcess] = {}
        self._made: list[tuple[Resolved, LoadedProcess]] = []
        self.loader_files: set[str] = set()
        self.caches: set[str] = {GLIBC_CACHE}

    def take(self, trace: Trace) -> None:
        """Collect what `trace` has."""
        roots = _roots(trace)
        for index, execution in enumerate(trace.executions):
            if _key(execution) not in self._processes:
                self._processes[_key(execution)] = self._process(execution, BundlePath(roots.get(index, ROOT)))
        mapped = _mapped_by_loaders(trace)
        for use in trace.uses:
            if not use.error:
                self._take(use, trace.executions[use.execution], mapped)
        for execution in trace.executions:
            if not execution.forked and execution.parent is not None and execution.facts is None:
                self._also_ran(execution)

    def resolved(self) -> list[Resolved]:
        """Return the executed programs and what was loaded by dlopen, with what their loaders load."""
        programs = self._executed.resolved
        ran = [(program, self._processes.get((program.closure.program.path, None))) for program in programs]
        for program, process in (*ran, *self._made):
            if process is not None:
                process.settle((*program.closure.objects, *program.closure.variants))
        programs += [program for program, _ in self._made]
        return programs + [
            found for each in self._processes.values() if (found := each.loaded_at_run_time()) is not None
        ]

    def _process(self, execution: Execution, root: BundlePath) -> LoadedProcess:
        """Return what stands for all processes that run the program of `execution`, with the root directory `root`."""
        real, facts = BundlePath(execution.real), execution.facts
        known = self._inputs.get(execution.inode)
        made = self._executed.resolve_made(execution.real, facts, root) if facts and not known else None
        program = known or made or (None if facts else self._executed.resolve(Location(real, real)))
        process = LoadedProcess(program, self._executed.elf)
        if made is not None:
            self._made.append((made, process))
        self.loader_files |= _loader_files(program)
        inside = program.interpreter.built_in if program and program.interpreter else None
        if isinstance(inside, Glibc) and inside.cache:
            self.caches.add(inside.cache)
        return process

    def _take(self, use: Use, execution: Execution, mapped: AbstractSet[tuple[int, str]]) -> None:
        process = self._processes[_key(execution)]
        because = Because(_WORDS.get(use.access, f"{use.access.value} by"), execution.path)
        if use.access is Access.MAPPED and (use.execution, use.path) in mapped:
            self._map(use.path, process, because)
        elif use.access is Access.EXECUTED:
            self._executed.place(use.path, because, BundlePath(use.root))
        elif not self._is_the_loaders(use, process, mapped):
            self._files.add(use, because)

    def _is_the_loaders(self, use: Use, process: LoadedProcess, mapped: AbstractSet[tuple[int, str]]) -> bool:
        """Return whether the resolver covers what the loader looks at here, or will when it is mapped."""
        if use.access is not Access.READ or use.root != "/":
            return use.by_loader and use.access is Access.TESTED
        path = use.path
        if not use.by_loader and (not process.uses_musl or path in self.caches):
            return False
        if path in process.names or path in self.loader_files or self._dlopened.is_unwanted_variant(path):
            return True
        if path in self.caches:  # read by a loader that the program itself has mapped, as a packed one does
            return True
        real = self._files.mirror.host.real(path)
        if self._files.mirror.host.status(real) is None:
            process.made.add(os.path.basename(path))
        file = self._dlopened.file(real) if (use.execution, real) in mapped else None
        if file is None or process.has(file.inode):
            return False
        process.opened.setdefault(real, []).append(path)
        return True

    def _map(self, real: str, process: LoadedProcess, because: Because) -> None:
        """Collect what was mapped as code: a library as a rule, or the program that a loader was told to run."""
        if self._files.mirror.host.status(real) is None:
            process.made.add(os.path.basename(real))
            return
        file = self._dlopened.file(real)
        paths: Sequence[str] = [real]
        if file is not None and file.facts.interpreter is not None and not process.has_loader:
            self._executed.place(real, because)
            program = self._executed.resolve(Location(BundlePath(real), BundlePath(real)))
            if program is not None:
                process.adopt(program)
        elif file is not None:
            paths = self._dlopened.load(process, real, file)
        for path in paths:
            self._files.place(path, because)

    def _also_ran(self, execution: Execution) -> None:
        """Collect what really ran, where the executed path does not lead there: what binfmt_misc names."""
        if execution.inode not in self._inputs and execution.real and not self._executed.has(execution.real):
            self._executed.place(execution.real, Because("executed as", execution.path))


def _key(execution: Execution) -> tuple[str, ElfFacts | None]:
    return execution.real, execution.facts


def _roots(trace: Trace) -> dict[int, str]:
    """Return the root directory of each execution when it first used something."""
    roots: dict[int, str] = {}
    for use in trace.uses:
        roots.setdefault(use.execution, use.root)
    return roots


def _loader_files(program: Resolved | None) -> set[str]:
    interpreter = program.interpreter if program else None
    inside = interpreter.built_in if interpreter else None
    if interpreter is not None and isinstance(inside, Musl):
        return {path_file(interpreter.path, inside.arch)}
    return {path for path in (inside.cache, inside.preload) if path} if isinstance(inside, Glibc) else set()


def _mapped_by_loaders(trace: Trace) -> set[tuple[int, str]]:
    """Return what each execution has mapped, except in another root directory, whose loader is not emulated."""
    roots: dict[int, set[str]] = {}
    for use in trace.uses:
        if use.root != "/":
            roots.setdefault(use.execution, set()).add(use.root)
    mapped = [(use.execution, BundlePath(use.path)) for use in trace.uses if use.access is Access.MAPPED]
    return {(index, path) for index, path in mapped if not any(path.is_under(root) for root in roots.get(index, ()))}
