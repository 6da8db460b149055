"""What a script loads from the directories of a language's search path, and what that loads in its turn."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Generic, TypeVar

from magicpak.scripts.findings import Findings
from magicpak.scripts.sources import Sources


class LoadedFacts:
    """What a file needs whatever its language, each once and in the order in which it is said."""

    def __init__(self) -> None:
        self.directories: dict[str, None] = {}
        self.programs: dict[str, None] = {}
        self.paths: dict[str, None] = {}
        self.words: dict[str, None] = {}
        self.looks_up_users = False


Facts = TypeVar("Facts", bound=LoadedFacts)


class LoadPath(ABC, Generic[Facts]):
    """The directories in which what one script loads is looked for, and what is still to be read.

    `read` has the facts of files that were read for other scripts.
    """

    def __init__(
        self, script: str, directories: Iterable[str], findings: Findings, sources: Sources, read: dict[str, Facts]
    ) -> None:
        self._script, self._findings, self._sources, self._read = script, findings, sources, read
        self._directories = dict.fromkeys(directories)
        self._waiting: list[tuple[str, bool]] = []
        self._seen: set[tuple[str, bool]] = set()
        self._missing: dict[str, str] = {}

    def search_first(self, directories: Iterable[str], of: str) -> None:
        """Search `directories` too, as `of` says, and what has not been found so far in them."""
        given = self._existing(each for each in directories if each.startswith("/"))
        added = [each for each in given if each not in self._directories]
        for directory in added:
            if self._findings.add_library(directory, of):
                self._read_below(directory)
        if added:
            self._directories = dict.fromkeys([*added, *self._directories])
            missing, self._missing = self._missing, {}
            for name, user in missing.items():
                self.require(name, user)

    def follow(self, facts: Facts) -> None:
        """Add what the script, which says `facts`, needs, and what that needs, and so on."""
        self._add(self._script, facts, is_executed=True)
        while self._waiting:
            file, is_executed = self._waiting.pop()
            if file not in self._read:
                self._read[file] = self._facts_of(file)
            self._add(file, self._read[file], is_executed=is_executed)

    @abstractmethod
    def require(self, name: str, of: str) -> None:
        """Add what `of` loads by `name`, absolute or of the search path."""

    @abstractmethod
    def _existing(self, directories: Iterable[str]) -> Iterable[str]:
        """Return what is searched for `directories`, which are absolute and need not exist."""

    @abstractmethod
    def _facts_of(self, file: str) -> Facts:
        """Return what `file` says that it needs."""

    @abstractmethod
    def _load(self, file: str, facts: Facts) -> None:
        """Add what `file` loads."""

    @abstractmethod
    def _read_below(self, directory: str) -> None:
        """Read what is below `directory`, which nothing need execute."""

    def _add(self, file: str, facts: Facts, *, is_executed: bool) -> None:
        """Add what `file` needs, and what it executes if it `is_executed` itself, as far as one can tell."""
        self.search_first(facts.directories, file)
        self._load(file, facts)
        if not is_executed:
            return
        for program in (*facts.programs, *self._executed_by_loaded(facts)):
            self._findings.add_program(program, file)
        for word in facts.words:
            self._findings.add_word(word, file)
        for path in facts.paths:
            self._findings.add_path(path, file)
        if facts.looks_up_users:
            self._findings.add_users(file)

    def _executed_by_loaded(self, _facts: Facts) -> Iterable[str]:
        """Return the programs that what a file loads is known to execute."""
        return ()

    def _read_later(self, file: str, *, is_executed: bool) -> None:
        is_executed = is_executed or self._sources.is_own(file)
        if (file, is_executed) not in self._seen:
            self._seen.add((file, is_executed))
            self._waiting.append((file, is_executed))
