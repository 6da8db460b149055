"""Compiles the small C program `helper.c`, which asks the real dynamic loader."""

import os
from types import TracebackType
from typing import NoReturn, Self

from magicpak import resources
from magicpak.errors import ToolFailed
from magicpak.process.child import Child, Completed
from magicpak.text import printable

STATIC_HINT = "search without running the loader: --resolver static"
_SOURCE = "ldso/helper.c"


class CompiledHelper:
    """The helper, compiled in the background."""

    def __init__(self, compiler: str, interpreter: str, directory: str, *, seconds: float = 60) -> None:
        """Take what is needed to compile; nothing is started yet.

        Args:
            compiler: a path or a name, with or without arguments, as CC has it.
            interpreter: the absolute path that becomes the program's PT_INTERP.
            directory: a private directory for the program; the caller removes it, after `close()`.
            seconds: how long `path()` waits at most.
        """
        self._compiler = compiler
        self._path = os.path.join(os.path.abspath(directory), "helper")
        self._interpreter = interpreter
        self._seconds = seconds
        self._running: Child | None = None
        self._is_compiled = False

    def start(self) -> None:
        """Begin compiling, unless it has begun.

        Raises:
            ToolFailed: the compiler cannot be found or started.
        """
        if self._running is not None or self._is_compiled:
            return
        with open(f"{self._path}.c", "wb") as file:  # where magicpak is a single file, it is in no directory yet
            file.write(resources.read(_SOURCE) or b"")
        own = {name: value for name, value in os.environ.items() if not name.startswith("LD_")}
        environment = own | {"TMPDIR": os.path.dirname(self._path)}  # what a killed compiler leaves, goes with it
        self._running = Child(self._command(), env=environment)
        try:
            self._running.start()
        except ToolFailed as error:
            self.close()
            self._fail(f"cannot be started: {error.message}")
        except BaseException:
            self.close()
            raise

    def path(self) -> str:
        """Return the path of the compiled program; starts to compile if need be, and waits for it.

        Raises:
            ToolFailed: the compiler cannot be started, fails, hangs, or makes no ELF executable.
        """
        self.start()
        if self._running is not None:
            try:
                self._check(self._ran(self._running))
                self._is_compiled = True
            finally:
                self.close()
        return self._path

    def close(self) -> None:
        """End the compiler if it is still running; the program stays."""
        if self._running is not None:
            self._running.end()
            self._running = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _command(self) -> list[str]:
        import shlex

        try:
            compiler = shlex.split(self._compiler)
        except ValueError as error:
            self._fail(f"is not a valid command: {error}")
        if not compiler:
            self._fail("is not a command")
        # Without what needs more of a libc than every libc has: the program runs under another than it is linked with.
        plain = ["-O1", "-w", "-U_FORTIFY_SOURCE", "-fno-stack-protector"]
        # -Xlinker and not -Wl, which a comma in the path would split.
        interpreter = ["-Xlinker", f"--dynamic-linker={self._interpreter}"]
        return [*compiler, *plain, "-o", self._path, f"{self._path}.c", *interpreter, "-ldl"]

    def _ran(self, running: Child) -> Completed:
        try:
            return running.finish(timeout=self._seconds)
        except ToolFailed as error:
            self._fail(f"was stopped: {error.message}")

    def _check(self, ran: Completed) -> None:
        if ran.returncode != 0:
            how = f"exit code {ran.returncode}" if ran.returncode > 0 else f"signal {-ran.returncode}"
            self._fail(f"failed ({how})", ran.output)
        try:
            with open(self._path, "rb") as program:
                is_program = program.read(4) == b"\x7fELF" and os.access(self._path, os.X_OK)
        except OSError:
            is_program = False
        if not is_program:
            self._fail("did not create an executable", ran.output)

    def _fail(self, how: str, output: bytes = b"") -> NoReturn:
        message = f"the C compiler {printable(self._compiler)} {how}"
        raise ToolFailed(
            message,
            details=last_lines(output),
            hints=["install one, for example: apt-get install gcc libc6-dev", STATIC_HINT],
        )


def last_lines(output: bytes) -> list[str]:
    """Return the last ten lines with something in them of a program's `output`, harmless to a terminal."""
    lines = os.fsdecode(output[-4000:]).splitlines()
    return [printable(line) for line in lines if line.strip()][-10:]
