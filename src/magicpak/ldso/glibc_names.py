"""Which names glibc's ld.so asks for on behalf of an object, and by which names it knows an object (elf/dl-deps.c)."""

from magicpak.elf.facts import ElfFacts
from magicpak.ldso.loader import Loaded, Wanted
from magicpak.ldso.search import has_token


class GlibcNames:
    """glibc takes an object for a name it was asked by, for its path, and for its DT_SONAME."""

    def __init__(self) -> None:
        """Start without names."""
        self._objects: dict[str, Loaded] = {}

    def get(self, name: str) -> Loaded | None:
        """Return the loaded object that goes by `name`; by one with a token in it none does, it differs by asker."""
        return self._objects.get(name)

    def add(self, loaded: Loaded, name: str) -> None:
        """Record `name`, the path and the soname of `loaded`; a name that is taken stays with its owner."""
        for known in (name, loaded.path, loaded.facts.soname):
            if known and (known != name or not has_token(name)):
                self._objects.setdefault(known, loaded)


def wanted_by_glibc(facts: ElfFacts) -> list[Wanted]:
    """Return what glibc loads for an object with `facts`, in order."""
    return [
        *(Wanted(name) for name in facts.needed),
        *(Wanted(name, filter=True) for name in facts.filter),
        *(Wanted(name, optional=True, filter=True) for name in facts.auxiliary),
    ]
