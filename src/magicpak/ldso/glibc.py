"""The search of glibc's ld.so, emulated rule by rule (ld.so(8); behaviour of elf/dl-load.c)."""

from collections.abc import Iterator, Mapping, Sequence

from magicpak.elf.cache import ElfStore
from magicpak.elf.facts import DF_1_NODEFLIB, ElfFacts
from magicpak.ldso.cache import CacheEntry
from magicpak.ldso.candidate import Verdict, is_usable, verdict
from magicpak.ldso.glibc_names import GlibcNames, wanted_by_glibc
from magicpak.ldso.hwcaps import Variants
from magicpak.ldso.interpreter import Glibc
from magicpak.ldso.loader import Found, Loaded, LoadingStops, Names, Rule, Wanted
from magicpak.ldso.machines import Machine
from magicpak.ldso.search import SearchDirectory, Tokens, absolute, glibc_directories, has_origin, has_token, is_trusted

_Directories = Sequence[SearchDirectory]


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
        self._variants = Variants(machine, store.disk, legacy=built_in.legacy_hwcaps)
        self._defaults: _Directories = [SearchDirectory(path) for path in built_in.directories]
        self._rpaths: dict[Loaded, tuple[_Directories, ...]] = {}
        self._runpaths: dict[Loaded, _Directories] = {}
        self._environment: _Directories | None = None

    def names(self) -> Names:
        """Return an empty record of names."""
        return GlibcNames()

    def wanted(self, facts: ElfFacts) -> list[Wanted]:
        """Return the DT_NEEDED of an object, then what it is a filter for (DT_FILTER, DT_AUXILIARY)."""
        return wanted_by_glibc(facts)

    def find(self, name: str, asker: Loaded) -> Found | None:
        """Return where glibc finds `name` for `asker`. Raises LoadingStops."""
        if not has_token(name):
            return self._find_path([name], name, asker) if "/" in name else self._find_name(name, asker)
        if asker.secure:
            raise LoadingStops(name, "has a token in it, which the loader refuses to a set-user-ID program")
        expanded = self._tokens(asker).expand(name)
        if not expanded or "/" in expanded[0]:
            return self._find_path(expanded, name, asker)
        return self._find_name(expanded[0], asker)

    def searched(self, asker: Loaded) -> list[str]:
        """Return the directories that are searched for what `asker` needs, in order."""
        defaults = [] if _no_default(asker) else [directory.path for directory in self._defaults]
        return list(dict.fromkeys([*self.before_cache(asker), *defaults]))

    def before_cache(self, asker: Loaded) -> list[str]:
        """Return the directories that come before ld.so.cache for `asker`, in order."""
        lists = [directories for _, directories in self._before_cache(asker)]
        return list(dict.fromkeys(directory.path for directories in lists for directory in directories))

    def _before_cache(self, asker: Loaded) -> list[tuple[Rule, _Directories]]:
        lists = [] if asker.facts.runpath is not None else [(Rule.RPATH, each) for each in self._rpath(asker)]
        lists.append((Rule.LIBRARY_PATH, self._library_path_of(asker)))
        lists.append((Rule.RUNPATH, self._runpath(asker)))
        return [(rule, directories) for rule, directories in lists if directories]

    def _rpath(self, asker: Loaded) -> tuple[_Directories, ...]:
        """Return the DT_RPATH of `asker` and of each that led to it, except of those that have a DT_RUNPATH.

        Each is a list of its own: what ends one does not end the next. One that is equal to an earlier one is left out.
        """
        chain = []
        loaded: Loaded | None = asker
        while loaded is not None and loaded not in self._rpaths:
            chain.append(loaded)
            loaded = loaded.needed_by
        inherited = self._rpaths[loaded] if loaded is not None else ()
        for loaded in reversed(chain):
            if loaded.facts.rpath and loaded.facts.runpath is None:
                own = self._directories(loaded, loaded.facts.rpath)
                paths = _paths(own)
                inherited = (own, *(each for each in inherited if _paths(each) != paths))
            self._rpaths[loaded] = inherited
        return inherited

    def _runpath(self, asker: Loaded) -> _Directories:
        if asker not in self._runpaths:
            self._runpaths[asker] = self._directories(asker, asker.facts.runpath) if asker.facts.runpath else []
        return self._runpaths[asker]

    def _directories(self, owner: Loaded, text: str) -> _Directories:
        is_program = owner.secure and owner.needed_by is None
        return glibc_directories(
            text, ":", owner, self._tokens(owner), self._store.disk, trusted=self._is_trusted if is_program else None
        )

    def _library_path_of(self, asker: Loaded) -> _Directories:
        if asker.secure or not self._library_path:
            return []
        if self._environment is None:
            program = asker
            while program.needed_by is not None:
                program = program.needed_by
            self._environment = glibc_directories(
                self._library_path, ":;", program, self._tokens(program), self._store.disk
            )
        return self._environment

    def _tokens(self, owner: Loaded) -> Tokens:
        return Tokens(owner.origin or None, self._built_in.lib, self._machine.platforms)

    def _is_trusted(self, path: str) -> bool:
        return is_trusted(path, self._built_in.directories)

    def _find_path(self, paths: Sequence[str], name: str, asker: Loaded) -> Found | None:
        places = [(path, absolute(path, self._store.disk)) for path in paths]
        good = [(path, place) for path, place in places if self._verdict(place, asker) is Verdict.TAKEN]
        if not good:
            return None
        others = tuple(place for _, place in good[1:])
        through = asker if has_origin(name) else None
        return Found(good[0][1], Rule.PATH, others, through, not good[0][0].startswith("/"))

    def _find_name(self, name: str, asker: Loaded) -> Found | None:
        """Return the first file for any processor, with the variants for certain ones that come before it or with it.

        Where there are only variants, the first of them stands for all.
        """
        first: Found | None = None
        variants: list[str] = []
        for found, is_for_any in self._places(name, asker):
            if is_for_any:
                return found._replace(variants=(*variants, *found.variants)) if variants else found
            first = first or found
            variants += (found.path, *found.variants)
        return first._replace(variants=tuple(variants[1:])) if first else None

    def _places(self, name: str, asker: Loaded) -> Iterator[tuple[Found, bool]]:
        """Yield what each place has by `name`, in the loader's order, and whether its path is for any processor."""
        for rule, directories in self._before_cache(asker):
            yield from self._in_directories(name, asker, directories, rule)
        yield from self._in_cache(name, asker)
        if not _no_default(asker):
            yield from self._in_directories(name, asker, self._defaults, Rule.DEFAULT)

    def _in_directories(
        self, name: str, asker: Loaded, directories: _Directories, rule: Rule
    ) -> Iterator[tuple[Found, bool]]:
        for directory in directories:
            places = [self._variants.baseline_first(place, name) for place in (directory.path, *directory.alternatives)]
            variants = [path for place in places for path in place[1:] if self._is_usable(path, asker)]
            try:
                verdicts = [self._verdict(place[0], asker) for place in places]
            except LoadingStops:
                if not variants:
                    raise
                verdicts = [Verdict.ENDS_LIST]  # not every processor comes to it
            good = [place[0] for place, each in zip(places, verdicts, strict=False) if each is Verdict.TAKEN]
            if good or variants:
                first, *others = (*good, *variants)
                found = Found(first, rule, tuple(others), directory.through, directory.relative)
                yield found, len(good) == len(places)
            if Verdict.ENDS_LIST in verdicts:
                return

    def _in_cache(self, name: str, asker: Loaded) -> Iterator[tuple[Found, bool]]:
        """Yield what ld.so.cache has: of several entries for any processor the loader looks at one only."""
        entries = [entry for entry in self._cache.get(name, ()) if self._may_use(entry, asker)]
        exact = [entry for entry in entries if entry.hwcaps is None and entry.flags == self._machine.cache_flags]
        alien = [entry for entry in entries if entry.hwcaps is None and entry.flags != self._machine.cache_flags]
        baseline = [entry.path for entry in (exact[:1] or alien[-1:])]
        variants = [entry.path for entry in entries if entry.hwcaps is not None and self._is_usable(entry.path, asker)]
        good = [path for path in baseline if self._verdict(path, asker) is Verdict.TAKEN]
        if good or variants:
            yield Found((*good, *variants)[0], Rule.CACHE, (*good, *variants)[1:]), bool(good)

    def _may_use(self, entry: CacheEntry, asker: Loaded) -> bool:
        """Tell whether the loader sees `entry`; for DF_1_NODEFLIB it skips all that is below a default directory."""
        if entry.flags != self._machine.cache_flags and entry.flags not in self._machine.alien_cache_flags:
            return False
        defaults = tuple(f"{directory.rstrip('/')}/" for directory in self._built_in.directories)
        return not (_no_default(asker) and entry.path.startswith(defaults))

    def _verdict(self, path: str, asker: Loaded) -> Verdict:
        return verdict(path, asker.facts, self._machine, self._store)

    def _is_usable(self, path: str, asker: Loaded) -> bool:
        return is_usable(path, asker.facts, self._machine, self._store)


def _paths(directories: _Directories) -> list[str]:
    return [directory.path for directory in directories]


def _no_default(asker: Loaded) -> bool:
    return bool(asker.facts.flags_1 & DF_1_NODEFLIB)
