"""Files of the plan as strip leaves them: private copies without what nobody needs at run time."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.private_copies import copy_for, copy_from
from magicpak.elf.strippable import Strippable, strippable
from magicpak.elf.stripped import difference
from magicpak.errors import ToolFailed, reason
from magicpak.ldso.helper_build import last_lines
from magicpak.process.child import Completed, describe_exit, run_all
from magicpak.process.exec import find_program
from magicpak.process.tempdirs import remove_tree
from magicpak.text import printable

_DEFAULTS = ("strip", "llvm-strip")
_DEBUG, _ALL = "--strip-debug", "--strip-unneeded"
_MAX_SIZE = 1 << 32  # bytes of a file that is looked into and copied; one with holes can be far larger than the disk
_TIMEOUT = 300.0  # seconds for one file; a gigabyte takes ten


class StripTool(NamedTuple):
    """The path or name of a strip, None for the first of `_DEFAULTS` that there is; and the seconds for one file."""

    name: str | None = None
    timeout: float = _TIMEOUT

    @property
    def program(self) -> str:
        """The path or name of the strip that is run."""
        return self.name or next(filter(find_program, _DEFAULTS), _DEFAULTS[0])

    def check(self) -> None:
        """Raise ToolFailed where there is no such program."""
        if find_program(self.program) is None:
            hint = "apt-get install binutils, or --strip-tool with the path of a strip"
            raise ToolFailed.missing(self.program, "--strip", hint)


class StripCandidate(NamedTuple):
    """A file of the plan that has something to remove: its first path, its entry, and what that is."""

    path: BundlePath
    copy: Copy
    what: Strippable


class StripRefusal(NamedTuple):
    """Why a file stays as it is, in words; `cure` helps, if anything does."""

    reason: str
    cure: str = ""


def to_strip(plan: BundlePlan) -> Iterator[StripCandidate]:
    """Yield each file of `plan` that has something to remove and no checksum beside it: of hard links the first."""
    seen = set(_with_checksum(plan))
    for path, entry, _ in plan:
        if isinstance(entry, Copy) and entry.inode not in seen and entry.size <= _MAX_SIZE:
            seen.add(entry.inode)
            try:
                what = strippable(entry.source)
            except OSError:  # whoever writes the plan says it
                continue
            if what is not None:
                yield StripCandidate(path, entry, what)


def _with_checksum(plan: BundlePlan) -> Iterator[tuple[int, int]]:
    """Yield the inodes of what in FIPS mode compares itself with `.NAME.hmac` beside it, or NSS's `STEM.chk`."""
    for path, _, _ in plan:
        stem, extension = os.path.splitext(path.name)
        if extension in (".hmac", ".chk"):
            checked = stem.removeprefix(".") if extension == ".hmac" else f"{stem}.so"
            item, _ = plan.reached(path.parent.joined(checked))
            if item is not None and isinstance(item.entry, Copy):
                yield item.entry.inode


def strip(
    candidates: Sequence[StripCandidate], tool: StripTool, directory: str
) -> Iterator[tuple[StripCandidate, Copy | StripRefusal | None]]:
    """Let `tool` strip a copy of each of `candidates` in the private `directory`, which must outlive the plan.

    Yields each with its new entry, why it stays as it is, or None where nothing is gained. Raises ToolFailed for a tool
    that hangs or cannot be started, SourceChanged, and MagicpakError where no copy can be made.
    """
    chosen = []
    for each in candidates:
        if each.what.has_data:
            yield each, StripRefusal("strip could move or remove data that the program reads from its own file")
        else:
            chosen.append(each)
    files = [(os.path.join(directory, f"{at}.original"), os.path.join(directory, f"{at}")) for at in range(len(chosen))]

    def commands() -> Iterator[Sequence[str]]:
        for each, (original, stripped) in zip(chosen, files, strict=True):
            copy_for("strip", each.copy, original)
            kept = [f"--keep-section={name}" for name in each.what.kept]
            yield tool.program, _ALL if each.what.symbols else _DEBUG, *kept, "-o", stripped, original

    env = {**os.environ, "LC_ALL": "C"}
    with closing(run_all(commands(), timeout=tool.timeout, env=env)) as runs:
        for each, (original, stripped), done in zip(chosen, files, runs, strict=True):
            result = _result(each.copy, original, stripped, done, tool)
            for path in (original,) if isinstance(result, Copy) else (original, stripped):
                remove_tree(path)  # a strip may have made or removed anything
            yield each, result


def _result(copy: Copy, original: str, stripped: str, done: Completed, tool: StripTool) -> Copy | StripRefusal | None:
    name = printable(os.path.basename(tool.program))
    other = "strip of binutils" if "llvm" in name else "llvm-strip, which knows all machines"
    another = f"another one can be named with --strip-tool, such as {other}"
    if done.returncode:
        said = last_lines(done.output.replace(os.fsencode(original), b"FILE"))[-1:]
        return StripRefusal(": ".join([f"{name} {describe_exit(done.returncode)}", *said]), another)
    try:
        changed = difference(original, stripped)
    except OSError as error:
        changed = f"the output cannot be read: {reason(error)}"
    if changed is not None:
        return StripRefusal(f"{name} would damage it: {changed}", another)
    result = copy_from(stripped, copy)
    return result._replace(stripped=copy.size - result.size) if result.size < copy.size else None
