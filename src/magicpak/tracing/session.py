"""The tracer's process: starts the program, follows it, and returns what it saw."""

import os
import signal
from typing import Any, NamedTuple

from magicpak.errors import RunFailed, TracingUnavailable
from magicpak.process import prctl
from magicpak.process.exec import Command, exec_failure, prepare
from magicpak.process.supervisor import AT_ONCE, GENTLY, SupervisorInput
from magicpak.text import printable
from magicpak.tracing import attach, machines, seccomp
from magicpak.tracing.recorder import Recorder
from magicpak.tracing.trace import Access, Backup, Execution, Trace, Use
from magicpak.tracing.tracer import Tracer


class TraceTask(NamedTuple):
    """What is run, and a private directory for copies of the files that it changes.

    `to_the_last` is whether the run lasts until its last process has ended, or only the program itself.
    """

    command: Command
    keep_in: str
    to_the_last: bool


def follow(task: TraceTask, setup: SupervisorInput) -> Any:  # noqa: ANN401 - nested tuples, as marshal takes them
    """Run `task` in this process, which was forked for it, and return what `unpacked` takes.

    Raises TracingUnavailable, SandboxUnavailable, RunFailed.
    """
    command = task.command
    machine = machines.machine_named(os.uname().machine)
    if machine is None:
        message = f"programs cannot be traced on {os.uname().machine}: its system calls are not known"
        raise TracingUnavailable(message)
    prctl.die_with_parent(setup.starter)
    signal.pthread_sigmask(signal.SIG_SETMASK, setup.mask)
    prepare(command.sandbox)
    child = attach.start(command, setup.streams, seccomp.filter_for(machine))
    setup.close_streams()
    recorder = Recorder(task.keep_in, has_own_root=command.sandbox.has_own_root)
    tracer = Tracer(child, command, machine, recorder)
    signal.signal(GENTLY, lambda _number, _frame: tracer.ask_to_end())
    signal.signal(AT_ONCE, lambda _number, _frame: tracer.give_up())
    outcome = tracer.run(to_the_last=task.to_the_last)
    if not tracer.has_started:
        path = printable(command.executable)
        raise exec_failure(command, child.failure_pipe) or RunFailed(
            f"cannot run {path}: it was killed before it started"
        )
    trace = recorder.trace()
    uses = tuple((use[0], use[1], use.access.value, *use[3:]) for use in trace.uses)
    parts = tuple(map(tuple, trace.executions)), uses, tuple(map(tuple, trace.kept)), trace.unreadable
    return parts, outcome.status, outcome.still_running


def unpacked(result: Any) -> tuple[Trace, int, tuple[str, ...]]:  # noqa: ANN401 - what `follow` returns
    """Return the trace, the wait status of the program, and what still ran when we ended the run."""
    (executions, uses, kept, unreadable), status, still_running = result
    accesses = {access.value: access for access in Access}
    trace = Trace(
        tuple(Execution(*each) for each in executions),
        tuple(Use(*each)._replace(access=accesses[each[2]]) for each in uses),
        tuple(Backup(*each) for each in kept),
        unreadable,
    )
    return trace, status, still_running
