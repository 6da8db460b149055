"""The helper that queries the real dynamic loader: embedded in magicpak, or compiled from `helper.c`."""

import os
from collections.abc import Sequence
from typing import NoReturn, Protocol

from magicpak import resources
from magicpak.errors import ToolFailed, limit_hints
from magicpak.ldso.machines import Machine
from magicpak.process.child import OUTPUT_KEPT, Child, describe_exit
from magicpak.process.exec import Command
from magicpak.process.pipes import OutputTail
from magicpak.text import printable


class Helper(Protocol):
    """A program that the loader runs to be queried, however it is made."""

    def start(self) -> None:
        """Begin to make it, if that takes time. Raises ToolFailed."""

    def path(self) -> str:
        """Return its path, which is good until `close()`. Raises ToolFailed."""

    def close(self) -> None:
        """Stop making it, and give back what it takes."""


class EmbeddedHelper:
    """A helper that exists already, as the bytes of an ELF file."""

    def __init__(self, program: bytes) -> None:
        self._program = program
        self._descriptor = -1

    def start(self) -> None:
        """Do nothing: it is there."""

    def path(self) -> str:
        """Return the path of a file in memory: what stands in a directory that is mounted noexec cannot be run."""
        if self._descriptor < 0:
            self._descriptor = os.memfd_create("magicpak-helper")
            left = memoryview(self._program)
            while left:
                left = left[os.write(self._descriptor, left) :]
        # Not /proc/self, which is the loader's: it does not inherit the file, nor does anybody else.
        return f"/proc/{os.getpid()}/fd/{self._descriptor}"

    def close(self) -> None:
        """Give back the memory."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def embedded_helper(machine: Machine | None) -> EmbeddedHelper | None:
    """Return the helper for programs of `machine`; None where this magicpak carries none."""
    program = resources.read(f"ldso/helper-{machine.name}") if machine is not None else None
    return EmbeddedHelper(program) if program is not None else None


STATIC_HINT = "search without running the loader: --resolver static"
_INSTALL_HINT = "install one, for example: apt-get install gcc libc6-dev"
_SOURCE = "ldso/helper.c"


class CompiledHelper:
    """The helper, compiled in the background.

    Args:
        compiler: a path or a name, with or without arguments, as CC has it.
        interpreter: the absolute path that becomes the program's PT_INTERP.
        directory: a private directory for the program; the caller removes it, after `close()`.
        seconds: how long `path()` waits at most.
    """

    def __init__(self, compiler: str, interpreter: str, directory: str, *, seconds: float = 60) -> None:
        self._compiler = compiler
        self._path = os.path.join(os.path.abspath(directory), "helper")
        self._interpreter = interpreter
        self._seconds = seconds
        self._child: Child | None = None
        self._output = OutputTail(OUTPUT_KEPT)
        self._is_compiled = False

    def start(self) -> None:
        """Begin compiling, unless it has begun. Raises ToolFailed where the compiler cannot be found or started."""
        if self._child is not None or self._is_compiled:
            return
        with open(f"{self._path}.c", "wb") as file:  # where magicpak is a single file, it is in no directory yet
            file.write(resources.read(_SOURCE) or b"")
        own = {name: value for name, value in os.environ.items() if not name.startswith("LD_")}
        environment = own | {"TMPDIR": os.path.dirname(self._path)}  # what a killed compiler leaves, goes with it
        argv, self._output = self._argv(), OutputTail(OUTPUT_KEPT)
        try:
            self._child = Child(Command.found(argv, environment), self._output.take)
            self._child.start()
        except ToolFailed as error:
            self.close()
            self._fail(f"cannot be started: {error.message}", error.hints)
        except BaseException:
            self.close()
            raise

    def path(self) -> str:
        """Return the path of the compiled program; starts to compile if need be, and waits for it.

        Raises ToolFailed where the compiler cannot be started, fails, hangs, or makes no ELF executable.
        """
        self.start()
        if self._child is not None:
            try:
                self._finish(self._child)
                self._is_compiled = True
            finally:
                self.close()
        return self._path

    def close(self) -> None:
        """Kill the compiler if it is still running; the program stays."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def _argv(self) -> list[str]:
        import shlex

        try:
            compiler = shlex.split(self._compiler)
        except ValueError as error:
            self._fail(f"is not a command: {error}")
        if not compiler:
            self._fail("is not a command")
        # Without what needs more of a libc than every libc has: the program runs under another than it is linked with.
        plain = ["-O1", "-w", "-U_FORTIFY_SOURCE", "-fno-stack-protector"]
        # -Xlinker and not -Wl, which a comma in the path would split.
        interpreter = ["-Xlinker", f"--dynamic-linker={self._interpreter}"]
        return [*compiler, *plain, "-o", self._path, f"{self._path}.c", *interpreter, "-ldl"]

    def _finish(self, child: Child) -> None:
        """Wait for the compiler, and check what it has done. Raises ToolFailed."""
        try:
            returncode = child.finish(timeout=self._seconds)
        except ToolFailed:
            self._fail(f"did not finish within {self._seconds:g} seconds")
        if returncode != 0:
            self._fail(describe_exit(returncode))
        try:
            with open(self._path, "rb") as program:
                is_program = program.read(4) == b"\x7fELF" and os.access(self._path, os.X_OK)
        except OSError:
            is_program = False
        if not is_program:
            self._fail("did not produce an executable")

    def _fail(self, how: str, hints: Sequence[str] = ()) -> NoReturn:
        """Raise ToolFailed; with neither `hints` nor a limit in its output, the compiler is missing or incomplete."""
        output = bytes(self._output.kept)
        hints = hints or limit_hints(os.fsdecode(output)) or [_INSTALL_HINT]
        message = f"the C compiler {printable(self._compiler)} {how}"
        raise ToolFailed(message, details=last_lines(output), hints=[*hints, STATIC_HINT])


def last_lines(output: bytes) -> list[str]:
    """Return the last ten lines of a program's `output` that are not blank, harmless to a terminal."""
    lines = os.fsdecode(output[-4000:]).splitlines()
    return [printable(line) for line in lines if line.strip()][-10:]
