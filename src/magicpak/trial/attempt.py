"""One run of the bundle, and whether it met the expectations."""

import difflib
import os
from functools import partial
from typing import NamedTuple

from magicpak.errors import LimitReached, RunFailed, TestUnavailable
from magicpak.process import untraced
from magicpak.process.child import describe_exit, exit_code
from magicpak.process.exec import Command
from magicpak.process.pipes import OutputTail
from magicpak.process.supervisor import supervise
from magicpak.text import printable
from magicpak.trial.expectations import Expectations
from magicpak.trial.invocation import TrialCommand
from magicpak.trial.sandbox_fallback import SandboxFallback

HEAD = 1 << 18
"""Bytes that an OutputHead keeps; what is expected comes from one argument, which holds half of that (execve(2))."""

MOST_LINES = 20
"""Lines that are shown of a difference, and of stderr."""

_LONGEST_LINE = 400  # characters


class OutputHead:
    """The beginning of what a program prints, in bounded memory, without the white space around it.

    It is compared with what the program should print.
    """

    def __init__(self) -> None:
        self._kept = bytearray()
        self._has_more = False

    def take(self, chunk: bytes) -> None:
        """Add what was read."""
        new = chunk if self._kept else chunk.lstrip()
        room = HEAD - len(self._kept)
        self._kept += new[:room]
        self._has_more = self._has_more or bool(new[room:].strip())

    @property
    def text(self) -> bytes:
        """What is kept, without white space at both ends."""
        return bytes(self._kept).strip()

    @property
    def is_whole(self) -> bool:
        """Whether `text` is all that was printed."""
        return not self._has_more


class Attempt(NamedTuple):
    """How a run went: its exit code, negative for a signal; None where it could not be executed, and `why` not."""

    returncode: int | None
    timed_out: bool
    seconds: float
    stdout: OutputHead
    stderr: bytes
    why: str = ""


def attempt(trial_command: TrialCommand, expectations: Expectations, fallback: SandboxFallback) -> Attempt:
    """Run `trial_command` as `expectations` say, in the best sandbox. Raises TestUnavailable, ToolFailed."""
    stdout, stderr = OutputHead(), OutputTail()

    def act(command: Command) -> Attempt:
        try:
            done = supervise(
                partial(untraced.run, command),
                name=f"the test of {printable(trial_command.line)}",
                timeout=expectations.timeout,
                stdin=expectations.stdin,
                on_output=(stdout.take, stderr.take),
            )
        except RunFailed as error:
            return Attempt(None, timed_out=False, seconds=0, stdout=stdout, stderr=b"", why=error.message)
        except LimitReached as error:
            raise TestUnavailable(error.message, hints=error.hints) from None
        code = os.waitstatus_to_exitcode(done.result)
        return Attempt(code, done.timed_out, done.seconds, stdout, bytes(stderr.kept))

    return fallback.run(trial_command, expectations.environment, act)


def complaint(command: TrialCommand, attempt: Attempt, expectations: Expectations) -> str | None:
    """Return what is wrong with how the run has gone, in a line; None if nothing is."""
    line = printable(command.line)
    if attempt.why:
        return attempt.why
    if attempt.timed_out:
        return f"{line} did not finish within {expectations.timeout:g} seconds"
    code = attempt.returncode or 0
    if exit_code(code) != expectations.exit_code:
        wanted = f" instead of {expectations.exit_code}" if expectations.exit_code else ""
        return f"{line} {describe_exit(code)}{wanted}"
    if expectations.stdout is not None and not (
        attempt.stdout.is_whole and attempt.stdout.text == expectations.stdout.strip()
    ):
        return f"{line} did not print the expected output"
    return None


def details(attempt: Attempt, expectations: Expectations) -> list[str]:
    """Return what helps to understand a run that failed: the difference to what was expected, and the end of stderr."""
    lines = []
    if expectations.stdout is not None:
        lines += _difference(expectations.stdout.strip(), attempt.stdout)
    last = attempt.stderr.splitlines()[-MOST_LINES:]
    if not last and expectations.stdout is None:
        last = attempt.stdout.text.splitlines()[-MOST_LINES:]
    return [*lines, *map(_line, last)]


def _line(line: bytes) -> str:
    """Return a line as it is shown: long ones are cut."""
    text = os.fsdecode(line).expandtabs()
    return text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}… ({len(line)} bytes)"


def _difference(expected: bytes, stdout: OutputHead) -> list[str]:
    """Return a unified difference of what was expected and what was printed; none if they are equal."""
    before, after = expected.splitlines(), stdout.text.splitlines()
    difference = difflib.diff_bytes(difflib.unified_diff, before, after, b"expected", b"printed", lineterm=b"")
    lines = [_line(line) for line in difference]
    if not stdout.is_whole:
        lines.append(f"(more than {len(stdout.text)} bytes were printed)")
    return lines if len(lines) <= MOST_LINES else [*lines[:MOST_LINES], f"({len(lines) - MOST_LINES} more lines)"]
