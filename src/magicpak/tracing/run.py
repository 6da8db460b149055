"""Runs a command under the tracer, and returns what it did.

The tracer is a process of its own: when it ends, for whatever reason, the kernel kills all that it traces
(PTRACE_O_EXITKILL).
"""

import os
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from magicpak.process.exec import Command
from magicpak.process.pipes import OutputTail
from magicpak.process.supervisor import GRACE, supervise
from magicpak.text import printable
from magicpak.tracing.session import TraceTask, follow, unpacked
from magicpak.tracing.trace import Trace


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
    supervised = supervise(
        partial(follow, TraceTask(command, keep_in, to_the_last)),
        name=f"the tracer of {printable(command.argv[0])}",
        timeout=timeout,
        stdin=stdin,
        on_output=[stdout.take, stderr.take],
        grace=GRACE if to_the_last else 0,
    )
    trace, status, still_running = unpacked(supervised.result)
    timed_out = supervised.timed_out and bool(still_running)
    ends = bytes(stdout.kept), bytes(stderr.kept)
    return TracedRun(trace, os.waitstatus_to_exitcode(status), timed_out, still_running, supervised.seconds, *ends)
