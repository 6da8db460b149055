"""Runs a program under a process of our own: feeds it, takes its output, and kills it when its time is up.

That process, the supervisor, waits for all of its children and nobody else's; when it ends, for whatever reason, what
it has started ends too. How that is ensured is up to its work.
"""

import marshal
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic, sleep
from typing import Any, NamedTuple, NoReturn

from magicpak import errors
from magicpak.errors import LIMITS, LimitReached, MagicpakError, ToolFailed
from magicpak.process.pipes import ChildPipes
from magicpak.process.signals import Mask, blocked
from magicpak.process.ticker import Ticker

GRACE = 5.0
"""Seconds between asking the supervisor to end everything gently, and to end it at once."""

FINISHING = 15.0
"""Seconds that it has then to report what it has seen, on a busy machine too, before it is killed itself."""

GENTLY, AT_ONCE = signal.SIGTERM, signal.SIGUSR1
"""The signals by which the supervisor is asked."""

_INTERVAL = 0.1  # seconds between two looks at the clock
_MOMENT = 0.001  # seconds between two looks at whether the supervisor has ended
_OURS_TO_HANDLE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


class SupervisorInput(NamedTuple):
    """What the supervisor is given: who has started it, the program's stdin, stdout and stderr, and its signal mask."""

    starter: int
    streams: tuple[int, int, int]
    mask: Mask

    def close_streams(self) -> None:
        """Close the streams, which the program has now: so we read the end of what it writes."""
        for descriptor in self.streams:
            os.close(descriptor)


class SupervisedResult(NamedTuple):
    """How it went: what the supervisor's work has returned, whether the time was up, and how long it took."""

    result: Any
    timed_out: bool
    seconds: float


def supervise(
    work: Callable[[SupervisorInput], object],
    *,
    name: str,
    timeout: float,
    stdin: bytes | None,
    on_output: Sequence[Callable[[bytes], object]],
    grace: float = GRACE,
) -> SupervisedResult:
    """Let a process of its own do `work`, which runs a program, until that has reported its result.

    Args:
        work: what the supervisor does, and what it returns, of a type that `marshal` knows. After `timeout` seconds it
            gets the signal GENTLY, and `grace` seconds later AT_ONCE.
        name: what to call it where it cannot be started, or is killed by somebody else.
        timeout: seconds.
        stdin: what the program can read; None is an empty /dev/null.
        on_output: are called with each piece of what comes on its stdout and its stderr, at the end with an empty one.
        grace: seconds.

    Raises the MagicpakError of the work, LimitReached where no process or descriptor is left for it, and ToolFailed
    where it failed otherwise or its process was killed.
    """
    supervision = _Supervision(on_output)
    started = monotonic()
    try:
        supervision.start(work, stdin, name)
        supervision.follow(started + timeout, grace)
    finally:
        try:
            supervision.end()
        finally:
            supervision.end()  # a handler may have raised at the first instruction of the other
    return SupervisedResult(_unpacked(supervision.report, name), supervision.timed_out, monotonic() - started)


class _Supervision:
    """The supervisor's process, and the pipes to the program and to it."""

    def __init__(self, on_output: Sequence[Callable[[bytes], object]]) -> None:
        self.timed_out = False
        self.report = bytearray()
        self._on_output = on_output
        self._pipes = ChildPipes()
        self._pid = 0

    def start(self, work: Callable[[SupervisorInput], object], stdin: bytes | None, name: str) -> None:
        """Start the supervisor, and with it the program, which is called `name`. Raises LimitReached."""
        try:
            self._start(partial(_packed_result, work, name), stdin)
        except OSError as error:
            raise LimitReached.by(name, error) from error

    def _start(self, work: Callable[[SupervisorInput], bytes], stdin: bytes | None) -> None:
        theirs: list[int] = []
        with Ticker.all_stopped(), blocked() as mask:
            try:
                if stdin is None:
                    theirs.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
                else:
                    theirs.append(self._pipes.open_stdin())
                    self._pipes.send(stdin)
                for on_chunk in (*self._on_output, self.report.extend):
                    theirs.append(self._pipes.open_reader(on_chunk))  # noqa: PERF401 - if one fails, others are closed
                us = os.getpid()
                self._pid = os.fork()
                if self._pid == 0:
                    child_stdin, stdout, stderr, report = theirs
                    _be_supervisor(work, SupervisorInput(us, (child_stdin, stdout, stderr), mask), report, self._pipes)
            finally:
                for descriptor in theirs:
                    os.close(descriptor)

    def follow(self, deadline: float, grace: float) -> None:
        """Move what there is to move until the supervisor has reported everything; end the program at `deadline`."""
        stages = [(deadline, GENTLY), (deadline + grace, AT_ONCE), (deadline + grace + FINISHING, signal.SIGKILL)]
        while self._pipes.is_reading:
            self._pipes.move(_INTERVAL)
            passed = [number for when, number in stages if monotonic() >= when]
            if passed:
                self.timed_out = True
                os.kill(self._pid, passed[-1])

    def end(self) -> None:
        """End the supervisor, and with it all that it has started, if it has not ended; close the pipes."""
        with blocked():
            self._pipes.close()
            if self._pid:
                if not self._ends():
                    os.kill(self._pid, signal.SIGKILL)
                    os.waitpid(self._pid, 0)
                self._pid = 0

    def _ends(self) -> bool:
        """Let the supervisor end everything, and return whether it has ended itself soon after."""
        os.kill(self._pid, AT_ONCE)
        deadline = monotonic() + GRACE
        while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
            if monotonic() > deadline:
                return False
            sleep(_MOMENT)
        return True


def _be_supervisor(
    work: Callable[[SupervisorInput], bytes], setup: SupervisorInput, report: int, pipes: ChildPipes
) -> NoReturn:
    """Do the work in this process, which was forked for it, report its result, and exit; `pipes` are our starter's."""
    try:
        os.setsid()  # a terminal's signals are for the one who started us, and who ends us
        for number in _OURS_TO_HANDLE:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        pipes.close()
        packed = work(setup)
        with open(report, "wb", closefd=False) as end:
            end.write(packed)
    finally:
        os._exit(0)


def _packed_result(work: Callable[[SupervisorInput], object], name: str, setup: SupervisorInput) -> bytes:
    """Do the work that is called `name`, and return what came of it as bytes, be it a failure."""
    try:
        return marshal.dumps(("", work(setup)))  # type: ignore[arg-type]  # a type that it does not know is a bug
    except MagicpakError as error:
        return _packed_failure(error)
    except Exception as error:  # noqa: BLE001 - it is reported to the process that can report it to the user
        if isinstance(error, OSError) and error.errno in LIMITS:
            return _packed_failure(LimitReached.by(name, error))
        where = sys.exc_info()[2]
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f" at {where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else ""
        message = f"internal error (a bug in magicpak): {type(error).__name__}: {error}{place}"
        return _packed_failure(ToolFailed(message))


def _packed_failure(error: MagicpakError) -> bytes:
    return marshal.dumps((type(error).__name__, error.message, error.hints))


def _unpacked(report: bytearray, name: str) -> object:
    """Return what the work has returned, or raise what it has raised."""
    if not report:
        message = f"{name} was killed unexpectedly"
        raise ToolFailed(message)
    kind, *parts = marshal.loads(report)  # noqa: S302 - our own process wrote it
    if kind:
        message, hints = parts
        raise getattr(errors, kind)(message, hints=hints)
    return parts[0]
