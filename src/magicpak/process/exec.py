"""Turns a process that was just forked into the program: streams, descriptors, signals, surroundings."""

import errno
import itertools
import os
import select
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, NoReturn

from magicpak.process.sandbox import Sandbox

_PYTHON_IGNORES = (signal.SIGPIPE, signal.SIGXFSZ)
_IN_SETTING, _IN_EXECVE = "s", "x"
_LONGEST = 4096  # bytes that tell of a failure


class Command(NamedTuple):
    """What is run: its words, the path of the program, its environment, its stdin, stdout and stderr, and where."""

    words: Sequence[str]
    executable: str
    env: Mapping[str, str]
    streams: tuple[int, int, int]
    sandbox: Sandbox


class ExecFailure(NamedTuple):
    """Why a program was not executed: what its surroundings or what execve(2) refused."""

    is_of_sandbox: bool
    error: OSError


def exec_command(command: Command, said: int, begin: Callable[[], object], kept: Sequence[int] = ()) -> NoReturn:
    """Turn this process into the program, or write to the pipe `said` why not, for `read_failure` to read, and exit.

    `begin` is called when the streams are in place; but for them, `said` and `kept` all descriptors are closed then.
    """
    stage = _IN_SETTING
    try:
        os.setsid()  # no terminal: what runs in `docker build` has none either, and reading from it would stop us
        for target, descriptor in enumerate(command.streams):
            os.dup2(descriptor, target)
        for first, last in _between(2, said, *kept):
            os.closerange(first, last)
        for number in _PYTHON_IGNORES:
            signal.signal(number, signal.SIG_DFL)
        words = [os.fsencode(word) for word in command.words]
        begin()
        executable = command.sandbox.enter(command.executable)
        if not _is_read(said):  # who would have ended us has ended before it could be told to
            os._exit(127)
        stage = _IN_EXECVE
        os.execve(executable, words, command.env)
    except OSError as error:
        os.write(said, f"{stage}{error.errno or errno.EIO} {error.filename or ''}".encode(errors="replace"))
    except Exception as error:  # noqa: BLE001 - whatever it is, the program has not run
        os.write(said, f"{stage}{errno.EINVAL} {error}".encode(errors="replace"))
    finally:
        os._exit(127)


def read_failure(said: int) -> ExecFailure | None:
    """Return what `exec_command` has written to the pipe `said`; None if the program was executed or ended before."""
    text = os.read(said, _LONGEST).decode()
    if not text:
        return None
    number, _, about = text[1:].partition(" ")
    return ExecFailure(text[0] == _IN_SETTING, OSError(int(number), os.strerror(int(number)), about or None))


def _is_read(pipe: int) -> bool:
    poller = select.poll()
    poller.register(pipe, 0)
    return not poller.poll(0)


def _between(*kept: int) -> list[tuple[int, int]]:
    """Return the ranges, from the first to before the last, of all descriptors above the least of `kept` but those."""
    edges = [*sorted(kept), os.sysconf("SC_OPEN_MAX")]
    return [(edge + 1, after) for edge, after in itertools.pairwise(edges)]


def find_program(path_or_name: str) -> str | None:
    """Return the path of an executable as execvp(3) finds it: a name in PATH, anything with a slash as it is."""
    if "/" in path_or_name:
        return path_or_name if _is_program(path_or_name) else None
    if not path_or_name:
        return None
    directories = os.environ.get("PATH", os.defpath).split(":")
    candidates = (os.path.join(directory or ".", path_or_name) for directory in directories)
    return next((candidate for candidate in candidates if _is_program(candidate)), None)


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)
