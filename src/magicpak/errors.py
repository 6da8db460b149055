"""One class per failure, with its message, its hint and its exit code."""

import errno
import os
from collections.abc import Sequence
from enum import IntEnum

from magicpak.text import printable, shell_line


class ExitCode(IntEnum):
    """The exit codes, as documented in docs/exit-codes.md."""

    SUCCESS = 0
    FAILURE = 1
    USAGE = 2
    LIBRARIES_MISSING = 3
    INPUT_NOT_BUNDLEABLE = 4
    OUTPUT_NOT_USABLE = 5
    RUN_FAILED = 6
    TRACING_UNAVAILABLE = 7
    TEST_FAILED = 8
    TEST_UNAVAILABLE = 9
    TOO_LARGE = 10


LIMITS = (errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What the system says where there are too many processes or descriptors, or too little memory."""

LIMIT_HINTS = {
    errno.EAGAIN: "allow more processes: ulimit -u, or docker run --pids-limit",
    errno.EMFILE: "allow more open files: ulimit -n 1024",
}


class MagicpakError(Exception):
    """A failure that is reported to the user: one line, `details` below it, `hints` that help, and an exit code."""

    exit_code = ExitCode.FAILURE

    def __init__(self, message: str, *, hints: Sequence[str] = (), details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.hints = tuple(hints)


class Interrupted(BaseException):
    """SIGINT, SIGTERM or SIGHUP has arrived; not an Exception, so that no handler swallows it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number


class InvalidUsage(MagicpakError):
    """The command line is well-formed but asks for the impossible."""

    exit_code = ExitCode.USAGE


class InputNotBundleable(MagicpakError):
    """An INPUT, as the user wrote it, is not an executable that can be bundled."""

    exit_code = ExitCode.INPUT_NOT_BUNDLEABLE

    def __init__(self, path: str, why: str, hint: str | None = None) -> None:
        super().__init__(f"{printable(path)} {why}", hints=[hint] if hint else [])


class OutputNotUsable(MagicpakError):
    """OUTPUT, as the user wrote it, cannot become the bundle."""

    exit_code = ExitCode.OUTPUT_NOT_USABLE

    def __init__(self, path: str, why: str, hint: str | None = None) -> None:
        super().__init__(f"output {printable(path)} {why}", hints=[hint] if hint else [])


class LibrariesMissing(MagicpakError):
    """Libraries that the loader would not find, or an interpreter."""

    exit_code = ExitCode.LIBRARIES_MISSING


class BundleTooLarge(MagicpakError):
    """The bundle is larger than `--size-limit` allows."""

    exit_code = ExitCode.TOO_LARGE


class NotInBundle(MagicpakError):
    """A path of `--why`, as the user wrote it, is not in the bundle."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"{printable(path)} is not in the bundle: {why}", hints=["--report list prints every path in it"]
        )


class ReportNotWritable(MagicpakError):
    """The file of `--report-file` cannot be written."""

    exit_code = ExitCode.OUTPUT_NOT_USABLE

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"report {printable(path)} {why}")


class ReportNotComparable(MagicpakError):
    """The file of `--report-against` is not a report that this one can be compared with."""

    def __init__(self, path: str, why: str) -> None:
        hint = "--report json --report-file FILE writes a report that later ones can be compared with"
        super().__init__(f"report {printable(path)} {why}", hints=[hint])


class PlanConflict(MagicpakError):
    """Two items of the plan, each given with its reason, are different but have the same path."""

    def __init__(self, path: str, first: str, second: str, hint: str | None = None) -> None:
        message = f"conflict at {printable(path)} in the bundle: {first}; and {second}"
        super().__init__(message, hints=[hint] if hint else [])


class BaseDiffers(MagicpakError):
    """The bundle and the base `name` have different things at the same paths, with a line for each.

    `path` is one that can be excluded.
    """

    _MOST = 10

    def __init__(self, name: str, lines: Sequence[str], path: str | None = None, *, replaceable: bool = False) -> None:
        where = "the same path" if len(lines) == 1 else f"{len(lines)} paths"
        more = len(lines) - self._MOST
        hints = []
        if path is not None:
            option = shell_line(["--exclude", path])
            hints.append(f"to keep what the base has, exclude it from the bundle: {option}")
        if replaceable:
            hints.append("to let the bundle's files take its place: --onto-replace")
        super().__init__(
            f"the bundle and {printable(name)} have different files at {where}",
            details=[*lines[: self._MOST], *([f"and {more} more"] if more > 0 else [])],
            hints=hints,
        )


class SourceChanged(MagicpakError):
    """A file of the host has changed since magicpak has seen it."""

    def __init__(self, path: str, how: str) -> None:
        super().__init__(
            f"{printable(path)} {how} while it was being bundled",
            hints=["run magicpak again when nothing changes it, or select files by a narrower --include"],
        )


class CannotRead(MagicpakError):
    """A file of the host that the bundle needs cannot be read."""

    def __init__(self, path: str, error: OSError) -> None:
        super().__init__(f"cannot read {printable(path)}: {reason(error)}")


def read_failure(path: str, error: OSError) -> SourceChanged | CannotRead:
    """Return the failure for the file at `path`, which was there: it has vanished, or cannot be read."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        return SourceChanged(path, "vanished")
    return CannotRead(path, error)


class NeedNotFound(MagicpakError):
    """What an option asks for, `flag`, is not on this host; `sought` is what was looked for."""

    def __init__(self, flag: str, sought: Sequence[str], hints: Sequence[str] = ()) -> None:
        message = f"{printable(flag)} finds nothing on this host"
        super().__init__(message, details=[f"looked for {printable(each)}" for each in sought], hints=hints)


class RunFailed(MagicpakError):
    """A program that `--dynamic` runs has failed."""

    exit_code = ExitCode.RUN_FAILED


class TracingUnavailable(MagicpakError):
    """The system does not allow a program to be traced."""

    exit_code = ExitCode.TRACING_UNAVAILABLE


class SandboxUnavailable(MagicpakError):
    """The system does not allow the sandbox that a program is to run in."""

    @classmethod
    def by(cls, error: OSError) -> "SandboxUnavailable":
        """Return the failure for `error`, whose file name, if any, says what was tried."""
        tried = f"{error.filename}: " if error.filename else ""
        return cls(f"{tried}{reason(error)}")


class OverlayUnavailable(SandboxUnavailable):
    """The system allows namespaces, but no overlay of these directories."""


class TestFailed(MagicpakError):
    """The bundle does not do what `--test` expects."""

    exit_code = ExitCode.TEST_FAILED


class TestUnavailable(MagicpakError):
    """The system allows none of the sandboxes that a bundle can be tested in."""

    exit_code = ExitCode.TEST_UNAVAILABLE


class LimitReached(MagicpakError):
    """The system has no process, descriptor or memory left for what is to be started."""

    @classmethod
    def by(cls, name: str, error: OSError) -> "LimitReached":
        """Return the failure of what is called `name`, which `error` has kept from running."""
        return cls(f"{name} cannot be started: {reason(error)}", hints=limit_hints(reason(error)))


class ToolFailed(MagicpakError):
    """Another program that is needed is missing, fails, hangs, or sends an invalid reply."""

    @classmethod
    def missing(cls, program: str, option: str, hint: str) -> "ToolFailed":
        """Return the failure for `program`, a path or a name that leads to none, and which `option` needs."""
        return cls(f"{printable(program)}: no such program (needed by {option})", hints=[hint])


def limit_hints(words: str) -> list[str]:
    """Return what helps against the limits that `words` name: the system's message, or what a program prints of it."""
    return [hint for number, hint in LIMIT_HINTS.items() if os.strerror(number) in words]


def reason(error: OSError) -> str:
    """Return the system's message for `error`, without its number and path."""
    return os.strerror(error.errno) if error.errno else str(error)
