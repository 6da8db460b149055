"""The message about missing libraries: all of them at once, who needs each, where it was searched, and a cure."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from magicpak.elf.errors import ElfError
from magicpak.elf.facts import ElfTarget
from magicpak.elf.reader import read_path
from magicpak.errors import LibrariesMissing
from magicpak.files.view import HOST
from magicpak.ldso.closure import chain
from magicpak.ldso.factory import ASK_HINT, FallbackLoader
from magicpak.ldso.interpreter import Glibc
from magicpak.ldso.libc import Libc, libc_needed, libc_of_loader, libc_of_name
from magicpak.ldso.loader import Loaded
from magicpak.resolve.hints import hints_for
from magicpak.resolve.libraries import MissingNeed, Resolved, missing_needs
from magicpak.text import MAX_DIRECTORIES, count_noun, list_names, printable

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_RELATIVE = "a relative path is taken from the current directory, in an image from its WORKDIR"


def missing_error(all_resolved: Sequence[Resolved], files: "SourceView" = HOST) -> LibrariesMissing:
    """Return the error that names every missing library and interpreter, of which there is one at least.

    What would help is looked for in `files`.
    """
    missing = missing_needs(all_resolved)
    bad_interpreters = [resolved for resolved in all_resolved if resolved.interpreter_error]
    details = [_about_interpreter(resolved) for resolved in bad_interpreters]
    details += [line for each in missing for line in describe_need(each)]
    names = list(dict.fromkeys(each.need.name for each in missing))
    parts = []
    if bad_interpreters:
        paths = dict.fromkeys(printable(each.closure.program.facts.interpreter or "") for each in bad_interpreters)
        noun = "interpreter" if len(paths) == 1 else "interpreters"
        parts.append(f"the {noun} {', '.join(paths)} cannot be used")
    if names:
        subject = "a library is" if len(names) == 1 else f"{count_noun(len(names), 'library')} are"
        parts.append(f"{subject} missing: {', '.join(map(printable, names))}")
    return LibrariesMissing("; ".join(parts), details=details, hints=_hints(missing, files))


def missing_warnings(all_resolved: Sequence[Resolved], loaded: Collection[str] = ()) -> list[str]:
    """Return a line for each library that is missing, however many need it, for a warning.

    The programs have those with a name of `loaded` by then.
    """
    chains_of: dict[str, list[str]] = {}
    for resolved, need in missing_needs(all_resolved):
        if need.name in loaded:
            continue
        chains_of.setdefault(need.name, []).append(describe_chain(resolved, need.by))
    return [f"{printable(name)} is missing: needed by {list_names(chains)}" for name, chains in chains_of.items()]


def _about_interpreter(resolved: Resolved) -> str:
    path = printable(resolved.closure.program.facts.interpreter or "")
    where = "" if path.startswith("/") else f"; {_RELATIVE}"
    return (
        f"{path} {resolved.interpreter_error}: it is the interpreter (PT_INTERP) of {printable(resolved.name)}{where}"
    )


def describe_need(missing: MissingNeed) -> list[str]:
    """Return a line on who needs what is missing, and one on where it was searched or why it cannot be loaded."""
    need = missing.need
    lines = [f"{printable(need.name)} is needed by {describe_chain(missing.resolved, need.by)}"]
    if need.load_error:
        lines.append(f"  the loader stops because {printable(need.load_error)}")
    else:
        loader = missing.resolved.loader if "/" in need.name else None
        paths = loader.paths(need.name, need.by) if loader is not None else []
        if paths:
            relative = "" if need.name.startswith(("/", "$ORIGIN", "${ORIGIN}")) else f"; {_RELATIVE}"
            lines.append(f"  looked for at {list_names(paths, MAX_DIRECTORIES)}{relative}")
        searched = searched_places(missing)
        if searched.directories:
            cache = ", and ld.so.cache" if searched.cache else ""
            lines.append(f"  searched in {list_names(searched.directories, MAX_DIRECTORIES)}{cache}")
    return lines


class SearchedPlaces(NamedTuple):
    """Where a library was looked for: the directories, and the path of ld.so.cache."""

    directories: Sequence[str] = ()
    cache: str | None = None


def searched_places(missing: MissingNeed) -> SearchedPlaces:
    """Return where what is missing was looked for; nowhere for a path."""
    resolved, need = missing
    if resolved.loader is None or "/" in need.name:
        return SearchedPlaces()
    inside = resolved.interpreter.built_in if resolved.interpreter else None
    return SearchedPlaces(resolved.loader.searched(need.by), inside.cache if isinstance(inside, Glibc) else None)


def describe_chain(resolved: Resolved, loaded: Loaded) -> str:
    """Return the path of `loaded`, and of what needs it, up to the program."""
    paths = chain(loaded, resolved.closure.program)
    return ", which is needed by ".join(printable(path) for path in reversed(paths))


def _hints(missing: Sequence[MissingNeed], files: "SourceView") -> list[str]:
    hints: dict[str, None] = {}
    wanted: dict[tuple[ElfTarget, Libc | None], dict[str, None]] = {}
    for resolved, need in missing:
        kind, own, libc = need.by.facts.kind, libc_of_loader(resolved.interpreter), libc_of_name(need.name)
        if own is not None and libc is not None and libc is not own:
            built = f"{printable(need.by.path)} is built for {libc.value}, but the loader is {own.value}'s"
            hints[f"{printable(need.name)}: {built}"] = None
        elif not need.load_error:
            wanted.setdefault((kind, own), {})[need.name] = None
    for (kind, own), names in wanted.items():
        packaged = kind if files.is_this_system and own is not Libc.MUSL else None  # Debian has for musl musl alone
        found = hints_for(list(names), packaged, matches=partial(_is_of, kind, own, files), files=files)
        hints |= dict.fromkeys(f"{printable(name)}: {hint}" for name, hint in found.items())
    unasked = sorted({path for each in missing if (path := _unasked_loader(each))})
    return [*sorted(hints), *(f"the loader {printable(path)} was not asked: {ASK_HINT}" for path in unasked)]


def _unasked_loader(missing: MissingNeed) -> str | None:
    """Return the path of the loader that was not asked for what is missing, since it is not the system's own."""
    interpreter, loader = missing.resolved.interpreter, missing.resolved.loader
    is_unasked = isinstance(loader, FallbackLoader) and loader.is_distrusted and not missing.need.load_error
    return interpreter.path if interpreter and is_unasked else None


def _is_of(kind: ElfTarget, libc: Libc | None, files: "SourceView", path: str) -> bool:
    """Return whether the library at `path` is for the machine `kind`, and built for `libc` as far as can be seen."""
    try:
        facts = read_path(files.physical(files.real(path)))
    except (OSError, ElfError):
        return False
    needed = libc_needed(facts)
    return facts.kind == kind and (libc is None or needed is None or needed[0] is libc)
