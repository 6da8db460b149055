"""Starts the program that is watched: traced before it executes, with the filter that stops it for our calls alone."""

import ctypes
import errno
import itertools
import os
import signal
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

from magicpak.errors import TracingRefused, reason
from magicpak.processes import pipe
from magicpak.tracing import ptrace

OPTIONS = (
    ptrace.PTRACE_O_TRACESYSGOOD
    | ptrace.PTRACE_O_TRACEFORK
    | ptrace.PTRACE_O_TRACEVFORK
    | ptrace.PTRACE_O_TRACECLONE
    | ptrace.PTRACE_O_TRACEEXEC
    | ptrace.PTRACE_O_TRACESECCOMP
    | ptrace.PTRACE_O_EXITKILL
)
_FILTERED, _NOT_FILTERED = b"f", b"n"
_PYTHON_IGNORES = (signal.SIGPIPE, signal.SIGXFSZ)
_HINTS = (
    "in docker run: --cap-add SYS_PTRACE or --security-opt seccomp=unconfined (Docker 19.03 and later need neither)",
    "on the host: /proc/sys/kernel/yama/ptrace_scope has to be 0 or 1, or run as root; qemu-user cannot do it at all",
)


class Command(NamedTuple):
    """What is run: its words, the path of the program, its environment, and its stdin, stdout and stderr."""

    words: Sequence[str]
    executable: str
    env: Mapping[str, str]
    streams: tuple[int, int, int]


class Child(NamedTuple):
    """The process that was started; `failure` is what to read for the errno where its execve fails."""

    pid: int
    filtered: bool
    failure: int


def start(command: Command, program: bytes | None) -> Child:
    """Start `command` under ptrace; `program` is its seccomp filter, None for none. It stops at its execve.

    Raises TracingRefused.
    """
    go_read, go_write = pipe()
    said_read, said_write = pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go_write)
        _become(command, program, go_read, said_write)
    os.close(go_read)
    os.close(said_write)
    try:
        ptrace.ptrace(ptrace.PTRACE_SEIZE, pid, 0, OPTIONS)
    except OSError as error:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        message = f"programs cannot be watched here: ptrace(2): {reason(error)}"
        raise TracingRefused(message, hints=_HINTS) from None
    os.write(go_write, b".")
    os.close(go_write)
    return Child(pid, os.read(said_read, 1) == _FILTERED, said_read)


def failure_of(child: Child) -> OSError:
    """Return why the execve of `child`, which has ended, failed."""
    number = int(os.read(child.failure, 16) or errno.EIO)
    return OSError(number, os.strerror(number))


def install_filter(program: bytes) -> None:
    """Install a seccomp filter in this process: without no_new_privs where we may, with it otherwise (seccomp(2)).

    Raises OSError.
    """
    filters = ctypes.create_string_buffer(program, len(program))
    whole = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(filters)))
    arguments = ptrace.PR_SET_SECCOMP, ptrace.SECCOMP_MODE_FILTER, ctypes.addressof(whole)
    try:
        ptrace.prctl(*arguments)
    except OSError as error:
        if error.errno != errno.EACCES:
            raise
        ptrace.prctl(ptrace.PR_SET_NO_NEW_PRIVS, 1)
        ptrace.prctl(*arguments)


def _become(command: Command, program: bytes | None, go: int, said: int) -> NoReturn:
    """Turn this process, just forked, into the program; say whether it is filtered, then why it could not execute."""
    try:
        os.setsid()  # no terminal: what runs in `docker build` has none either, and reading from it would stop us
        for target, descriptor in enumerate(command.streams):
            os.dup2(descriptor, target)
        for first, last in _between(2, go, said):
            os.closerange(first, last)
        for number in _PYTHON_IGNORES:
            signal.signal(number, signal.SIG_DFL)
        words = [os.fsencode(word) for word in command.words]
        if not os.read(go, 1):
            os._exit(127)
        os.write(said, _FILTERED if program is not None and _is_filtered(program) else _NOT_FILTERED)
        os.execve(command.executable, words, command.env)
    except OSError as error:
        os.write(said, str(error.errno or errno.EIO).encode())
    finally:
        os._exit(127)


def _between(*kept: int) -> list[tuple[int, int]]:
    """Return the ranges, from the first to before the last, of all descriptors above the least of `kept` but those."""
    edges = [*sorted(kept), os.sysconf("SC_OPEN_MAX")]
    return [(edge + 1, after) for edge, after in itertools.pairwise(edges)]


def _is_filtered(program: bytes) -> bool:
    try:
        install_filter(program)
    except OSError:
        return False
    return True
