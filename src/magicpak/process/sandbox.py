"""Where a program runs: what of its surroundings differs from ours."""

from typing import Protocol

from magicpak.errors import SandboxUnavailable


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
