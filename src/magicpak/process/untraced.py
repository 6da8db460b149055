"""The supervisor of a program that nobody watches: starts it, waits for its end, and ends all that it has left."""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from magicpak.errors import RunFailed, SandboxUnavailable, reason
from magicpak.process import prctl
from magicpak.process.child import pipe
from magicpak.process.exec import Command, exec_command, read_failure
from magicpak.process.sandbox import Sandbox
from magicpak.process.supervisor import AT_ONCE, GENTLY, SupervisorInput
from magicpak.text import printable

_ROUNDS = 1000  # of ending what forks as fast as we kill


class Program(NamedTuple):
    """What is run: its words, the path of its file, its environment, and where."""

    words: tuple[str, ...]
    path: str
    env: Mapping[str, str]
    sandbox: Sandbox


def run(program: Program, charge: SupervisorInput) -> int:
    """Run `program` in this process, which was forked for it, and return its wait status.

    What it leaves behind is ended with it, as in a container. So it is when its time is up, or when we are not needed
    any more. Raises SandboxUnavailable, RunFailed.
    """
    prctl.prctl(prctl.PR_SET_CHILD_SUBREAPER, 1)  # orphans become our children
    ending = _Ending()
    for number in (GENTLY, AT_ONCE):
        signal.signal(number, ending.now)
    prctl.die_with_parent(charge.starter, GENTLY)
    signal.pthread_sigmask(signal.SIG_SETMASK, charge.mask - {GENTLY, AT_ONCE})
    try:
        program.sandbox.prepare()
    except OSError as error:
        raise SandboxUnavailable.by(error) from None
    said, said_there = pipe()
    pid = os.fork()
    if pid == 0:
        for number in (GENTLY, AT_ONCE):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, charge.mask)
        command = Command(program.words, program.path, program.env, charge.streams, program.sandbox)
        exec_command(command, said_there, lambda: None)
    for descriptor in (said_there, *charge.streams):
        os.close(descriptor)
    ending.of(pid)
    failed = read_failure(said)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    ending.of(0)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # before its number can be another's
    status = os.waitpid(pid, 0)[1]
    _end_descendants()
    if failed is not None:
        if failed.is_of_sandbox:
            raise SandboxUnavailable.by(failed.error)
        raise RunFailed(f"cannot run {printable(program.path)}: {reason(failed.error)}")
    return status


class _Ending:
    """Ends the program when we are asked to, as soon as it is there."""

    def __init__(self) -> None:
        self._pid = 0
        self._is_asked = False

    def of(self, pid: int) -> None:
        """Take that the program has the number `pid` from now on; 0 for none."""
        self._pid = pid
        if self._is_asked:
            self._end()

    def now(self, _number: int, _frame: object) -> None:
        """Do it; that all else ends with it is the business of the one who waits for it."""
        self._is_asked = True
        self._end()

    def _end(self) -> None:
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)


def _end_descendants() -> None:
    """Kill what is left of the program, which is below us now, and wait for its end."""
    for _ in range(_ROUNDS):
        below = _descendants()
        for pid in below:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0 if below else os.WNOHANG)
        except ChildProcessError:
            return


def _descendants() -> list[int]:
    """Return the processes below this one, as far as /proc tells."""
    parents: dict[int, int] = {}
    with suppress(OSError), os.scandir("/proc") as entries:
        for name in (entry.name for entry in entries if entry.name.isdigit()):
            with suppress(OSError, ValueError), open(f"/proc/{name}/stat", "rb") as file:
                parents[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
    below = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below and pid not in below}:
        below |= more
    return sorted(below - {os.getpid()})
