"""Runs a command under the tracer, in a sandbox, and returns what it did.

The tracer is a process of its own: when it ends, for whatever reason, the kernel kills everything that it traces
(PTRACE_O_EXITKILL).
"""

import os
import signal
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

from magicpak.elf.facts import Dependency, DependencyKind, ElfFacts, ElfTarget, VersionNeeded, Versions
from magicpak.errors import LimitReached, RunFailed, TracingUnavailable
from magicpak.process import prctl
from magicpak.process.exec import Command, exec_failure, prepare
from magicpak.process.pipes import OutputTail
from magicpak.process.supervisor import AT_ONCE, GENTLY, GRACE, SupervisorInput, supervise
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
    parts = tuple(map(_plain, trace.executions)), uses, tuple(map(tuple, trace.kept)), trace.unreadable, trace.omitted
    return parts, outcome.status, outcome.still_running


def unpacked(result: Any) -> tuple[Trace, int, tuple[str, ...]]:  # noqa: ANN401 - what `follow` returns
    """Return the trace, the wait status of the program, and what still ran when we ended the run."""
    (executions, uses, kept, *counts), status, still_running = result
    accesses = {access.value: access for access in Access}
    trace = Trace(
        tuple(Execution(*each)._replace(facts=_facts(each[-1])) for each in executions),
        tuple(Use(*each)._replace(access=accesses[each[2]]) for each in uses),
        tuple(Backup(*each) for each in kept),
        *counts,
    )
    return trace, status, still_running


def _plain(value: Any) -> Any:  # noqa: ANN401 - nested tuples
    """Return a tuple without named ones and enumerations in it."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.value if isinstance(value, Enum) else value


def _facts(plain: Any) -> ElfFacts | None:  # noqa: ANN401 - what `_plain` returns
    if plain is None:
        return None
    facts = ElfFacts(*plain)
    needed, defined = facts.versions
    versions = Versions(tuple(VersionNeeded(*each) for each in needed), defined)
    dependencies = tuple(Dependency(DependencyKind(kind), name) for kind, name in facts.dependencies)
    return facts._replace(kind=ElfTarget(*facts.kind), dependencies=dependencies, versions=versions)


class TracedRun(NamedTuple):
    """A run that was traced.

    `returncode` is that of the command itself, as `os.waitstatus_to_exitcode` has it; `timed_out` is whether we had to
    end it, `still_running` names the programs that ran then. `stdout` and `stderr` are the ends of what it printed.
    """

    trace: Trace
    returncode: int
    timed_out: bool
    still_running: tuple[str, ...]
    seconds: float
    stdout: bytes
    stderr: bytes


def run_traced(
    command: Command,
    *,
    timeout: float,
    keep_in: str,
    stdin: bytes | None = None,
    on_line: Callable[[bytes], None] | None = None,
    to_the_last: bool = True,
) -> TracedRun:
    """Run `command` to the end of its last process, or for `timeout` seconds, and return what it did.

    Args:
        command: what is run, and where.
        timeout: seconds; then all of its processes get SIGTERM, and a little later SIGKILL.
        keep_in: a private directory, for copies of files that the run changes.
        stdin: what it can read; None is an empty /dev/null.
        on_line: is called with each line that it prints, on stdout or stderr.
        to_the_last: whether the run lasts until its last process has ended; if not, until the command itself has, and
            all others are killed with it, as in a container.

    Raises TracingUnavailable, SandboxUnavailable; RunFailed where it cannot be started; ToolFailed for other failures.
    """
    command = command._replace(executable=os.path.abspath(command.executable))
    stdout, stderr = OutputTail(on_line=on_line), OutputTail(on_line=on_line)
    try:
        supervised = supervise(
            partial(follow, TraceTask(command, keep_in, to_the_last)),
            name=f"the tracer of {printable(command.argv[0])}",
            timeout=timeout,
            stdin=stdin,
            on_output=[stdout.take, stderr.take],
            grace=GRACE if to_the_last else 0,
        )
    except LimitReached as error:
        raise TracingUnavailable(error.message, hints=error.hints) from None
    trace, status, still_running = unpacked(supervised.result)
    timed_out = supervised.timed_out and bool(still_running)
    ends = bytes(stdout.kept), bytes(stderr.kept)
    return TracedRun(trace, os.waitstatus_to_exitcode(status), timed_out, still_running, supervised.seconds, *ends)
