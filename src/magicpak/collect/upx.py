"""The INPUTs as upx packs them: each is a private copy that replaces the program in the plan."""

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.private_copies import copy_for, copy_from
from magicpak.elf.appended import appended_data
from magicpak.elf.cache import ElfCache
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import ElfTarget
from magicpak.elf.reader import read_path
from magicpak.errors import ToolFailed, reason
from magicpak.ldso.helper_build import last_lines
from magicpak.process.child import Completed, describe_exit, run
from magicpak.process.exec import find_program
from magicpak.resolve.inputs import Program
from magicpak.text import format_size, printable, shell_line

# What upx throws for a file that it does not pack (its except.h); its exit codes do not distinguish it from a failure.
_REFUSAL = re.compile(
    rb": ((?:AlreadyPacked|CantPack|NotCompressible|UnknownExecutableFormat)Exception\b.{,400}"
    rb"|\w+Exception: .{,400} -- skipped.{,400})"
)


_PIECE = 1 << 20  # bytes that are read at once


class Upx(NamedTuple):
    """How upx is run: its path or name, the user's arguments, and the seconds that one run may take."""

    program: str
    arguments: tuple[str, ...]
    timeout: float

    @property
    def line(self) -> str:
        """The command as a line for people."""
        return shell_line((self.program, *self.arguments))

    def check(self) -> None:
        """Raise ToolFailed where there is no such program."""
        if find_program(self.program) is None:
            hint = "apt-get install upx-ucl (Debian 12 has it in bookworm-backports), or --upx with its path"
            raise ToolFailed.missing(self.program, "--compress", hint)


class UpxRefusal(NamedTuple):
    """Why a file stays as it is, in words that follow its name."""

    reason: str


def to_pack(programs: Sequence[Program], plan: BundlePlan, elf: ElfCache) -> list[tuple[Program, Copy]]:
    """Return each of `programs` that is in `plan`, with its entry there; of those that are one file, the first."""
    by_inode = {elf.origin(item.entry.inode): item.entry for item in plan if isinstance(item.entry, Copy)}
    found: dict[tuple[int, int], tuple[Program, Copy]] = {}
    for program in programs:
        # Its inode is another where a run has changed it, and its path leads nowhere where a link was excluded.
        item = plan.reached(program.place)[0]
        at_its_path = item.entry if item is not None and isinstance(item.entry, Copy) else None
        copy = at_its_path or by_inode.get(program.file.inode)
        if copy is not None:
            found.setdefault(copy.inode, (program, copy))
    return list(found.values())


def pack(program: Program, copy: Copy, upx: Upx, directory: str) -> Copy | UpxRefusal:
    """Let upx pack a copy of `copy`, the entry of `program`, in the private `directory`, which must outlive the plan.

    Returns the entry for the packed file, with everything else from the original, or why upx refuses. Raises ToolFailed
    where upx fails, hangs, or writes no program that it can unpack again; SourceChanged; and MagicpakError where no
    copy can be made.
    """
    name = printable(program.argument)
    original, packed = os.path.join(directory, "original"), os.path.join(directory, "packed")
    copy_for("upx", copy, original)
    # With -o before the user's arguments, upx refuses all other files that they name; -v overrules a -q among them.
    done = _run(upx, "-o", packed, *upx.arguments, "-v", original)
    refused = _REFUSAL.search(done.output) if done.returncode else None
    if refused:
        return UpxRefusal(f"is not compressed: upx reports {printable(os.fsdecode(refused[1]))}")
    if done.returncode:
        message = f"{upx.line} cannot compress {name}: it {describe_exit(done.returncode)}"
        raise ToolFailed(message, details=_messages(done, upx, original, name))
    problem = _problem(packed, program.file.facts.kind)
    if problem:
        message = f"{upx.line} produced no program from {name}: {problem}"
        raise ToolFailed(message, details=_messages(done, upx, original, name))
    tested = _run(upx, "-t", packed)
    if tested.returncode:
        message = f"{shell_line([upx.program])} -t rejects the compressed {name}: it {describe_exit(tested.returncode)}"
        raise ToolFailed(message, details=_messages(tested, upx, packed, name))
    appended = appended_data(original)
    if appended and _tail(packed, appended) != _tail(original, appended):
        data = f"{format_size(appended)} of its own data at its end"
        return UpxRefusal(f"is not compressed: it has {data}, which upx does not keep there")
    result = copy_from(packed, copy)
    return result._replace(compressed=copy.size - result.size)


def _run(upx: Upx, *arguments: str) -> Completed:
    try:
        return run([upx.program, *arguments], timeout=upx.timeout)
    except ToolFailed as error:
        error.hints = error.hints or ("give it more time with --upx-timeout, or name another upx with --upx",)
        raise


def _problem(packed: str, kind: ElfTarget) -> str | None:
    """Return why the output of upx at `packed` is not a program of `kind`; None if it is."""
    if os.path.islink(packed):
        return "its output is a link"
    try:
        return None if read_path(packed).kind == kind else "its output is for another machine"
    except ElfError as error:
        return f"its output {error}"
    except FileNotFoundError:
        return "it wrote no output"
    except OSError as error:
        return f"its output cannot be read: {reason(error)}"


def _tail(path: str, size: int) -> bytes:
    """Return a hash of the last `size` bytes of the file at `path`."""
    from hashlib import blake2b

    with open(path, "rb") as file:
        file.seek(-min(size, os.fstat(file.fileno()).st_size), os.SEEK_END)
        digest = blake2b()
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.digest()


def _messages(done: Completed, upx: Upx, path: str, name: str) -> list[str]:
    """Return what upx reports, without its banner, and with `name` for our own `path`."""
    lines = [line.replace(path, name) for line in last_lines(done.output)]
    return [line for line in lines if line.startswith(f"{os.path.basename(upx.program)}: ")] or lines
