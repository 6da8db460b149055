"""The search of glibc's ld.so, emulated rule by rule (ld.so(8); behaviour of elf/dl-load.c)."""

import errno
import os
from collections.abc import Mapping, Sequence

from magicpak.elf.facts import DF_1_NODEFLIB, FileType
from magicpak.elf.refusal import NotElf
from magicpak.elf.store import ElfStore
from magicpak.ldso.cache import CacheEntry
from magicpak.ldso.interpreter import Glibc
from magicpak.ldso.loader import Found, Loaded, LoadingStops, Names, Rule
from magicpak.ldso.machines import Machine
from magicpak.ldso.search import SearchDirectory, Tokens, absolute, glibc_directories, has_origin, is_trusted
from magicpak.ldso.variants import Variants

_GO_ON = (errno.ENOENT, errno.EACCES, errno.ENOTDIR)


class GlibcNames:
    """glibc takes an object for a name it was asked by, for its path, and for its DT_SONAME."""

    def __init__(self) -> None:
        """Start without names."""
        self._objects: dict[str, Loaded] = {}

    def get(self, name: str) -> Loaded | None:
        """Return the loaded object that goes by `name`."""
        return self._objects.get(name)

    def add(self, loaded: Loaded, name: str) -> None:
        """Record `name`, the path and the soname of `loaded`; a name that is taken stays with its owner."""
        for known in (name, loaded.path, loaded.facts.soname):
            if known:
                self._objects.setdefault(known, loaded)


class GlibcLoader:
    """Finds libraries for the objects of one process as its glibc does."""

    def __init__(
        self,
        built_in: Glibc,
        machine: Machine,
        store: ElfStore,
        cache: Mapping[str, Sequence[CacheEntry]],
        library_path: str,
    ) -> None:
        """Take what is built into the loader, ld.so.cache, and LD_LIBRARY_PATH (empty: none)."""
        self._built_in = built_in
        self._machine = machine
        self._store = store
        self._cache = cache
        self._library_path = library_path
        self._variants = Variants(machine, legacy=built_in.legacy_hwcaps)
        self._defaults = [SearchDirectory(path) for path in built_in.directories]
        self._rpaths: dict[Loaded, list[SearchDirectory]] = {}
        self._runpaths: dict[Loaded, list[SearchDirectory]] = {}
        self._environment: list[SearchDirectory] | None = None

    def names(self) -> Names:
        """Return an empty record of names."""
        return GlibcNames()

    def find(self, name: str, asker: Loaded) -> Found | None:
        """Return where glibc finds `name` for `asker`. Raises LoadingStops."""
        if "$" in name or "/" in name:
            return self._find_path(name, asker)
        for rule, directories in self._before_cache(asker):
            found = self._search(name, asker, directories, rule)
            if found:
                return found
        return self._find_cached(name, asker) or (
            None if _no_default(asker) else self._search(name, asker, self._defaults, Rule.DEFAULT)
        )

    def searched(self, asker: Loaded) -> list[str]:
        """Return the directories that are searched for what `asker` needs, in order."""
        lists = [directories for _, directories in self._before_cache(asker)]
        if not _no_default(asker):
            lists.append(self._defaults)
        return list(dict.fromkeys(directory.path for directories in lists for directory in directories))

    def before_cache(self, asker: Loaded) -> list[str]:
        """Return the directories that come before ld.so.cache for `asker`, in order."""
        lists = [directories for _, directories in self._before_cache(asker)]
        return list(dict.fromkeys(directory.path for directories in lists for directory in directories))

    def _before_cache(self, asker: Loaded) -> list[tuple[Rule, list[SearchDirectory]]]:
        lists: list[tuple[Rule, list[SearchDirectory]]] = []
        if asker.facts.runpath is None:
            lists.append((Rule.RPATH, self._rpath(asker)))
        lists.append((Rule.LIBRARY_PATH, self._library_path_of(asker)))
        if asker.facts.runpath is not None:
            lists.append((Rule.RUNPATH, self._runpath(asker)))
        return [(rule, directories) for rule, directories in lists if directories]

    def _rpath(self, asker: Loaded) -> list[SearchDirectory]:
        """Return the DT_RPATH of `asker` and of all that led to it, except of those that have a DT_RUNPATH."""
        chain = []
        loaded: Loaded | None = asker
        while loaded is not None and loaded not in self._rpaths:
            chain.append(loaded)
            loaded = loaded.needed_by
        inherited = self._rpaths[loaded] if loaded is not None else []
        for loaded in reversed(chain):
            if loaded.facts.rpath and loaded.facts.runpath is None:
                own = self._directories(loaded, loaded.facts.rpath)
                known = {directory.path for directory in own}
                inherited = own + [directory for directory in inherited if directory.path not in known]
            self._rpaths[loaded] = inherited
        return inherited

    def _runpath(self, asker: Loaded) -> list[SearchDirectory]:
        if asker not in self._runpaths:
            self._runpaths[asker] = self._directories(asker, asker.facts.runpath) if asker.facts.runpath else []
        return self._runpaths[asker]

    def _directories(self, owner: Loaded, text: str) -> list[SearchDirectory]:
        is_program = owner.secure and owner.needed_by is None
        return glibc_directories(
            text, ":", owner, self._tokens(owner), trusted=self._is_trusted if is_program else None
        )

    def _library_path_of(self, asker: Loaded) -> list[SearchDirectory]:
        if asker.secure or not self._library_path:
            return []
        if self._environment is None:
            program = asker
            while program.needed_by is not None:
                program = program.needed_by
            self._environment = glibc_directories(self._library_path, ":;", program, self._tokens(program))
        return self._environment

    def _tokens(self, owner: Loaded) -> Tokens:
        return Tokens(owner.origin or None, self._built_in.lib, self._machine.platforms)

    def _is_trusted(self, path: str) -> bool:
        return is_trusted(path, self._built_in.directories)

    def _find_path(self, name: str, asker: Loaded) -> Found | None:
        through = asker if has_origin(name) else None
        expanded = self._tokens(asker).expand(name)
        if not expanded:
            return None
        if "/" not in expanded[0]:
            return None
        for path in expanded:
            where = absolute(path)
            if self._accepts(where, asker):
                return Found(where, Rule.PATH, (), through, not path.startswith("/"))
        return None

    def _search(self, name: str, asker: Loaded, directories: Sequence[SearchDirectory], rule: Rule) -> Found | None:
        for directory in directories:
            places = (directory.path, *directory.alternatives)
            candidates = [path for place in places for path in self._variants.baseline_first(place, name)]
            try:
                good = [path for path in candidates if self._accepts(path, asker)]
            except OSError:
                return None  # the loader gives up this list for anything but "not there", and goes on with the next
            if good:
                return Found(good[0], rule, tuple(good[1:]), directory.through, directory.relative)
        return None

    def _find_cached(self, name: str, asker: Loaded) -> Found | None:
        entries = [
            entry
            for entry in self._cache.get(name, ())
            if entry.flags == self._machine.cache_flags or entry.flags in (1, *self._machine.alien_cache_flags)
        ]
        if _no_default(asker):
            entries = [e for e in entries if os.path.dirname(e.path) not in self._built_in.directories]
        entries.sort(key=lambda entry: entry.hwcaps is not None)
        good = [entry.path for entry in entries if self._accepts_cached(entry.path, asker)]
        return Found(good[0], Rule.CACHE, tuple(good[1:])) if good else None

    def _accepts_cached(self, path: str, asker: Loaded) -> bool:
        try:
            return self._accepts(path, asker)
        except OSError:
            return False

    def _accepts(self, path: str, asker: Loaded) -> bool:
        """Tell whether the loader takes the file at `path`, or goes on. Raises LoadingStops, and OSError."""
        try:
            facts = self._store.get(path).facts
        except NotElf as error:
            raise LoadingStops(path, str(error)) from None
        except OSError as error:
            if error.errno in _GO_ON:
                return False
            raise
        if not self._machine.accepts(asker.facts, facts):
            return False
        if facts.type not in (FileType.DYN, FileType.EXEC):
            raise LoadingStops(path, "is an ELF file, but no shared library")
        return True


def _no_default(asker: Loaded) -> bool:
    return bool(asker.facts.flags_1 & DF_1_NODEFLIB)
