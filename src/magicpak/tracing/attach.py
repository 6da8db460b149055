"""Starts the program: traced before it executes, with the filter that stops it for the calls that we watch alone."""

import ctypes
import errno
import os
import signal
import struct
from typing import NamedTuple

from magicpak.errors import TracingUnavailable, reason
from magicpak.process.exec import Command, exec_command
from magicpak.process.pipes import pipe
from magicpak.process.prctl import PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, prctl
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
_HINTS = (
    "in docker run: --cap-add SYS_PTRACE or --security-opt seccomp=unconfined (Docker 19.03 and later need neither)",
    "on the host: set /proc/sys/kernel/yama/ptrace_scope to 0 or 1, or run as root; qemu-user does not support it",
)


class TracedChild(NamedTuple):
    """The process that was started, whether it has the filter, and the pipe that says why it is not the program."""

    pid: int
    filtered: bool
    failure_pipe: int


def start(command: Command, streams: tuple[int, int, int], program: bytes | None) -> TracedChild:
    """Start `command` under ptrace; `program` is its seccomp filter, None for none. It stops at its execve.

    Raises TracingUnavailable.
    """
    go_read, go_write = pipe()
    failure_read, failure_write = pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go_write)

        def begin() -> None:
            _begin(program, go_read, failure_write)

        exec_command(command, streams, failure_write, begin, kept=[go_read])
    os.close(go_read)
    os.close(failure_write)
    try:
        ptrace.ptrace(ptrace.PTRACE_SEIZE, pid, 0, OPTIONS)
    except OSError as error:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        message = f"programs cannot be traced here: ptrace(2): {reason(error)}"
        raise TracingUnavailable(message, hints=_HINTS) from None
    os.write(go_write, b".")
    os.close(go_write)
    return TracedChild(pid, os.read(failure_read, 1) == _FILTERED, failure_read)


def install_filter(program: bytes) -> None:
    """Install a seccomp filter in this process: without no_new_privs where we may, with it otherwise (seccomp(2)).

    Raises OSError.
    """
    filters = ctypes.create_string_buffer(program, len(program))
    whole = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(filters)))
    arguments = PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(whole)
    try:
        prctl(*arguments)
    except OSError as error:
        if error.errno != errno.EACCES:
            raise
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        prctl(*arguments)


def _begin(program: bytes | None, go: int, answer: int) -> None:
    """Wait until we are traced; then install the filter, and answer whether that could be done."""
    if not os.read(go, 1):
        os._exit(127)
    os.write(answer, _FILTERED if program is not None and _is_filtered(program) else _NOT_FILTERED)


def _is_filtered(program: bytes) -> bool:
    try:
        install_filter(program)
    except OSError:
        return False
    return True
