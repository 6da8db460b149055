"""A language that a row describes: its scripts are read, the modules that they import are found and read in turn."""

import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from magicpak.bundle.plan import Because
from magicpak.scripts.data_paths import own_data
from magicpak.scripts.interpreters.home import InterpreterHome
from magicpak.scripts.interpreters.source_syntax import SourceSyntax, mentions
from magicpak.scripts.needs import Requirement, ScriptFile, ScriptNeeds
from magicpak.scripts.shell.language import read_command_line
from magicpak.scripts.sources import Sources
from magicpak.text import printable

_MAX_FILES = 2000  # source files that are read for one script
_MAX_REACHED = 10_000  # imports that are looked for, for one script
_OF_SYSTEM = re.compile(r"/[^/]*|/(?:usr|lib|lib64|etc|s?bin|var|dev|proc|sys|run|boot)/.*", re.DOTALL)


class Reach(NamedTuple):
    """Where an import leads.

    `files` are included as they are, `sources` are read for what they need, `imports` are needed besides, as if the
    file `importer` imported them.
    """

    files: Sequence[str] = ()
    sources: Sequence[str] = ()
    imports: Sequence[str] = ()
    importer: str = ""


class ModuleFinder(Protocol):
    """Finds the modules that one script imports."""

    def beginning(self) -> Reach:
        """Return what the script needs because of where it is."""
        ...

    def find(self, name: str, importer: str) -> Reach:
        """Return where `name` leads, which the file `importer` imports."""
        ...


class FinderContext(NamedTuple):
    """What a finder is made for: a script, and where its interpreter is; with `whole`, for all packages."""

    script: ScriptFile
    home: InterpreterHome
    sources: Sources
    whole: bool


class LibraryFinder(NamedTuple):
    """An interpreter's own library: `patterns` of what it has, and of `programs` that it executes to run a script.

    Where it `is_required`, an interpreter without it runs no script at all. `besides` are patterns of what it needs of
    others.
    """

    patterns: Sequence[str] = ()
    programs: Sequence[str] = ()
    is_required: bool = False
    besides: Sequence[str] = ()
    more: Callable[[InterpreterHome, Sources], Iterator[str]] = lambda _home, _sources: iter(())


class NoModules:
    """Finds nothing: for a language whose modules are all in the interpreter's library."""

    def __init__(self, context: FinderContext) -> None:
        pass

    def beginning(self) -> Reach:
        """Return nothing."""
        return Reach()

    def find(self, name: str, importer: str) -> Reach:
        """Return nothing."""
        del name, importer
        return Reach()


class Interpreted:
    """Reads the scripts of a language by its `syntax`; `finder` makes what finds the modules of a script.

    Without syntax, its scripts are no text, and are not read.
    """

    def __init__(
        self,
        syntax: SourceSyntax | None,
        library: LibraryFinder,
        finder: Callable[[FinderContext], ModuleFinder] = NoModules,
    ) -> None:
        self.syntax = syntax
        self._library = library
        self._finder = finder

    def library(self, interpreter: str, sources: Sources) -> ScriptNeeds:
        """Return the interpreter's own library, and the programs that it executes to run a script."""
        home = InterpreterHome(interpreter, sources)
        because = Because("the library of", interpreter)
        files = dict.fromkeys([*home.library(*self._library.patterns), *self._library.more(home, sources)])
        programs = [path for path in home.library(*self._library.programs) if sources.is_file(path)]
        warnings = []
        if self._library.is_required and not files:
            warnings.append(f"the library of {printable(interpreter)} is not found")
        return ScriptNeeds(
            [Requirement(path, because) for path in (*files, *home.library(*self._library.besides))],
            [Requirement(path, Because("executed by", interpreter)) for path in programs],
            warnings,
        )

    def script(self, script: ScriptFile, sources: Sources, *, whole: bool) -> ScriptNeeds:
        """Return what `script` imports, step by step, the programs that it executes, and the data that it names."""
        if self.syntax is None:
            return ScriptNeeds()
        finder = self._finder(FinderContext(script, InterpreterHome(script.interpreter, sources), sources, whole))
        reader = _SourceReader(self.syntax, finder, sources)
        reader.read(script.path)
        return ScriptNeeds(list(reader.files.values()), list(reader.programs.values()))


class _SourceReader:
    """Collects what one script needs, and the modules that it imports."""

    def __init__(self, syntax: SourceSyntax, finder: ModuleFinder, sources: Sources) -> None:
        self.files: dict[str, Requirement] = {}
        self.programs: dict[str, Requirement] = {}
        self._syntax = syntax
        self._finder = finder
        self._sources = sources
        self._seen: set[str] = set()
        self._waiting: deque[str] = deque()
        self._reached: set[tuple[str, str]] = set()

    def read(self, script: str) -> None:
        """Collect what the script at `script` needs."""
        self._add_source(script)
        self._take(self._finder.beginning(), Because("beside", script))
        while self._waiting:
            self._read_file(self._waiting.popleft())

    def _read_file(self, path: str) -> None:
        text = self._sources.read(path) if self._sources.is_file(path) else None
        if text is None:
            return
        found = mentions(os.fsdecode(text), self._syntax)
        directory = os.path.dirname(self._sources.real(path))
        for name in found.imports:
            self._import(name, path)
        for name in found.beside:
            beside = os.path.normpath(f"{directory}/{name.lstrip('/')}")
            self._add_beside(beside, path)
            if beside.endswith(self._syntax.suffixes):
                self._import(beside, path)
        for line in (*found.lines, *found.pipelines):
            needs = read_command_line(line, path, self._sources, by_shell=line in found.lines)
            self.files |= {each.path: each for each in needs.files if each.path not in self.files}
            self.programs |= {each.path: each for each in needs.programs if each.path not in self.programs}
        for word in [*found.words, *(["/bin/sh"] if found.has_lines else [])]:
            self._add_program(word, path)
        for program in filter(None, map(self._sources.expected, found.texts)):
            self._add_program(program, path)
        for each in found.paths:
            if own_data(each, self._sources):
                self._add_file(each, Because("named by", path))

    def _import(self, name: str, importer: str) -> None:
        """Collect where `name` leads, and what that imports without a source that says so."""
        because = Because("imported by", importer)
        waiting = deque([(name, importer)])
        while waiting and len(self._reached) < _MAX_REACHED:
            each = waiting.popleft()
            key = (each[0], os.path.dirname(each[1]))
            if key in self._reached or "\0" in each[0]:
                continue
            self._reached.add(key)
            reach = self._finder.find(*each)
            self._take(reach._replace(imports=()), because)
            waiting += [(imported, reach.importer) for imported in reach.imports]

    def _take(self, reach: Reach, because: Because) -> None:
        for path in reach.files:
            self._add_file(path, because)
        for path in reach.sources:
            self._add_source(path)
        for name in reach.imports:
            self._import(name, reach.importer)

    def _add_source(self, path: str) -> None:
        if path not in self._seen and len(self._seen) < _MAX_FILES:
            self._seen.add(path)
            self._waiting.append(path)

    def _add_file(self, path: str, because: Because) -> None:
        """Collect the file or directory at `path`, unless it is in a directory that is collected."""
        above = path
        while above not in self.files:
            if len(above) <= 1:
                self.files[path] = Requirement(path, because)
                return
            above = os.path.dirname(above)

    def _add_beside(self, path: str, of: str) -> None:
        """Collect what `of` names relative to itself; a directory if that is its own, and not one of the system."""
        is_own = not _OF_SYSTEM.fullmatch(path) and not self._sources.real(of).startswith(f"{path}/")
        if (
            self._sources.is_file(path)
            or own_data(path, self._sources)
            or (is_own and self._sources.is_directory(path))
        ):
            self._add_file(path, Because("named by", of))

    def _add_program(self, word: str, of: str) -> None:
        program = self._sources.program(word) if "\0" not in word else None
        if program is not None and os.path.isabs(program):
            self.programs.setdefault(program, Requirement(program, Because("executed by", of)))
