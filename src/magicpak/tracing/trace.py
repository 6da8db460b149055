"""What was seen of a run: which programs ran, which files they used, how, and with what result."""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from magicpak.elf.facts import ElfFacts


class Access(Enum):
    """How a file was used, in a word for messages."""

    READ = "read"
    """Opened for reading, or without reading anything (O_PATH)."""
    MAPPED = "mapped"
    """Mapped as code: a library, by whoever loads it."""
    EXECUTED = "executed"
    TESTED = "tested"
    """stat, access, readlink, and all else that asks about a file and follows no link at its end or does."""
    LISTED = "listed"
    ENTERED = "entered"
    """chdir, chroot."""
    CONNECTED = "connected"
    """The path of a unix socket that was connected to."""
    MADE = "made"
    """There was nothing by that name before."""
    EMPTIED = "emptied"
    """It was there, and was truncated to nothing unread."""
    CHANGED = "changed"
    """It was there, and was opened for writing, or its mode, owner, times or attributes were set."""
    REMOVED = "removed"
    """It was there, and was removed, moved away or replaced."""


class Execution(NamedTuple):
    """A process from its start by execve(2), or by fork(2) with the program of its parent, to its end or next execve.

    `parent` is the index of the execution that forked it or that called execve, which can be the larger one; None for
    the first and where it is unknown. `path` is the name that was executed, absolute, links as they are; `real` and
    `inode` (device, inode number) the file that runs, which for a script is its interpreter. `cwd` is where it started.
    `returncode` is as `os.waitstatus_to_exitcode` has it, None for one that went on to another program.

    `facts` are those of a file that the run itself has made, or that has no path any more; None for others. `real` is
    then the path that it had, or `memfd:NAME` (memfd_create(2)).
    """

    pid: int
    parent: int | None
    forked: bool
    path: str
    real: str
    inode: tuple[int, int]
    arguments: tuple[str, ...]
    cwd: str
    returncode: int | None
    facts: ElfFacts | None = None


class Use(NamedTuple):
    """One way in which one execution used one path with one result; however often it did so, there is one Use of it.

    `execution` is its index in the trace. `call` is the system call's name. `path` is absolute on the host: the name
    that the program gave, after the real path of the directory that it is relative to; neither links nor `..` are
    resolved in it. `real` is, for MADE, EMPTIED, CHANGED and REMOVED alone, the real path of what was changed (its own
    for a link that is itself removed or made), else empty. `error` is 0 or the errno. `root` is the real path of the
    root directory of the process (chroot(2)): `path` begins with it, and absolute links on the way are taken from
    there. `by_loader` is whether the call came from the code of glibc's dynamic loader.

    A use that was a success is not watched to its end again until the run changes a file or a user: that it fails
    later, for want of memory or through somebody else, is not seen.

    MADE is about that moment: what stood there before the run and was removed meanwhile is in Trace.kept.
    """

    execution: int
    call: str
    access: Access
    path: str
    real: str
    error: int
    root: str
    by_loader: bool


class Backup(NamedTuple):
    """What stood at the real path `path` just before the run changed or removed it.

    `copy` is the path of a private copy of a regular file's bytes and extended attributes, None where it could not be
    made. `target` is the text of a symbolic link. Directories and named pipes have neither. `mode` is st_mode,
    `mtime_ns` the time of change.
    """

    path: str
    copy: str | None
    target: str | None
    mode: int
    uid: int
    gid: int
    mtime_ns: int


class Trace(NamedTuple):
    """All that was seen, in the order in which it happened.

    `unreadable` counts calls whose names could not be read: those of processes that changed their user, where we lack
    CAP_SYS_PTRACE (see ptrace(2), "Ptrace access mode checking"). `omitted` counts calls that have failed after so many
    others that they were not kept.
    """

    executions: tuple[Execution, ...]
    uses: tuple[Use, ...]
    kept: tuple[Backup, ...]
    unreadable: int = 0
    omitted: int = 0


def within(trace: Trace, counts: Callable[[Execution], bool]) -> Trace | None:
    """Return what the executions for which `counts` is true did in `trace`, and all that came from them afterwards.

    What their processes execute later and what they fork is theirs too. Indices are counted anew; an execution that
    came from outside has no parent. All that was kept stays. Returns None where there are none.
    """
    inside: dict[int, bool] = {}
    for index in range(len(trace.executions)):
        _judge(index, trace.executions, counts, inside)
    numbers = {old: new for new, old in enumerate(index for index in sorted(inside) if inside[index])}
    if not numbers:
        return None
    executions = tuple(
        trace.executions[old]._replace(parent=_renumbered(trace.executions[old].parent, numbers)) for old in numbers
    )
    uses = tuple(use._replace(execution=numbers[use.execution]) for use in trace.uses if use.execution in numbers)
    return trace._replace(executions=executions, uses=uses)


def _judge(
    index: int, executions: tuple[Execution, ...], counts: Callable[[Execution], bool], inside: dict[int, bool]
) -> None:
    """Set in `inside` whether the execution at `index` counts, and those from which it came."""
    lineage: list[int] = []
    here: int | None = index
    while here is not None and here not in inside:
        lineage.append(here)
        here = executions[here].parent
    is_inside = here is not None and inside[here]
    for each in reversed(lineage):
        is_inside = is_inside or counts(executions[each])
        inside[each] = is_inside


def _renumbered(parent: int | None, numbers: dict[int, int]) -> int | None:
    return None if parent is None else numbers.get(parent)
