"""What is run, and where; and how a forked process becomes the program: streams, descriptors, signals, sandbox."""

import errno
import os
import select
import signal
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, NoReturn, Protocol

from magicpak.errors import LIMITS, LimitReached, RunFailed, SandboxUnavailable, ToolFailed, reason
from magicpak.text import printable

_PYTHON_IGNORES = (signal.SIGPIPE, signal.SIGXFSZ)
_IN_SANDBOX, _IN_EXECVE = "s", "x"
_LONGEST_FAILURE = 4096  # bytes


class Sandbox(Protocol):
    """Surroundings that are made in two steps, each in a process that exists for this one run alone."""

    @property
    def has_own_root(self) -> bool:
        """Whether the program has another root directory than we have."""
        ...

    def prepare(self) -> None:
        """Do what comes before the program's own process is made, in the one that makes it. Raises OSError."""
        ...

    def enter(self, executable: str) -> str | int:
        """Move the calling process, which becomes the program, into the sandbox.

        Returns what is to be executed there: `executable`, or a descriptor of the file. Raises OSError.
        """
        ...


class NoSandbox:
    """Our own surroundings, as they are."""

    has_own_root = False

    def prepare(self) -> None:
        """Do nothing."""

    def enter(self, executable: str) -> str:
        """Return `executable`."""
        return executable


def prepare(sandbox: Sandbox) -> None:
    """Prepare `sandbox`. Raises SandboxUnavailable where the system refuses it."""
    try:
        sandbox.prepare()
    except OSError as error:
        raise SandboxUnavailable.by(error) from None


class Command(NamedTuple):
    """What is run: its arguments, the path of the program, its environment, and where it runs."""

    argv: tuple[str, ...]
    executable: str
    env: Mapping[str, str]
    sandbox: Sandbox = NoSandbox()

    @classmethod
    def found(
        cls, argv: Sequence[str], env: Mapping[str, str] | None = None, executable: str | None = None
    ) -> "Command":
        """Return `argv` as a command; without an `env` it has ours.

        The program is `executable`, or else the first of `argv`, a path or a name. Raises ToolFailed where there is
        no such program.
        """
        name = executable or argv[0]
        path = find_program(name)
        if path is None:
            raise ToolFailed(f"{printable(name)}: no such program")
        return cls(tuple(argv), path, dict(os.environ) if env is None else env)


def exec_command(
    command: Command,
    streams: tuple[int, int, int],
    failure_pipe: int,
    begin: Callable[[], object],
    kept: Sequence[int] = (),
) -> NoReturn:
    """Turn this process into the program, or write why not to `failure_pipe`, for `exec_failure` to read, and exit.

    `streams` become its stdin, stdout and stderr. `begin` is called when they are in place; all other descriptors but
    `failure_pipe` and `kept` are closed then.
    """
    stage = _IN_SANDBOX
    try:
        os.setsid()  # no terminal: what runs in `docker build` has none either, and reading from it would stop us
        for target, descriptor in enumerate(streams):
            os.dup2(descriptor, target)
        _close_all_but({0, 1, 2, failure_pipe, *kept})
        for number in _PYTHON_IGNORES:
            signal.signal(number, signal.SIG_DFL)
        argv = [os.fsencode(argument) for argument in command.argv]
        begin()
        executable = command.sandbox.enter(command.executable)
        if not _is_read(failure_pipe):  # who would have killed us has ended before we could be known to it
            os._exit(127)
        stage = _IN_EXECVE
        os.execve(executable, argv, command.env)
    except OSError as error:
        failure = f"{stage}{error.errno or errno.EIO} {error.filename or ''}"
        os.write(failure_pipe, failure.encode(errors="replace"))
    except Exception as error:  # noqa: BLE001 - whatever it is, the program has not run
        os.write(failure_pipe, f"{stage}{errno.EINVAL} {error}".encode(errors="replace"))
    finally:
        os._exit(127)


def exec_failure(command: Command, failure_pipe: int) -> LimitReached | RunFailed | SandboxUnavailable | None:
    """Return why `exec_command` has failed; None if the program was executed, or the process was killed before."""
    text = os.read(failure_pipe, _LONGEST_FAILURE).decode()
    if not text:
        return None
    number, _, about = text[1:].partition(" ")
    error = OSError(int(number), os.strerror(int(number)), about or None)
    if text[0] == _IN_SANDBOX:
        return SandboxUnavailable.by(error)
    if error.errno in LIMITS:
        return LimitReached.by(printable(command.executable), error)
    return RunFailed(f"cannot run {printable(command.executable)}: {reason(error)}")


def _is_read(pipe: int) -> bool:
    poller = select.poll()
    poller.register(pipe, 0)
    return not poller.poll(0)


def _close_all_but(kept: Collection[int]) -> None:
    """Close all descriptors but `kept`: those that /proc lists, or else every number below the limit.

    The limit can be a thousand million, and not every libc has close_range(2) (musl has not). Nor is it that of what
    was opened before it was lowered.
    """
    try:
        descriptors: Iterable[int] = map(int, os.listdir("/proc/self/fd"))
    except OSError:
        descriptors = range(os.sysconf("SC_OPEN_MAX"))
    for descriptor in descriptors:
        if descriptor not in kept:
            with suppress(OSError):  # of those listed, the one by which they were
                os.close(descriptor)


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def find_program(
    path_or_name: str, search_path: str | None = None, is_program: Callable[[str], bool] = _is_program
) -> str | None:
    """Return the path of an executable as execvp(3) finds it: a name in PATH, anything with a slash as it is.

    `search_path` takes the place of our own PATH; `is_program` answers what can be executed.
    """
    if "/" in path_or_name:
        return path_or_name if is_program(path_or_name) else None
    if not path_or_name:
        return None
    directories = (os.environ.get("PATH", os.defpath) if search_path is None else search_path).split(":")
    candidates = (os.path.join(directory or ".", path_or_name) for directory in directories)
    return next((candidate for candidate in candidates if is_program(candidate)), None)
