"""A loader that emulates, and asks the real loader for a library that it does not find."""

from collections.abc import Callable

from magicpak.elf.facts import ElfFacts
from magicpak.errors import MagicpakError
from magicpak.ldso.loader import EmulatedLoader, Found, Loaded, LoadedNames, Loader, Wanted


class FallbackLoader:
    """Emulates, and asks the real loader, which `real_loader` makes at the first need, for what is not found."""

    def __init__(self, emulated: EmulatedLoader, real_loader: Callable[[], Loader]) -> None:
        self._emulated = emulated
        self._real_loader = real_loader
        self._is_unavailable = False

    def names(self) -> LoadedNames:
        """Return an empty record of names."""
        return self._emulated.names()

    def wanted(self, facts: ElfFacts) -> list[Wanted]:
        """Return what an object with `facts` needs, in order."""
        return self._emulated.wanted(facts)

    def searched(self, requester: Loaded) -> list[str]:
        """Return the directories that are searched for `requester`, in order."""
        return self._emulated.searched(requester)

    def find(self, name: str, requester: Loaded) -> Found | None:
        """Return where `name` is found, if anywhere. Raises LoadError."""
        found = self._emulated.find(name, requester)
        if found is not None or self._is_unavailable:
            return found
        try:
            return self._real_loader().find(name, requester)
        except MagicpakError:  # no compiler, or it fails: the emulated loader's answer stands
            self._is_unavailable = True
            return None
