"""Which arguments would add what a program looked for and did not find, the likeliest cause of the failure first."""

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy, Directory
from magicpak.bundle.exclude import Exclusion
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.files.view import STATE_DIRECTORIES, is_below, real_path
from magicpak.resolve.inputs import Input
from magicpak.text import printable, shell_line
from magicpak.tracing.trace import Access
from magicpak.trial.failed_lookups import FailedLookup
from magicpak.trial.known_paths import known_path

MOST = 8
"""How many are shown."""

_EXCLUDED, _NAMED, _ESSENTIAL, _TRIFLING = -2, -1, 0, 3
"""Ranks: what `--exclude` has removed, what the program's messages name, what nothing works without, the rest."""

_MERELY_TESTED = 1  # how much less a file matters that was only looked at, or a directory
_SHORTEST = 3  # characters of a name that is worth finding in what was printed
_CROWD = 4  # from so many paths of one directory on, the directory is suggested
_DEPTH = 2  # of a directory that holds half a system: /etc, /usr/lib
_TEMPORARY = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - the bundle's; the usual one first
_PASSWORDS = ("/etc/shadow", "/etc/gshadow")  # which no image has
_STATE = (*_TEMPORARY, "/var", "/run", "/home", "/root")  # what a system writes there, no image has (FHS 3.0)


Cures = Callable[[str], str | None]
"""Returns the value of `--with` that adds a path and is suggested for the bundle; None for no such."""


class TrialPlans(NamedTuple):
    """What is in the bundle, and what `--exclude` has taken from it; `inputs` are the INPUTs.

    `made` are the real paths of what the program itself has made on the host, when it was traced there; None where it
    was not. `cures` finds out what is suggested, which only a failure needs.
    """

    plan: BundlePlan
    exclusion: Exclusion
    made: Collection[str] | None = None
    inputs: Sequence[Input] = ()
    cures: Callable[[], Cures] | None = None

    def is_excluded(self, path: BundlePath) -> bool:
        """Return whether `--exclude` has taken what was at `path`."""
        return self.exclusion.flag_for(path) is not None


class _Cure(NamedTuple):
    """Something that was looked for, and the argument that adds it: its path on the host.

    `is_bare` is whether it is a directory that only has to exist.
    """

    lookup: FailedLookup
    source: str
    is_bare: bool = False


def suggest(lookups: Sequence[FailedLookup], plans: TrialPlans, printed: str) -> list[str]:
    """Return a hint for each of `lookups` that the host has, the likeliest first, given what the program `printed`."""
    relative = _has_relative(plans.plan)
    holders = {above for each in lookups if os.path.exists(each.path) for above in _above(each.path)}
    made = plans.made or ()
    suggestions = [
        _Cure(each, source, is_bare=_is_just_a_directory(each, source, holders))
        for whole in reversed(lookups)  # what was looked for last comes first among equals
        for each in _excluded_parts(whole, plans)
        if (source := _argument(each, plans, printed, relative=relative)) and real_path(source) not in made
    ]
    suggestions.sort(key=lambda each: (_rank(each, plans, printed), _temporary_rank(each.lookup.path)))
    found = _without_repetition(_gathered(suggestions, plans.plan), plans)
    cure = plans.cures() if found and plans.cures is not None else _no_cure
    return list(dict.fromkeys([_hint(each, plans, cure) for each in found]))


def worth_suggesting(unlisted: Iterable[FailedLookup], plans: TrialPlans, printed: str) -> list[FailedLookup]:
    """Return those of `unlisted`, which nobody looked for by name, that `printed` names or the user has excluded."""
    return [each for each in unlisted if _is_named(each.path, printed) or plans.is_excluded(each.path)]


def _excluded_parts(lookup: FailedLookup, plans: TrialPlans) -> list[FailedLookup]:
    """Return `lookup`, or the files that `--exclude` has removed from it where it is a directory."""
    before = plans.exclusion.before
    item = before.reached(lookup.path)[0] if plans.is_excluded(lookup.path) else None
    if item is None or not isinstance(item.entry, Directory):
        return [lookup]
    below = [each for each in before if each.path.is_under(item.path) and each.path not in plans.plan]
    return [FailedLookup(each.path, lookup.access) for each in below if not isinstance(each.entry, Directory)] or [
        lookup
    ]


def _has_relative(plan: BundlePlan) -> bool:
    """Return whether relative paths of the command line are in the bundle: below its root, not where they are."""
    try:
        here = os.getcwd().rstrip("/")
    except OSError:
        return False
    return bool(here) and any(isinstance(each.entry, Copy) and each.entry.source == here + each.path for each in plan)


def _argument(lookup: FailedLookup, plans: TrialPlans, printed: str, *, relative: bool) -> str | None:
    """Return the argument that adds `lookup`; None where there is none, or it would be half a system."""
    path = str(lookup.path)
    if path in _PASSWORDS:
        return None
    removed = plans.exclusion.removed.get(lookup.path)
    if removed is not None and isinstance(removed.item.entry, Copy):
        return removed.item.entry.source
    if lookup.access is Access.MADE:
        return path
    if is_below(path, STATE_DIRECTORIES):
        return path if _is_state_directory(lookup, printed) else None
    source = path if os.path.exists(path) else path.lstrip("/")
    if (source != path and not relative) or not os.path.exists(source):
        return None
    return None if _is_high(lookup.path) and os.path.isdir(source) else source


def _rank(suggestion: _Cure, plans: TrialPlans, printed: str) -> int:
    lookup = suggestion.lookup
    rank = known_path(lookup.path).rank
    if plans.is_excluded(lookup.path):
        return _EXCLUDED
    if suggestion.is_bare and lookup.access is not Access.MADE:
        return _NAMED if _is_path_named(lookup.path, printed) else _TRIFLING
    if rank < _TRIFLING and _is_named(lookup.path, printed):
        return _NAMED
    if lookup.access in (Access.EXECUTED, Access.MADE):
        return _ESSENTIAL
    is_minor = os.path.isdir(suggestion.source) or (lookup.access is Access.TESTED and rank > 0)
    return rank + (_MERELY_TESTED if is_minor else 0)


def _temporary_rank(path: BundlePath) -> int:
    return _TEMPORARY.index(path) if path in _TEMPORARY else 0


def _above(path: BundlePath) -> Iterator[BundlePath]:
    while path != ROOT:
        path = path.parent
        yield path


def _is_named(path: BundlePath, printed: str) -> bool:
    """Return whether `printed` has the path, or its last name, with or without what comes after a dot, as a word."""
    if _is_path_named(path, printed) or re.search(rf"(?<!\S){re.escape(path.name)}(?!\w)", printed):
        return True
    stem = path.name.partition(".")[0]
    return len(stem) >= _SHORTEST and re.search(rf"(?<![\w<]){re.escape(stem)}(?![\w>])", printed) is not None


def _is_path_named(path: BundlePath, printed: str) -> bool:
    return re.search(rf"{re.escape(path)}(?![\w/.-]*\w)", printed) is not None


def _gathered(suggestions: Sequence[_Cure], plan: BundlePlan) -> list[_Cure]:
    """Return `suggestions` with the directory in place of those of many files whose directory is missing too."""
    parents = Counter(
        each.lookup.path.parent for each in suggestions if each.source == each.lookup.path and not each.is_bare
    )
    crowds = {
        parent
        for parent, count in parents.items()
        if count >= _CROWD and not _is_high(parent) and plan.reached(parent)[0] is None
    }
    return [
        _Cure(FailedLookup(parent, Access.LISTED), str(parent))
        if (parent := each.lookup.path.parent) in crowds
        else each
        for each in suggestions
    ]


def _is_high(directory: BundlePath) -> bool:
    """Return whether half a system can be below `directory`."""
    return directory.count("/") <= _DEPTH


def _without_repetition(suggestions: Iterable[_Cure], plans: TrialPlans) -> list[_Cure]:
    """Return `suggestions` without those that are another's file by another path, or are below another's directory.

    Of several paths of one file, the one that was excluded counts, else its real path, else the first.
    """
    kept: dict[BundlePath, _Cure] = {}
    whole: list[BundlePath] = []
    for each in suggestions:
        real = BundlePath(real_path(each.source))
        if any(real.is_under(directory) for directory in whole if directory != real):
            continue
        known = kept.setdefault(real, each)
        is_better = plans.is_excluded(each.lookup.path) or each.source == real
        if is_better and not plans.is_excluded(known.lookup.path):
            kept[real] = each
        if os.path.isdir(real) and not each.is_bare:
            whole.append(real)
    return list(kept.values())


def _no_cure(_path: str) -> None:
    """Return None: nothing is suggested."""


def _hint(suggestion: _Cure, plans: TrialPlans, cure: Cures) -> str:
    path, known = suggestion.lookup.path, known_path(suggestion.lookup.path)
    about = f" ({known.words})" if known.words else ""
    excluded_by = plans.exclusion.flag_for(path)
    if excluded_by is not None:
        return f"{printable(path)}{about} is excluded by {excluded_by}"
    if suggestion.source == path and known.need and (not suggestion.is_bare or path in _TEMPORARY):
        return f"{shell_line(['--with', known.need])}{about}"
    if suggestion.source == path and (name := cure(path)):
        return shell_line(["--with", name])
    flag = "--mkdir" if suggestion.is_bare else "--include"
    return f"{shell_line([flag, suggestion.source])}{about}"


def _is_just_a_directory(lookup: FailedLookup, source: str, holders: Collection[BundlePath]) -> bool:
    """Return whether the directory itself is enough: it is not read, and nothing below it, in `holders`, is sought.

    Where a directory was only tested, its files may be sought next, unless they are a system's state.
    """
    if is_below(lookup.path, STATE_DIRECTORIES):
        return True
    if not os.path.isdir(source) or not os.listdir(source) or lookup.path in _TEMPORARY:
        return lookup.access is Access.MADE or os.path.isdir(source)
    if lookup.path in holders or lookup.was_read:
        return False
    return lookup.access is Access.MADE or (lookup.access is Access.TESTED and is_below(lookup.path, _STATE))


def _is_state_directory(lookup: FailedLookup, printed: str) -> bool:
    """Return whether a directory of /run was looked for: the host has it, or a message names what was only tested.

    No image has the files there, and a test does not say which of both it is about.
    """
    if os.path.isdir(lookup.path):
        return True
    return lookup.access is Access.TESTED and "." not in lookup.path.name and _is_path_named(lookup.path, printed)
