"""The tracer's process: starts the program, follows it, and reports what it saw through a pipe."""

import marshal
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from magicpak.display import shown
from magicpak.errors import MagicpakError, RunFailed, ToolFailed, TracingRefused, reason
from magicpak.tracing import child, filtering, machines, ptrace, recording, tracer
from magicpak.tracing.trace import Execution, How, Kept, Trace, Use

_FAILURES = {each.__name__: each for each in (TracingRefused, RunFailed, ToolFailed)}
_OURS_TO_HANDLE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


class Task(NamedTuple):
    """What is to be run: its words, the path of the program, its environment, and a directory for what is kept."""

    command: tuple[str, ...]
    path: str
    env: Mapping[str, str]
    keep_in: str


def be_tracer(
    starter: int, mask: set[int | signal.Signals], others: Sequence[int], ends: Sequence[int], task: Task
) -> NoReturn:
    """Turn this process, forked by the process `starter`, into the tracer of `task`.

    `ends` are the program's stdin, stdout and stderr, and the pipe for the report; `others` are closed. `mask` is the
    signal mask that the program gets. SIGTERM ends all that is followed gently, SIGUSR1 at once.
    """
    try:
        os.setsid()  # a terminal's signals are for the one who started us, and who ends us
        for number in _OURS_TO_HANDLE:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        for descriptor in others:
            os.close(descriptor)
        report = _report(starter, mask, ends, task)
        with open(ends[3], "wb", closefd=False) as pipe:
            pipe.write(report)
    finally:
        os._exit(0)


def unpacked(report: bytes) -> tuple[Trace, int, tuple[str, ...]]:
    """Return the trace, the wait status of the program, and what still ran when it was ended; or raise the failure."""
    kind, *parts = marshal.loads(report)  # noqa: S302 - our own process wrote it
    if kind != "done":
        message, hints = parts
        raise _FAILURES[kind](message, hints=hints)
    (executions, uses, kept, unreadable), status, still_running = parts
    hows = {how.value: how for how in How}
    trace = Trace(
        tuple(Execution(*each) for each in executions),
        tuple(Use(*each)._replace(how=hows[each[2]]) for each in uses),
        tuple(Kept(*each) for each in kept),
        unreadable,
    )
    return trace, status, still_running


def _report(starter: int, mask: set[int | signal.Signals], ends: Sequence[int], task: Task) -> bytes:
    """Do the work, and return what came of it as bytes, be it a failure."""
    try:
        return marshal.dumps(_followed(starter, mask, ends, task))
    except MagicpakError as error:
        return marshal.dumps((type(error).__name__, error.message, error.hints))
    except Exception as error:  # noqa: BLE001 - it is told to the process that can tell the user
        where = sys.exc_info()[2]
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f" at {where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else ""
        message = f"this is a mistake in magicpak's tracer: {type(error).__name__}: {error}{place}"
        return marshal.dumps((ToolFailed.__name__, message, ()))


def _followed(starter: int, mask: set[int | signal.Signals], ends: Sequence[int], task: Task) -> Any:  # noqa: ANN401 - nested tuples, as marshal takes them
    machine = machines.machine_named(os.uname().machine)
    if machine is None:
        message = f"programs cannot be watched on {os.uname().machine}: its system calls are not known"
        raise TracingRefused(message)
    ptrace.end_with(starter)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    streams = ends[0], ends[1], ends[2]
    started = child.start(child.Command(task.command, task.path, task.env, streams), filtering.filter_for(machine))
    for descriptor in streams:
        os.close(descriptor)
    recorder = recording.Recorder(task.keep_in)
    following = tracer.Tracer(started, task.command, task.path, machine, recorder)
    signal.signal(signal.SIGTERM, lambda _number, _frame: following.ask_to_end())
    signal.signal(signal.SIGUSR1, lambda _number, _frame: following.give_up())
    outcome = following.run()
    if not following.has_started:
        message = f"cannot run {shown(task.path)}: {reason(child.failure_of(started))}"
        raise RunFailed(message)
    trace = recorder.trace()
    uses = tuple((use[0], use[1], use.how.value, *use[3:]) for use in trace.uses)
    parts = tuple(map(tuple, trace.executions)), uses, tuple(map(tuple, trace.kept)), trace.unreadable
    return "done", parts, outcome.status, outcome.still_running
