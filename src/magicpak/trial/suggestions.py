"""What would bring in what a program looked for in vain, the likeliest cause of trouble first."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy, Directory
from magicpak.bundle.exclude import Exclusion
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.text import printable, shell_line
from magicpak.tracing.trace import Access
from magicpak.trial.failed_lookups import FailedLookup
from magicpak.trial.known_paths import known_path

MOST = 8
"""How many are told."""

_LEFT_OUT, _NAMED, _ESSENTIAL, _TRIFLING = -2, -1, 0, 3
"""Ranks: what `--exclude` has taken away, what the program's own words name, what nothing goes without, the rest."""

_IDLY_ASKED = 1  # how much less a file matters that was only asked for, or a directory
_SHORTEST = 3  # characters of a name that is worth finding in what was said
_CROWD = 4  # paths of one directory from which on the directory is told
_DEPTH = 2  # of a directory that holds half a system: /etc, /usr/lib


class TrialPlans(NamedTuple):
    """What is in the bundle, and what `--exclude` has taken from it.

    `made` are the real paths of what the program itself has made on the host, when it was traced there; None where it
    was not.
    """

    plan: BundlePlan
    exclusion: Exclusion
    made: Collection[str] | None = None

    @property
    def before(self) -> BundlePlan:
        """The plan without regard to `--exclude`."""
        return self.exclusion.before

    def is_excluded(self, path: BundlePath) -> bool:
        """Return whether `--exclude` has taken what was at `path`."""
        return self.exclusion.flag_for(path) is not None


class _Suggestion(NamedTuple):
    """Something that was sought, and what brings it in as an argument: its path on the host.

    `is_bare` tells that it is a directory of which nothing is needed but that it is there.
    """

    sought: FailedLookup
    source: str
    is_bare: bool = False


def suggest(sought: Sequence[FailedLookup], plans: TrialPlans, said: str) -> list[str]:
    """Return a hint for each thing of `sought` that the host has, the likeliest first; `said` is what was printed."""
    relative, holders = _has_relative(plans.plan), {each.path.parent for each in sought}
    cures = [
        _Suggestion(each, source, is_bare=_is_just_a_directory(each, source, holders))
        for whole in reversed(sought)  # what was looked for last comes first among equals
        for each in _parts_left_out(whole, plans)
        if (source := _on_host(each, relative=relative)) and os.path.realpath(source) not in (plans.made or ())
    ]
    cures.sort(key=lambda cure: _rank(cure, plans, said))
    return [_hint(cure, plans) for cure in _without_repetition(_gathered(cures, plans.plan), plans)]


def worth_telling(unseen: Iterable[FailedLookup], plans: TrialPlans, said: str) -> list[FailedLookup]:
    """Return those of `unseen`, which nobody looked for by name, that `said` names or the user has left out."""
    return [each for each in unseen if _is_named(each.path, said) or plans.is_excluded(each.path)]


def _parts_left_out(sought: FailedLookup, plans: TrialPlans) -> list[FailedLookup]:
    """Return `sought`, or the files that `--exclude` has taken from it where it is a directory."""
    item = plans.before.reached(sought.path)[0] if plans.is_excluded(sought.path) else None
    if item is None or not isinstance(item.entry, Directory):
        return [sought]
    below = [each for each in plans.before if each.path.is_under(item.path) and each.path not in plans.plan]
    return [FailedLookup(each.path, sought.access) for each in below if not isinstance(each.entry, Directory)] or [
        sought
    ]


def _has_relative(plan: BundlePlan) -> bool:
    """Tell whether relative paths of the command line stand in the bundle: below its root, not where they are."""
    try:
        here = os.getcwd().rstrip("/")
    except OSError:
        return False
    return bool(here) and any(isinstance(each.entry, Copy) and each.entry.source == here + each.path for each in plan)


def _on_host(sought: FailedLookup, *, relative: bool) -> str | None:
    """Return what brings in `sought` as an argument; None where nothing does, or it is half a system."""
    path = str(sought.path)
    if sought.access is Access.MADE:
        return path
    source = path if os.path.exists(path) else path.lstrip("/")
    if (source != path and not relative) or not os.path.exists(source):
        return None
    return None if _is_high(sought.path) and os.path.isdir(source) else source


def _rank(cure: _Suggestion, plans: TrialPlans, said: str) -> int:
    sought = cure.sought
    rank = known_path(sought.path).rank
    if plans.is_excluded(sought.path):
        return _LEFT_OUT
    if cure.is_bare and sought.access is not Access.MADE:
        return _TRIFLING
    if rank < _TRIFLING and _is_named(sought.path, said):
        return _NAMED
    if sought.access in (Access.EXECUTED, Access.MADE):
        return _ESSENTIAL
    return rank + (_IDLY_ASKED if os.path.isdir(cure.source) or (sought.access is Access.TESTED and rank) else 0)


def _is_named(path: BundlePath, said: str) -> bool:
    """Tell whether `said` has the path, or its last name, with or without what comes after a dot, as a word."""
    if re.search(rf"{re.escape(path)}(?![\w/.-]*\w)|(?<!\S){re.escape(path.name)}(?!\w)", said):
        return True
    stem = path.name.partition(".")[0]
    return len(stem) >= _SHORTEST and re.search(rf"(?<![\w<]){re.escape(stem)}(?![\w>])", said) is not None


def _gathered(cures: Sequence[_Suggestion], plan: BundlePlan) -> list[_Suggestion]:
    """Return `cures` with the directory in place of those of many files whose directory is missing too."""
    parents = Counter(cure.sought.path.parent for cure in cures if cure.source == cure.sought.path)
    crowds = {
        parent
        for parent, count in parents.items()
        if count >= _CROWD and not _is_high(parent) and plan.reached(parent)[0] is None
    }
    return [
        _Suggestion(FailedLookup(parent, Access.LISTED), str(parent))
        if (parent := cure.sought.path.parent) in crowds
        else cure
        for cure in cures
    ]


def _is_high(directory: BundlePath) -> bool:
    """Tell whether half a system can be below `directory`."""
    return directory.count("/") <= _DEPTH


def _without_repetition(cures: Iterable[_Suggestion], plans: TrialPlans) -> list[_Suggestion]:
    """Return `cures` without those that are another's file by another path, or stand below another's directory.

    Of several paths of one file that counts which was left out, else its real path, else the first.
    """
    kept: dict[BundlePath, _Suggestion] = {}
    whole: list[BundlePath] = []
    for cure in cures:
        real = BundlePath(os.path.realpath(cure.source))
        if any(real.is_under(directory) for directory in whole if directory != real):
            continue
        known = kept.setdefault(real, cure)
        if not plans.is_excluded(known.sought.path) and (plans.is_excluded(cure.sought.path) or cure.source == real):
            kept[real] = cure
        if os.path.isdir(real) and not cure.is_bare:
            whole.append(real)
    return list(kept.values())


def _hint(cure: _Suggestion, plans: TrialPlans) -> str:
    path, words = cure.sought.path, known_path(cure.sought.path).words
    about = f" ({words})" if words else ""
    excluded_by = plans.exclusion.flag_for(path)
    if excluded_by is not None:
        return f"{printable(path)}{about} is excluded by {excluded_by}"
    flag = "--mkdir" if cure.is_bare else "--include"
    return f"{shell_line([flag, cure.source])}{about}"


def _is_just_a_directory(sought: FailedLookup, source: str, holders: Collection[BundlePath]) -> bool:
    """Tell whether the directory itself is enough: something was to be made in it, or nothing in it was sought."""
    if sought.access is Access.MADE:
        return True
    if not os.path.isdir(source):
        return False
    return (sought.access is Access.TESTED and sought.path not in holders) or not os.listdir(source)
