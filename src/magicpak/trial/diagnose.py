"""A test that has failed: the program is run once more, traced, and what it lacked is reported."""

import os
from collections.abc import Sequence

from magicpak.errors import RunFailed, TestFailed, ToolFailed, TracingUnavailable
from magicpak.process.exec import Command
from magicpak.process.tempdirs import private_directory
from magicpak.text import count_noun, printable, shell_line
from magicpak.tracing.run import TracedRun, run_traced
from magicpak.tracing.trace import Trace
from magicpak.trial.attempt import Attempt, details
from magicpak.trial.expectations import Expectations
from magicpak.trial.failed_lookups import (
    FailedLookup,
    failed_lookups,
    interpreters_missing,
    proc_lookups,
    unlisted_files,
)
from magicpak.trial.invocation import ProgramCommand, TrialCommand
from magicpak.trial.own_path import own_path_hints, working_directory_hints
from magicpak.trial.sandbox_fallback import SandboxFallback
from magicpak.trial.suggestions import MOST, TrialPlans, suggest, worth_suggesting

_WHERE_IT_HANGS = 10.0  # seconds for the second run of what has not ended in the first
_AT_LEAST, _TIMES = 3.0, 20.0  # seconds for the second run, and how many times as long as the first it may take


def rerun_traced(
    trial_command: TrialCommand, before: Attempt, expectations: Expectations, fallback: SandboxFallback
) -> TracedRun | str:
    """Run `trial_command` once more, under the tracer; return why not where that fails. Raises TestUnavailable."""
    longest = _WHERE_IT_HANGS if before.timed_out else _AT_LEAST + _TIMES * before.seconds

    def act(command: Command) -> TracedRun:
        return run_traced(
            command,
            timeout=min(expectations.timeout, longest),
            keep_in=keep_in,
            stdin=expectations.stdin,
            to_the_last=False,
        )

    with private_directory() as keep_in:
        try:
            return fallback.run(trial_command, expectations.environment, act)
        except (TracingUnavailable, RunFailed, ToolFailed) as error:
            return error.message


def test_failure(
    command: TrialCommand,
    complaint: str,
    attempt: Attempt,
    traced: TracedRun | str,
    expectations: Expectations,
    plans: TrialPlans,
    *,
    has_proc: bool,
) -> TestFailed:
    """Return the failure of the test, with everything that helps to repair the bundle."""
    outputs = [attempt.stderr, attempt.stdout.text, traced.stderr if isinstance(traced, TracedRun) else b""]
    printed = "\n".join(map(os.fsdecode, outputs))
    lines = details(attempt, expectations)
    lookups = _missing_by_plan(command, plans)
    if isinstance(traced, TracedRun):
        unlisted = worth_suggesting(unlisted_files(traced.trace, plans.plan), plans, printed)
        lookups = [*unlisted, *failed_lookups(traced.trace, plans.plan), *lookups]
    elif not lookups:
        lines.append(f"cannot determine what the bundle lacks: {traced}")
    hints = suggest(lookups, plans, printed)
    more = len(hints) - MOST
    if more > 0:
        hints = [*hints[:MOST], f"the program also looked for {count_noun(more, 'more path')} that the host has"]
    own = list(own_path_hints(lookups, plans))
    if plans.made is None and (own or any(hint.startswith("--") for hint in hints)):
        hints.append("--dynamic adds everything that a run of the program uses")
    hints += own or working_directory_hints(lookups, plans)
    if isinstance(traced, TracedRun) and not has_proc and (not hints or "/proc/" in printed):  # else it is hardly why
        hints += _proc_hints(traced.trace, printed)
    return TestFailed(
        f"the bundle fails its test: {complaint}", details=lines, hints=hints or _general_hints(command, attempt)
    )


def _missing_by_plan(command: TrialCommand, plans: TrialPlans) -> Sequence[FailedLookup]:
    """Return what is missing by the plan alone: the program's interpreter."""
    item = plans.plan.reached(command.path)[0] if isinstance(command, ProgramCommand) else None
    return list(interpreters_missing(item, plans.plan)) if item is not None else []


def _proc_hints(trace: Trace, printed: str) -> list[str]:
    """Return a hint where the program looked for a file of /proc, which is not there."""
    paths = list(proc_lookups(trace, printed))
    if not paths:
        return []
    path = next((each for each in paths if each in printed), paths[-1])
    about = f"looked for {printable(path)}, which a bare chroot lacks and a container has"
    return [f"the program {about}: run magicpak where mounts are allowed, or test the image with docker run"]


def _general_hints(command: TrialCommand, attempt: Attempt) -> list[str]:
    if isinstance(command, ProgramCommand) and (attempt.returncode or 0) > 0:
        example = shell_line(["--test-command", f"{shell_line([command.path])} --version"])
        return [f"the program was run without arguments; to pass some: {example}"]
    return []
