"""What all forms of a bundle have in common."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from magicpak.bundle.plan import BundlePlan

Inspect = Callable[[int], object]
"""Is called with the descriptor of the root of a bundle that is written, but stands nowhere yet. May raise."""


class WriteResult(NamedTuple):
    """What was written: the number of regular files (hard links too), and their size in bytes, each content once.

    `warnings` are lines about metadata that could not be preserved.
    """

    files: int
    size: int
    warnings: tuple[str, ...] = ()


class Output(Protocol):
    """A form in which a plan is written, at a place, as a whole or not at all."""

    def check(self) -> None:
        """Raise OutputNotUsable if a bundle could not be written now, without changing anything."""

    @property
    def copied(self) -> int:
        """The bytes that are copied so far; any thread may look."""

    def write(self, plan: BundlePlan, inspect: Inspect | None = None) -> WriteResult:
        """Write all of `plan`; after a failure or a signal everything is as it was before.

        What `inspect` raises is a failure like any other. Raises OutputNotUsable, SourceChanged, CannotRead,
        Interrupted.
        """
