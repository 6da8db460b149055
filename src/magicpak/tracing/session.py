"""The tracer's process: starts the program, follows it, and returns what it saw."""

import os
import signal
from collections.abc import Mapping
from typing import Any, NamedTuple

from magicpak.errors import RunFailed, SandboxUnavailable, TracingUnavailable, reason
from magicpak.process import prctl
from magicpak.process.exec import Command, read_failure
from magicpak.process.sandbox import Sandbox
from magicpak.process.supervisor import AT_ONCE, GENTLY, SupervisorInput
from magicpak.text import printable
from magicpak.tracing import attach, machines, seccomp, tracer
from magicpak.tracing.recorder import Recorder
from magicpak.tracing.trace import Access, Backup, Execution, Trace, Use


class TraceTask(NamedTuple):
    """What is run: its words, the path of the program, its environment, a directory for what is kept, and where.

    `to_the_last` tells whether the run lasts until its last process has ended, or only the program itself.
    """

    command: tuple[str, ...]
    path: str
    env: Mapping[str, str]
    keep_in: str
    sandbox: Sandbox
    to_the_last: bool


def follow(task: TraceTask, charge: SupervisorInput) -> Any:  # noqa: ANN401 - nested tuples, as marshal takes them
    """Run `task` in this process, which was forked for it, and return what `unpacked` takes.

    Raises TracingUnavailable, SandboxUnavailable, RunFailed.
    """
    machine = machines.machine_named(os.uname().machine)
    if machine is None:
        message = f"programs cannot be watched on {os.uname().machine}: its system calls are not known"
        raise TracingUnavailable(message)
    prctl.die_with_parent(charge.starter)
    signal.pthread_sigmask(signal.SIG_SETMASK, charge.mask)
    try:
        task.sandbox.prepare()
    except OSError as error:
        raise SandboxUnavailable.by(error) from None
    command = Command(task.command, task.path, task.env, charge.streams, task.sandbox)
    started = attach.start(command, seccomp.filter_for(machine))
    for descriptor in charge.streams:
        os.close(descriptor)
    recorder = Recorder(task.keep_in, has_own_root=task.sandbox.has_own_root)
    following = tracer.Tracer(started, task.command, task.path, machine, recorder)
    signal.signal(GENTLY, lambda _number, _frame: following.ask_to_end())
    signal.signal(AT_ONCE, lambda _number, _frame: following.give_up())
    outcome = following.run(to_the_last=task.to_the_last)
    if not following.has_started:
        raise _why_not_started(task, started.said)
    trace = recorder.trace()
    uses = tuple((use[0], use[1], use.access.value, *use[3:]) for use in trace.uses)
    parts = tuple(map(tuple, trace.executions)), uses, tuple(map(tuple, trace.kept)), trace.unreadable
    return parts, outcome.status, outcome.still_running


def unpacked(result: Any) -> tuple[Trace, int, tuple[str, ...]]:  # noqa: ANN401 - what `follow` returns
    """Return the trace, the wait status of the program, and what still ran when it was ended."""
    (executions, uses, kept, unreadable), status, still_running = result
    hows = {access.value: access for access in Access}
    trace = Trace(
        tuple(Execution(*each) for each in executions),
        tuple(Use(*each)._replace(access=hows[each[2]]) for each in uses),
        tuple(Backup(*each) for each in kept),
        unreadable,
    )
    return trace, status, still_running


def _why_not_started(task: TraceTask, said: int) -> RunFailed | SandboxUnavailable:
    failed = read_failure(said)
    if failed is not None and failed.is_of_sandbox:
        return SandboxUnavailable.by(failed.error)
    why = reason(failed.error) if failed else "it was ended before it began"
    return RunFailed(f"cannot run {printable(task.path)}: {why}")
