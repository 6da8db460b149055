"""Runs a command under the tracer: feeds it, takes its output, and ends it when its time is up.

The tracer is a process of its own: it waits for all of its children and nobody else's, and when it ends, for whatever
reason, the kernel ends all that it traces (PTRACE_O_EXITKILL).
"""

import os
import select
import signal
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import NamedTuple

from magicpak.display import shown
from magicpak.errors import ToolFailed
from magicpak.processes import pipe
from magicpak.tools import find_program
from magicpak.tracing.following import Task, be_tracer, unpacked
from magicpak.tracing.trace import Trace

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL, and then until the tracer itself is ended."""

OUTPUT_KEPT = 1 << 16
"""Bytes of each stream that are kept: its end."""

_TICK = 0.1  # seconds between two looks at the clock
_CHUNK = 1 << 16


class Watched(NamedTuple):
    """A run that was watched.

    `returncode` is that of the command itself, as `os.waitstatus_to_exitcode` has it; `timed_out` tells that it was
    ended by us, `still_running` names the programs that ran then. `stdout` and `stderr` are the ends of what it said.
    """

    trace: Trace
    returncode: int
    timed_out: bool
    still_running: tuple[str, ...]
    seconds: float
    stdout: bytes
    stderr: bytes


def watch(
    command: Sequence[str],
    *,
    timeout: float,
    keep_in: str,
    executable: str | None = None,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    hear: Callable[[bytes], None] | None = None,
) -> Watched:
    """Run `command` to the end of its last process, or for `timeout` seconds, and return what it did.

    Args:
        command: the program and its arguments.
        timeout: seconds; then all of its processes get SIGTERM, and a little later SIGKILL.
        keep_in: a private directory, for copies of files that the run changes.
        executable: the path of the program, where it is not the first word of `command`.
        stdin: what it can read; None is an empty /dev/null.
        env: its environment; None hands on our own.
        hear: is called with each line that it says, on stdout or stderr.

    Raises:
        TracingRefused: ptrace(2) is not allowed or not there.
        RunFailed: it cannot be started.
        ToolFailed: there is no such program, or the tracer itself fails.
    """
    path = executable or find_program(command[0])
    if path is None:
        message = f"{shown(command[0])}: no such program"
        raise ToolFailed(message)
    watching = _Watching(stdin, hear)
    started = monotonic()
    try:
        watching.start(tuple(command), os.path.abspath(path), dict(os.environ if env is None else env), keep_in)
        watching.follow(started + timeout)
    finally:
        try:
            watching.end()
        finally:
            watching.end()  # a handler may have raised at the first instruction of the other
    trace, status, still_running = watching.report(command[0])
    return Watched(
        trace,
        os.waitstatus_to_exitcode(status),
        watching.timed_out and bool(still_running),
        still_running,
        monotonic() - started,
        bytes(watching.said[0].kept),
        bytes(watching.said[1].kept),
    )


class _Said:
    """The end of what comes out of one pipe, and its lines."""

    def __init__(self, hear: Callable[[bytes], None] | None) -> None:
        self.kept = bytearray()
        self._line = bytearray()
        self._hear = hear

    def take(self, chunk: bytes) -> None:
        """Take what was read; nothing means that it has ended."""
        self.kept += chunk
        del self.kept[:-OUTPUT_KEPT]
        if self._hear is None:
            return
        self._line += chunk
        *lines, rest = self._line.split(b"\n")
        for line in lines:
            self._hear(bytes(line))
        self._line = rest
        if not chunk and rest:
            self._line = bytearray()
            self._hear(bytes(rest))


class _Watching:
    """The tracer's process, and the pipes to the program and to it."""

    def __init__(self, stdin: bytes | None, hear: Callable[[bytes], None] | None) -> None:
        self.said = _Said(hear), _Said(hear)
        self.timed_out = False
        self._stdin = stdin
        self._left = memoryview(stdin or b"")
        self._report = bytearray()
        self._tracer = 0
        self._open: dict[int, Callable[[bytes], None] | None] = {}

    def start(self, command: tuple[str, ...], path: str, env: dict[str, str], keep_in: str) -> None:
        """Start the tracer, and with it the program."""
        theirs: list[int] = []
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # which may raise what a handler does
            if self._stdin is None:
                theirs.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
            else:
                end, feed = pipe()
                theirs.append(end)
                self._open[feed] = None
                os.set_blocking(feed, False)
            for take in (self.said[0].take, self.said[1].take, self._report.extend):
                end, their_end = pipe()
                theirs.append(their_end)
                self._open[end] = take
            us = os.getpid()
            self._tracer = os.fork()
            if self._tracer == 0:
                be_tracer(us, mask, tuple(self._open), theirs, Task(command, path, env, keep_in))
        finally:
            for descriptor in theirs:
                os.close(descriptor)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def follow(self, deadline: float) -> None:
        """Move what there is to move until the tracer has told everything; end the program at `deadline`."""
        poller = select.poll()
        for descriptor, take in self._open.items():
            poller.register(descriptor, select.POLLIN if take else select.POLLOUT)
        stages = [
            (deadline, signal.SIGTERM),
            (deadline + GRACE, signal.SIGUSR1),
            (deadline + 2 * GRACE, signal.SIGKILL),
        ]
        while any(self._open.values()):
            for descriptor, _events in poller.poll(_TICK * 1000):
                if self._move(descriptor):
                    poller.unregister(descriptor)
                    del self._open[descriptor]
                    os.close(descriptor)  # after which a handler may raise
            passed = [number for when, number in stages if monotonic() >= when]
            if passed:
                self.timed_out = True
                os.kill(self._tracer, passed[-1])

    def _move(self, descriptor: int) -> bool:
        """Read or write once; return whether that was the last time."""
        take = self._open[descriptor]
        if take is not None:
            chunk = os.read(descriptor, _CHUNK)
            take(chunk)
            return not chunk
        try:
            self._left = self._left[os.write(descriptor, self._left[:_CHUNK]) :]
        except BrokenPipeError:
            return True
        return not self._left

    def end(self) -> None:
        """End the tracer, and with it all that it traces; give back the pipes."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # which may raise what a handler does
            if self._tracer:
                os.kill(self._tracer, signal.SIGKILL)
                os.waitpid(self._tracer, 0)
                self._tracer = 0
            for descriptor in self._open:
                os.close(descriptor)
            self._open.clear()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def report(self, name: str) -> tuple[Trace, int, tuple[str, ...]]:
        """Return what the tracer has told. Raises what it has raised."""
        if not self._report:
            message = f"the tracer of {shown(name)} was ended from outside"
            raise ToolFailed(message)
        return unpacked(bytes(self._report))
