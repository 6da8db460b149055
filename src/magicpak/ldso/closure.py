"""All objects that a loader loads into one process, breadth first."""

import os
import stat
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from magicpak.elf.cache import ElfCache
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import DependencyKind
from magicpak.ldso.levels import chosen, levels_of, only_there
from magicpak.ldso.loader import Found, Loaded, LoadedNames, Loader, LoadError, Need
from magicpak.ldso.search import has_token

_MAX_AUDITORS = 15
"""Audit libraries that a process can have: glibc has 16 namespaces (DL_NNS), and the first is the program's."""


class Closure(NamedTuple):
    """The objects of a process in load order, the program first, and their variants for newer processors.

    `auditors` are those of its audit libraries, each in a namespace of its own (rtld-audit(7), dlmopen(3)).
    """

    program: Loaded
    interpreter: Loaded | None
    objects: tuple[Loaded, ...]
    variants: tuple[Loaded, ...]
    auditors: "tuple[Closure, ...]" = ()

    @property
    def everything(self) -> tuple[Loaded, ...]:
        """The objects and variants, and then those of the audit libraries."""
        audited = [loaded for closure in self.auditors for loaded in closure.everything]
        return (*self.objects, *self.variants, *audited)

    @property
    def missing(self) -> list[Need]:
        """The needs that nothing satisfies and that the loader does not forgive, in load order."""
        everything = (*self.objects, *self.variants)
        return [need for each in everything for need in each.needs if not need.satisfied_by and not need.optional]

    @property
    def unaudited(self) -> list[Need]:
        """The needs for want of which an audit library cannot be loaded; the program runs without it."""
        absent = [need for need in self.program.needs if need.audits and not need.satisfied_by]
        return absent + [need for closure in self.auditors for need in closure.missing]


class _LoadState:
    """The state of the loader while it maps the objects of one process.

    Without `levels` it takes the library for any processor, otherwise that for a processor which has these `levels`.
    """

    def __init__(self, loader: Loader, elf: ElfCache, *, hwcaps: bool, levels: Sequence[str] = ()) -> None:
        self._loader = loader
        self._elf = elf
        self._hwcaps = hwcaps
        self._levels = levels
        self._names: LoadedNames = loader.names()
        self._by_inode: dict[tuple[int, int], Loaded] = {}
        self.queue: deque[Loaded] = deque()
        self.objects: list[Loaded] = []

    def admit(self, loaded: Loaded, name: str, inode: tuple[int, int] | None, *, queued: bool = True) -> None:
        self._names.add(loaded, name)
        if inode:
            self._by_inode.setdefault(inode, loaded)
        if queued:
            self.objects.append(loaded)
            self.queue.append(loaded)

    def begin(
        self, program: Loaded, interpreter: Loaded | None, present: Sequence[Loaded], preloads: Sequence[str]
    ) -> None:
        """Load `program`, before what it needs."""
        self.admit(program, program.name, self._elf.get(program.path).inode)
        if interpreter is not None:
            self.admit(interpreter, interpreter.path, self._elf.get(interpreter.path).inode, queued=False)
        for loaded in present:
            self.admit(loaded, loaded.name, self._elf.get(loaded.path).inode, queued=False)
        for name in preloads:
            program.needs.append(self.need(name, program)._replace(optional=True, preloaded=True))

    def run(self) -> None:
        while self.queue:
            self.load_needs_of(self.queue.popleft())

    def load_needs_of(self, requester: Loaded) -> None:
        """Load what `requester` asks for, in the order of its dynamic section (glibc's elf/dl-deps.c).

        What it is a filter for comes before all that waits to ask for its own needs, also where it waits already.
        """
        filtered: list[Loaded] = []
        for kind, name in self._loader.dependencies(requester.facts):
            need = self.need(name, requester)
            is_refused = requester.secure and has_token(name)  # before it is known whether anything has that name
            requester.needs.append(need._replace(optional=kind is DependencyKind.AUXILIARY and not is_refused))
            filtee = need.satisfied_by if kind is not DependencyKind.NEEDED else None
            if filtee is not None and filtee in self.queue:
                self.queue.remove(filtee)
                filtered.append(filtee)
        self.queue.extendleft(reversed(filtered))

    def need(self, name: str, requester: Loaded) -> Need:
        known = self._names.get(name)
        if known is not None:
            return Need(name, requester, known, None)
        try:
            found = self._loader.find(name, requester)
        except LoadError as stop:
            return Need(name, requester, None, None, load_error=f"{stop.path} {stop.why}")
        if found is None:
            return Need(name, requester, None, None)
        if not self._hwcaps:
            found = found._replace(variants=())
        if self._levels:
            found = chosen(found, self._levels)
        try:
            file = self._elf.get(found.path)
        except (ElfError, OSError) as error:  # the real loader has found it, but cannot load it either
            return Need(name, requester, None, None, load_error=f"{found.path} {error}")
        same = self._by_inode.get(file.inode)
        if same is not None:
            self._names.add(same, name)
            return Need(name, requester, same, found)
        loaded = Loaded(
            found.path, file.facts, found, requester, name, origin=os.path.dirname(found.path), secure=requester.secure
        )
        self.admit(loaded, name, file.inode)
        return Need(name, requester, loaded, found)

    def variants(self) -> list[Loaded]:
        """Return the variants of all objects, with what they in turn need, which joins the objects."""
        result = []
        for loaded in self.objects:  # grows while the variants' own needs are loaded
            for path in loaded.found.variants:
                origin = os.path.dirname(path)
                variant = Loaded(path, self._elf.get(path).facts, Found(path, loaded.found.rule), loaded.needed_by)
                variant.name, variant.origin, variant.secure = loaded.name, origin, loaded.secure
                result.append(variant)
                self.load_needs_of(variant)
                self.run()
        return result


def load(
    program: Loaded,
    interpreter: Loaded | None,
    loader: Loader,
    elf: ElfCache,
    *,
    preloads: Sequence[str] = (),
    present: Sequence[Loaded] = (),
    hwcaps: bool = True,
) -> Closure:
    """Return what `loader` loads into the process of `program`.

    `preloads` are the names in /etc/ld.so.preload; `present` are objects that are in the process already, where
    `program` is a library that it loads by dlopen(3). `hwcaps` False leaves out variants for newer processors.
    Files are read through `elf`; what is not found is in the closure's `missing`.
    """
    itself = program.copy()
    process = _LoadState(loader, elf, hwcaps=hwcaps)
    process.begin(program, interpreter, present, preloads)
    process.run()
    variants = process.variants()
    for levels in levels_of(program, variants):
        other = _LoadState(loader, elf, hwcaps=hwcaps, levels=levels)
        other.begin(itself.copy(), interpreter, present, preloads)
        other.run()
        process.objects += only_there(other.objects, [*process.objects, *variants])
    return Closure(program, interpreter, tuple(process.objects), tuple(variants))


def load_auditors(
    program: Loaded, names: Sequence[str], loader: Loader, elf: ElfCache, *, hwcaps: bool
) -> tuple[Closure, ...]:
    """Return what is loaded for each of the audit libraries `names`, each in an empty namespace (glibc's elf/rtld.c).

    It is the loader that asks for them, which has no search path of its own. The program's DT_RPATH, and its DT_RUNPATH
    too, is searched for them and for what they need. Where AT_SECURE is set, paths are ignored, and files and
    directories that are not the system's own.
    """
    facts = program.facts
    path = facts.rpath if facts.runpath is None else facts.runpath
    asking = facts._replace(rpath=path, runpath=None, flags_1=0)
    requester = Loaded(program.path, asking, program.found, origin=program.origin, secure=program.secure)
    auditors: list[Closure] = []
    for name in names:
        if len(auditors) == _MAX_AUDITORS or (program.secure and "/" in name):
            continue
        namespace = _LoadState(loader, elf, hwcaps=hwcaps)
        need = namespace.need(name, requester)._replace(optional=True, audits=True)
        if need.satisfied_by and program.secure and not elf.get(need.satisfied_by.path).mode & stat.S_ISUID:
            continue
        program.needs.append(need)
        if need.satisfied_by:
            namespace.run()
            variants = tuple(namespace.variants())
            auditors.append(Closure(need.satisfied_by, None, tuple(namespace.objects), variants))
    return tuple(auditors)


def chain(end: Loaded, program: Loaded) -> list[str]:
    """Return the paths from `program` to the object `end`, that of `program` first."""
    path = []
    loaded: Loaded | None = end
    while loaded is not None:
        path.append(loaded.path)
        loaded = None if loaded is program else loaded.needed_by
    return path[::-1]
