"""What every form of output does: take a whole plan, and tell what was written."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from magicpak.bundle.plan import BundlePlan


class WriteResult(NamedTuple):
    """What was written: regular files (hard links too), and the bytes of their contents, each content once.

    `warnings` are warnings of one line each: what could not be kept, one line for each kind of trouble.
    """

    files: int
    size: int
    warnings: tuple[str, ...] = ()


class Output(Protocol):
    """Somewhere a bundle can go."""

    @property
    def copied(self) -> int:
        """The bytes that are copied so far, of the plan's size; any thread may look."""
        ...

    def write(self, plan: BundlePlan, inspect: Callable[[int], object] | None) -> WriteResult:
        """Write all of `plan`, or nothing; `inspect` looks at its root, by a descriptor, before it is there for others.

        Raises OutputNotUsable, SourceChanged or CannotRead, or Interrupted; then all is as it was before.
        """
        ...
