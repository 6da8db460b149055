"""Runs a command under a process of our own: feeds it, takes its output, and ends it when its time is up.

That process, the supervisor, waits for all of its children and nobody else's; when it ends, for whatever reason, what
it has started ends too. Which way that comes about is the business of its work.
"""

import marshal
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from time import monotonic, sleep
from typing import Any, NamedTuple, NoReturn

from magicpak import errors
from magicpak.errors import MagicpakError, ToolFailed
from magicpak.process.child import noop, pipe, signals_held

GRACE = 5.0
"""Seconds between asking the supervisor to end all gently, and to end all at once."""

FINISHING = 15.0
"""Seconds that it has then to tell what it has seen, on a busy machine too, before it is ended itself."""

GENTLY, AT_ONCE = signal.SIGTERM, signal.SIGUSR1
"""The signals by which the supervisor is asked."""

TAIL = 1 << 16
"""Bytes that a Tail keeps."""

_TICK = 0.1  # seconds between two looks at the clock
_MOMENT = 0.001  # seconds between two looks at whether the supervisor has ended
_CHUNK = 1 << 16
_OURS_TO_HANDLE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


class SupervisorInput(NamedTuple):
    """What the supervisor is given: who has started it, the program's stdin, stdout and stderr, and its signal mask."""

    starter: int
    streams: tuple[int, int, int]
    mask: set[int | signal.Signals]


class SupervisedResult(NamedTuple):
    """How it went: what the supervisor's work has returned, whether the time was up, and how long it took."""

    result: Any
    timed_out: bool
    seconds: float


class OutputTail:
    """The end of what comes out of one pipe, and its lines."""

    def __init__(self, on_line: Callable[[bytes], None] | None = None) -> None:
        """Take what is called with each line."""
        self.kept = bytearray()
        self._line = bytearray()
        self._on_line = on_line

    def take(self, chunk: bytes) -> None:
        """Take what was read; nothing means that it has ended."""
        self.kept += chunk
        del self.kept[:-TAIL]
        if self._on_line is None:
            return
        self._line += chunk
        *lines, rest = self._line.split(b"\n")
        for line in lines:
            self._on_line(bytes(line))
        self._line = rest
        if not chunk and rest:
            self._line = bytearray()
            self._on_line(bytes(rest))


def supervise(
    work: Callable[[SupervisorInput], object],
    *,
    name: str,
    timeout: float,
    stdin: bytes | None,
    takers: Sequence[Callable[[bytes], object]],
    grace: float = GRACE,
    tick: Callable[[], object] = noop,
) -> SupervisedResult:
    """Let a process of its own do `work`, which runs a program, until that has told its result.

    Args:
        work: what the supervisor does, and what it returns, of a type that `marshal` knows. After `timeout` seconds it
            gets the signal GENTLY, and `grace` seconds later AT_ONCE.
        name: what to call it where it is ended from outside.
        timeout: seconds.
        stdin: what the program can read; None is an empty /dev/null.
        takers: are called with each piece of what comes on its stdout and its stderr, in the end with an empty one.
        grace: seconds.
        tick: is called now and then while it runs.

    Raises:
        MagicpakError: what the work has raised.
        ToolFailed: the work has failed otherwise, or its process was ended.
    """
    supervision = _Supervision(stdin, takers)
    started = monotonic()
    try:
        supervision.start(work)
        supervision.follow(started + timeout, grace, tick)
    finally:
        try:
            supervision.end()
        finally:
            supervision.end()  # a handler may have raised at the first instruction of the other
    return SupervisedResult(_unpacked(bytes(supervision.report), name), supervision.timed_out, monotonic() - started)


class _Supervision:
    """The supervisor's process, and the pipes to the program and to it."""

    def __init__(self, stdin: bytes | None, takers: Sequence[Callable[[bytes], object]]) -> None:
        self.timed_out = False
        self.report = bytearray()
        self._stdin = stdin
        self._left = memoryview(stdin or b"")
        self._takers = takers
        self._pid = 0
        self._open: dict[int, Callable[[bytes], object] | None] = {}

    def start(self, work: Callable[[SupervisorInput], object]) -> None:
        """Start the supervisor, and with it the program."""
        theirs: list[int] = []
        with signals_held() as mask:
            try:
                if self._stdin is None:
                    theirs.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
                else:
                    end, feed = pipe()
                    theirs.append(end)
                    self._open[feed] = None
                    os.set_blocking(feed, False)
                for take in (*self._takers, self.report.extend):
                    end, their_end = pipe()
                    theirs.append(their_end)
                    self._open[end] = take
                us = os.getpid()
                self._pid = os.fork()
                if self._pid == 0:
                    stdin, stdout, stderr, report = theirs
                    _be_supervisor(work, SupervisorInput(us, (stdin, stdout, stderr), mask), report, tuple(self._open))
            finally:
                for descriptor in theirs:
                    os.close(descriptor)

    def follow(self, deadline: float, grace: float, tick: Callable[[], object]) -> None:
        """Move what there is to move until the supervisor has told everything; end the program at `deadline`."""
        poller = select.poll()
        for descriptor, take in self._open.items():
            poller.register(descriptor, select.POLLIN if take else select.POLLOUT)
        stages = [(deadline, GENTLY), (deadline + grace, AT_ONCE), (deadline + grace + FINISHING, signal.SIGKILL)]
        while any(self._open.values()):
            tick()
            for descriptor, _events in poller.poll(_TICK * 1000):
                if self._move(descriptor):
                    poller.unregister(descriptor)
                    del self._open[descriptor]
                    os.close(descriptor)  # after which a handler may raise
            passed = [number for when, number in stages if monotonic() >= when]
            if passed:
                self.timed_out = True
                os.kill(self._pid, passed[-1])

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
        """End the supervisor, and with it all that it has started, if it has not ended; give back the pipes."""
        with signals_held():
            for descriptor in self._open:
                os.close(descriptor)
            self._open.clear()
            if self._pid:
                if not self._ends():
                    os.kill(self._pid, signal.SIGKILL)
                    os.waitpid(self._pid, 0)
                self._pid = 0

    def _ends(self) -> bool:
        """Let the supervisor end all, and return whether it has ended itself soon after."""
        os.kill(self._pid, AT_ONCE)
        deadline = monotonic() + GRACE
        while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
            if monotonic() > deadline:
                return False
            sleep(_MOMENT)
        return True


def _be_supervisor(
    work: Callable[[SupervisorInput], object], charge: SupervisorInput, report: int, others: Sequence[int]
) -> NoReturn:
    """Do the work in this process, which was forked for it, tell its result, and exit; `others` are closed."""
    try:
        os.setsid()  # a terminal's signals are for the one who started us, and who ends us
        for number in _OURS_TO_HANDLE:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        for descriptor in others:
            os.close(descriptor)
        told = _told(work, charge)
        with open(report, "wb", closefd=False) as end:
            end.write(told)
    finally:
        os._exit(0)


def _told(work: Callable[[SupervisorInput], object], charge: SupervisorInput) -> bytes:
    """Do the work, and return what came of it as bytes, be it a failure."""
    try:
        return marshal.dumps(("", work(charge)))  # type: ignore[arg-type]  # what it cannot take is a mistake of ours
    except MagicpakError as error:
        return marshal.dumps((type(error).__name__, error.message, error.hints))
    except Exception as error:  # noqa: BLE001 - it is told to the process that can tell the user
        where = sys.exc_info()[2]
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f" at {where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else ""
        message = f"this is a mistake in magicpak: {type(error).__name__}: {error}{place}"
        return marshal.dumps((ToolFailed.__name__, message, ()))


def _unpacked(report: bytes, name: str) -> object:
    """Return what the work has returned, or raise what it has raised."""
    if not report:
        message = f"{name} was ended from outside"
        raise ToolFailed(message)
    kind, *parts = marshal.loads(report)  # noqa: S302 - our own process wrote it
    if kind:
        message, hints = parts
        raise getattr(errors, kind)(message, hints=hints)
    return parts[0]
