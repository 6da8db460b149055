"""What a dynamic loader is asked for, and what it answers."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from magicpak.elf.facts import Dependency, ElfFacts


class Rule(Enum):
    """The rule of ld.so(8) by which an object was found, in the words of a message."""

    PROGRAM = "the program itself"
    PATH = "its path"
    RPATH = "RPATH"
    LIBRARY_PATH = "LD_LIBRARY_PATH"
    RUNPATH = "RUNPATH"
    CACHE = "ld.so.cache"
    DEFAULT = "default directories"
    INTERPRETER = "the interpreter"
    ASKED = "the real loader"


class Found(NamedTuple):
    """Where a needed library is: the path as the loader names it, the rule, and variants of it for other CPUs.

    `origin_owner` is the object whose `$ORIGIN` is part of how the path came about; `relative` says that the current
    directory is.
    """

    path: str
    rule: Rule
    variants: tuple[str, ...] = ()
    origin_owner: "Loaded | None" = None
    relative: bool = False


class Loaded:
    """One object of a process, as the loader would have it; two are the same only if they are one.

    `path` is the path under which it was found, as the loader names it; `needed_by` is the object that was the first
    to need it (glibc's l_loader), by `name`, which is empty for the program; `origin` is what `$ORIGIN` means in it;
    `secure` says that the process runs with AT_SECURE (set-user-ID and the like). Its needs are recorded as they are
    satisfied.
    """

    __slots__ = ("facts", "found", "name", "needed_by", "needs", "origin", "path", "secure")

    def __init__(
        self,
        path: str,
        facts: ElfFacts,
        found: Found,
        needed_by: "Loaded | None" = None,
        name: str = "",
        *,
        origin: str = "",
        secure: bool = False,
    ) -> None:
        self.path = path
        self.facts = facts
        self.found = found
        self.needed_by = needed_by
        self.name = name
        self.origin = origin
        self.secure = secure
        self.needs: list[Need] = []

    def copy(self) -> "Loaded":
        """Return the same object of another process, in which nothing is loaded yet."""
        return Loaded(
            self.path, self.facts, self.found, self.needed_by, self.name, origin=self.origin, secure=self.secure
        )


class Need(NamedTuple):
    """One name that an object needs, and the object that satisfies it (None: nothing does).

    `found` is where it was found, unless an object that is loaded already goes by that name; `load_error` says why
    the loader stops at what it found, where it does; `preloaded` that /etc/ld.so.preload asks for it, `audits` that it
    is an audit library (DT_AUDIT).
    """

    name: str
    by: Loaded
    satisfied_by: Loaded | None
    found: Found | None
    optional: bool = False
    load_error: str | None = None
    preloaded: bool = False
    audits: bool = False


class LoadError(Exception):
    """The loader stops searching: what it has found at `path` cannot be loaded, for the reason `why`."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why


class LoadedNames(Protocol):
    """The names by which an object that is loaded already satisfies a need."""

    def get(self, name: str) -> Loaded | None:
        """Return the loaded object that the loader takes for `name` without a search."""

    def add(self, loaded: Loaded, name: str) -> None:
        """Record that `loaded` was asked for as `name`."""


class Loader(Protocol):
    """Finds libraries as one dynamic loader does."""

    def names(self) -> LoadedNames:
        """Return an empty record of names, by this loader's rules."""

    def dependencies(self, facts: ElfFacts) -> Sequence[Dependency]:
        """Return what this loader loads for an object with `facts`, in order."""

    def find(self, name: str, requester: Loaded) -> Found | None:
        """Return where the loader finds `name`, needed by `requester` and not loaded yet; None if it does not.

        Raises LoadError.
        """

    def searched(self, requester: Loaded) -> list[str]:
        """Return the directories in which a name that `requester` needs is looked for, in order, for a message."""

    def paths(self, name: str, requester: Loaded) -> list[str]:
        """Return where `name`, a path that `requester` needs, is looked for, as absolute paths, for a message."""


class EmulatedLoader(Loader, Protocol):
    """An emulated loader, which knows its search path."""

    def before_cache(self, requester: Loaded) -> list[str]:
        """Return the directories that come before the system's for `requester`, in order."""
