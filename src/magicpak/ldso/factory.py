"""Which loader answers for a program: emulated or asked, glibc or musl."""

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from magicpak.elf.cache import ElfCache
from magicpak.errors import ToolFailed
from magicpak.files.view import content
from magicpak.ldso.cache import CacheEntry, parse_cache
from magicpak.ldso.fallback import FallbackLoader
from magicpak.ldso.glibc import GlibcLoader
from magicpak.ldso.interpreter import Glibc, Interpreter, Musl, built_in
from magicpak.ldso.loader import EmulatedLoader, Found, Loaded, Loader, Rule
from magicpak.ldso.machines import machine_of
from magicpak.ldso.musl import MuslLoader, path_file, system_path
from magicpak.ldso.resolver import Resolver

if TYPE_CHECKING:
    from magicpak.ldso.helper_embedded import Helper
    from magicpak.ldso.real_loader import RealLoader


class Loaders:
    """Makes the loader for each program, and shares between them what they have in common."""

    def __init__(
        self,
        resolver: Resolver,
        compiler: str | None,
        library_path: str,
        store: ElfCache,
        private: Callable[[], str],
    ) -> None:
        """Take `--resolver`, `--cc`, LD_LIBRARY_PATH, and what returns the path of a private directory when needed.

        Where no compiler is named, the helper that magicpak carries is used, or else `cc`.
        """
        self._resolver = resolver
        self._compiler = compiler
        self._library_path = library_path
        self._store = store
        self._private = private
        self._interpreters: dict[str, Interpreter] = {}
        self._built_in: dict[tuple[int, int], Glibc | Musl | None] = {}
        self._caches: dict[str, dict[str, list[CacheEntry]]] = {}
        self._real: dict[str, RealLoader] = {}

    def elsewhere(self, store: ElfCache) -> "Loaders":
        """Return the emulated loaders of another world, without LD_LIBRARY_PATH; what is known of a file stays so."""
        loaders = emulated_loaders(store)
        loaders._built_in = self._built_in  # noqa: SLF001 - of one's own class
        return loaders

    def interpreter(self, path: str) -> Interpreter:
        """Return the interpreter at `path`. Raises OSError and ElfError where it is not a loader that can run."""
        known = self._interpreters.get(path)
        if known is None:
            file = self._store.get(path)
            if file.inode not in self._built_in:
                self._built_in[file.inode] = built_in(path, machine_of(file.facts.kind), self._store.files)
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
        if self._resolver is Resolver.STATIC:
            if emulated is None:
                raise ToolFailed(
                    f"the loader {interpreter.path} is neither a glibc nor a musl that --resolver static knows",
                    hints=["ask it itself, with --resolver dlopen and a C compiler"],
                )
            return emulated, itself

        def asking() -> Loader:
            from magicpak.ldso.real_loader import RealLoaderAdapter  # noqa: PLC0415 - most runs do not ask

            real = self._real_loader(interpreter)
            return RealLoaderAdapter(real, emulated, noload=self._resolver is Resolver.NOLOAD)

        if self._resolver is Resolver.AUTO and emulated is not None:
            return FallbackLoader(emulated, asking), itself
        return asking(), itself

    def preloads(self, interpreter: Interpreter) -> list[str]:
        """Return the names in /etc/ld.so.preload, as glibc reads them: white space and colons part them."""
        inside = interpreter.built_in
        text = self._text(inside.preload) if isinstance(inside, Glibc) and inside.preload else None
        return [name for name in re.split("[: \t\n]", re.sub("#[^\n]*", "", text or "")) if name]

    def emulated(self, interpreter: Interpreter, itself: Loaded) -> EmulatedLoader | None:
        """Return the loader of one process that asks nobody; None for one that is neither glibc's nor musl's."""
        inside, machine = interpreter.built_in, machine_of(interpreter.facts.kind)
        if isinstance(inside, Musl):
            path = path_file(interpreter.path, inside.arch)
            return MuslLoader(itself, self._store, system_path(path, self._store.files), self._library_path)
        if isinstance(inside, Glibc) and machine is not None:
            cache = self._cache(inside.cache) if inside.cache else {}
            return GlibcLoader(inside, machine, self._store, cache, self._library_path)
        return None

    def close(self) -> None:
        """End the processes that were asked."""
        for real in self._real.values():
            real.close()

    def _real_loader(self, interpreter: Interpreter) -> "RealLoader":
        from magicpak.ldso.real_loader import RealLoader  # noqa: PLC0415 - most runs do not ask

        if interpreter.path not in self._real:
            self._real[interpreter.path] = RealLoader(self._helper(interpreter), interpreter.path)
        return self._real[interpreter.path]

    def _helper(self, interpreter: Interpreter) -> "Helper":
        from magicpak.ldso.helper_build import CompiledHelper  # noqa: PLC0415
        from magicpak.ldso.helper_embedded import embedded_helper  # noqa: PLC0415 - most runs do not ask

        if self._compiler is None and (helper := embedded_helper(machine_of(interpreter.facts.kind))) is not None:
            return helper
        compiler = "cc" if self._compiler is None else self._compiler
        return CompiledHelper(compiler, interpreter.path, self._private())

    def _cache(self, path: str) -> dict[str, list[CacheEntry]]:
        if path not in self._caches:
            try:
                self._caches[path] = parse_cache(content(self._store.files, path))
            except OSError:
                self._caches[path] = {}
        return self._caches[path]

    def _text(self, path: str) -> str | None:
        try:
            return os.fsdecode(content(self._store.files, path, 1 << 20))
        except OSError:
            return None


def emulated_loaders(store: ElfCache) -> Loaders:
    """Return the loaders of the world of `store` in a clean environment, which ask nobody."""

    def nowhere() -> str:
        raise AssertionError

    return Loaders(Resolver.STATIC, "", "", store, nowhere)
