"""Which symbols nothing in a process defines, as `ldd -r` tells: by name, whatever their versions."""

import os
from collections.abc import Iterator

from magicpak.elf.errors import ElfError
from magicpak.elf.symbols import Symbols, read_symbols
from magicpak.files.view import FileView
from magicpak.resolve.libraries import Resolved
from magicpak.resolve.missing import describe_chain
from magicpak.text import count_noun, printable
from magicpak.verify.problems import Problem

TOLD = 3


class SymbolCheck:
    """Looks at the symbols of processes; each file is read once."""

    def __init__(self, files: FileView) -> None:
        """Take where the files are."""
        self._files = files
        self._known: dict[str, Symbols] = {}

    def problems(self, resolved: Resolved) -> Iterator[Problem]:
        """Yield a problem for each object of a process that needs symbols which no object defines.

        Where libraries are missing nothing is said of symbols, which would be those of the libraries.
        """
        closure = resolved.closure
        if resolved.trouble or closure.missing or closure.interpreter is None:
            return
        defined: set[bytes] = set()
        for loaded in (*closure.objects, closure.interpreter):
            defined |= self._symbols(loaded.path).defined
        for loaded in closure.objects:
            names = sorted(self._symbols(loaded.path).needed - defined)
            if names:
                more = f" and {count_noun(len(names) - TOLD, 'other')}" if names[TOLD:] else ""
                listed = ", ".join(printable(os.fsdecode(name)) for name in names[:TOLD])
                words = f"nothing defines {listed}{more}, needed by {describe_chain(resolved, loaded)}"
                yield Problem(resolved.name, os.fsdecode(names[0]), loaded.path, words)

    def _symbols(self, path: str) -> Symbols:
        if path not in self._known:
            descriptor = self._files.open(path)
            try:
                self._known[path] = read_symbols(descriptor)
            except ElfError:  # its table is damaged: the loader would end there, or go on, nobody can tell
                self._known[path] = Symbols(frozenset(), frozenset())
            finally:
                os.close(descriptor)
        return self._known[path]
