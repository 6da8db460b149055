"""What a report is made from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.collect.result import Decided
from magicpak.errors import MagicpakError

if TYPE_CHECKING:
    from magicpak.verify.severity import Verdict


class Known(NamedTuple):
    """What a run knows of a bundle before it is written.

    `private` are the directories of our own in which copies stand that were made for this run; `verdict` is what the
    proof has found, if it has found anything; `error` what keeps the bundle from being made, if known.
    """

    decided: Decided
    private: Sequence[str]
    verdict: "Verdict | None"
    error: MagicpakError | None
