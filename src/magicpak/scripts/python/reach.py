"""What a script of Python reaches: from import to import, each package as a whole."""

import re
from collections import deque
from collections.abc import Collection
from typing import NamedTuple

from magicpak.bundle.plan import Because
from magicpak.scripts.command_words import command_words
from magicpak.scripts.needs import ScriptFile, ScriptNeeds
from magicpak.scripts.python.code import PythonCode, UnreadCode, imports_of, parse, read_code
from magicpak.scripts.python.companions import companions, library_directories, loaded_libraries, shared_data
from magicpak.scripts.python.distributions import Distributions
from magicpak.scripts.python.finder import Unit, UnitFinder
from magicpak.scripts.python.home import PythonHome
from magicpak.scripts.python.import_lines import imported_names
from magicpak.scripts.python.library import files_aside
from magicpak.scripts.python.needed import PythonNeeds
from magicpak.scripts.python.own import OwnPackages
from magicpak.scripts.python.path import PathEntry, search_path
from magicpak.scripts.python.typelibs import Typelibs
from magicpak.scripts.sources import Sources

_AT_START = ("sitecustomize",)
"""Modules that site.py imports before the script, where there are any."""

_SHIMS = {"distutils": ("_distutils_hack", "setuptools")}
"""Modules that are no longer in the standard library, and what stands in for them where it is installed."""

_ACTS = re.compile(
    rb"subprocess|os\.(?:system|popen|exec|spawn|posix_spawn)|which|[\"']/(?:usr|etc|opt)/|__file__|asyncio"
)
_MAX_READ_CLOSELY = 512 << 10
"""Bytes of a script's own modules that are read for programs and data, in half a second; others for imports only."""


class _Module(NamedTuple):
    """A source file, the package and the unit that it is in, and whether an import leads to it."""

    path: str
    package: str
    unit: Unit
    is_reached: bool


class PythonReach:
    """All that one script reaches.

    Of the modules of a package those are read that an import leads to; after them all of one that is the script's own,
    or says nothing of what it requires. What a distribution says that it requires is needed too, since it may import it
    by a name that is made up in a run.
    """

    def __init__(self, script: ScriptFile, home: PythonHome, sources: Sources) -> None:
        self._script = script
        self._home = home
        self._sources = sources
        self._needed = PythonNeeds(sources)
        self._libraries = library_directories(home.prefixes, sources)
        self._typelibs = Typelibs(self._libraries, sources)
        self._code = self._read_script()
        search = search_path(script, home, sources)
        added = [PathEntry(each) for each in self._code.search if sources.is_directory(each)]
        search = search._replace(entries=tuple(dict.fromkeys((*added, *search.entries))))
        self._places = [each for each in search.entries if not self._is_standard(each)]
        self._finder = UnitFinder(search, home, sources)
        self._distributions = Distributions([each.directory for each in self._places], sources)
        self._own = OwnPackages(script, (), (), self._finder, self._distributions)
        self._units: dict[str, Unit] = {}
        self._waiting: deque[_Module] = deque()
        self._guessed: deque[_Module] = deque()
        self._read: set[str] = set()
        self._settled: set[str] = set()
        self._left = _MAX_READ_CLOSELY

    def needs(self, *, whole: bool) -> ScriptNeeds:
        """Return what the script needs; with `whole`, all packages that are installed for its interpreter too."""
        self._needed.add_actions(self._code, self._script.path, are_certain=True)
        self._follow_script()
        if whole:
            self._add_installed()
        while module := next((each.popleft() for each in (self._waiting, self._guessed) if each), None):
            self._read_module(module)
        for path, because in self._typelibs.files():
            self._needed.add_file(path, because)
        if self._typelibs.reads_settings():
            self._needed.add_name("gio", self._script.path)
        return self._needed.needs()

    def _follow_script(self) -> None:
        """Take in what the script itself imports, and find out which of that is its own."""
        named = [each for name in sorted(self._code.distributions) if (each := self._distributions.named(name))]
        imports = {*self._code.imports, *self._code.started, *_AT_START}
        for each in named:
            self._needed.add_file(each.path, Because("named by", self._script.path))
            imports |= each.top_level | set(self._distributions.entry_points(each).values())
        self._import(imports, Because("imported by", self._script.path))
        found = {unit.path: unit for each in sorted(imports) if (unit := self._finder.find(each))}
        units = [unit for unit in found.values() if not self._is_standard(unit.entry)]
        self._own = OwnPackages(self._script, units, named, self._finder, self._distributions)
        for unit in self._own.units:
            self._guess(unit)
            self._import(self._finder.named_by_extensions(unit, is_own=True), Because("imported by", unit.path))

    def _add_installed(self) -> None:
        because = Because("the packages of", self._script.interpreter)
        for entry in self._places:
            if entry.is_site or entry.added_by:
                for path in (entry.directory, *entry.added_by):
                    self._needed.add_file(path, because)
                self._import(set(self._finder.top_level(entry)), because)

    def _read_script(self) -> PythonCode:
        path = self._script.path
        code = self._script.code
        data = self._sources.read(path) if code is None else code.encode(errors="surrogateescape")
        if data is None:
            return PythonCode()
        self._note_libraries(data, path)
        try:
            return read_code(data, self._sources.real(path))
        except UnreadCode as error:
            self._sources.leave_unread(path, str(error))
            return PythonCode()
        except SyntaxError as error:
            self._sources.leave_unread(path, f"line {error.lineno} is not Python 3; only its import lines are followed")
            return PythonCode(imported_names(data))

    def _import(self, names: Collection[str], because: Because) -> None:
        """Take in the units and modules with the full names `names`."""
        for name in sorted(set(names) - self._settled):
            self._settled.add(name)
            self._typelibs.note_import(name, because)
            unit = self._finder.find(name)
            if unit is None:
                self._import(_SHIMS.get(name.partition(".")[0], ()), because)
                continue
            if self._is_standard(unit.entry):
                for path in files_aside(unit.name, self._home, self._sources):
                    self._needed.add_file(path, because)
                continue
            if unit.path not in self._units:
                self._reach(unit, because)
            self._waiting += [_Module(*each, unit, True) for each in self._finder.on_the_way(unit, name)]

    def _reach(self, unit: Unit, because: Because) -> None:
        self._units[unit.path] = unit
        for path in (unit.path, *unit.files):
            self._needed.add_file(path, because)
        loaded, executed = companions(unit.name, unit.path, self._libraries, self._sources)
        for path in loaded:
            self._needed.add_file(path, Because("loaded by", unit.path))
        for path in executed:
            self._needed.add_program(path, Because("executed by", unit.path))
        self._import(self._finder.named_by_extensions(unit), Because("imported by", unit.path))
        distributions = self._distributions.of_module(unit.name)
        if not distributions or not unit.entry.is_site:
            self._guess(unit)
        for distribution in distributions:
            self._needed.add_file(distribution.path, Because("the metadata of", unit.path))
            for required in self._distributions.required(distribution):
                self._import(self._distributions.modules(required), Because("required by", distribution.path))

    def _guess(self, unit: Unit) -> None:
        """Read all modules of `unit` in the end."""
        self._guessed += [_Module(*each, unit, not unit.entry.is_site) for each in self._finder.modules(unit)]

    def _is_standard(self, entry: PathEntry) -> bool:
        return entry.directory in (self._home.library, self._home.dynload, self._home.archive)

    def _read_module(self, module: _Module) -> None:
        path, package, unit, _ = module
        data = self._sources.read(path) if path not in self._read and path.endswith(".py") else None
        self._read.add(path)
        if data is None:
            return
        self._note_libraries(data, path)
        for found in shared_data(data, unit.name, self._sources):
            self._needed.add_file(found, Because("named in", path))
        names = imported_names(data, package)
        acts = _ACTS.search(data) or self._sources.expects(data)
        if acts and self._own.act_in(unit, is_reached=module.is_reached) and self._left >= len(data):
            self._left -= len(data)
            try:
                code = read_code(data, path, package)
            except (UnreadCode, SyntaxError):
                code = PythonCode(words=frozenset(command_words(data.decode(errors="replace"))))
            self._import(code.started, Because("imported by", path))
            self._needed.add_actions(code, path, are_certain=self._own.is_small(unit))
        self._import(self._confirmed(names, data, module), Because("imported by", path))

    def _note_libraries(self, data: bytes, path: str) -> None:
        self._typelibs.note_versions(data)
        files, programs = loaded_libraries(data, self._libraries, self._sources)
        for each in files:
            self._needed.add_file(each, Because("loaded by", path))
        for each in programs:
            self._needed.add_program(each, Because("executed by", path))

    def _confirmed(self, names: Collection[str], data: bytes, module: _Module) -> set[str]:
        """Return those of `names` that `data`, the source of `module`, imports.

        The tree is only made if they may be in a unit that is not reached yet. What a module tries to import counts if
        an import leads to it; what a function imports too, if nothing says that the distribution can do without it.
        """
        new = {name for name in names if name not in self._settled and self._is_of_new_unit(name)}
        if not new:
            return set(names)
        try:
            found = imports_of(parse(data), module.package)
        except (UnreadCode, SyntaxError):
            return set(names)
        distributions = self._distributions.of_module(module.unit.name) if not self._own.have(module.unit) else []
        is_said = any(self._distributions.required(each) for each in distributions)
        counted = found.at_once | (found.tried if module.is_reached else set())
        counted |= found.later if module.is_reached and not is_said else set()
        required = found.at_once if module.is_reached else set()
        if not self._own.have(module.unit):
            counted -= {name for name in new - required if self._is_optional(name)}
        return (set(names) - new) | (new & counted)

    def _is_optional(self, name: str) -> bool:
        unit = self._finder.find(name)
        return unit is not None and not self._is_standard(unit.entry) and self._sources.is_optional(unit.path)

    def _is_of_new_unit(self, name: str) -> bool:
        unit = self._finder.find(name)
        if unit is None:
            return False
        if self._is_standard(unit.entry):
            return not all(map(self._needed.has_file, files_aside(unit.name, self._home, self._sources)))
        return unit.path not in self._units
