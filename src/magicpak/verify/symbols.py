"""Which symbols nothing in a process defines, as `ldd -r` reports them: by name, whatever their versions."""

import os
from collections.abc import Iterator

from magicpak.elf.errors import ElfError
from magicpak.elf.symbols import Symbols, read_symbols
from magicpak.files.view import FileView
from magicpak.resolve.libraries import Resolved
from magicpak.resolve.missing import describe_chain
from magicpak.text import list_names
from magicpak.verify.problems import Problem

MAX_NAMED = 3


class SymbolCheck:
    """Checks the symbols of processes, whose files are in `view`; each file is read once."""

    def __init__(self, view: FileView) -> None:
        self._view = view
        self._known: dict[str, Symbols] = {}

    def problems(self, resolved: Resolved) -> Iterator[Problem]:
        """Yield a problem for each object of a process that needs symbols which no object defines.

        Where libraries are missing, there are none of symbols, which would be those of the libraries.
        """
        closure = resolved.closure
        if resolved.interpreter_error or closure.missing or closure.interpreter is None:
            return
        defined: set[bytes] = set()
        for loaded in (*closure.objects, closure.interpreter):
            defined |= self._symbols(loaded.path).defined
        for loaded in closure.objects:
            names = [os.fsdecode(name) for name in sorted(self._symbols(loaded.path).needed - defined)]
            if names:
                noun = "symbol" if len(names) == 1 else "symbols"
                undefined = f"undefined {noun}: {list_names(names, MAX_NAMED)}"
                message = f"{undefined}, needed by {describe_chain(resolved, loaded)}"
                yield Problem(resolved.name, names[0], loaded.path, message)

    def _symbols(self, path: str) -> Symbols:
        if path not in self._known:
            descriptor = self._view.open(path)
            try:
                self._known[path] = read_symbols(descriptor)
            except ElfError:  # the table is damaged: what the loader makes of it is not known
                self._known[path] = Symbols(frozenset(), frozenset())
            finally:
                os.close(descriptor)
        return self._known[path]
