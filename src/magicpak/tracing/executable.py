"""What a process runs after execve(2): a file of the host, or one that the run itself has made or holds in memory."""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from magicpak.elf.facts import ElfFacts
from magicpak.tracing import procfs
from magicpak.tracing.path_args import PathArgument, real_path

OTHER_NAMES = ("/proc/", "/dev/")
"""Where a file can have other names, that say nothing to anybody else: /proc/self/cwd/x, /dev/fd/3."""

_DESCRIPTOR = "/dev/fd/"


class Executable(NamedTuple):
    """The file of a process: see Execution.

    `interpreter` is the name in a script that the run has made, absolute: nobody can read it there later.
    """

    path: str
    real: str
    inode: tuple[int, int]
    facts: ElfFacts | None
    interpreter: str | None = None


def read_executable(pid: int, path: str, arguments: Sequence[str], is_made: Callable[[str], bool]) -> Executable:
    """Return what the process `pid` has executed as `path`, which is empty where it had none, with `arguments`.

    `is_made` says whether the run has made what is at a real path.
    """
    real, inode = procfs.executable_of(pid)
    if not real:
        real, facts = procfs.former_path(pid, "exe"), procfs.facts_of_executable(pid)
        return Executable(real if path.startswith(OTHER_NAMES) else path or real, real, inode, facts)
    facts = procfs.facts_of_executable(pid) if is_made(real) else None
    now = procfs.arguments_of(pid) if arguments else ()
    is_script = len(now) > len(arguments)  # the interpreter and its argument come first, execve(2)
    if not is_script or not _may_be_made(pid, path, is_made):
        return Executable(path or real, real, inode, facts)
    name = now[-len(arguments)]
    if not path and name.startswith(_DESCRIPTOR):
        path = procfs.former_path(pid, f"fd/{name.removeprefix(_DESCRIPTOR)}")
    return Executable(path or real, real, inode, facts, now[0] if now[0].startswith("/") else None)


def _may_be_made(pid: int, path: str, is_made: Callable[[str], bool]) -> bool:
    """Return whether the file that was executed as `path` may be one that the run has made."""
    if not path or path.startswith(OTHER_NAMES):
        return True
    return is_made(real_path(pid, PathArgument("/", os.fsencode(path), "/")))
