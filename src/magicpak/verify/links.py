"""What is said of links that lead to nothing."""

import os
import stat
from collections.abc import Iterable, Sequence

from magicpak.bundle.entry import Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Item
from magicpak.files.walk import KERNEL_DIRECTORIES
from magicpak.text import count_noun, printable
from magicpak.verify.problems import Problem

_FILLED_LATER = (*KERNEL_DIRECTORIES, "/run")


def about_dead_links(
    links: Iterable[tuple[Item, BundlePath]], output: str | None
) -> tuple[Sequence[Problem], Sequence[str]]:
    """Return a problem for each of `links` that leads somewhere on the host, and a line on the others, if any.

    Each comes with the place where it leads to nothing; `output` is OUTPUT. Nothing is said where that is filled when
    the system runs, and of an end that cannot be bundled: that is said where it is left out.
    """
    problems: list[Problem] = []
    absent: list[tuple[str, str]] = []
    for item, end in links:
        if not isinstance(item.entry, Link) or item.entry.source is None or is_filled_later(end):
            continue
        real = BundlePath(os.path.realpath(item.entry.source))
        if not os.path.exists(item.entry.source) or (output is not None and real.is_under(os.path.realpath(output))):
            absent.append((item.path, item.entry.target))
        elif _can_be_bundled(real):
            words = f"{printable(end)}, to which it leads, is not in the bundle; it was {item.because}"
            problems.append(Problem(item.path, end, item.path, words, fate="lead anywhere"))
    return problems, dangling_warning(absent)


def dangling_warning(links: Sequence[tuple[str, str]]) -> list[str]:
    """Return a line on links that lead to nothing, each its path and its text, if there are any."""
    if not links:
        return []
    path, target = links[0]
    count = count_noun(len(links), "link")
    return [f"{count} to what is not there, the first from {printable(path)} to {printable(target)}"]


def is_filled_later(path: BundlePath) -> bool:
    """Tell whether what stands at `path` is made when the system runs."""
    return any(path.is_under(directory) for directory in _FILLED_LATER)


def _can_be_bundled(real: BundlePath) -> bool:
    mode = os.stat(real).st_mode
    kinds = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISFIFO)
    return not is_filled_later(real) and any(is_kind(mode) for is_kind in kinds) and os.access(real, os.R_OK)
