"""What is said when libraries are missing: all of them at once, who needs each, where it was searched, and a cure."""

from collections.abc import Sequence
from functools import partial

from magicpak.elf.errors import ElfError
from magicpak.elf.facts import ElfTarget
from magicpak.elf.reader import read_path
from magicpak.errors import LibrariesMissing
from magicpak.ldso.closure import chain
from magicpak.ldso.interpreter import Glibc
from magicpak.ldso.loader import Loaded, Need
from magicpak.resolve.hints import hints_for
from magicpak.resolve.libraries import Resolved, missing_needs
from magicpak.text import count_noun, printable

_MOST_DIRECTORIES = 12


def missing_error(all_resolved: Sequence[Resolved]) -> LibrariesMissing:
    """Return the error that tells of every missing library and interpreter, of which there is one at least."""
    missing = missing_needs(all_resolved)
    bad_interpreters = [resolved for resolved in all_resolved if resolved.trouble]
    details = [_about_interpreter(resolved) for resolved in bad_interpreters]
    details += [line for resolved, need in missing for line in describe_need(resolved, need)]
    names = list(dict.fromkeys(need.name for _, need in missing))
    what = []
    if bad_interpreters:
        whom = dict.fromkeys(
            printable(resolved.closure.program.facts.interpreter or "") for resolved in bad_interpreters
        )
        what.append(f"the interpreter {', '.join(whom)} cannot be used")
    if names:
        verb = "is" if len(names) == 1 else "are"
        noun = "a library" if len(names) == 1 else count_noun(len(names), "library")
        what.append(f"{noun} {verb} missing: {', '.join(map(printable, names))}")
    return LibrariesMissing("; ".join(what), details=details, hints=_hints(missing))


def missing_warnings(all_resolved: Sequence[Resolved]) -> list[str]:
    """Return a line for each library that is missing, however many need it, for a warning."""
    chains_of: dict[str, list[str]] = {}
    for resolved, need in missing_needs(all_resolved):
        chains_of.setdefault(need.name, []).append(describe_chain(resolved, need.by))
    return [
        f"{printable(name)} is missing: needed by {chains[0]}{f', and by {len(chains) - 1} more' if chains[1:] else ''}"
        for name, chains in chains_of.items()
    ]


def _about_interpreter(resolved: Resolved) -> str:
    path = resolved.closure.program.facts.interpreter or ""
    return f"{printable(path)} {resolved.trouble}: it is the interpreter (PT_INTERP) of {printable(resolved.name)}"


def describe_need(resolved: Resolved, need: Need) -> list[str]:
    """Return a line on who needs what is missing, and one on where it was searched or why it is no good."""
    lines = [f"{printable(need.name)} is needed by {describe_chain(resolved, need.by)}"]
    if need.trouble:
        lines.append(f"  the loader stops at {printable(need.trouble)}")
    else:
        directories, cache = searched_directories(resolved, need)
        more = f" and {len(directories) - _MOST_DIRECTORIES} more" if len(directories) > _MOST_DIRECTORIES else ""
        if directories:
            also = ", and ld.so.cache" if cache else ""
            lines.append(f"  searched in {', '.join(map(printable, directories[:_MOST_DIRECTORIES]))}{more}{also}")
    return lines


def searched_directories(resolved: Resolved, need: Need) -> tuple[Sequence[str], str | None]:
    """Return the directories in which what is missing was looked for, and the cache; nothing for a path."""
    if resolved.loader is None or "/" in need.name:
        return (), None
    inside = resolved.interpreter.built_in if resolved.interpreter else None
    return resolved.loader.searched(need.by), inside.cache if isinstance(inside, Glibc) else None


def describe_chain(resolved: Resolved, loaded: Loaded) -> str:
    """Return the path of `loaded`, and of what needs it, up to the program."""
    paths = chain(loaded, resolved.closure.program)
    return ", which is needed by ".join(printable(path) for path in reversed(paths))


def _hints(missing: Sequence[tuple[Resolved, Need]]) -> list[str]:
    by_kind: dict[ElfTarget, list[str]] = {}
    for _, need in missing:
        names = by_kind.setdefault(need.by.facts.kind, [])
        if need.name not in names and not need.trouble:
            names.append(need.name)
    hints = {
        f"{printable(name)}: {hint}"
        for kind, names in by_kind.items()
        for name, hint in hints_for(names, kind, matches=partial(_is_of, kind)).items()
    }
    return sorted(hints)


def _is_of(kind: ElfTarget, path: str) -> bool:
    try:
        return read_path(path).kind == kind
    except (OSError, ElfError):
        return False
