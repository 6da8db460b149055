"""Emulating first, and asking the real loader before a library is given up."""

from collections.abc import Callable

from magicpak.elf.facts import ElfFacts
from magicpak.errors import MagicpakError
from magicpak.ldso.loader import EmulatedLoader, Found, Loaded, LoadedNames, Loader, Wanted


class FallbackLoader:
    """Emulates, and asks the real loader for what is not found before it is given up."""

    def __init__(self, emulated: EmulatedLoader, asking: Callable[[], Loader]) -> None:
        """Take the emulated loader, and what makes the one that asks when it is needed."""
        self._emulated = emulated
        self._asking = asking
        self._refused = False

    def names(self) -> LoadedNames:
        """Return an empty record of names."""
        return self._emulated.names()

    def wanted(self, facts: ElfFacts) -> list[Wanted]:
        """Return what an object with `facts` needs, in order."""
        return self._emulated.wanted(facts)

    def searched(self, requester: Loaded) -> list[str]:
        """Return the directories that are searched."""
        return self._emulated.searched(requester)

    def find(self, name: str, requester: Loaded) -> Found | None:
        """Return where `name` is found. Raises LoadError."""
        found = self._emulated.find(name, requester)
        if found is not None or self._refused:
            return found
        try:
            return self._asking().find(name, requester)
        except MagicpakError:  # no compiler, or it fails: the emulated loader's answer stands
            self._refused = True
            return None
