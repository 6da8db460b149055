"""One run of the bundle, and whether it was as it should be."""

import difflib
import os
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from magicpak.errors import RunFailed
from magicpak.process import untraced
from magicpak.process.child import nothing
from magicpak.process.exit_status import ending, exit_code
from magicpak.process.sandbox import Setting
from magicpak.process.supervisor import Tail, supervise
from magicpak.text import shown
from magicpak.trial.expectations import Demands
from magicpak.trial.invocation import Command, Spoken
from magicpak.trial.output_head import Head
from magicpak.trial.sandbox_fallback import Ladder

LINES_TOLD = 20
"""Lines of a difference, and of what was said on stderr, that are told."""

_LONGEST_LINE = 400  # characters


class Attempt(NamedTuple):
    """How a run went: its exit code, negative for a signal; None where it could not be executed, and `why` not."""

    returncode: int | None
    timed_out: bool
    seconds: float
    stdout: Head
    stderr: bytes
    why: str = ""


def attempt(command: Command, demands: Demands, ladder: Ladder, tick: Callable[[], object] = nothing) -> Attempt:
    """Run `command` as `demands` say, in the best place; `tick` is called now and then meanwhile.

    Raises TrialImpossible, ToolFailed.
    """
    stdout, stderr = Head(), Tail()

    def act(spoken: Spoken, setting: Setting) -> Attempt:
        program = untraced.Program(spoken.words, spoken.path, demands.environment, setting)
        try:
            done = supervise(
                partial(untraced.run, program),
                name=f"the trial of {shown(command.line)}",
                timeout=demands.timeout,
                stdin=demands.stdin,
                takers=(stdout.take, stderr.take),
                tick=tick,
            )
        except RunFailed as error:
            return Attempt(None, timed_out=False, seconds=0, stdout=stdout, stderr=b"", why=error.message)
        code = os.waitstatus_to_exitcode(done.result)
        return Attempt(code, done.timed_out, done.seconds, stdout, bytes(stderr.kept))

    return ladder.climb(command, act)


def complaint(command: Command, attempt: Attempt, demands: Demands) -> str | None:
    """Return what is wrong with how the run has gone, in a line; None if nothing is."""
    line = shown(command.line)
    if attempt.why:
        return attempt.why
    if attempt.timed_out:
        return f"{line} had not ended after {demands.timeout:g} s"
    code = attempt.returncode or 0
    if exit_code(code) != demands.exit_code:
        wanted = f" instead of {demands.exit_code}" if demands.exit_code else ""
        return f"{line} {ending(code)}{wanted}"
    if demands.stdout is not None and not (attempt.stdout.is_whole and attempt.stdout.text == demands.stdout.strip()):
        return f"{line} printed something else than expected"
    return None


def details(attempt: Attempt, demands: Demands) -> list[str]:
    """Return what helps to understand a run that was not as it should be: a difference, and the end of stderr."""
    lines = []
    if demands.stdout is not None:
        lines += _difference(demands.stdout.strip(), attempt.stdout)
    said = attempt.stderr.splitlines()[-LINES_TOLD:]
    if not said and demands.stdout is None:
        said = attempt.stdout.text.splitlines()[-LINES_TOLD:]
    return [*lines, *map(_line, said)]


def _line(line: bytes) -> str:
    """Return a line as it is told: long ones are cut."""
    text = os.fsdecode(line).expandtabs()
    return text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}… ({len(line)} bytes)"


def _difference(expected: bytes, stdout: Head) -> list[str]:
    """Return a unified difference of what was expected and what came; none if both are one."""
    before, after = expected.splitlines(), stdout.text.splitlines()
    difference = difflib.diff_bytes(difflib.unified_diff, before, after, b"expected", b"printed", lineterm=b"")
    lines = [_line(line) for line in difference]
    if not stdout.is_whole:
        lines.append(f"(more than {len(stdout.text)} bytes were printed)")
    return lines if len(lines) <= LINES_TOLD else [*lines[:LINES_TOLD], f"({len(lines) - LINES_TOLD} more lines)"]
