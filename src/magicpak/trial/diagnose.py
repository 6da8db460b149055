"""A trial that has failed: the run is watched once more, and what it lacked is told."""

import os
from collections.abc import Callable, Sequence

from magicpak.errors import RunFailed, ToolFailed, TracingRefused, TrialFailed
from magicpak.process.child import nothing
from magicpak.process.sandbox import Setting
from magicpak.process.tempdirs import private_directory
from magicpak.process.tools import as_shell_line
from magicpak.text import plural
from magicpak.tracing.run import Watched, watch
from magicpak.trial.attempt import Attempt, details
from magicpak.trial.expectations import Demands
from magicpak.trial.failed_lookups import Sought, interpreters_missing, sought_in, unseen_in
from magicpak.trial.invocation import Command, Itself, Spoken
from magicpak.trial.sandbox_fallback import Ladder
from magicpak.trial.suggestions import MOST, Plans, hints_for, worth_telling

_WHERE_IT_HANGS = 10.0  # seconds for the second run of what has not ended in the first
_AT_LEAST, _TIMES = 3.0, 20.0  # seconds for the second run, and how much longer than the first it may last


def watch_again(
    command: Command, before: Attempt, demands: Demands, ladder: Ladder, tick: Callable[[], object] = nothing
) -> Watched | str:
    """Run `command` once more, under the tracer; return why not, where that cannot be. Raises TrialImpossible."""
    longest = _WHERE_IT_HANGS if before.timed_out else _AT_LEAST + _TIMES * before.seconds

    def act(spoken: Spoken, setting: Setting) -> Watched:
        return watch(
            spoken.words,
            executable=spoken.path,
            timeout=min(demands.timeout, longest),
            keep_in=keep_in,
            stdin=demands.stdin,
            env=demands.environment,
            setting=setting,
            to_the_last=False,
            tick=tick,
        )

    with private_directory() as keep_in:
        try:
            return ladder.climb(command, act)
        except (TracingRefused, RunFailed, ToolFailed) as error:
            return error.message


def failure(
    command: Command, complaint: str, attempt: Attempt, watched: Watched | str, demands: Demands, plans: Plans
) -> TrialFailed:
    """Return the failure of the trial with all that helps to mend the bundle."""
    said = [attempt.stderr, attempt.stdout.text, watched.stderr if isinstance(watched, Watched) else b""]
    words = "\n".join(map(os.fsdecode, said))
    lines = details(attempt, demands)
    sought = _lacking(command, plans)
    if isinstance(watched, Watched):
        unseen = worth_telling(unseen_in(watched.trace, plans.plan), plans, words)
        sought = [*unseen, *sought_in(watched.trace, plans.plan), *sought]
    elif not sought:
        lines.append(f"what the bundle lacks is not known: {watched}")
    hints = hints_for(sought, plans, words)
    more = len(hints) - MOST
    if more > 0:
        hints = [*hints[:MOST], f"{plural(more, 'more path')} of the host had been looked for in vain"]
    if plans.made is None and any(hint.startswith("--") for hint in hints):
        hints.append("--dynamic brings in all that a run of the program uses")
    return TrialFailed(
        f"the bundle fails its test: {complaint}", details=lines, hints=hints or _general_hints(command, attempt)
    )


def _lacking(command: Command, plans: Plans) -> Sequence[Sought]:
    """Return what the plan alone tells to be missing: the program's interpreter."""
    item = plans.plan.reached(command.path)[0] if isinstance(command, Itself) else None
    return list(interpreters_missing(item, plans.plan)) if item is not None else []


def _general_hints(command: Command, attempt: Attempt) -> list[str]:
    if isinstance(command, Itself) and (attempt.returncode or 0) > 0:
        example = as_shell_line(["--test-command", f"{as_shell_line([command.path])} --version"])
        return [f"without --test-command it is run without arguments; with arguments: {example}"]
    return []
