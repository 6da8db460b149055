"""The libraries that the dynamic loader brings into each program."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.errors import ElfError
from magicpak.errors import reason
from magicpak.files.view import FileView
from magicpak.ldso.closure import Closure, load
from magicpak.ldso.factory import Loaders
from magicpak.ldso.interpreter import Interpreter
from magicpak.ldso.loader import Found, Loaded, Loader, Need, Rule
from magicpak.ldso.machines import machine_of
from magicpak.resolve.inputs import Program

_S_ISUID_OR_ISGID = 0o6000


class Resolved(NamedTuple):
    """One program or library with all that its loader brings in.

    `trouble` tells why the interpreter cannot be used, where it cannot. `at` is the directory of the bundle that
    `$ORIGIN` of the program will be.
    """

    name: str
    closure: Closure
    interpreter: Interpreter | None
    loader: Loader | None
    at: str
    trouble: str | None = None


def resolve_program(program: Program, loaders: Loaders, store: ElfCache, *, hwcaps: bool) -> Resolved:
    """Return what the loader of `program` brings in: nothing where it has no PT_INTERP. Raises ToolFailed."""
    facts = program.file.facts
    itself = Loaded(
        program.real,
        facts,
        Found(program.real, Rule.PROGRAM),
        origin=os.path.dirname(program.real),
        secure=_is_secure(program, store.files),
    )
    at = program.at.parent if program.is_moved else itself.origin
    alone = Closure(itself, None, (itself,), ())
    if facts.interpreter is None:
        return Resolved(program.given, alone, None, None, at)
    try:
        interpreter = loaders.interpreter(os.path.join(store.files.current_directory(), facts.interpreter))
    except ElfError as error:
        return Resolved(program.given, alone, None, None, at, str(error))
    except OSError as error:
        return Resolved(program.given, alone, None, None, at, f"cannot be read: {reason(error)}")
    if interpreter.facts.kind != facts.kind:
        from magicpak.elf.names import machine_name  # noqa: PLC0415 - for this message alone

        why = f"is made for {machine_name(interpreter.facts.kind)}, not {machine_name(facts.kind)}"
        return Resolved(program.given, alone, None, None, at, why)
    loader, loaded = loaders.for_interpreter(interpreter)
    closure = load(itself, loaded, loader, store, preloads=loaders.preloads(interpreter), hwcaps=hwcaps)
    return Resolved(program.given, closure, interpreter, loader, at)


def resolve_library(
    path: str,
    file: ElfFile,
    programs: Sequence[Resolved],
    loaders: Loaders,
    store: ElfCache,
    *,
    hwcaps: bool,
    found: Found | None = None,
) -> Resolved | None:
    """Return what comes with the library at `path`; None if nothing here could load it.

    It is taken as loaded by the first of `programs` that is made for its machine: what that has loaded satisfies its
    needs, and that one's DT_RPATH is searched for them. Where there is none, the loader of its ABI is asked (a static
    program loads NSS modules so). `found` tells how the loader finds it, where that is not by its path. Raises
    ToolFailed.
    """
    name = os.path.basename(path) if found else path
    itself = Loaded(path, file.facts, found or Found(path, Rule.PATH), name=name, origin=os.path.dirname(path))
    for within in programs:
        if within.loader is not None and within.closure.program.facts.kind == file.facts.kind:
            itself.needed_by, itself.secure = within.closure.program, within.closure.program.secure
            present, loaded = within.closure.objects, within.closure.interpreter
            closure = load(itself, loaded, within.loader, store, present=present, hwcaps=hwcaps)
            return Resolved(path, closure, within.interpreter, within.loader, itself.origin)
    machine = machine_of(file.facts.kind)
    try:
        interpreter = loaders.interpreter(machine.interpreter) if machine else None
    except (OSError, ElfError):
        return None
    if interpreter is None or interpreter.facts.kind != file.facts.kind:
        return None
    loader, loaded = loaders.for_interpreter(interpreter)
    closure = load(itself, loaded, loader, store, hwcaps=hwcaps)
    return Resolved(path, closure, interpreter if file.facts.needed else None, loader, itself.origin)


def _is_secure(program: Program, files: FileView) -> bool:
    """Tell whether the kernel sets AT_SECURE for an ordinary user (execve(2)): set-user-ID, capabilities."""
    return bool(program.file.mode & _S_ISUID_OR_ISGID) or files.has_capabilities(program.real)


def missing_needs(all_resolved: Sequence[Resolved]) -> list[tuple[Resolved, Need]]:
    """Return every need of the closures that nothing satisfies, each name once for each program."""
    result = []
    for resolved in all_resolved:
        seen: set[str] = set()
        for need in resolved.closure.missing:
            if need.name not in seen:
                seen.add(need.name)
                result.append((resolved, need))
    return result
