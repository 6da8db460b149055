"""Runs a command under the tracer, in the given surroundings, and returns what it did.

The tracer is a process of its own: when it ends, for whatever reason, the kernel ends all that it traces
(PTRACE_O_EXITKILL).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from magicpak.errors import ToolFailed
from magicpak.process.child import noop
from magicpak.process.exec import find_program
from magicpak.process.sandbox import NoSandbox, Sandbox
from magicpak.process.supervisor import GRACE, OutputTail, supervise
from magicpak.text import printable
from magicpak.tracing.session import TraceTask, follow, unpacked
from magicpak.tracing.trace import Trace


class TracedRun(NamedTuple):
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


def run_traced(  # noqa: PLR0913 - all but three have a default
    command: Sequence[str],
    *,
    timeout: float,
    keep_in: str,
    executable: str | None = None,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[bytes], None] | None = None,
    sandbox: Sandbox | None = None,
    to_the_last: bool = True,
    tick: Callable[[], object] = noop,
) -> TracedRun:
    """Run `command` to the end of its last process, or for `timeout` seconds, and return what it did.

    Args:
        command: the program and its arguments.
        timeout: seconds; then all of its processes get SIGTERM, and a little later SIGKILL.
        keep_in: a private directory, for copies of files that the run changes.
        executable: the absolute path of the program in the sandbox, where it is not the first word of `command`.
        stdin: what it can read; None is an empty /dev/null.
        env: its environment; None hands on our own.
        on_line: is called with each line that it says, on stdout or stderr.
        sandbox: where it runs; None is our own surroundings.
        to_the_last: whether the run lasts until its last process has ended; if not, until the command itself has, and
            all others are ended with it, as in a container.
        tick: is called now and then while it runs.

    Raises:
        TracingUnavailable: ptrace(2) is not allowed or not there.
        SandboxUnavailable: the sandbox cannot be made.
        RunFailed: it cannot be started.
        ToolFailed: there is no such program, or the tracer itself fails.
    """
    path = executable or find_program(command[0])
    if path is None:
        message = f"{printable(command[0])}: no such program"
        raise ToolFailed(message)
    environment = dict(os.environ if env is None else env)
    task = TraceTask(tuple(command), os.path.abspath(path), environment, keep_in, sandbox or NoSandbox(), to_the_last)
    said = OutputTail(on_line), OutputTail(on_line)
    supervised = supervise(
        partial(follow, task),
        name=f"the tracer of {printable(command[0])}",
        timeout=timeout,
        stdin=stdin,
        takers=[each.take for each in said],
        grace=GRACE if to_the_last else 0,
        tick=tick,
    )
    trace, status, still_running = unpacked(supervised.result)
    return TracedRun(
        trace,
        os.waitstatus_to_exitcode(status),
        supervised.timed_out and bool(still_running),
        still_running,
        supervised.seconds,
        bytes(said[0].kept),
        bytes(said[1].kept),
    )
