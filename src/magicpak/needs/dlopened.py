"""The libraries that files say they load at run time (`.note.dlopen`)."""

import os
from collections.abc import Sequence

from magicpak.elf.dlopen_notes import PRIORITIES, DlopenNote, read_dlopen_notes
from magicpak.elf.errors import ElfError
from magicpak.errors import InvalidUsage
from magicpak.ldso.loader import Loaded, LoadError, Need
from magicpak.needs.found import NeedFiles, NeedHost
from magicpak.needs.rows import WantedNeed
from magicpak.resolve.libraries import Resolved, resolve_library
from magicpak.text import printable

_DEFAULT = "recommended"


def dlopen(need: WantedNeed, host: NeedHost) -> NeedFiles:
    """Return the libraries of all notes of the programs and their libraries, up to a priority.

    Raises InvalidUsage for another word than a priority.
    """
    for argument in need.arguments:
        if argument not in PRIORITIES:
            raise InvalidUsage(f"{printable(need.flag)}: {printable(argument)} is not one of {', '.join(PRIORITIES)}")
    last = max(map(PRIORITIES.index, need.arguments or (_DEFAULT,)))
    resolved, present, sought = list[Resolved](), list[str](), list[str]()
    for program in host.programs:
        finder = _Finder(program, host)
        for loaded in program.closure.objects:
            notes = [note for note in _notes_of(loaded, host) if PRIORITIES.index(note.priority) <= last]
            sought += [
                f"{' or '.join(note.sonames)} for {loaded.path}" for note in notes if not finder.load(note, loaded)
            ]
        resolved += finder.result()
        present += finder.present
    return NeedFiles(entries=present, libraries=resolved, sought=sought or ["a .note.dlopen in INPUT or its libraries"])


class _Finder:
    """Finds what one program loads at run time, as its loader does; an object asks as itself, for its RUNPATH.

    `present` are the paths of what it has from the start.
    """

    def __init__(self, program: Resolved, host: NeedHost) -> None:
        self._program = program
        self._host = host
        self._requesters: dict[Loaded, Loaded] = {}
        self._objects: list[Loaded] = []
        self.present: list[str] = []
        self._names = {loaded.facts.soname or "": loaded.path for loaded in program.closure.objects}

    def load(self, note: DlopenNote, requester: Loaded) -> bool:
        """Load the first name of `note` that is found; return whether there is one, or was before."""
        for name in note.sonames:
            if name in self._names:
                self.present.append(self._names[name])
                return True
            if self._load(name, requester):
                return True
        return False

    def result(self) -> list[Resolved]:
        """Return the program with what it loads at run time alone."""
        if not self._objects:
            return []
        program = self._requester(self._program.closure.program)
        objects = (program, *(each for each in self._requesters.values() if each is not program), *self._objects)
        closure = self._program.closure._replace(program=program, objects=objects, variants=(), auditors=())
        return [self._program._replace(closure=closure)]

    def _load(self, name: str, requester: Loaded) -> bool:
        loader, elf = self._program.loader, self._host.elf
        try:
            found = loader.find(name, requester) if loader else None
            file = elf.get(found.path) if found else None
        except (LoadError, OSError, ElfError):
            return False
        if found is None or file is None:
            return False
        library = resolve_library(found.path, file, [self._program], self._host.loaders, found)
        if library is None:
            return False
        asks = self._requester(requester)
        asks.needs.append(Need(name, asks, library.closure.program, found))
        self._names |= {name: found.path, file.facts.soname or name: found.path}
        self._objects += (*library.closure.objects, *library.closure.variants)
        return True

    def _requester(self, loaded: Loaded) -> Loaded:
        """Return `loaded` without the needs that it has from the start."""
        if loaded not in self._requesters:
            self._requesters[loaded] = Loaded(
                loaded.path,
                loaded.facts,
                loaded.found,
                loaded.needed_by,
                loaded.name,
                origin=loaded.origin,
                secure=loaded.secure,
            )
        return self._requesters[loaded]


def _notes_of(loaded: Loaded, host: NeedHost) -> Sequence[DlopenNote]:
    try:
        descriptor = host.elf.files.open(loaded.path)
    except OSError:
        return ()
    try:
        return read_dlopen_notes(descriptor)
    except (OSError, ElfError):
        return ()
    finally:
        os.close(descriptor)
