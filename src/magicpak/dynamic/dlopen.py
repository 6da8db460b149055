"""The libraries that programs have loaded at run time, by dlopen(3) and the like, with what those need."""

import os
from collections.abc import Iterable, Sequence

from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import FileType
from magicpak.ldso.closure import Closure
from magicpak.ldso.factory import Loaders
from magicpak.ldso.interpreter import Musl
from magicpak.ldso.loader import Found, Loaded, LoadError, Need
from magicpak.resolve.libraries import Resolved, resolve_library

_HWCAPS = "/glibc-hwcaps/"


class LoadedProcess:
    """All processes of one program, taken as one: what its loader has loaded, and what they have loaded since.

    `program` is None where it is not known, as for one that the run has made.
    """

    def __init__(self, program: Resolved | None, elf: ElfCache) -> None:
        self.names: set[str] = set()
        """The paths by which the loader knows what it has loaded."""
        self.opened: dict[str, list[str]] = {}
        """By which paths the loader opened a file that it maps, by its real path."""
        self.made: set[str] = set()
        """The names of the libraries that it had and that the run has made."""
        self.uses_musl = False
        """Whether its loader is musl's, whose calls cannot be told from the program's: it is the C library too."""
        self._elf = elf
        self._inodes: set[tuple[int, int]] = set()
        self._objects: list[Loaded] = []
        self._own: list[Loaded] = []
        self._within: Resolved | None = None
        if program is not None:
            self.adopt(program)

    def adopt(self, program: Resolved) -> None:
        """Take `program` for what the process runs. Of its needs only those count that arise from now on."""
        closure = program.closure
        before = closure.program
        itself = Loaded(before.path, before.facts, before.found, origin=before.origin, secure=before.secure)
        if program.interpreter is not None:
            self.names.add(program.interpreter.path)
            self.uses_musl = isinstance(program.interpreter.built_in, Musl)
        self._know(closure)
        self._objects[:0] = [itself, *closure.objects[1:]]
        self._within = program._replace(closure=closure._replace(program=itself))

    @property
    def within(self) -> Resolved | None:
        """The program with everything that is in the process now, for what it loads next."""
        if self._within is None:
            return None
        return self._within._replace(closure=self._within.closure._replace(objects=tuple(self._objects), variants=()))

    def loaded_at_run_time(self) -> Resolved | None:
        """Return the program with what it has loaded at run time, and what that needs; None where that is nothing."""
        if self._within is None or not self._own:
            return None
        self.settle(self._own)
        objects = (self._within.closure.program, *self._own)
        return self._within._replace(closure=self._within.closure._replace(objects=objects, variants=()))

    @property
    def has_loader(self) -> bool:
        """Whether a loader is known that loads libraries."""
        return self._within is not None and self._within.loader is not None

    def has(self, inode: tuple[int, int]) -> bool:
        """Return whether the file is loaded."""
        return inode in self._inodes

    def add(self, library: Resolved, name: str | None) -> None:
        """Record that `library` is loaded with what it needs; `name` is that by which its loader finds it, if any."""
        loaded = library.closure.program
        self._know(library.closure)
        self._objects += library.closure.objects
        self._own += (*library.closure.objects, *library.closure.variants)
        if self._within is None or not self.has_loader:
            program = self._within.closure.program if self._within else loaded
            closure = Closure(program, library.closure.interpreter, (), ())
            self._within = library._replace(closure=closure)
        if name is not None:
            program = self._within.closure.program
            program.needs.append(Need(name, program, loaded, loaded.found))

    def settle(self, objects: Iterable[Loaded]) -> None:
        """Let what is loaded satisfy each need of `objects` that nothing else does: the process had it by that name.

        One for a library that the run has made is no need of the bundle.
        """
        loaded: dict[str, Loaded] = {}
        for each in self._objects:
            loaded.setdefault(os.path.basename(each.path), each)
            loaded.setdefault(each.facts.soname or "", each)
        for each in objects:
            each.needs[:] = [
                need
                if need.satisfied_by
                else need._replace(
                    satisfied_by=loaded.get(need.name),
                    optional=need.optional or os.path.basename(need.name) in self.made,
                )
                for need in each.needs
            ]

    def _know(self, closure: Closure) -> None:
        for each in (*closure.everything, *filter(None, (closure.interpreter,))):
            self.names.add(each.path)
            self._inodes.add(self._elf.get(each.path).inode)


class DlopenResolver:
    """Resolves what processes load at run time."""

    def __init__(self, loaders: Loaders) -> None:
        self._loaders = loaders

    def file(self, real: str) -> ElfFile | None:
        """Return the ELF file at `real`; None for one that no loader maps."""
        try:
            file = self._loaders.elf.get(real)
        except (OSError, ElfError):
            return None
        return file if file.facts.type in (FileType.EXEC, FileType.DYN) else None

    def load(self, process: LoadedProcess, real: str, file: ElfFile) -> Sequence[str]:
        """Record that `process` has mapped `file`, at `real`.

        Returns the paths that the bundle needs for it, but for those where the loader finds it. Raises ToolFailed.
        """
        is_new = not process.has(file.inode)
        paths = process.opened.get(real, [real] if is_new else [])
        others = [path for path in paths if path not in process.names and not self.is_unwanted_variant(path)]
        found = self._add(process, paths[0], file) if is_new else None
        return [path for path in others if found is None or path != found.path]

    def is_unwanted_variant(self, path: str) -> bool:
        """Return whether `path` is that of a variant which is not wanted."""
        return _HWCAPS in path and not self._loaders.hwcaps

    def _add(self, process: LoadedProcess, path: str, file: ElfFile) -> Found | None:
        """Record that the library is loaded; return how the loader finds it by itself, if it does."""
        within = process.within
        name, found = self._found_by_name(within, path, file) if within else (None, None)
        if found is not None:
            path, file = found.path, self._loaders.elf.get(found.path)
        if process.has(file.inode) or (found is None and self.is_unwanted_variant(path)):
            return found
        library = resolve_library(path, file, [within] if within else [], self._loaders, found)
        if library is not None:
            process.add(library, name)
        return found

    def _found_by_name(self, within: Resolved, path: str, file: ElfFile) -> tuple[str | None, Found | None]:
        """Return by which name the loader finds the file at `path` by itself, as for dlopen("libx.so.1"), and how."""
        if within.interpreter is None or within.closure.interpreter is None:
            return None, None
        loader = self._loaders.emulated(within.interpreter, within.closure.interpreter) or within.loader
        for name in dict.fromkeys(filter(None, (os.path.basename(path), file.facts.soname))):
            try:
                found = loader.find(name, within.closure.program) if loader else None
            except LoadError:
                continue
            if found is not None and any(self._is(each, file) for each in (found.path, *found.variants)):
                return name, found if self._loaders.hwcaps else found._replace(variants=())
        return None, None

    def _is(self, path: str, file: ElfFile) -> bool:
        try:
            return self._loaders.elf.get(path).inode == file.inode
        except (OSError, ElfError):
            return False
