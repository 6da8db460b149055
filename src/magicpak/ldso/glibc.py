"""The search of glibc's ld.so, emulated rule by rule (ld.so(8); behaviour of elf/dl-load.c)."""

from collections.abc import Iterator, Mapping, Sequence

from magicpak.elf.cache import ElfCache
from magicpak.elf.facts import DF_1_NODEFLIB, Dependency, ElfFacts
from magicpak.ldso.cache import CacheEntry
from magicpak.ldso.candidate import Candidate, is_usable, judge_candidate
from magicpak.ldso.interpreter import Glibc
from magicpak.ldso.loader import Found, Loaded, LoadedNames, LoadError, Rule
from magicpak.ldso.machines import Machine
from magicpak.ldso.search import (
    DirectoryPaths,
    HwcapsDirectories,
    SearchDirectory,
    SearchList,
    Tokens,
    absolute,
    glibc_directories,
    has_origin,
    has_token,
    is_trusted,
    present_for_glibc,
)


class GlibcLoader:
    """Finds libraries for the objects of one process as its glibc does; an empty `library_path` is none."""

    def __init__(
        self,
        built_in: Glibc,
        machine: Machine,
        elf: ElfCache,
        cache: Mapping[str, Sequence[CacheEntry]],
        library_path: str,
    ) -> None:
        self._built_in = built_in
        self._machine = machine
        self._elf = elf
        self._cache = cache
        self._library_path = library_path
        self._variants = HwcapsDirectories(machine, elf.files, legacy=built_in.legacy_hwcaps)
        self._defaults = present_for_glibc([SearchDirectory(path) for path in built_in.directories], elf.files)
        self._no_directories = present_for_glibc((), elf.files)
        self._rpaths: dict[Loaded, tuple[SearchList, ...]] = {}
        self._runpaths: dict[Loaded, SearchList] = {}
        self._environment: SearchList | None = None
        self._paths = DirectoryPaths()

    def names(self) -> LoadedNames:
        """Return an empty record of names."""
        return GlibcNames()

    def dependencies(self, facts: ElfFacts) -> Sequence[Dependency]:
        """Return what an object asks for."""
        return facts.dependencies

    def find(self, name: str, requester: Loaded) -> Found | None:
        """Return where glibc finds `name` for `requester`. Raises LoadError."""
        if not has_token(name):
            return self._find_path([name], name, requester) if "/" in name else self._find_name(name, requester)
        if requester.secure:
            raise LoadError(name, "has a token, which the loader refuses for a set-user-ID program")
        expanded = self._tokens(requester).expand(name)
        if not expanded or "/" in expanded[0]:
            return self._find_path(expanded, name, requester)
        return self._find_name(expanded[0], requester)

    def searched(self, requester: Loaded) -> list[str]:
        """Return the directories that are searched for what `requester` needs, in order."""
        defaults = [] if _no_default(requester) else [self._defaults]
        return self._paths.of(*(directories for _, directories in self._before_cache(requester)), *defaults)

    def paths(self, name: str, requester: Loaded) -> list[str]:
        """Return where the path `name`, which `requester` needs, is looked for."""
        return [absolute(path, self._elf.files) for path in self._tokens(requester).expand(name)]

    def before_cache(self, requester: Loaded) -> list[str]:
        """Return the directories that come before ld.so.cache for `requester`, in order."""
        return self._paths.of(*(directories for _, directories in self._before_cache(requester)))

    def _before_cache(self, requester: Loaded) -> list[tuple[Rule, SearchList]]:
        lists = [] if requester.facts.runpath is not None else [(Rule.RPATH, each) for each in self._rpath(requester)]
        lists.append((Rule.LIBRARY_PATH, self._library_path_of(requester)))
        lists.append((Rule.RUNPATH, self._runpath(requester)))
        return [(rule, directories) for rule, directories in lists if directories]

    def _rpath(self, requester: Loaded) -> tuple[SearchList, ...]:
        """Return the DT_RPATH of `requester` and of each that led to it, except of those that have a DT_RUNPATH.

        Each is a list of its own: what ends one does not end the next. One that equals an earlier one is skipped.
        """
        chain = []
        loaded: Loaded | None = requester
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

    def _runpath(self, requester: Loaded) -> SearchList:
        if requester not in self._runpaths:
            self._runpaths[requester] = self._directories(requester, requester.facts.runpath or "")
        return self._runpaths[requester]

    def _directories(self, owner: Loaded, text: str) -> SearchList:
        if not text:
            return self._no_directories
        is_program = owner.secure and owner.needed_by is None
        return glibc_directories(
            text, ":", owner, self._tokens(owner), self._elf.files, trusted=self._is_trusted if is_program else None
        )

    def _library_path_of(self, requester: Loaded) -> SearchList:
        if requester.secure or not self._library_path:
            return self._no_directories
        if self._environment is None:
            program = requester
            while program.needed_by is not None:
                program = program.needed_by
            tokens = self._tokens(program)
            if "PLATFORM" in self._library_path:  # expanded here and now, unlike that in a file
                from magicpak.ldso.platform import host_platform

                tokens = tokens._replace(platforms=host_platform(self._machine))
            self._environment = glibc_directories(self._library_path, ":;", program, tokens, self._elf.files)
        return self._environment

    def _tokens(self, owner: Loaded) -> Tokens:
        return Tokens(owner.origin or None, self._built_in.lib, self._machine.platforms)

    def _is_trusted(self, path: str) -> bool:
        return is_trusted(path, self._built_in.directories)

    def _find_path(self, paths: Sequence[str], name: str, requester: Loaded) -> Found | None:
        places = [(path, absolute(path, self._elf.files)) for path in paths]
        good = [(path, place) for path, place in places if self._verdict(place, requester) is Candidate.ACCEPTED]
        if not good:
            return None
        others = tuple(place for _, place in good[1:])
        origin_owner = requester if has_origin(name) else None
        return Found(good[0][1], Rule.PATH, others, origin_owner, not good[0][0].startswith("/"))

    def _find_name(self, name: str, requester: Loaded) -> Found | None:
        """Return the first file for any processor, with the variants for certain ones that come before it or with it.

        Where there are only variants, the first of them stands for all.
        """
        first: Found | None = None
        variants: list[str] = []
        for found, is_for_any in self._places(name, requester):
            if is_for_any:
                return found._replace(variants=(*variants, *found.variants)) if variants else found
            first = first or found
            variants += (found.path, *found.variants)
        return first._replace(variants=tuple(variants[1:])) if first else None

    def _places(self, name: str, requester: Loaded) -> Iterator[tuple[Found, bool]]:
        """Yield what each place has by `name`, in the loader's order, and whether its path is for any processor."""
        for rule, directories in self._before_cache(requester):
            yield from self._in_directories(name, requester, directories, rule)
        yield from self._in_cache(name, requester)
        if not _no_default(requester):
            yield from self._in_directories(name, requester, self._defaults, Rule.DEFAULT)

    def _in_directories(
        self, name: str, requester: Loaded, directories: SearchList, rule: Rule
    ) -> Iterator[tuple[Found, bool]]:
        for directory in directories.present():
            places = [self._variants.baseline_first(place, name) for place in (directory.path, *directory.alternatives)]
            variants = [path for place in places for path in place[1:] if self._is_usable(path, requester)]
            try:
                verdicts = [self._verdict(place[0], requester) for place in places]
            except LoadError:
                if not variants:
                    raise
                verdicts = [Candidate.STOPS_LIST]  # not every processor comes to it
            good = [place[0] for place, each in zip(places, verdicts, strict=False) if each is Candidate.ACCEPTED]
            if good or variants:
                first, *others = (*good, *variants)
                found = Found(first, rule, tuple(others), directory.origin_owner, directory.relative)
                yield found, len(good) == len(places)
            if Candidate.STOPS_LIST in verdicts:
                return

    def _in_cache(self, name: str, requester: Loaded) -> Iterator[tuple[Found, bool]]:
        """Yield what ld.so.cache has: of several entries for any processor the loader looks at one only."""
        entries = [entry for entry in self._cache.get(name, ()) if self._may_use(entry, requester)]
        exact = [entry for entry in entries if entry.hwcaps is None and entry.flags == self._machine.cache_flags]
        alien = [entry for entry in entries if entry.hwcaps is None and entry.flags != self._machine.cache_flags]
        baseline = [entry.path for entry in (exact[:1] or alien[-1:])]
        variants = [
            entry.path for entry in entries if entry.hwcaps is not None and self._is_usable(entry.path, requester)
        ]
        good = [path for path in baseline if self._verdict(path, requester) is Candidate.ACCEPTED]
        if good or variants:
            yield Found((*good, *variants)[0], Rule.CACHE, (*good, *variants)[1:]), bool(good)

    def _may_use(self, entry: CacheEntry, requester: Loaded) -> bool:
        """Return whether the loader sees `entry`; for DF_1_NODEFLIB it skips all that is below a default directory."""
        if entry.flags != self._machine.cache_flags and entry.flags not in self._machine.alien_cache_flags:
            return False
        defaults = tuple(f"{directory.rstrip('/')}/" for directory in self._built_in.directories)
        return not (_no_default(requester) and entry.path.startswith(defaults))

    def _verdict(self, path: str, requester: Loaded) -> Candidate:
        return judge_candidate(path, requester.facts, self._machine, self._elf)

    def _is_usable(self, path: str, requester: Loaded) -> bool:
        return is_usable(path, requester.facts, self._machine, self._elf)


def _paths(directories: SearchList) -> list[str]:
    return [directory.path for directory in directories]


def _no_default(requester: Loaded) -> bool:
    return bool(requester.facts.flags_1 & DF_1_NODEFLIB)


class GlibcNames:
    """The names of loaded objects: for glibc those by which an object was needed, its path, and its DT_SONAME.

    The program has an empty name, by which it satisfies an empty DT_NEEDED.
    """

    def __init__(self) -> None:
        self._objects: dict[str, Loaded] = {}

    def get(self, name: str) -> Loaded | None:
        """Return the loaded object of this `name`; None for a name with a token, which differs by requester."""
        return self._objects.get(name)

    def add(self, loaded: Loaded, name: str) -> None:
        """Record `name`, the path and the soname of `loaded`; a name that is taken keeps its object."""
        for each in (name if not has_token(name) else None, loaded.path, loaded.facts.soname or None):
            if each is not None:
                self._objects.setdefault(each, loaded)
