"""What scripts need: their interpreters, the library of each interpreter, and what the scripts reach from there."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, Item
from magicpak.collect.executed import executed_needs
from magicpak.collect.include import elf_files_among, make_directory
from magicpak.collect.include_libraries import resolve_included
from magicpak.collect.mirror import Mirror
from magicpak.collect.programs import PlacedScript, ProgramCollector
from magicpak.collect.trees import TooManyLinks, TooMuch, TreeCollector
from magicpak.errors import ToolFailed
from magicpak.files.cli_path import HOST_ROOT, CliPath, Location
from magicpak.ldso.factory import Loaders
from magicpak.resolve.inputs import ScriptInput
from magicpak.resolve.libraries import Resolved
from magicpak.scripts.jars import class_path
from magicpak.scripts.languages import language_of, source_files
from magicpak.scripts.needs import Language, Requirement, ScriptFile, ScriptNeeds
from magicpak.scripts.packaged import MAX_OF_EXECUTED, MAX_PACKAGE, packaged_scripts
from magicpak.scripts.sources import Sources
from magicpak.scripts.state import WRITTEN_TO
from magicpak.text import printable

if TYPE_CHECKING:
    pass
_Key = tuple[str, str, str]

_NAMES = {"java": ("java", "users")}
"""Programs without a reader of their own, and what they need of `--with`: java looks up the user's home directory."""


class ScriptItems(NamedTuple):
    """What scripts have added.

    `resolved` are the programs that run them or that they execute, and the libraries that these load at run time, with
    what their loaders load, for `place_libraries`. `scripts` are all of them, with their places in the bundle.
    `warnings` are lines worth a warning; `hints` name what may be needed. `names` are those of `--with` that the
    scripts need, each with the file that needs it.
    """

    resolved: Sequence[Resolved] = ()
    scripts: Sequence[PlacedScript] = ()
    warnings: Sequence[str] = ()
    hints: Sequence[str] = ()
    names: Mapping[str, str] = {}


def collect_scripts(
    inputs: Sequence[ScriptInput],
    included: Sequence[Location],
    items: Sequence[Item],
    resolved: Sequence[Resolved],
    loaders: Loaders,
    mirror: Mirror,
    *,
    whole: bool,
) -> ScriptItems:
    """Collect in `mirror` what runs the scripts among the INPUTs and at `included`, and what these need.

    Files among `items` that hold code of the INPUTs' languages count as the scripts do. `resolved` is what else is in
    the bundle. With `whole`, all packages of their interpreters are included. Nothing is executed. Raises CannotRead
    and ToolFailed.
    """
    collector = _ScriptCollector(mirror, loaders, whole=whole)
    for each in inputs:
        collector.programs.place_interpreter(each.path, Location(BundlePath(each.real), each.place), each.script)
    collector.add_sources(items)
    for location in included:
        collector.programs.interpret(location)
    collector.add_packages([each.real for each in inputs])
    collector.read_all()
    collector.make_directories()
    programs = collector.programs.resolved
    libraries = resolve_included(collector.elf_files(), [*programs, *resolved], loaders)
    warnings = (*collector.programs.warnings, *collector.warnings(), *libraries.warnings)
    scripts = [PlacedScript(file, location.bundle) for location, file in collector.programs.scripts.items()]
    return ScriptItems([*programs, *libraries.resolved], scripts, warnings, collector.hints, collector.names)


def _key(script: ScriptFile) -> _Key:
    """Return by what `script` is read once."""
    return script.path, script.interpreter, script.code or ""


class _ScriptCollector:
    """Reads scripts, those that others execute among them, each once, and collects what they need."""

    def __init__(self, mirror: Mirror, loaders: Loaders, *, whole: bool) -> None:
        self.programs = ProgramCollector(mirror, loaders)
        self.hints: list[str] = []
        self.names: dict[str, str] = {}
        self._mirror = mirror
        self._before = len(mirror)
        self._trees = TreeCollector(mirror)
        self._sources = Sources(mirror.host.files)
        self._whole = whole
        self._languages: dict[str, Language] = {}
        self._interpreters: set[str] = set()
        self._given: dict[_Key, ScriptFile] = {}
        self._warnings: list[str] = []
        self._examined: set[str] = set()
        self._packaged: set[str] = set()
        self._beside: list[Requirement] = []

    def add_sources(self, items: Iterable[Item]) -> None:
        """Take the files among `items` that hold code of the languages of the scripts for scripts, too."""
        self._given |= {_key(each): each for each in source_files(self._scripts().values(), items, self._sources)}

    def add_packages(self, inputs: Collection[str]) -> None:
        """Collect what the packages have that own the scripts at the real paths `inputs`."""
        self._add_packages([file for at, file in self.programs.scripts.items() if at.host in inputs], MAX_PACKAGE)

    def _add_packages(self, scripts: Sequence[ScriptFile], most: int) -> None:
        self._packaged |= {script.path for script in scripts}
        found = packaged_scripts(scripts, self._sources, most)
        self._sources.expect((os.path.basename(path) for path in found.programs), found.own, found.modules)
        self._add(found.needs._replace(files=()))
        self._beside += found.needs.files

    def read_all(self) -> None:
        """Collect what the scripts need that are there, and those that this adds."""
        read: set[_Key] = set()
        while found := {key: script for key, script in self._scripts().items() if key not in read}:
            executed = [each for each in found.values() if each.path not in self._packaged]
            self._add_packages(executed, MAX_OF_EXECUTED)
            for script in found.values():
                language = self._language(script.interpreter)
                if language is not None:
                    self._add(language.script(script, self._sources, whole=self._whole))
            read |= found.keys()
            self._add_needs_of_programs()
        for file in self._beside:  # last: what is named has that for its reason
            self._add_file(file)
        self._add_needs_of_programs()

    def _add_needs_of_programs(self) -> None:
        """Collect what the programs need that scripts execute, and what is in the class paths of jar files."""
        resolved = {each.closure.program.path: each for each in self.programs.resolved}
        new = [each for path, each in resolved.items() if path not in self._examined]
        self._examined |= resolved.keys()
        found = executed_needs(new, self._sources)
        self.names |= {name: of for name, of in found.names.items() if name not in self.names}
        for path, program in found.paths.items():
            self._add_named(path, program)

        for jar in [each for each in self._jars() if each not in self._examined]:
            self._examined.add(jar)
            for path in class_path(jar, self._sources):
                self._add_named(path, jar)

    def _jars(self) -> Iterator[str]:
        for item in self._mirror.after(self._before):
            if item.path.endswith(".jar"):
                yield item.path

    def _add_named(self, path: str, program: str) -> None:
        because = Because("named by", program)
        if self._sources.is_executable(path) and not self._sources.head(path).startswith(b"\x7fELF"):
            self._add(ScriptNeeds(programs=[Requirement(path, because)]))
        else:
            self._add(ScriptNeeds(files=[Requirement(path, because)]))

    def _scripts(self) -> dict[_Key, ScriptFile]:
        """Return the scripts that are executed, and those that interpreters are given."""
        return {_key(each): each for each in self.programs.scripts.values()} | self._given

    def make_directories(self) -> None:
        """Collect the directories that any script may write to, which an image has only if its bundle has."""
        for script in list(self.programs.scripts.values())[:1]:
            for path in WRITTEN_TO:
                make_directory(path, self._mirror, Because("for files that are written by", script.path))

    def elf_files(self) -> list[Location]:
        """Return the ELF files among what was collected: they need libraries."""
        return elf_files_among(self._mirror.after(self._before), self._trees.unreadable, self._mirror.host.files)

    def warnings(self) -> list[str]:
        """Return a line for each thing worth a warning."""
        return [*self._warnings, *self._sources.warnings(), *map(str, self._trees.unreadable.values())]

    def _language(self, interpreter: str) -> Language | None:
        """Return what reads the scripts of `interpreter`, whose library is collected; None where that is unknown."""
        row = language_of(interpreter, self._sources)
        if row is None:
            return None
        if row.name not in self._languages:
            self._languages[row.name] = row.reader()
        language = self._languages[row.name]
        if interpreter not in self._interpreters:
            self._interpreters.add(interpreter)
            self._add(language.library(interpreter, self._sources))
        return language

    def _add(self, needs: ScriptNeeds) -> None:
        for file in needs.files:
            self._add_file(file)
        for directory in needs.directories:
            make_directory(directory.path, self._mirror, directory.because)
        for program in filter(self._is_understood, needs.programs):
            self.programs.place(program.path, program.because)
            self._language(program.path)
            for name in _NAMES.get(os.path.basename(self._sources.real(program.path)), ()):
                self.names.setdefault(name, program.path)
        for script in needs.scripts:
            self._given.setdefault(_key(script), script)
        self.names |= {name: of for name, of in needs.names.items() if name not in self.names}
        self._warnings += needs.warnings
        self.hints += needs.hints

    def _is_understood(self, program: Requirement) -> bool:
        """Return whether the loader of `program` is known: of what a script only names, another is no failure."""
        real = BundlePath(self._sources.real(program.path))
        try:
            self.programs.resolve(Location(real, real))
        except ToolFailed as error:
            self._warnings.append(f"{printable(program.path)} is not included: {error}")
            return False
        return True

    def _add_file(self, file: Requirement) -> None:
        try:
            self._trees.collect(CliPath(HOST_ROOT, file.path), file.because)
            self._trees.walk()
        except TooManyLinks as error:
            self._warnings.append(f"{printable(file.path)} is not included whole: {error.what}")
        except TooMuch:
            self._warnings.append(f"{printable(file.path)} is not included: it holds OUTPUT, or the whole file system")
