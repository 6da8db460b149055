"""Links that lead to nothing."""

import os
import stat
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from magicpak.bundle.entry import Link
from magicpak.bundle.path import BundlePath
from magicpak.files.view import HOST, RUNTIME_DIRECTORIES, is_below, real_path
from magicpak.text import printable
from magicpak.verify.plan_view import DanglingLink
from magicpak.verify.problems import FailureKind, Problem

if TYPE_CHECKING:
    from magicpak.files.source import SourceView
from magicpak.files.directory import LinkAt


def check_links(
    links: Iterable[DanglingLink], output: str | None, files: "SourceView" = HOST
) -> tuple[list[Problem], list[str]]:
    """Return a problem for each of `links` that leads somewhere in `files`, and a warning of the others, if any.

    `output` is OUTPUT. There is none where that is filled when a system runs, nor for an end that cannot be bundled: of
    that there is a warning already.
    """
    problems: list[Problem] = []
    absent: list[LinkAt] = []
    inside = None if output is None else files.inside(real_path(output))
    for item, end in links:
        if not isinstance(item.entry, Link) or item.entry.source is None or is_filled_at_run_time(end):
            continue
        link = files.inside(item.entry.source) or item.path
        real = BundlePath(files.real(link))
        if not files.exists(link) or (inside is not None and real.is_under(inside)):
            absent.append(LinkAt(item.path, item.entry.target))
        elif _can_be_bundled(real, files):
            message = f"it leads to {printable(end)}, which is not in the bundle; it was {item.because}"
            problems.append(Problem(item.path, end, item.path, message, kind=FailureKind.LINK))
    return problems, dangling_warnings(absent)


def dangling_warnings(links: Sequence[LinkAt]) -> list[str]:
    """Return a line on links that lead to nothing, if there are any."""
    if not links:
        return []
    first = f"{printable(links[0].path)} -> {printable(links[0].target)}"
    return [f"dangling link: {first}" if len(links) == 1 else f"{len(links)} dangling links, such as {first}"]


def is_filled_at_run_time(path: BundlePath) -> bool:
    """Return whether what is at `path` is made when a system runs."""
    return is_below(path, RUNTIME_DIRECTORIES)


def _can_be_bundled(real: BundlePath, files: "SourceView") -> bool:
    from magicpak.files.file_systems import is_kernels

    mode, physical = files.status(real).st_mode, files.physical(real)
    is_file = any(is_kind(mode) for is_kind in (stat.S_ISREG, stat.S_ISDIR, stat.S_ISFIFO))
    return is_file and not is_filled_at_run_time(real) and not is_kernels(physical) and os.access(physical, os.R_OK)
