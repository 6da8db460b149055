"""Runs other programs, with limits on time and memory; none of them outlives the call that started it.

Programs are started with posix_spawn(3) and not with `subprocess`, which costs 12 ms at import and loses the child
when a signal handler raises just after the fork.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from time import monotonic
from typing import NamedTuple

from magicpak.errors import ToolFailed, limit_hints, reason
from magicpak.process.exec import Command
from magicpak.process.pipes import ChildPipes, OutputTail
from magicpak.process.signals import Mask, blocked
from magicpak.text import printable, shell_line

_BY_SIGNAL = 128  # what a shell, and docker, add to the number of a signal
_NAMES = {each.value: each.name for each in signal.Signals}

OUTPUT_KEPT = 1 << 20
"""Bytes of a program's output that are kept: its end, for that is where it says what went wrong."""

_LONGEST_WAIT = 0.05
"""Seconds between two looks at whether a program has ended (older kernels and sandboxes have no pidfd_open(2))."""
_SHORTEST_WAIT = 0.0005
"""The same after it has written something, or closed its output: its end may be near."""


class Completed(NamedTuple):
    """How a program ended (as `os.waitstatus_to_exitcode` has it) and the end of its stdout and stderr together."""

    returncode: int
    output: bytes


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    executable: str | None = None,
    stderr: int | None = None,
    kept: int = OUTPUT_KEPT,
) -> Completed:
    """Run a program to its end and return how that was; a failing exit code is not an error.

    Args:
        argv: the program (a path or a name) and its arguments.
        timeout: seconds until it must have ended.
        stdin: what it can read; it need not.
        env: its environment; None hands on our own.
        executable: the path of the program, where it is not the first of `argv`.
        stderr: a descriptor for its stderr; None lets that come with its stdout.
        kept: how many bytes of its output are returned, the last ones.

    Raises ToolFailed where it cannot be found or started, or has not ended in time.
    """
    output = OutputTail(kept)
    child = Child(Command.found(argv, env, executable), output.take, stderr=stderr)
    try:
        child.start()
        returncode = child.finish(timeout=timeout, stdin=stdin)
    finally:
        try:
            child.end()
        finally:
            child.end()  # a handler may have raised at the first instruction of the other
    return Completed(returncode, bytes(output.kept))


def run_all(
    commands: Iterable[Sequence[str]], *, timeout: float, env: Mapping[str, str] | None = None
) -> Generator[Completed, None, None]:
    """Run programs as `run` does, as many at once as there are processors, and yield how each ended, in their order.

    Each of `commands` is asked for when it can be started. To be closed by who does not take all (contextlib.closing).
    """
    most = len(os.sched_getaffinity(0))
    running: deque[tuple[Child, OutputTail]] = deque()

    def first() -> Completed:
        child, output = running[0]
        returncode = child.finish(timeout=timeout)
        child.end()
        running.popleft()
        return Completed(returncode, bytes(output.kept))

    try:
        for argv in commands:
            if len(running) == most:
                yield first()
            output = OutputTail(OUTPUT_KEPT)
            running.append((Child(Command.found(argv, env), output.take), output))
            running[-1][0].start()
        while running:
            yield first()
    finally:
        for child in [each for each, _ in running] * 2:  # twice: a handler may have raised at the start of one
            child.end()


class Child:
    """One program and the pipes to it: its stdin, and its stdout, of which `on_chunk` gets each piece.

    `stderr` is the descriptor of its stderr, None where that is its stdout. The sandbox of `command` is not looked at.

    It is made before it is started, so that `try: start() … finally: end()` leaves no moment in which an exception,
    be it raised by a signal handler, loses the process.
    """

    def __init__(self, command: Command, on_chunk: Callable[[bytes], object], *, stderr: int | None = None) -> None:
        self.command = command
        self.pid = 0
        self.pipes = ChildPipes()
        self._on_chunk = on_chunk
        self._stderr = stderr

    def start(self) -> None:
        """Start the program in a process group of its own. Raises ToolFailed."""
        try:
            with blocked() as mask:
                self._spawn(mask)
        except OSError as error:
            message = f"cannot run {printable(self.command.executable)}: {reason(error)}"
            raise ToolFailed(message, hints=limit_hints(reason(error))) from error

    def finish(self, *, timeout: float, stdin: bytes = b"") -> int:
        """Hand over `stdin`, take all output, wait for the end of the program, and return how that was.

        What it leaves in its process group is killed. Raises ToolFailed after `timeout` seconds.
        """
        self.pipes.send(stdin)
        deadline = monotonic() + timeout
        if not (self._wait(deadline) and self._drain(deadline)):
            message = f"{printable(self.command.executable)} did not finish within {timeout:g} seconds"
            raise ToolFailed(message, details=[shell_line(self.command.argv)])
        return self._reap()

    def end(self, grace: float = 0) -> None:
        """End the program and its process group, whether started, running, ended or neither; close the pipes.

        Its stdin is closed first; if `grace` is not 0, it has that many seconds to end by itself.
        """
        with blocked():
            self.pipes.close_stdin()
            if self.pid:
                if grace:
                    self._wait(monotonic() + grace)
                self._kill_group()
                self._reap()
            self.pipes.close()

    def _spawn(self, signal_mask: Mask) -> None:
        ends: list[int] = []
        try:
            ends.append(self.pipes.open_stdin())
            ends.append(self.pipes.open_reader(self._on_chunk))
            stderr = ends[1] if self._stderr is None else self._stderr
            self.pid = os.posix_spawn(
                self.command.executable,
                self.command.argv,
                self.command.env,
                file_actions=[(os.POSIX_SPAWN_DUP2, end, target) for target, end in enumerate((*ends, stderr))],
                setpgroup=0,
                setsigmask=signal_mask,
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # those that Python ignores
            )
        finally:
            for end in ends:
                os.close(end)

    def _wait(self, deadline: float) -> bool:
        """Read and write until the program has ended; return False where the deadline comes first."""
        wait = _LONGEST_WAIT
        while not self._has_ended():
            left = deadline - monotonic()
            if left <= 0:
                return False
            wait = _SHORTEST_WAIT if self.pipes.move(min(wait, left)) else min(2 * wait, _LONGEST_WAIT)
        return True

    def _drain(self, deadline: float) -> bool:
        """Kill what is left of the group and read what there is; return False where the deadline comes first."""
        self._kill_group()
        while self.pipes.move(0):  # what has left the group may write without end
            if monotonic() >= deadline:
                return False
        return True

    def _has_ended(self) -> bool:
        """Return whether it has; it is not reaped, so that its number stays that of its group (waitid(2))."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            return  # nobody is left

    def _reap(self) -> int:
        with blocked():
            try:
                status = os.waitpid(self.pid, 0)[1]
            except ChildProcessError:  # somebody else reaped it: taken for success
                status = 0
            self.pid = 0
        return os.waitstatus_to_exitcode(status)


def exit_code(returncode: int) -> int:
    """Return the exit code that a shell or docker reports for a return code, which is negative for a signal."""
    return returncode if returncode >= 0 else _BY_SIGNAL - returncode


def describe_exit(returncode: int) -> str:
    """Return what `returncode` means, as `os.waitstatus_to_exitcode` has it: what follows the program's name."""
    if returncode < 0:
        return f"was killed by {_NAMES.get(-returncode, f'signal {-returncode}')}"
    name = _NAMES.get(returncode - _BY_SIGNAL)
    return f"exited with code {returncode}" + (f" ({name})" if name else "")
