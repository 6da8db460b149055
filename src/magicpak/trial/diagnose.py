"""A trial that has failed: the run is watched once more, and what it lacked is told."""

import os
from collections.abc import Callable, Sequence

from magicpak.errors import RunFailed, TestFailed, ToolFailed, TracingUnavailable
from magicpak.process.child import noop
from magicpak.process.sandbox import Sandbox
from magicpak.process.tempdirs import private_directory
from magicpak.text import count_noun, shell_line
from magicpak.tracing.run import TracedRun, run_traced
from magicpak.trial.attempt import Attempt, details
from magicpak.trial.expectations import Expectations
from magicpak.trial.failed_lookups import FailedLookup, failed_lookups, interpreters_missing, unlisted_files
from magicpak.trial.invocation import Invocation, ProgramCommand, TrialCommand
from magicpak.trial.sandbox_fallback import SandboxFallback
from magicpak.trial.suggestions import MOST, TrialPlans, suggest, worth_telling

_WHERE_IT_HANGS = 10.0  # seconds for the second run of what has not ended in the first
_AT_LEAST, _TIMES = 3.0, 20.0  # seconds for the second run, and how much longer than the first it may last


def rerun_traced(
    command: TrialCommand,
    before: Attempt,
    expectations: Expectations,
    fallback: SandboxFallback,
    tick: Callable[[], object] = noop,
) -> TracedRun | str:
    """Run `command` once more, under the tracer; return why not, where that cannot be. Raises TestUnavailable."""
    longest = _WHERE_IT_HANGS if before.timed_out else _AT_LEAST + _TIMES * before.seconds

    def act(invocation: Invocation, sandbox: Sandbox) -> TracedRun:
        return run_traced(
            invocation.words,
            executable=invocation.path,
            timeout=min(expectations.timeout, longest),
            keep_in=keep_in,
            stdin=expectations.stdin,
            env=expectations.environment,
            sandbox=sandbox,
            to_the_last=False,
            tick=tick,
        )

    with private_directory() as keep_in:
        try:
            return fallback.run(command, act)
        except (TracingUnavailable, RunFailed, ToolFailed) as error:
            return error.message


def test_failure(
    command: TrialCommand,
    complaint: str,
    attempt: Attempt,
    watched: TracedRun | str,
    expectations: Expectations,
    plans: TrialPlans,
) -> TestFailed:
    """Return the failure of the trial with all that helps to mend the bundle."""
    said = [attempt.stderr, attempt.stdout.text, watched.stderr if isinstance(watched, TracedRun) else b""]
    words = "\n".join(map(os.fsdecode, said))
    lines = details(attempt, expectations)
    sought = _lacking(command, plans)
    if isinstance(watched, TracedRun):
        unseen = worth_telling(unlisted_files(watched.trace, plans.plan), plans, words)
        sought = [*unseen, *failed_lookups(watched.trace, plans.plan), *sought]
    elif not sought:
        lines.append(f"what the bundle lacks is not known: {watched}")
    hints = suggest(sought, plans, words)
    more = len(hints) - MOST
    if more > 0:
        hints = [*hints[:MOST], f"{count_noun(more, 'more path')} of the host had been looked for in vain"]
    if plans.made is None and any(hint.startswith("--") for hint in hints):
        hints.append("--dynamic brings in all that a run of the program uses")
    return TestFailed(
        f"the bundle fails its test: {complaint}", details=lines, hints=hints or _general_hints(command, attempt)
    )


def _lacking(command: TrialCommand, plans: TrialPlans) -> Sequence[FailedLookup]:
    """Return what the plan alone tells to be missing: the program's interpreter."""
    item = plans.plan.reached(command.path)[0] if isinstance(command, ProgramCommand) else None
    return list(interpreters_missing(item, plans.plan)) if item is not None else []


def _general_hints(command: TrialCommand, attempt: Attempt) -> list[str]:
    if isinstance(command, ProgramCommand) and (attempt.returncode or 0) > 0:
        example = shell_line(["--test-command", f"{shell_line([command.path])} --version"])
        return [f"without --test-command it is run without arguments; with arguments: {example}"]
    return []
