"""The libraries that the dynamic loader loads for each program."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from magicpak.elf.cache import ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import ElfFacts
from magicpak.errors import reason
from magicpak.files.view import FileView
from magicpak.ldso.closure import Closure
from magicpak.ldso.factory import Loaders
from magicpak.ldso.interpreter import Glibc, Interpreter
from magicpak.ldso.libc import libc_needed, libc_of_loader
from magicpak.ldso.loader import Found, Loaded, Loader, Need, Rule
from magicpak.ldso.machines import machine_of
from magicpak.resolve.inputs import Program
from magicpak.text import printable

_S_ISUID_OR_ISGID = 0o6000


class Resolved(NamedTuple):
    """A program or library with everything that its loader loads.

    `interpreter_error` says why the interpreter cannot be used, if so. `origin_in_bundle` is the directory of the
    bundle that `$ORIGIN` of the program will be.
    """

    name: str
    closure: Closure
    interpreter: Interpreter | None
    loader: Loader | None
    origin_in_bundle: str
    interpreter_error: str | None = None

    def interpreter_warnings(self) -> list[str]:
        """Return a line if the program cannot run for want of an interpreter."""
        path = self.closure.program.facts.interpreter
        if self.interpreter_error is None or path is None:
            return []
        return [f"{printable(self.name)} cannot run: its interpreter {printable(path)} {self.interpreter_error}"]


class MissingNeed(NamedTuple):
    """A need that nothing satisfies, and the closure that it is of."""

    resolved: Resolved
    need: Need


def resolve_program(program: Program, loaders: Loaders) -> Resolved:
    """Return what the loader of `program` loads: nothing where it has no PT_INTERP. Raises ToolFailed."""
    facts, view = program.file.facts, loaders.elf.files
    itself = Loaded(
        program.real,
        facts,
        Found(program.real, Rule.PROGRAM),
        origin=os.path.dirname(program.real),
        secure=_is_secure(program, view),
    )
    origin = program.place.parent if program.is_moved else itself.origin
    alone = Resolved(program.argument, Closure(itself, None, (itself,), ()), None, None, origin)
    if facts.interpreter is None:
        return alone
    try:
        interpreter = loaders.interpreter(os.path.join(view.current_directory(), facts.interpreter))
    except ElfError as error:
        return alone._replace(interpreter_error=str(error))
    except OSError as error:
        return alone._replace(interpreter_error=f"cannot be read: {reason(error)}")
    if interpreter.facts.kind != facts.kind:
        from magicpak.elf.facts import machine_name

        why = f"is for {machine_name(interpreter.facts.kind)}, not {machine_name(facts.kind)}"
        return alone._replace(interpreter_error=why)
    loader, loaded = loaders.for_interpreter(interpreter)
    audit = facts.audit if isinstance(interpreter.built_in, Glibc) else ()
    closure = loaders.load(itself, loaded, loader, preloads=loaders.preloads(interpreter), audit=audit)
    return Resolved(program.argument, closure, interpreter, loader, origin)


def resolve_library(
    path: str, file: ElfFile, programs: Sequence[Resolved], loaders: Loaders, found: Found | None = None
) -> Resolved | None:
    """Return what is loaded with the library at `path`; None if nothing here could load it.

    It is taken as loaded by the first of `programs` that is for its machine, one with the same C library before others:
    what that has loaded satisfies its needs, and its DT_RPATH is searched for them. Where there is none, the loader of
    its ABI is used (a static program loads NSS modules so). `found` says how the loader finds it, where that is not by
    its path. Raises ToolFailed.
    """
    name = os.path.basename(path) if found else path
    itself = Loaded(path, file.facts, found or Found(path, Rule.PATH), name=name, origin=os.path.dirname(path))
    within = _likely_program(file.facts, programs)
    if within is not None and within.loader is not None:
        itself.needed_by, itself.secure = within.closure.program, within.closure.program.secure
        present, loaded = within.closure.objects, within.closure.interpreter
        closure = loaders.load(itself, loaded, within.loader, present=present)
        return Resolved(path, closure, within.interpreter, within.loader, itself.origin)
    machine = machine_of(file.facts.kind)
    try:
        interpreter = loaders.interpreter(machine.interpreter) if machine else None
    except (OSError, ElfError):
        return None
    if interpreter is None or interpreter.facts.kind != file.facts.kind:
        return None
    loader, loaded = loaders.for_interpreter(interpreter)
    closure = loaders.load(itself, loaded, loader)
    return Resolved(path, closure, interpreter if file.facts.dependencies else None, loader, itself.origin)


def _likely_program(library: ElfFacts, programs: Sequence[Resolved]) -> Resolved | None:
    able = [each for each in programs if each.loader is not None and each.closure.program.facts.kind == library.kind]
    needed = libc_needed(library)
    same = (each for each in able if needed is not None and libc_of_loader(each.interpreter) is needed[0])
    return next(same, able[0] if able else None)


def missing_needs(all_resolved: Sequence[Resolved]) -> list[MissingNeed]:
    """Return every need of the closures that nothing satisfies, each name once for each program."""
    result = []
    for resolved in all_resolved:
        seen: set[str] = set()
        for need in resolved.closure.missing:
            if need.name not in seen:
                seen.add(need.name)
                result.append(MissingNeed(resolved, need))
    return result


def _is_secure(program: Program, view: FileView) -> bool:
    """Return whether the kernel sets AT_SECURE for an ordinary user (execve(2)): set-user-ID, capabilities."""
    return bool(program.file.mode & _S_ISUID_OR_ISGID) or view.has_capabilities(program.real)
