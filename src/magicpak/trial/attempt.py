"""One run of the bundle, and whether it was as it should be."""

import difflib
import os
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from magicpak.errors import RunFailed
from magicpak.process import untraced
from magicpak.process.child import noop
from magicpak.process.exit_status import describe_exit, exit_code
from magicpak.process.sandbox import Sandbox
from magicpak.process.supervisor import OutputTail, supervise
from magicpak.text import printable
from magicpak.trial.expectations import Expectations
from magicpak.trial.invocation import Invocation, TrialCommand
from magicpak.trial.output_head import OutputHead
from magicpak.trial.sandbox_fallback import SandboxFallback

LINES_TOLD = 20
"""Lines of a difference, and of what was said on stderr, that are told."""

_LONGEST_LINE = 400  # characters


class Attempt(NamedTuple):
    """How a run went: its exit code, negative for a signal; None where it could not be executed, and `why` not."""

    returncode: int | None
    timed_out: bool
    seconds: float
    stdout: OutputHead
    stderr: bytes
    why: str = ""


def attempt(
    command: TrialCommand, expectations: Expectations, fallback: SandboxFallback, tick: Callable[[], object] = noop
) -> Attempt:
    """Run `command` as `expectations` say, in the best place; `tick` is called now and then meanwhile.

    Raises TestUnavailable, ToolFailed.
    """
    stdout, stderr = OutputHead(), OutputTail()

    def act(invocation: Invocation, sandbox: Sandbox) -> Attempt:
        program = untraced.Program(invocation.words, invocation.path, expectations.environment, sandbox)
        try:
            done = supervise(
                partial(untraced.run, program),
                name=f"the trial of {printable(command.line)}",
                timeout=expectations.timeout,
                stdin=expectations.stdin,
                takers=(stdout.take, stderr.take),
                tick=tick,
            )
        except RunFailed as error:
            return Attempt(None, timed_out=False, seconds=0, stdout=stdout, stderr=b"", why=error.message)
        code = os.waitstatus_to_exitcode(done.result)
        return Attempt(code, done.timed_out, done.seconds, stdout, bytes(stderr.kept))

    return fallback.run(command, act)


def complaint(command: TrialCommand, attempt: Attempt, expectations: Expectations) -> str | None:
    """Return what is wrong with how the run has gone, in a line; None if nothing is."""
    line = printable(command.line)
    if attempt.why:
        return attempt.why
    if attempt.timed_out:
        return f"{line} had not ended after {expectations.timeout:g} s"
    code = attempt.returncode or 0
    if exit_code(code) != expectations.exit_code:
        wanted = f" instead of {expectations.exit_code}" if expectations.exit_code else ""
        return f"{line} {describe_exit(code)}{wanted}"
    if expectations.stdout is not None and not (
        attempt.stdout.is_whole and attempt.stdout.text == expectations.stdout.strip()
    ):
        return f"{line} printed something else than expected"
    return None


def details(attempt: Attempt, expectations: Expectations) -> list[str]:
    """Return what helps to understand a run that was not as it should be: a difference, and the end of stderr."""
    lines = []
    if expectations.stdout is not None:
        lines += _difference(expectations.stdout.strip(), attempt.stdout)
    said = attempt.stderr.splitlines()[-LINES_TOLD:]
    if not said and expectations.stdout is None:
        said = attempt.stdout.text.splitlines()[-LINES_TOLD:]
    return [*lines, *map(_line, said)]


def _line(line: bytes) -> str:
    """Return a line as it is told: long ones are cut."""
    text = os.fsdecode(line).expandtabs()
    return text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}… ({len(line)} bytes)"


def _difference(expected: bytes, stdout: OutputHead) -> list[str]:
    """Return a unified difference of what was expected and what came; none if both are one."""
    before, after = expected.splitlines(), stdout.text.splitlines()
    difference = difflib.diff_bytes(difflib.unified_diff, before, after, b"expected", b"printed", lineterm=b"")
    lines = [_line(line) for line in difference]
    if not stdout.is_whole:
        lines.append(f"(more than {len(stdout.text)} bytes were printed)")
    return lines if len(lines) <= LINES_TOLD else [*lines[:LINES_TOLD], f"({len(lines) - LINES_TOLD} more lines)"]
