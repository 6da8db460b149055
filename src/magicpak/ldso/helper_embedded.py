"""The helper that queries the real dynamic loader, where magicpak carries it compiled: for both libcs of a machine."""

import os
from typing import Protocol

from magicpak import resources
from magicpak.ldso.machines import Machine


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
