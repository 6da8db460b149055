"""What can be wrong in a view, one thing at a time."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from magicpak.elf.facts import VersionNeeded
from magicpak.ldso.closure import Closure
from magicpak.ldso.interpreter import Glibc
from magicpak.ldso.libc import foreign_needs
from magicpak.ldso.loader import Loaded
from magicpak.resolve.libraries import Resolved, missing_needs
from magicpak.text import count_noun, printable


class FailureKind(Enum):
    """What fails, and how: a program at its start, a library that a program loads at run time, or a link."""

    PROGRAM = "program", "start"
    LIBRARY = "library", "load"
    LINK = "link", "resolve"
    PROGRAM_SUBSTITUTE = "program", "load the same libraries as on the host"
    LIBRARY_SUBSTITUTE = "library", "load the same libraries as on the host"

    def __init__(self, noun: str, verb: str) -> None:
        self.noun = noun
        self.verb = verb


class Problem(NamedTuple):
    """One thing that keeps `subject` from starting, being loaded, or resolving.

    `missing` is the name of what is missing or wrong, which `requester` needs; `message` is one line, `details` more,
    `hint` a cure. `is_of_script` says that `subject` is a script.
    """

    subject: str
    missing: str
    requester: str
    message: str
    details: tuple[str, ...] = ()
    kind: FailureKind = FailureKind.PROGRAM
    is_of_script: bool = False
    hint: str | None = None


def describe_subjects(problems: Sequence[Problem]) -> str:
    """Return the subjects of `problems`, which are of one kind: the first, and how many others."""
    names = list(dict.fromkeys(problem.subject for problem in problems))
    others = f"other {problems[0].kind.noun}"
    return printable(names[0]) + (f" and {count_noun(len(names) - 1, others)}" if names[1:] else "")


class ProgramCheck(NamedTuple):
    """The result for one program: what its loader loads, where it has one, and what is wrong."""

    resolved: Resolved | None
    problems: tuple[Problem, ...]


def missing_problems(resolved: Resolved) -> Iterator[Problem]:
    """Yield a problem for each name that nothing in a process satisfies."""
    if not resolved.closure.missing:
        return
    from magicpak.resolve.missing import describe_chain, describe_need

    for each in missing_needs([resolved]):
        need, chain = each.need, describe_chain(resolved, each.need.by)
        if need.load_error:
            message = f"{printable(need.name)} cannot be loaded ({printable(need.load_error)}), needed by {chain}"
            yield Problem(resolved.name, need.name, need.by.path, message)
        else:
            message = f"{printable(need.name)} is missing, needed by {chain}"
            yield Problem(resolved.name, need.name, need.by.path, message, tuple(describe_need(each)[1:]))


def unaudited_warnings(resolved: Resolved) -> Iterator[str]:
    """Yield a line for each audit library that the loader cannot load: it prints an error, and runs the program."""
    for need in resolved.closure.unaudited:
        from magicpak.resolve.missing import describe_chain

        why = f"cannot be loaded ({printable(need.load_error)})" if need.load_error else "is missing"
        chain = describe_chain(resolved, need.by)
        role = f"an audit library (DT_AUDIT) of {chain}" if need.audits else f"needed by {chain} as an audit library"
        yield f"{printable(need.name)} {why}, {role}: its loader prints an error, and the program runs without it"


def version_problems(resolved: Resolved) -> Iterator[Problem]:
    """Yield a problem for each symbol version that nothing in a process defines."""
    seen: set[tuple[str, str]] = set()
    for missing in missing_versions(resolved):
        version = missing.version
        if (version.of, version.name) not in seen:
            seen.add((version.of, version.name))
            yield Problem(resolved.name, version.of, missing.requester.path, _describe_version(resolved, missing))


def libc_problems(resolved: Resolved) -> Iterator[Problem]:
    """Yield a problem for each object of a process that is built for another C library than its loader's."""
    for foreign in foreign_needs(resolved.closure, resolved.interpreter):
        from magicpak.resolve.missing import describe_chain

        libc, own = foreign.libc.value, foreign.own.value
        why = f"{printable(foreign.name)} is {libc}'s, and does not work with {own}'s loader"
        message = f"{why}, needed by {describe_chain(resolved, foreign.by)}"
        hint = f"use libraries that are built for {own}"
        yield Problem(resolved.name, foreign.name, foreign.by.path, message, hint=hint)


class MissingVersion(NamedTuple):
    """A symbol version that `requester` needs, and the object that does not define it; None if there is none."""

    requester: Loaded
    version: VersionNeeded
    provider: Loaded | None


def missing_versions(resolved: Resolved) -> Iterator[MissingVersion]:
    """Yield the versions for want of which glibc would stop (elf/dl-version.c); musl compares none.

    What is itself missing is skipped, and so is an object without any version definitions: the loader warns of that,
    and goes on.
    """
    if resolved.interpreter is None or not isinstance(resolved.interpreter.built_in, Glibc):
        return
    closure = resolved.closure
    names = _names(closure)
    absent = {need.name for need in closure.missing}
    for loaded in (*closure.objects, *closure.variants):
        for needed in loaded.facts.versions.needed:
            provider = names.get(needed.of)
            if provider is None:
                if needed.of not in absent:
                    yield MissingVersion(loaded, needed, None)
                continue
            defined = provider.facts.versions.defined
            if defined is not None and needed.name not in defined and not needed.weak:
                yield MissingVersion(loaded, needed, provider)


def _names(closure: Closure) -> dict[str, Loaded]:
    """Return the objects by their paths and all names that they are needed by."""
    names: dict[str, Loaded] = {}
    if closure.interpreter is not None:
        names[closure.interpreter.path] = closure.interpreter
        names[closure.interpreter.facts.soname or closure.interpreter.path] = closure.interpreter
    for loaded in (*closure.objects, *closure.variants):
        names.setdefault(loaded.path, loaded)
        for need in loaded.needs:
            if need.satisfied_by is not None:
                names.setdefault(need.name, need.satisfied_by)
    return names


def _describe_version(resolved: Resolved, missing: MissingVersion) -> str:
    from magicpak.resolve.missing import describe_chain

    version, chain = printable(missing.version.name), describe_chain(resolved, missing.requester)
    if missing.provider is None:
        name = printable(missing.version.of)
        return f"no loaded library is named {name}, whose version {version} is needed by {chain}"
    return f"{printable(missing.provider.path)} does not define version {version}, needed by {chain}"
