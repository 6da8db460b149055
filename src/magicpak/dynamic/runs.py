"""The runs of `--dynamic`: what is to be run, what its end means, and the trace as lines for people."""

import errno
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from magicpak.errors import RunFailed
from magicpak.files.cli_path import parse_cli_path
from magicpak.process.exit_status import describe_exit
from magicpak.resolve.inputs import Program
from magicpak.text import count_noun, printable, shell_line
from magicpak.tracing.run import TracedRun
from magicpak.tracing.scope import within
from magicpak.tracing.trace import Execution, Trace, Use

_LINES_TOLD = 20
"""Lines of a program's output that are told when it fails."""

_SHELL = "/bin/sh"


class PlannedRun(NamedTuple):
    """One command to be run, by the path of its program.

    `counted` are the programs whose doings alone count; where there are none, all that the command does counts.
    """

    command: tuple[str, ...]
    executable: str
    counted: tuple[Program, ...] = ()

    @property
    def line(self) -> str:
        """The command as a line for people."""
        return shell_line(self.command)


def planned_runs(programs: Sequence[Program], arguments: Sequence[str], command: str | None) -> list[PlannedRun]:
    """Return what is to be run: each of `programs` with `arguments`, or the shell's `command` once for all of them."""
    if command is not None:
        return [PlannedRun((_SHELL, "-c", command), _SHELL, tuple(programs))]
    return [PlannedRun((each.given, *arguments), parse_cli_path(each.given).on_host) for each in programs]


def judge(run: PlannedRun, watched: TracedRun, timeout: float, *, allow_failure: bool) -> list[str]:
    """Return a line for each thing about the end of a run that is worth a warning.

    A program that had to be ended after `timeout` seconds has not failed. Raises RunFailed for one that did, unless
    `allow_failure` is set.
    """
    warnings = []
    if watched.timed_out:
        names = ", ".join(printable(name) for name in dict.fromkeys(watched.still_running))
        warnings.append(
            f"still running after {timeout:g} s: {names}; it was ended, and what was seen counts"
            " (--dynamic-timeout sets the time)"
        )
    elif watched.returncode != 0:
        message = f"{run.line} {describe_exit(watched.returncode)}"
        if not allow_failure:
            raise RunFailed(message, details=_last_words(watched), hints=_hints(run))
        warnings.append(message)
    if watched.trace.unreadable:
        calls = count_noun(watched.trace.unreadable, "call")
        warnings.append(
            f"the names of {calls} could not be read, of processes that had changed their user"
            " (docker run --cap-add SYS_PTRACE lets magicpak read them)"
        )
    return warnings


def counted(run: PlannedRun, trace: Trace) -> tuple[Trace, list[str]]:
    """Return what counts of `trace`, and a line for each program that was to be run and was not.

    Raises RunFailed where none was run.
    """
    if not run.counted:
        return trace, []
    executed = {each.inode for each in trace.executions}
    absent = [printable(each.given) for each in run.counted if each.file.inode not in executed]
    scope = within(trace, {each.file.inode for each in run.counted})
    message = f"the command of --dynamic-command has not run {', '.join(absent)}"
    if scope is None:
        raise RunFailed(message, hints=["let it run the INPUT itself, by its path: nothing else that it does counts"])
    return scope, [message] if absent else []


def trace_lines(trace: Trace) -> Iterator[str]:
    """Yield a line for each program that started and each use of a file, as strace(1) writes them."""
    told = 0
    for use in trace.uses:
        for execution in trace.executions[told : use.execution + 1]:
            yield _execution_line(execution, trace)
        told = max(told, use.execution + 1)
        yield _use_line(use, trace)
    for execution in trace.executions[told:]:
        yield _execution_line(execution, trace)


def summary(runs: Sequence[TracedRun], files: int) -> str:
    """Return the line that tells how many programs ran, how many `files` they have brought, and how long it took."""
    programs = sum(not each.forked for watched in runs for each in watched.trace.executions)
    seconds = sum(watched.seconds for watched in runs)
    return f"ran {count_noun(programs, 'program')}, {count_noun(files, 'file')}, in {seconds:.1f} s"


def _last_words(watched: TracedRun) -> list[str]:
    said = watched.stderr if watched.stderr.strip() else watched.stdout
    return [os.fsdecode(line) for line in said.splitlines()[-_LINES_TOLD:]]


def _hints(run: PlannedRun) -> list[str]:
    hints = ["--dynamic-allow-failure bundles what was seen nevertheless"]
    if len(run.command) == 1:
        hints.insert(0, "--dynamic-arg gives it arguments: --dynamic-arg --version")
    return hints


def _execution_line(execution: Execution, trace: Trace) -> str:
    if execution.forked:
        parent = "" if execution.parent is None else f" by {trace.executions[execution.parent].pid}"
        return f"{execution.pid} forked{parent}"
    quoted = (argument.replace("\\", "\\\\").replace('"', '\\"') for argument in execution.arguments)
    arguments = " ".join(f'"{printable(argument)}"' for argument in quoted)
    return f"{execution.pid} execve {printable(execution.path)} {arguments}"


def _use_line(use: Use, trace: Trace) -> str:
    result = f": {errno.errorcode.get(use.error, use.error)}" if use.error else f" {use.access.value}"
    return f"{trace.executions[use.execution].pid} {use.call} {printable(use.path)}{result}"
