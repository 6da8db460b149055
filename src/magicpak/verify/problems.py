"""What can be wrong in a world, one thing at a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from magicpak.elf.facts import VersionNeeded
from magicpak.ldso.loader import Loaded
from magicpak.resolve.libraries import Resolved, missing_needs
from magicpak.text import count_noun, printable
from magicpak.verify.versions import missing_versions

FailureKind: TypeAlias = Literal["start", "load", "lead anywhere"]
"""What a program, a library that a program loads by itself, and a link will not do."""
_OF: Mapping[FailureKind, str] = {"start": "program", "load": "library", "lead anywhere": "link"}


class Problem(NamedTuple):
    """One thing that keeps `program` from starting; or a library from being loaded, or a link from leading anywhere.

    `lacking` is the name of what is missing or wrong, which `by` asks for; `words` are one line, `details` more.
    """

    program: str
    lacking: str
    by: str
    words: str
    details: tuple[str, ...] = ()
    fate: FailureKind = "start"


def describe_subjects(problems: Sequence[Problem]) -> str:
    """Return whom `problems` of one fate are about: the first, and how many others."""
    names = list(dict.fromkeys(problem.program for problem in problems))
    others = f"other {_OF[problems[0].fate]}"
    return printable(names[0]) + (f" and {count_noun(len(names) - 1, others)}" if names[1:] else "")


class ProgramCheck(NamedTuple):
    """What there is to say of one program: what its loader brings in, where it has one, and what is wrong."""

    resolved: Resolved | None
    problems: tuple[Problem, ...]


def missing_problems(resolved: Resolved) -> Iterator[Problem]:
    """Yield a problem for each name that nothing in a process satisfies."""
    if not resolved.closure.missing:
        return
    from magicpak.resolve.missing import describe_chain, describe_need  # noqa: PLC0415 - where something is missing

    for _, need in missing_needs([resolved]):
        by = describe_chain(resolved, need.by)
        trouble = need.trouble and f"{printable(need.trouble)}, at which the loader stops"
        words = trouble or f"{printable(need.name)} is missing"
        details = () if need.trouble else tuple(describe_need(resolved, need)[1:])
        yield Problem(resolved.name, need.name, need.by.path, f"{words}, needed by {by}", details)


def version_problems(resolved: Resolved) -> Iterator[Problem]:
    """Yield a problem for each symbol version that nothing in a process defines."""
    told: set[tuple[str, str]] = set()
    for by, needed, other in missing_versions(resolved):
        if (needed.of, needed.name) not in told:
            told.add((needed.of, needed.name))
            yield Problem(resolved.name, needed.of, by.path, _about_version(resolved, by, needed, other))


def _about_version(resolved: Resolved, by: Loaded, needed: VersionNeeded, other: Loaded | None) -> str:
    from magicpak.resolve.missing import describe_chain  # noqa: PLC0415 - where something is missing

    version, chain = printable(needed.name), describe_chain(resolved, by)
    if other is None:
        return f"nothing that is loaded goes by {printable(needed.of)}, whose {version} is needed by {chain}"
    return f"{printable(other.path)} does not define {version}, needed by {chain}"
