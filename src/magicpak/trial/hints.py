"""What would bring in what a program looked for in vain, the likeliest cause of trouble first."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.bundle.patterns import excluded
from magicpak.bundle.plan import BundlePlan
from magicpak.display import shown
from magicpak.tools import as_shell_line
from magicpak.tracing.trace import How
from magicpak.trial.called import called
from magicpak.trial.sought import Sought

MOST = 8
"""How many are told."""

_NAMED, _ESSENTIAL = -1, 0  # ranks: what the program's own words name, and what nothing goes without
_TRIFLING = 3  # the rank of what is hardly ever missed
_IDLY_ASKED = 1  # how much less a file matters that was only asked for
_SHORTEST = 3  # characters of a name that is worth finding in what was said
_CROWD = 4  # paths of one directory from which on the directory is told
_DEPTH = 2  # of a directory that holds half a system: /etc, /usr/lib


class Plans(NamedTuple):
    """What stands in the bundle, and what would without the patterns `exclude`."""

    plan: BundlePlan
    before: BundlePlan
    exclude: Sequence[str]


class _Cure(NamedTuple):
    """Something that was sought, and what brings it in as an argument: its path on the host."""

    sought: Sought
    source: str


def hints_for(sought: Sequence[Sought], plans: Plans, said: str) -> list[str]:
    """Return a hint for each thing of `sought` that the host has, the likeliest first; `said` is what was printed."""
    cures = [_Cure(each, source) for each in reversed(sought) if (source := _on_host(each)) is not None]
    cures.sort(key=lambda cure: _rank(cure.sought, said))  # what was looked for last comes first among equals
    return [_hint(cure, plans) for cure in _without_repetition(_gathered(cures, plans.plan))]


def worth_telling(unseen: Iterable[Sought], plans: Plans, said: str) -> list[Sought]:
    """Return those of `unseen`, which nobody looked for by name, that `said` names or the user has left out."""
    return [each for each in unseen if _is_named(each.path, said) or plans.before.reached(each.path)[0] is not None]


def _on_host(sought: Sought) -> str | None:
    """Return what brings in `sought` as an argument; None where there is nothing on the host."""
    if sought.how is How.MADE or os.path.exists(sought.path):
        return str(sought.path)
    relative = sought.path.lstrip("/")  # a relative path of the command line stands below the bundle's root
    return relative if os.path.exists(relative) else None


def _rank(sought: Sought, said: str) -> int:
    rank = called(sought.path).rank
    if rank < _TRIFLING and _is_named(sought.path, said):
        return _NAMED
    if sought.how in (How.EXECUTED, How.MADE):
        return _ESSENTIAL
    return rank + (_IDLY_ASKED if sought.how is How.TESTED and rank else 0)


def _is_named(path: BundlePath, said: str) -> bool:
    """Tell whether `said` has the path, or its last name without what comes after a dot, as a word."""
    stem = path.name.partition(".")[0]
    if path in said or re.search(rf"(?<!\S){re.escape(path.name)}(?!\w)", said):
        return True
    return len(stem) >= _SHORTEST and re.search(rf"\b{re.escape(stem)}\b", said) is not None


def _gathered(cures: Sequence[_Cure], plan: BundlePlan) -> list[_Cure]:
    """Return `cures` with the directory in place of those of many files whose directory is missing too."""
    parents = Counter(cure.sought.path.parent for cure in cures if cure.source == cure.sought.path)
    crowds = {
        parent
        for parent, count in parents.items()
        if count >= _CROWD and not _is_high(parent) and plan.reached(parent)[0] is None
    }
    return [
        _Cure(Sought(parent, How.LISTED), str(parent)) if (parent := cure.sought.path.parent) in crowds else cure
        for cure in cures
    ]


def _is_high(directory: BundlePath) -> bool:
    """Tell whether half a system can be below `directory`."""
    return directory.count("/") <= _DEPTH


def _without_repetition(cures: Iterable[_Cure]) -> list[_Cure]:
    """Return `cures` without those that are another's file by another path, or stand below another's directory."""
    kept: list[_Cure] = []
    whole: list[BundlePath] = []
    seen: set[str] = set()
    for cure in cures:
        real = BundlePath(os.path.realpath(cure.source))
        if real not in seen and not any(real.is_under(directory) for directory in whole):
            kept.append(cure)
            seen.add(real)
            if os.path.isdir(real) and not _is_just_a_directory(cure):
                whole.append(real)
    return kept


def _hint(cure: _Cure, plans: Plans) -> str:
    path, words = cure.sought.path, called(cure.sought.path).words
    about = f" ({words})" if words else ""
    if plans.before.reached(path)[0] is not None:
        pattern = next((each for each in plans.exclude if _leaves_out(each, path, plans.before)), None)
        if pattern is not None:
            return f"{shown(path)}{about} is left out by {as_shell_line(['--exclude', pattern])}"
    flag = "--mkdir" if _is_just_a_directory(cure) else "--include"
    return f"{as_shell_line([flag, cure.source])}{about}"


def _leaves_out(pattern: str, path: BundlePath, before: BundlePlan) -> bool:
    return excluded(before, [pattern])[0].reached(path)[0] is None


def _is_just_a_directory(cure: _Cure) -> bool:
    """Tell whether the directory itself is enough: something was to be made in it, or it holds half a system."""
    if cure.sought.how is How.MADE:
        return True
    return _is_high(cure.sought.path) and os.path.isdir(cure.source)
