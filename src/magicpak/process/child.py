"""Runs other programs: bounded in time and memory, and none of them outlives the call that started it.

Programs are started with posix_spawn(3) and not with `subprocess`, which costs 12 ms at import and forgets the child
when a signal handler raises just after the fork.
"""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple

from magicpak.errors import ToolFailed, reason
from magicpak.process.exec import find_program
from magicpak.text import printable, shell_line

OUTPUT_KEPT = 1 << 20
"""Bytes of a program's output that are kept: its end, for that is where it says what went wrong."""

_CHUNK = 1 << 16
_FIRST_FREE = 3  # after stdin, stdout and stderr
_LONGEST_WAIT = 0.05
"""Seconds between two looks at whether a program has ended (older kernels and sandboxes have no pidfd_open(2))."""


class Completed(NamedTuple):
    """How a program ended (as `os.waitstatus_to_exitcode` has it) and the end of its stdout and stderr together."""

    returncode: int
    output: bytes


def noop() -> None:
    """Do nothing, where something may be done now and then."""


def run(
    command: Sequence[str],
    *,
    timeout: float,
    input: bytes | None = None,  # noqa: A002 - as subprocess calls it
    env: Mapping[str, str] | None = None,
    executable: str | None = None,
) -> Completed:
    """Run `command` with `input` as its stdin (None: empty) and return how it ended; a failing exit code is no error.

    Args:
        command: the program (a path or a name) and its arguments.
        timeout: seconds until it must have ended.
        input: what it may read; it need not.
        env: its environment; None hands on our own.
        executable: the path of the program, where it is not the first word of `command`.

    Raises:
        ToolFailed: it cannot be found or started, or it has not ended in time.
    """
    running = Child(command, env=env, executable=executable)
    try:
        running.start()
        return running.finish(timeout=timeout, stdin=input or b"")
    finally:
        try:
            running.end()
        finally:
            running.end()  # a handler may have raised at the first instruction of the other


class Child:
    """One program and the pipes to it.

    It is made before it is started, so that `try: start() … finally: end()` leaves no moment in which an exception,
    be it raised by a signal handler, loses the process.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stderr: int | None = None,
        executable: str | None = None,
    ) -> None:
        """Take the command, its environment (None: our own) and the descriptor of its stderr (None: its stdout).

        `executable` is the path of the program, where it is not the first word of the command.
        """
        self.command = command
        self._executable = executable or command[0]
        self.pid = 0
        self.stdin = self.stdout = -1
        self._env = os.environ if env is None else env
        self._stderr = stderr

    def start(self) -> None:
        """Start the program in a process group of its own.

        Raises:
            ToolFailed: it cannot be found or started.
        """
        program = find_program(self._executable)
        if program is None:
            message = f"{printable(self._executable)}: no such program"
            raise ToolFailed(message)
        try:
            with signals_held() as mask:
                self._spawn(program, mask)
        except OSError as error:
            message = f"cannot run {printable(self._executable)}: {reason(error)}"
            raise ToolFailed(message) from error

    def finish(self, *, timeout: float, stdin: bytes = b"", kept: int = OUTPUT_KEPT) -> Completed:
        """Hand over `stdin`, take all output, and wait for the end of the program.

        Of the output, the last `kept` bytes are returned. What it leaves in its process group is ended with it.

        Raises:
            ToolFailed: it has not ended within `timeout` seconds.
        """
        exchange = _Exchange(self, stdin, kept)
        deadline = monotonic() + timeout
        ended = False
        while not (ended and exchange.is_idle):
            if monotonic() >= deadline:
                message = f"{printable(self._executable)} did not finish within {timeout:g} seconds"
                raise ToolFailed(message, details=[shell_line(self.command)])
            if not ended and self._has_ended():
                ended = True
                self._kill_group()
            exchange.step(0 if ended else deadline - monotonic())
        return Completed(self._reap(), bytes(exchange.output))

    def end(self, grace: float = 0) -> None:
        """End the program and its process group, whether started, running, ended or neither; give back the pipes.

        Its stdin is closed first; if `grace` is not 0, it has that many seconds to close its stdout of its own accord.
        """
        with signals_held():
            self.close_stdin()
            if self.pid:
                self._wait(grace)
                self._kill_group()
                self._reap()
            if self.stdout >= 0:
                os.close(self.stdout)
                self.stdout = -1

    def close_stdin(self) -> None:
        """Let the program read the end of its stdin."""
        with signals_held():  # else the number might be closed and not yet forgotten
            if self.stdin >= 0:
                os.close(self.stdin)
                self.stdin = -1

    def _spawn(self, program: str, signal_mask: set[int | signal.Signals]) -> None:
        ends: list[int] = []
        try:
            their_stdin, self.stdin = pipe()
            ends.append(their_stdin)
            self.stdout, their_stdout = pipe()
            ends.append(their_stdout)
            stderr = their_stdout if self._stderr is None else self._stderr
            targets = enumerate((their_stdin, their_stdout, stderr))
            self.pid = os.posix_spawn(
                program,
                list(self.command),
                self._env,
                file_actions=[(os.POSIX_SPAWN_DUP2, end, target) for target, end in targets],
                setpgroup=0,
                setsigmask=signal_mask,
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # those that Python ignores
            )
        finally:
            for end in ends:
                os.close(end)

    def _wait(self, seconds: float) -> None:
        deadline = monotonic() + seconds
        exchange = _Exchange(self, b"", OUTPUT_KEPT)
        while monotonic() < deadline and not self._has_ended():
            exchange.step(deadline - monotonic())

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
        with signals_held():
            try:
                status = os.waitpid(self.pid, 0)[1]
            except ChildProcessError:  # somebody else reaped it, or SIGCHLD is ignored: taken for success
                status = 0
            self.pid = 0
        return os.waitstatus_to_exitcode(status)


class _Exchange:
    """Hands a program its input and takes its output, as far as each goes without waiting."""

    def __init__(self, running: Child, stdin: bytes, kept: int) -> None:
        import select

        self.output = bytearray()
        self.is_idle = False
        self._running = running
        self._kept = kept
        self._left = memoryview(stdin)
        self._wait = _LONGEST_WAIT
        self._poller = select.poll()
        os.set_blocking(running.stdout, False)
        self._poller.register(running.stdout, select.POLLIN)
        if not stdin:
            running.close_stdin()
        else:
            os.set_blocking(running.stdin, False)
            self._poller.register(running.stdin, select.POLLOUT)

    def step(self, seconds: float) -> None:
        """Wait until there is something to move, a short while, or `seconds`, whichever is least; and move it."""
        ready = self._poller.poll(min(max(seconds, 0), self._wait) * 1000)
        self.is_idle = not ready
        if self.is_idle:
            self._wait = min(2 * self._wait, _LONGEST_WAIT)
        for descriptor, _events in ready:
            if descriptor == self._running.stdin:
                self._write()
            else:
                self._read()

    def _read(self) -> None:
        chunk = os.read(self._running.stdout, _CHUNK)
        self.output += chunk
        if len(self.output) > self._kept:
            del self.output[: -self._kept]
        if not chunk:
            self._poller.unregister(self._running.stdout)
            self._wait = 0.0005  # its end is near

    def _write(self) -> None:
        try:
            self._left = self._left[os.write(self._running.stdin, self._left[:_CHUNK]) :]
        except BrokenPipeError:
            self._left = self._left[:0]
        if not self._left:
            self._poller.unregister(self._running.stdin)
            self._running.close_stdin()


@contextmanager
def signals_held() -> Iterator[set[int | signal.Signals]]:
    """Put off the handlers of signals, which may raise; gives the mask that is restored afterwards."""
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # may block, and then still raise
        yield earlier
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def pipe() -> tuple[int, int]:
    """Return the ends of a pipe, above 2 even where we were started without stdin, stdout or stderr."""
    import fcntl

    ends = os.pipe()
    if min(ends) >= _FIRST_FREE:
        return ends
    higher = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for end in ends)
    for end in ends:
        os.close(end)
    return higher[0], higher[1]
