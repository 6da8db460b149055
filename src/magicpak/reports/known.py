"""What a report is made from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.errors import MagicpakError
from magicpak.sources.decided import Decided

if TYPE_CHECKING:
    from magicpak.proof.weighing import Verdict


class Known(NamedTuple):
    """What a run knows of a bundle before it is written.

    `private` are the directories of our own in which copies stand that were made for this run; `verdict` is what the
    proof has found, if it has found anything; `error` what keeps the bundle from being made, if known.
    """

    decided: Decided
    private: Sequence[str]
    verdict: "Verdict | None"
    error: MagicpakError | None
