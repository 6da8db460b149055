"""What a script of Python reaches: from import to import, each package as a whole."""

import os
import re
from collections.abc import Collection, Iterable

from magicpak.bundle.plan import Because
from magicpak.scripts.needs import ScriptFile, ScriptNeeds
from magicpak.scripts.python_code import PythonCode, UnreadCode, imported_names, imports_of, parse, read_code
from magicpak.scripts.python_distributions import Distribution, Distributions, normalized
from magicpak.scripts.python_finder import Unit, UnitFinder
from magicpak.scripts.python_home import PythonHome
from magicpak.scripts.python_library import files_aside
from magicpak.scripts.python_needed import PythonNeeds
from magicpak.scripts.python_path import PathEntry, search_path
from magicpak.scripts.python_typelibs import Typelibs
from magicpak.scripts.sources import Sources

_AT_START = ("sitecustomize",)
"""Modules that site.py imports before the script, where there are any."""

_ACTS = re.compile(
    rb"subprocess|os\.(?:system|popen|exec|spawn|posix_spawn)|which|[\"']/(?:usr|etc|opt)/|__file__|asyncio"
)
_MAX_READ_CLOSELY = 512 << 10
"""Bytes of a script's own modules that are read for programs and data, in half a second; others for imports only."""
_MOST_OF_ONE_TOOL = 50
"""Modules of a package whose programs count as the script's: in a larger one, most are for what one run does not do."""


class PythonReach:
    """All that one script reaches.

    Of the modules of a package those are read that an import leads to, and all of one that says nothing of what it
    requires. What an installed distribution requires is needed too, since it may import it by a name that is made up in
    a run.
    """

    def __init__(self, script: ScriptFile, home: PythonHome, sources: Sources) -> None:
        self._script = script
        self._home = home
        self._sources = sources
        self._search = search_path(script, home, sources)
        self._finder = UnitFinder(self._search, home, sources)
        self._distributions = Distributions((), sources)
        self._needed = PythonNeeds(sources)
        self._typelibs = Typelibs(home.prefixes, sources)
        self._units: dict[str, Unit] = {}
        self._own: set[str] = set()
        self._waiting: list[tuple[str, str, Unit]] = []
        self._read: set[str] = set()
        self._settled: set[str] = set()
        self._left = _MAX_READ_CLOSELY

    def needs(self, *, whole: bool) -> ScriptNeeds:
        """Return what the script needs; with `whole`, all packages that are installed for its interpreter too."""
        code = self._read_script()
        self._search = self._search._replace(entries=self._with_added(code.search))
        self._finder = UnitFinder(self._search, self._home, self._sources)
        places = [each for each in self._search.entries if not self._is_standard(each)]
        self._distributions = Distributions([each.directory for each in places], self._sources)
        self._needed.add_actions(code, self._script.path, are_certain=True)
        named = [each for name in sorted(code.distributions) if (each := self._distributions.named(name))]
        started = {module for each in named for module in self._distributions.entry_points(each).values()}
        imports = {*code.imports, *_AT_START, *started, *(module for each in named for module in each.top_level)}
        self._import(imports, Because("imported by", self._script.path))
        self._find_own(imports, named)
        if whole:
            names = {name for entry in places if entry.is_site for name in self._finder.top_level(entry)}
            self._import(names, Because("installed for", self._script.interpreter))
        for path, package, unit in self._waiting:  # which grows meanwhile
            self._read_module(path, package, unit)
        for path, because in self._typelibs.files():
            self._needed.add_file(path, because)
        return self._needed.result()

    def _read_script(self) -> PythonCode:
        path = self._script.path
        data = self._sources.read(path)
        if data is None:
            return PythonCode()
        self._typelibs.note_versions(data)
        try:
            return read_code(data, self._sources.real(path))
        except UnreadCode as error:
            self._sources.leave_unread(path, str(error))
            return PythonCode()
        except SyntaxError as error:
            self._sources.leave_unread(path, f"line {error.lineno} is not Python 3; only its import lines are followed")
            return PythonCode(imported_names(data))

    def _with_added(self, added: Collection[str]) -> tuple[PathEntry, ...]:
        """Return the search path with the directories that the script puts before it."""
        places = {each.directory for each in self._search.entries}
        new = [PathEntry(each) for each in added if each not in places and self._sources.is_directory(each)]
        return (*new, *self._search.entries)

    def _find_own(self, imports: Collection[str], named: Collection[Distribution]) -> None:
        """Find out which of the packages that the script imports are its own.

        What they execute counts as if the script did, and all of their modules are read: it may choose among them.
        """
        name = os.path.basename(self._script.path).removesuffix(".py")
        found = {unit.path: unit for each in sorted(imports) if (unit := self._finder.find(each))}
        units = [unit for unit in found.values() if not self._is_standard(unit.entry)]
        for unit in units:
            distributions = self._distributions.of_module(unit.name)
            scripts = {
                each for distribution in distributions for each in self._distributions.entry_points(distribution)
            }
            first = normalized(unit.name.partition(".")[0])
            is_own = len(units) == 1 or first == normalized(name) or name in scripts
            if is_own or not unit.entry.is_site or set(distributions) & set(named):
                self._own.add(unit.path)
                self._await(self._finder.modules(unit), unit)

    def _import(self, names: Collection[str], because: Because) -> None:
        """Take in the units and modules with the full names `names`."""
        for name in sorted(set(names) - self._settled):
            self._settled.add(name)
            self._typelibs.note_import(name, because)
            unit = self._finder.find(name)
            if unit is None:
                continue
            if self._is_standard(unit.entry):
                for path in files_aside(unit.name, self._home, self._sources):
                    self._needed.add_file(path, because)
                continue
            if unit.path not in self._units:
                self._reach(unit, because)
            self._await(self._finder.on_the_way(unit, name), unit)

    def _reach(self, unit: Unit, because: Because) -> None:
        self._units[unit.path] = unit
        for path in (unit.path, *unit.files):
            self._needed.add_file(path, because)
        self._import(self._finder.named_by_extensions(unit), Because("imported by", unit.path))
        distributions = self._distributions.of_module(unit.name)
        if not distributions or not unit.entry.is_site:
            self._await(self._finder.modules(unit), unit)
        for distribution in distributions:
            self._needed.add_file(distribution.path, Because("the metadata of", unit.path))
            for required in self._distributions.required(distribution):
                self._import(self._distributions.modules(required), Because("required by", distribution.path))

    def _await(self, modules: Iterable[tuple[str, str]], unit: Unit) -> None:
        for path, package in modules:
            if path not in self._read and path.endswith(".py"):
                self._read.add(path)
                self._waiting.append((path, package, unit))

    def _is_standard(self, entry: PathEntry) -> bool:
        return entry.directory in (self._home.library, self._home.dynload, self._home.archive)

    def _read_module(self, path: str, package: str, unit: Unit) -> None:
        data = self._sources.read(path)
        if data is None:
            return
        self._typelibs.note_versions(data)
        is_own = unit.path in self._own or not unit.entry.is_site
        if is_own and _ACTS.search(data) and self._left >= len(data):
            self._left -= len(data)
            try:
                code = read_code(data, path, package)
            except (UnreadCode, SyntaxError):
                code = PythonCode(imported_names(data, package))
            self._import(code.imports, Because("imported by", path))
            self._needed.add_actions(code, path, are_certain=self._is_one_tool(unit))
        else:
            self._import(
                self._confirmed(imported_names(data, package), data, package, unit), Because("imported by", path)
            )

    def _is_one_tool(self, unit: Unit) -> bool:
        return not unit.entry.is_site or sum(1 for _ in self._finder.modules(unit)) <= _MOST_OF_ONE_TOOL

    def _confirmed(self, names: Collection[str], data: bytes, package: str, unit: Unit) -> set[str]:
        """Return those of `names` that `data` imports.

        The tree is only made if they may be in a unit that is not reached yet. What a function imports counts if
        nothing says that the distribution can do without it.
        """
        new = {name for name in names if name not in self._settled and self._is_of_new_unit(name)}
        if not new:
            return set(names)
        try:
            at_once, later = imports_of(parse(data), package)
        except (UnreadCode, SyntaxError):
            return set(names)
        distributions = self._distributions.of_module(unit.name) if unit.path not in self._own else []
        is_said = any(self._distributions.required(each) for each in distributions)
        return (set(names) - new) | (new & at_once) | (set() if is_said else new & later)

    def _is_of_new_unit(self, name: str) -> bool:
        unit = self._finder.find(name)
        if unit is None:
            return False
        if self._is_standard(unit.entry):
            return not all(map(self._needed.has_file, files_aside(unit.name, self._home, self._sources)))
        return unit.path not in self._units
