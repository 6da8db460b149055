"""Links that lead to nothing."""

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan, Item
from magicpak.display import plural, shown
from magicpak.proof.problems import Fate, Problem
from magicpak.proof.rooted import KERNEL_MADE
from magicpak.proof.walked import World

FILLED_LATER = (*KERNEL_MADE, "/run")


class DeadLinks(NamedTuple):
    """The links that lead to nothing: a problem for each that the host has an end of, and lines on the others."""

    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]


def dead_links(plan: BundlePlan, world: World, output: str | None) -> DeadLinks:
    """Return what there is to say of the links of `plan` that lead to nothing in its `world`; `output` is OUTPUT.

    Nothing is said of what is filled when the system runs, and of an end that is no file to be bundled: that was said.
    """
    problems: list[Problem] = []
    absent: list[tuple[str, str]] = []
    for item, end in _dead(plan, world):
        source = item.entry.source if isinstance(item.entry, Link) else None
        if source is None or is_filled_later(end):
            continue
        real = BundlePath(os.path.realpath(source))
        if not os.path.exists(real) or (output is not None and real.is_under(output)):
            absent.append((item.path, item.entry.target if isinstance(item.entry, Link) else ""))
        elif _can_be_bundled(real):
            words = f"{shown(end)}, to which it leads, is not in the bundle; it was {item.because}"
            problems.append(Problem(item.path, end, item.path, words, fate=Fate.LEAD))
    return DeadLinks(tuple(problems), tuple(told(absent)))


def told(links: Sequence[tuple[str, str]]) -> list[str]:
    """Return a line on links that lead to nothing, each its path and its text, if there are any."""
    if not links:
        return []
    path, target = links[0]
    return [f"{plural(len(links), 'link')} to what is not there, the first from {shown(path)} to {shown(target)}"]


def is_filled_later(path: BundlePath) -> bool:
    """Tell whether what stands at `path` is made when the system runs."""
    return any(path.is_under(directory) for directory in FILLED_LATER)


def _dead(plan: BundlePlan, world: World) -> Iterator[tuple[Item, BundlePath]]:
    """Yield the links that lead to nothing, each with the place where that is."""
    for item in plan.where(lambda item: isinstance(item.entry, Link)):
        try:
            world.reached(item.path)
        except OSError:
            yield item, plan.reached(item.path)[1]


def _can_be_bundled(real: BundlePath) -> bool:
    mode = os.stat(real).st_mode
    kinds = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISFIFO)
    return not is_filled_later(real) and any(is_kind(mode) for is_kind in kinds) and os.access(real, os.R_OK)
