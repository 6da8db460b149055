"""One class per failure: its words, its hint and its exit code stand here and nowhere else."""

import os
from collections.abc import Sequence
from enum import IntEnum

from magicpak.text import printable


class ExitCode(IntEnum):
    """What the exit code tells, as documented in docs/exit-codes.md."""

    SUCCESS = 0
    FAILURE = 1
    USAGE = 2
    LIBRARIES_MISSING = 3
    INPUT_NOT_BUNDLEABLE = 4
    OUTPUT_NOT_USABLE = 5
    RUN_FAILED = 6
    TRACING_REFUSED = 7
    TEST_FAILED = 8
    TEST_IMPOSSIBLE = 9
    TOO_LARGE = 10


class MagicpakError(Exception):
    """A failure that the user can read: one line, where there is a cure a hint, and an exit code."""

    exit_code = ExitCode.FAILURE

    def __init__(self, message: str, *, hints: Sequence[str] = (), details: Sequence[str] = ()) -> None:
        """Take the one line, further lines that belong to it, and the cures."""
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.hints = tuple(hints)


class Interrupted(BaseException):
    """SIGINT, SIGTERM or SIGHUP has arrived; not an Exception, so that nothing on the way swallows it."""

    def __init__(self, signal_number: int) -> None:
        """Take the number of the signal."""
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number


class InvalidUsage(MagicpakError):
    """The command line is well-formed but asks for what cannot be."""

    exit_code = ExitCode.USAGE


class InputNotBundleable(MagicpakError):
    """An INPUT is not an executable that can be bundled."""

    exit_code = ExitCode.INPUT_NOT_BUNDLEABLE

    def __init__(self, path: str, why: str, hint: str | None = None) -> None:
        """Take the INPUT as the user wrote it and what is wrong with it."""
        super().__init__(f"{printable(path)} {why}", hints=[hint] if hint else [])


class OutputNotUsable(MagicpakError):
    """OUTPUT cannot become the bundle."""

    exit_code = ExitCode.OUTPUT_NOT_USABLE

    def __init__(self, path: str, why: str, hint: str | None = None) -> None:
        """Take OUTPUT as the user wrote it and what is wrong with it."""
        super().__init__(f"output {printable(path)} {why}", hints=[hint] if hint else [])


class LibrariesMissing(MagicpakError):
    """The loader would not find these libraries (or the interpreter)."""

    exit_code = ExitCode.LIBRARIES_MISSING


class BundleTooLarge(MagicpakError):
    """The bundle is larger than `--size-limit` allows."""

    exit_code = ExitCode.TOO_LARGE


class NotInBundle(MagicpakError):
    """What `--why` asks for is not in the bundle."""

    def __init__(self, path: str, why: str) -> None:
        """Take the path as the user wrote it, and why it is not there."""
        super().__init__(
            f"{printable(path)} is not in the bundle: {why}", hints=["--report list names all that is in it"]
        )


class ReportNotWritable(MagicpakError):
    """The file of `--report-file` cannot be written."""

    exit_code = ExitCode.OUTPUT_NOT_USABLE

    def __init__(self, path: str, why: str) -> None:
        """Take the path as the user wrote it, and what is wrong with it."""
        super().__init__(f"report {printable(path)} {why}")


class PlanConflict(MagicpakError):
    """Two different things are to stand at one path of the bundle."""

    def __init__(self, path: str, first: str, second: str, hint: str | None = None) -> None:
        """Take the path and what each side wants there, with its reason."""
        super().__init__(
            f"two different things for {printable(path)} in the bundle: {first}; and {second}",
            hints=[hint] if hint else [],
        )


class SourceChanged(MagicpakError):
    """A file of the host is no longer what it was when the plan was made."""

    def __init__(self, path: str, how: str) -> None:
        """Take the host's path and how it has changed."""
        super().__init__(f"{printable(path)} {how} while it was being bundled")


class CannotRead(MagicpakError):
    """A file of the host that the bundle needs cannot be read."""

    def __init__(self, path: str, error: OSError) -> None:
        """Take the host's path and the system's reason."""
        super().__init__(f"cannot read {printable(path)}: {reason(error)}")


class RunFailed(MagicpakError):
    """The program that `--dynamic` runs has failed."""

    exit_code = ExitCode.RUN_FAILED


class TracingUnavailable(MagicpakError):
    """The system does not let us watch a program run."""

    exit_code = ExitCode.TRACING_REFUSED


class SandboxUnavailable(MagicpakError):
    """The system does not let us make the surroundings in which a program is to run."""

    @classmethod
    def by(cls, error: OSError) -> "SandboxUnavailable":
        """Return what `error` means: its words, after what was tried where the error tells."""
        tried = f"{error.filename}: " if error.filename else ""
        return cls(f"{tried}{reason(error)}")


class OverlayUnavailable(SandboxUnavailable):
    """The system makes namespaces, but no overlay of these directories."""


class TestFailed(MagicpakError):
    """The bundle does not do in a trial what `--test` demands."""

    exit_code = ExitCode.TEST_FAILED


class TestUnavailable(MagicpakError):
    """Nothing that a trial can run in is to be had here."""

    exit_code = ExitCode.TEST_IMPOSSIBLE


class ToolFailed(MagicpakError):
    """Another program that is needed is missing, fails, hangs, or answers nonsense."""


def reason(error: OSError) -> str:
    """Return the system's words for `error`, without the number and the path."""
    return os.strerror(error.errno) if error.errno else str(error)
