"""Asks the real dynamic loader where it finds a library, through the small C program beside this module."""

import os
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple, NoReturn

from magicpak.errors import ToolFailed
from magicpak.ldso.helper_build import STATIC_HINT, last_lines
from magicpak.process.child import Child, describe_exit
from magicpak.process.exec import Command
from magicpak.text import shell_line

_READY = b"\0magicpak helper\0"
_LONGEST_NAME = 4094
"""Bytes of a name: with its two framing bytes a question fits into PATH_MAX, PIPE_BUF and the helper's buffer."""
_LONGEST_ANSWER = 1 << 16
_GRACE = 0.5
"""Seconds that the helper has to end what a library has left running; it looks ten times a second."""


class Answer(NamedTuple):
    """Where the loader found a library (link_map's l_name, see dlinfo(3)), or in its words why it did not."""

    path: str | None
    error: str | None


class HelperProcess:
    """A running helper: one process that answers many questions; it starts with the first.

    Args:
        argv: the program's interpreter and the helper, so that it is the program's own loader that answers, whatever
            the compiler has made of PT_INTERP.
        search_path: LD_LIBRARY_PATH; no element holds `:` or `;` (ld.so(8)).
        preload: LD_PRELOAD; no element holds `:` or a space (ld.so(8)).
        seconds: until a question must be answered; the helper itself gives a library ten.
    """

    def __init__(
        self, argv: Sequence[str], search_path: Sequence[str], preload: Sequence[str] = (), *, seconds: float = 15
    ) -> None:
        self._argv = argv
        self._environment = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
        if search_path:
            self._environment["LD_LIBRARY_PATH"] = ":".join(search_path)
        if preload:
            self._environment["LD_PRELOAD"] = ":".join(preload)
        self._seconds = seconds
        self._child: Child | None = None
        self._received = b""
        self._messages = -1

    def ask(self, name: str, *, noload: bool) -> Answer:
        """Return where the loader finds `name`, as a library of the program needs it or as a path.

        Args:
            name: a name to search for or, if it has a slash, a path.
            noload: find it only among what is loaded already, with what was preloaded.

        Raises ToolFailed where the process cannot be started, dies, is silent for too long, or sends an invalid reply.
        """
        encoded = os.fsencode(name)
        if not encoded or b"\0" in encoded:
            return Answer(None, "not a name")
        if len(encoded) > _LONGEST_NAME:
            return Answer(None, "File name too long")
        deadline = monotonic() + self._seconds
        try:
            child = self._started(deadline)
            self._send(child, (b"N" if noload else b"D") + encoded + b"\0")
            return self._parsed(self._receive(child, b"\0", deadline))
        except BaseException:
            self.close()  # else its late answer would be taken for that to the next question
            raise

    def close(self) -> None:
        """End the process, and with it what it runs; another question starts it anew."""
        child = self._child
        if child is not None:
            child.end(_GRACE)
            self._child = None
        messages, self._messages = self._messages, -1
        if messages >= 0:
            os.close(messages)
        self._received = b""

    def _started(self, deadline: float) -> Child:
        if self._child is None:
            command = Command.found(self._argv, self._environment)
            # stderr is a file and not a pipe, so that nobody needs to read it
            self._messages = os.memfd_create("magicpak")
            self._child = Child(command, self._take, stderr=self._messages)
            self._child.start()
            self._receive(self._child, _READY, deadline)  # what stands before it, a preloaded library has printed
        return self._child

    def _send(self, child: Child, question: bytes) -> None:
        if self._received:
            self._fail("sent unexpected data")
        try:
            os.write(child.pipes.stdin, question)
        except BrokenPipeError:
            self._fail("exited unexpectedly")

    def _take(self, chunk: bytes) -> None:
        if len(self._received) <= _LONGEST_ANSWER:  # while it ends, it may write without end
            self._received += chunk

    def _receive(self, child: Child, until: bytes, deadline: float) -> bytes:
        """Return what the process writes until `until`, which is taken away."""
        while until not in self._received:
            if len(self._received) > _LONGEST_ANSWER:
                self._fail("sent too much data")
            if not child.pipes.is_reading:
                self._fail("exited unexpectedly")
            if not child.pipes.move(deadline - monotonic()):
                self._fail(f"did not reply within {self._seconds:g} seconds")
        received, _, self._received = self._received.partition(until)
        return received

    def _parsed(self, answer: bytes) -> Answer:
        kind, text = answer[:1], os.fsdecode(answer[1:])
        if kind == b"=" and text:
            return Answer(text, None)
        if kind == b"!":
            return Answer(None, text)
        if kind not in (b"S", b"X", b"T") or not text.isdecimal():
            self._fail("sent an invalid reply")
        if kind == b"T":
            return Answer(None, f"was not loaded within {text} seconds")
        returncode = int(text) if kind == b"X" else -int(text)
        return Answer(None, f"{describe_exit(returncode)} while it was being loaded")

    def _fail(self, how: str) -> NoReturn:
        messages = os.pread(self._messages, _LONGEST_ANSWER, 0) if self._messages >= 0 else b""
        message = f"the helper program that queries the dynamic loader {how}"
        raise ToolFailed(
            message,
            details=[shell_line(self._argv), *last_lines(messages)],
            hints=[STATIC_HINT],
        )


def same_file_in_error(answer: Answer, name: str) -> str | None:
    """Return the path of the library `name` if the loader found it and only refused to load it; else None.

    When a program starts, the loader can load what dlopen(3) cannot load later. glibc's dlerror(3) is then for example
    `/lib/libjemalloc.so.2: cannot allocate memory in static TLS block`, musl's `Error relocating /lib/libx.so: …`.
    """
    error = (answer.error or "").removeprefix("Error relocating ")
    if not error.startswith("/") or "cannot open shared object file" in error:
        return None
    position = error.find(": ")
    while position >= 0:  # a path may hold ": " itself
        path = error[:position]
        if name in (path, os.path.basename(path)) and os.path.isfile(path):
            return path
        position = error.find(": ", position + 1)
    return None
