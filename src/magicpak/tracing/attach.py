"""Starts the program that is watched: traced before it executes, with the filter that stops it for our calls alone."""

import ctypes
import errno
import os
import signal
import struct
from typing import NamedTuple

from magicpak.errors import TracingUnavailable, reason
from magicpak.process.child import pipe
from magicpak.process.exec import Command, exec_command
from magicpak.process.prctl import PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, prctl
from magicpak.tracing import ptrace

OPTIONS = (
    ptrace.PTRACE_O_TRACESYSGOOD
    | ptrace.PTRACE_O_TRACEFORK
    | ptrace.PTRACE_O_TRACEVFORK
    | ptrace.PTRACE_O_TRACECLONE
    | ptrace.PTRACE_O_TRACEEXEC
    | ptrace.PTRACE_O_TRACEEXIT
    | ptrace.PTRACE_O_TRACESECCOMP
    | ptrace.PTRACE_O_EXITKILL
)
_FILTERED, _NOT_FILTERED = b"f", b"n"
_HINTS = (
    "in docker run: --cap-add SYS_PTRACE or --security-opt seccomp=unconfined (Docker 19.03 and later need neither)",
    "on the host: /proc/sys/kernel/yama/ptrace_scope has to be 0 or 1, or run as root; qemu-user cannot do it at all",
)


class TracedChild(NamedTuple):
    """The process that was started; the pipe `said` tells where it does not become the program."""

    pid: int
    filtered: bool
    said: int


def start(command: Command, program: bytes | None) -> TracedChild:
    """Start `command` under ptrace; `program` is its seccomp filter, None for none. It stops at its execve.

    Raises TracingUnavailable.
    """
    go_read, go_write = pipe()
    said_read, said_write = pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go_write)
        exec_command(command, said_write, lambda: _begin(program, go_read, said_write), kept=[go_read])
    os.close(go_read)
    os.close(said_write)
    try:
        ptrace.ptrace(ptrace.PTRACE_SEIZE, pid, 0, OPTIONS)
    except OSError as error:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        message = f"programs cannot be watched here: ptrace(2): {reason(error)}"
        raise TracingUnavailable(message, hints=_HINTS) from None
    os.write(go_write, b".")
    os.close(go_write)
    return TracedChild(pid, os.read(said_read, 1) == _FILTERED, said_read)


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


def _begin(program: bytes | None, go: int, said: int) -> None:
    """Wait until we are traced; then install the filter, and tell whether that could be done."""
    if not os.read(go, 1):
        os._exit(127)
    os.write(said, _FILTERED if program is not None and _is_filtered(program) else _NOT_FILTERED)


def _is_filtered(program: bytes) -> bool:
    try:
        install_filter(program)
    except OSError:
        return False
    return True
