"""Which loader answers for a program: emulated or real, glibc or musl."""

import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from magicpak.elf.cache import ElfCache
from magicpak.elf.facts import Dependency, ElfFacts
from magicpak.errors import MagicpakError, ToolFailed
from magicpak.files.view import read_file
from magicpak.ldso.cache import MAX_CACHE, CacheEntry, parse_cache
from magicpak.ldso.closure import Closure, load, load_auditors
from magicpak.ldso.glibc import GlibcLoader
from magicpak.ldso.interpreter import Glibc, Interpreter, Musl, built_in
from magicpak.ldso.loader import EmulatedLoader, Found, Loaded, LoadedNames, Loader, Rule
from magicpak.ldso.machines import machine_of
from magicpak.ldso.musl import MuslLoader, path_file, system_path
from magicpak.ldso.resolver import Resolver
from magicpak.text import printable

if TYPE_CHECKING:
    from magicpak.ldso.helper_build import Helper
    from magicpak.ldso.real_loader import RealLoader

ASK_HINT = "if you trust the program, --resolver dlopen runs its loader to ask it"
_MAX_PRELOADS = 1 << 20  # bytes of /etc/ld.so.preload, which usually has one name, if any


class Loaders:
    """Makes the loader for each program, and shares between them what they have in common.

    `resolver` and `compiler` are `--resolver` and `--cc`: where no compiler is named, the helper that is embedded in
    magicpak is used, or else `cc`. `library_path` is LD_LIBRARY_PATH, `elf` the files that they see, `private` returns
    the path of a new private directory. Without `hwcaps`, variants of libraries for newer processors are not loaded.
    """

    def __init__(
        self,
        resolver: Resolver,
        compiler: str | None,
        library_path: str,
        elf: ElfCache,
        private: Callable[[], str],
        *,
        hwcaps: bool = True,
    ) -> None:
        self.elf = elf
        self.hwcaps = hwcaps
        self._resolver = resolver
        self._compiler = compiler
        self._library_path = library_path
        self._private = private
        self._interpreters: dict[str, Interpreter] = {}
        self._built_in: dict[tuple[int, int], Glibc | Musl | None] = {}
        self._caches: dict[str, dict[str, list[CacheEntry]]] = {}
        self._real: dict[str, RealLoader] = {}

    def elsewhere(self, elf: ElfCache) -> "Loaders":
        """Return the emulated loaders of another view, without LD_LIBRARY_PATH; what is known of a file is kept."""
        loaders = emulated_loaders(elf)
        loaders._built_in = self._built_in  # noqa: SLF001 - of one's own class
        return loaders

    def load(
        self,
        itself: Loaded,
        interpreter: Loaded | None,
        loader: Loader,
        *,
        preloads: Sequence[str] = (),
        audit: Sequence[str] = (),
        present: Sequence[Loaded] = (),
    ) -> Closure:
        """Return what `loader` loads into the process of `itself`; see `closure.load` and `load_auditors`."""
        elf, hwcaps = self.elf, self.hwcaps
        closure = load(itself, interpreter, loader, elf, preloads=preloads, present=present, hwcaps=hwcaps)
        return closure._replace(auditors=load_auditors(itself, audit, loader, elf, hwcaps=hwcaps)) if audit else closure

    def interpreter(self, path: str) -> Interpreter:
        """Return the interpreter at `path`. Raises OSError and ElfError where it is not a loader that can run."""
        known = self._interpreters.get(path)
        if known is None:
            file = self.elf.get(path)
            if file.inode not in self._built_in:
                self._built_in[file.inode] = built_in(path, machine_of(file.facts.kind), self.elf.files)
            known = self._interpreters[path] = Interpreter(path, file.facts, file.inode, self._built_in[file.inode])
            if self._resolver in (Resolver.DLOPEN, Resolver.NOLOAD):
                self._real_loader(known).start()
        return known

    def for_interpreter(self, interpreter: Interpreter) -> tuple[Loader, Loaded]:
        """Return the loader of one process and the interpreter as an object of it. Raises ToolFailed."""
        itself = Loaded(
            interpreter.path,
            interpreter.facts,
            Found(interpreter.path, Rule.INTERPRETER),
            name=interpreter.path,
            origin=os.path.dirname(interpreter.path),
        )
        emulated = self.emulated(interpreter, itself)
        if self._resolver in (Resolver.DLOPEN, Resolver.NOLOAD):
            from magicpak.ldso.real_loader import DlopenLoader, NoloadLoader

            adapter = NoloadLoader if self._resolver is Resolver.NOLOAD else DlopenLoader
            return adapter(self._real_loader(interpreter), emulated), itself
        if emulated is None:
            raise ToolFailed(
                f"the loader {printable(interpreter.path)} is neither a glibc nor a musl that magicpak knows",
                hints=[f"{ASK_HINT}, for which it needs a C compiler"],
            )
        if self._resolver is Resolver.STATIC:
            return emulated, itself

        def system_loader() -> Loader | None:
            from magicpak.ldso.real_loader import SystemLoader
            from magicpak.ldso.trust import is_systems_own

            return SystemLoader(self._real_loader(interpreter), emulated) if is_systems_own(interpreter) else None

        return FallbackLoader(emulated, system_loader), itself

    def preloads(self, interpreter: Interpreter) -> list[str]:
        """Return the names in /etc/ld.so.preload."""
        inside = interpreter.built_in
        text = self._text(inside.preload) if isinstance(inside, Glibc) and inside.preload else None
        return _preload_names(text or "")

    def emulated(self, interpreter: Interpreter, itself: Loaded) -> EmulatedLoader | None:
        """Return the emulated loader of one process; None for one that is neither glibc's nor musl's."""
        inside, machine = interpreter.built_in, machine_of(interpreter.facts.kind)
        if isinstance(inside, Musl):
            path = path_file(interpreter.path, inside.arch)
            return MuslLoader(itself, self.elf, system_path(path, self.elf.files), self._library_path)
        if isinstance(inside, Glibc) and machine is not None:
            cache = self._cache(inside.cache) if inside.cache else {}
            return GlibcLoader(inside, machine, self.elf, cache, self._library_path)
        return None

    def close(self) -> None:
        """Stop the helper processes."""
        for real in self._real.values():
            real.close()

    def _real_loader(self, interpreter: Interpreter) -> "RealLoader":
        from magicpak.ldso.real_loader import RealLoader

        if interpreter.path not in self._real:
            self._real[interpreter.path] = RealLoader(self._helper(interpreter), interpreter.path)
        return self._real[interpreter.path]

    def _helper(self, interpreter: Interpreter) -> "Helper":
        from magicpak.ldso.helper_build import CompiledHelper, embedded_helper

        if self._compiler is None and (helper := embedded_helper(machine_of(interpreter.facts.kind))) is not None:
            return helper
        compiler = "cc" if self._compiler is None else self._compiler
        return CompiledHelper(compiler, interpreter.path, self._private())

    def _cache(self, path: str) -> dict[str, list[CacheEntry]]:
        if path not in self._caches:
            try:
                self._caches[path] = parse_cache(read_file(self.elf.files, path, MAX_CACHE + 1))
            except OSError:
                self._caches[path] = {}
        return self._caches[path]

    def _text(self, path: str) -> str | None:
        try:
            return os.fsdecode(read_file(self.elf.files, path, _MAX_PRELOADS))
        except OSError:
            return None


def _preload_names(text: str) -> list[str]:
    """Return the names in `text` as glibc reads them (elf/rtld.c): white space and colons part them.

    A null character ends the text, except for a name at its very end, which is read by itself.
    """
    *names, last = re.split("[: \t\n]", re.sub("#[^\n]*", "", text))
    read = (*"\n".join(names).partition("\0")[0].split("\n"), last.partition("\0")[0])
    return [name for name in read if name]


def emulated_loaders(elf: ElfCache) -> Loaders:
    """Return the loaders of the view of `elf` in a clean environment, which run nothing."""

    def nowhere() -> str:
        raise AssertionError

    return Loaders(Resolver.STATIC, "", "", elf, nowhere)


class FallbackLoader:
    """Emulates, and for what is not found asks the real loader, which `system_loader` makes at the first need.

    That makes None of a loader which may not be run, as `is_distrusted` says from then on.
    """

    def __init__(self, emulated: EmulatedLoader, system_loader: Callable[[], Loader | None]) -> None:
        self._emulated = emulated
        self._system_loader = system_loader
        self._is_unavailable = False
        self.is_distrusted = False

    def names(self) -> LoadedNames:
        """Return an empty record of names."""
        return self._emulated.names()

    def dependencies(self, facts: ElfFacts) -> Sequence[Dependency]:
        """Return what an object with `facts` asks for, in order."""
        return self._emulated.dependencies(facts)

    def searched(self, requester: Loaded) -> list[str]:
        """Return the directories that are searched for `requester`, in order."""
        return self._emulated.searched(requester)

    def paths(self, name: str, requester: Loaded) -> list[str]:
        """Return where the path `name` is looked for."""
        return self._emulated.paths(name, requester)

    def find(self, name: str, requester: Loaded) -> Found | None:
        """Return where `name` is found, if anywhere. Raises LoadError."""
        found = self._emulated.find(name, requester)
        if found is not None or self._is_unavailable:
            return found
        try:
            system_loader = self._system_loader()
            if system_loader is not None:
                return system_loader.find(name, requester)
            self.is_distrusted = self._is_unavailable = True
        except MagicpakError:  # no compiler, or it fails: the emulated loader's answer stands
            self._is_unavailable = True
        return None
