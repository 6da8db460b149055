"""The runs of `--dynamic`: what is run, what its exit means, and the trace as lines for people."""

import errno
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from magicpak.errors import RunFailed
from magicpak.files.cli_path import parse_cli_path
from magicpak.files.view import real_path
from magicpak.process.child import describe_exit
from magicpak.resolve.inputs import Input, ScriptInput
from magicpak.text import count_noun, printable, shell_line
from magicpak.tracing.run import TracedRun
from magicpak.tracing.trace import Execution, Trace, Use, within

_LEAK_SANITIZER = b"LeakSanitizer does not work under ptrace"  # lsan_common.cpp of LLVM
_MAX_LINES = 20
"""Lines of a program's output that are printed when it fails."""

_SHELL = "/bin/sh"


class PlannedRun(NamedTuple):
    """One command to run, with the path of its program.

    Only what the `counted` INPUTs do counts; where there are none, everything that the command does.
    """

    argv: tuple[str, ...]
    executable: str
    counted: tuple[Input, ...] = ()

    @property
    def line(self) -> str:
        """The command as a line for people."""
        return shell_line(self.argv)


def planned_runs(inputs: Sequence[Input], arguments: Sequence[str], command: str | None) -> list[PlannedRun]:
    """Return what is to be run: each of `inputs` with `arguments`, or the shell's `command` once for all of them."""
    if command is not None:
        return [PlannedRun((_SHELL, "-c", command), _SHELL, tuple(inputs))]
    return [PlannedRun((each.argument, *arguments), parse_cli_path(each.argument).on_host) for each in inputs]


def judge(run: PlannedRun, traced: TracedRun, timeout: float, *, allow_failure: bool) -> list[str]:
    """Return a line for each thing about the end of a run that is worth a warning.

    A program that was stopped after `timeout` seconds has not failed. Raises RunFailed for one that did, unless
    `allow_failure` is set.
    """
    warnings = []
    if traced.timed_out:
        names = ", ".join(printable(name) for name in dict.fromkeys(traced.still_running))
        warnings.append(f"stopped after {timeout:g} s (--dynamic-timeout): {names}; files seen so far are included")
    elif traced.returncode != 0:
        message = f"{run.line} {describe_exit(traced.returncode)}"
        if not allow_failure:
            raise RunFailed(message, details=_last_lines(traced), hints=_hints(run, traced))
        warnings.append(message)
    if traced.trace.unreadable:
        calls = count_noun(traced.trace.unreadable, "system call")
        warnings.append(
            f"the file names of {calls} are unknown: the processes had changed their user, and magicpak may not read"
            " their memory (docker run --cap-add SYS_PTRACE allows it)"
        )
    return warnings


def counted_part(run: PlannedRun, trace: Trace) -> tuple[Trace, list[str]]:
    """Return what counts of `trace`, and a line for each program that was to be run and was not.

    Raises RunFailed where none was run.
    """
    if not run.counted:
        return trace, []
    executed = {each.inode for each in trace.executions} | {_script(each) for each in trace.executions}
    absent = [printable(each.argument) for each in run.counted if _executed_as(each) not in executed]
    counted = {_executed_as(each) for each in run.counted}
    scope = within(trace, lambda each: each.inode in counted or _script(each) in counted)
    message = f"the command of --dynamic-command did not run {', '.join(absent)}"
    if scope is None:
        raise RunFailed(
            message, hints=["run INPUT itself in the command, by its path: only files that INPUT uses are added"]
        )
    return scope, [message] if absent else []


def _executed_as(each: Input) -> tuple[int, int] | str:
    """Return what an execution of the INPUT is known by: of a script its path, since what runs is its interpreter."""
    return each.real if isinstance(each, ScriptInput) else each.inode


def _script(execution: Execution) -> str:
    return "" if execution.forked else real_path(execution.path)


def trace_lines(trace: Trace) -> Iterator[str]:
    """Yield a line for each program that started and each use of a file, as strace(1) writes them."""
    started = 0
    for use in trace.uses:
        for execution in trace.executions[started : use.execution + 1]:
            yield _execution_line(execution, trace)
        started = max(started, use.execution + 1)
        yield _use_line(use, trace)
    for execution in trace.executions[started:]:
        yield _execution_line(execution, trace)
    if trace.omitted:
        yield f"{count_noun(trace.omitted, 'more system call')} failed"


def summary(runs: Sequence[TracedRun], files: int) -> str:
    """Return a line with how many programs ran, how many `files` they used, and how long it took."""
    programs = sum(not each.forked for run in runs for each in run.trace.executions)
    seconds = sum(run.seconds for run in runs)
    return f"ran {count_noun(programs, 'program')}, {count_noun(files, 'file')}, in {seconds:.1f} s"


def _last_lines(traced: TracedRun) -> list[str]:
    output = traced.stderr if traced.stderr.strip() else traced.stdout
    return [os.fsdecode(line) for line in output.splitlines()[-_MAX_LINES:]]


def _hints(run: PlannedRun, traced: TracedRun) -> list[str]:
    if _LEAK_SANITIZER in traced.stderr:
        return ["--dynamic-env ASAN_OPTIONS=detect_leaks=0 (or LSAN_OPTIONS) switches LeakSanitizer off"]
    hints = ["--dynamic-allow-failure bundles the files seen so far"]
    if len(run.argv) == 1:
        hints.insert(0, "--dynamic-arg passes arguments: --dynamic-arg --version")
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
