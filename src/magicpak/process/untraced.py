"""The supervisor of a program that is not traced: starts it, waits for its end, and kills all that it has left."""

import os
import signal
from contextlib import suppress

from magicpak.process import prctl
from magicpak.process.exec import Command, exec_command, exec_failure, prepare
from magicpak.process.pipes import pipe
from magicpak.process.supervisor import AT_ONCE, GENTLY, SupervisorInput

_ROUNDS = 1000  # of killing what forks as fast as we kill


def run(command: Command, setup: SupervisorInput) -> int:
    """Run `command` in this process, which was forked for it, and return its wait status.

    What it leaves behind is killed with it, as in a container. So it is when its time is up, or when we are not needed
    any more. Raises SandboxUnavailable, RunFailed, LimitReached, OSError.
    """
    prctl.prctl(prctl.PR_SET_CHILD_SUBREAPER, 1)  # orphans become our children
    killer = _Killer()
    for number in (GENTLY, AT_ONCE):
        signal.signal(number, killer.on_signal)
    prctl.die_with_parent(setup.starter, GENTLY)
    signal.pthread_sigmask(signal.SIG_SETMASK, setup.mask - {GENTLY, AT_ONCE})
    prepare(command.sandbox)
    failure_pipe, failure_pipe_there = pipe()
    pid = os.fork()
    if pid == 0:
        for number in (GENTLY, AT_ONCE):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, setup.mask)
        exec_command(command, setup.streams, failure_pipe_there, lambda: None)
    os.close(failure_pipe_there)
    setup.close_streams()
    killer.watch(pid)
    failure = exec_failure(command, failure_pipe)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    killer.watch(0)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # before its number can be another's
    status = os.waitpid(pid, 0)[1]
    _kill_descendants()
    if failure is not None:
        raise failure
    return status


class _Killer:
    """Kills the program when we are asked to, as soon as it is there."""

    def __init__(self) -> None:
        self._pid = 0
        self._is_asked = False

    def watch(self, pid: int) -> None:
        """Have it kill the program with the number `pid`, 0 for none."""
        self._pid = pid
        if self._is_asked:
            self._kill()

    def on_signal(self, _number: int, _frame: object) -> None:
        """Kill the program; whoever waits for its end ends everything else."""
        self._is_asked = True
        self._kill()

    def _kill(self) -> None:
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)


def _kill_descendants() -> None:
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
