"""Loaders that do not emulate but query the real one, through the helper."""

import os
from collections.abc import Sequence

from magicpak.elf.facts import DF_1_NODEFLIB, Dependency, ElfFacts
from magicpak.errors import ToolFailed
from magicpak.ldso.glibc import GlibcNames
from magicpak.ldso.helper_build import Helper
from magicpak.ldso.helper_client import Answer, HelperProcess, same_file_in_error
from magicpak.ldso.loader import EmulatedLoader, Found, Loaded, LoadedNames, LoadError, Rule

_NOT_LOADED = Answer(None, "not loaded")


class RealLoader:
    """Queries the program's own interpreter, which runs `helper`: a process for each search path answers many names."""

    def __init__(self, helper: Helper, interpreter: str) -> None:
        self._helper = helper
        self._interpreter = interpreter
        self._opening: dict[tuple[str, ...], HelperProcess] = {}
        self._loaded: dict[tuple[str, ...], HelperProcess] = {}
        self._preloaded: dict[tuple[str, ...], list[str]] = {}
        self._answers: dict[tuple[str, tuple[str, ...]], Answer] = {}
        self._loaded_answers: dict[tuple[str, tuple[str, ...]], Answer] = {}

    def start(self) -> None:
        """Begin to make the helper."""
        self._helper.start()

    def close(self) -> None:
        """Stop all processes, the compiler too."""
        for process in (*self._opening.values(), *self._loaded.values()):
            process.close()
        self._opening.clear()
        self._loaded.clear()
        self._helper.close()

    def dlopen(self, name: str, search_path: Sequence[str]) -> Answer:
        """Return the loader's answer for `name` to be loaded, `search_path` before its own. Raises ToolFailed."""
        path = tuple(search_path)
        if (name, path) not in self._answers:
            if path not in self._opening:
                self._opening[path] = self._process(path, ())
            self._answers[name, path] = self._opening[path].ask(name, noload=False)
        return self._answers[name, path]

    def noload(self, names: Sequence[str], name: str, search_path: Sequence[str]) -> Answer:
        """Return where `name` is in a process that was started with `names` loaded, in this order. Raises ToolFailed.

        A process that was started for other names in the same search path is asked first, and started anew with
        these names too where it has not loaded `name`. Where one of them ends the process, as it does if a library
        of its own is missing, `name` is loaded alone.
        """
        path = tuple(search_path)
        known = self._loaded_answers.get((name, path))
        if known is not None and known.path is not None:
            return known
        preloaded = self._preloaded.get(path, [])
        answer = self._ask_loaded(path, preloaded, name) if preloaded else _NOT_LOADED
        more = [each for each in names if each not in preloaded and not set(each) & set(": /")]
        if answer.path is None and more:
            self._stop(path)
            answer = self._ask_loaded(path, [*preloaded, *more], name)
            if answer.path is not None:
                self._preloaded[path] = [*preloaded, *more]
            else:
                self._stop(path)
                answer = self._ask_loaded(path, [name], name)
                self._stop(path)
        self._loaded_answers[name, path] = answer
        return answer

    def _ask_loaded(self, path: tuple[str, ...], preload: Sequence[str], name: str) -> Answer:
        if path not in self._loaded:
            self._loaded[path] = self._process(path, preload)
        try:
            return self._loaded[path].ask(name, noload=True)
        except ToolFailed as error:
            return Answer(None, error.message)

    def _stop(self, path: tuple[str, ...]) -> None:
        process = self._loaded.pop(path, None)
        if process is not None:
            process.close()

    def _process(self, search_path: Sequence[str], preload: Sequence[str]) -> HelperProcess:
        return HelperProcess([self._interpreter, self._helper.path()], search_path, preload)


class NoloadLoader:
    """Finds libraries in a process of the real loader that has loaded them at its start (RTLD_NOLOAD).

    The search path of the requester is worked out by an emulated loader, if there is one.
    """

    def __init__(self, real: RealLoader, emulated: EmulatedLoader | None) -> None:
        self._real = real
        self._emulated = emulated

    def names(self) -> LoadedNames:
        """Return an empty record of names, by the emulated loader's rules or else glibc's."""
        return self._emulated.names() if self._emulated else GlibcNames()

    def dependencies(self, facts: ElfFacts) -> Sequence[Dependency]:
        """Return what an object with `facts` asks for, in order, by the emulated loader's rules or else glibc's."""
        return self._emulated.dependencies(facts) if self._emulated else facts.dependencies

    def searched(self, requester: Loaded) -> list[str]:
        """Return the directories that are searched, as far as they are known."""
        return self._emulated.searched(requester) if self._emulated else []

    def paths(self, name: str, requester: Loaded) -> list[str]:
        """Return where the path `name` is looked for, as far as it is known."""
        return self._emulated.paths(name, requester) if self._emulated else []

    def find(self, name: str, requester: Loaded) -> Found | None:
        """Return where the real loader finds `name`. Raises LoadError, and ToolFailed."""
        directories = self._search_path(requester)
        if self._emulated and _is_beyond_the_helper(name, requester, directories):
            return self._emulated.find(name, requester)
        path, is_loaded = self._query(name, requester, directories)
        try:
            emulated = self._emulated.find(name, requester) if self._emulated else None
        except LoadError:
            if not is_loaded:
                raise
            emulated = None
        if path is None:
            return emulated
        path = os.path.join(os.getcwd(), path)  # musl keeps a relative directory as it is
        if emulated and (path == emulated.path or path in emulated.variants):
            return emulated
        if self._emulated and emulated is None and os.path.basename(path) != name:
            return None  # not found, but the DT_SONAME of what was loaded beside it
        return Found(path, Rule.ASKED)

    def _search_path(self, requester: Loaded) -> list[str]:
        """Return the directories that the real loader searches before the system's."""
        return self._emulated.before_cache(requester) if self._emulated else _environment(requester)

    def _query(self, name: str, requester: Loaded, directories: Sequence[str]) -> tuple[str | None, bool]:
        """Return where the real loader finds `name`, and whether it can load that, too."""
        path = self._real.noload(requester.facts.needed, name, directories).path
        return path, path is not None


class DlopenLoader(NoloadLoader):
    """Finds libraries by dlopen(3) of the real loader, and in a process that has loaded them where that fails."""

    def _query(self, name: str, requester: Loaded, directories: Sequence[str]) -> tuple[str | None, bool]:
        answer = self._real.dlopen(name, directories)
        path = answer.path or same_file_in_error(answer, name)
        if path is not None or _is_not_there(answer, name):
            return path, answer.path is not None
        return super()._query(name, requester, directories)


class SystemLoader(DlopenLoader):
    """Finds libraries by dlopen(3) of the real loader among those of the system: ld.so.cache, default directories.

    No other directory is searched, so that no library that came with the program runs, not even as the helper's libc.
    """

    def _search_path(self, requester: Loaded) -> list[str]:  # noqa: ARG002 - whoever needs it
        return []


def _is_beyond_the_helper(name: str, requester: Loaded, directories: Sequence[str]) -> bool:
    """Return whether the helper cannot stand in for `requester`: paths, tokens, and DF_1_NODEFLIB."""
    separators = any(set(directory) & set(":;$") for directory in directories)
    return "/" in name or "$" in name or separators or bool(requester.facts.flags_1 & DF_1_NODEFLIB)


def _is_not_there(answer: Answer, name: str) -> bool:
    """Return whether dlerror(3) says that the file itself is not found, by glibc's and musl's words."""
    error = answer.error or ""
    by_glibc, by_musl = f"{name}: cannot open shared object file", f"Error loading shared library {name}: No such file"
    return error.startswith((by_glibc, by_musl))


def _environment(requester: Loaded) -> list[str]:
    """Return what an unknown loader surely searches first: LD_LIBRARY_PATH."""
    path = "" if requester.secure else os.environ.get("LD_LIBRARY_PATH", "")
    return [element for element in path.split(":") if element]
