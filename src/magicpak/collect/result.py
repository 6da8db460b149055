"""A finished plan, with what it was made from."""

from collections.abc import Sequence
from typing import NamedTuple

from magicpak.bundle.plan import BundlePlan
from magicpak.collect.libraries import Placed
from magicpak.resolve.inputs import Program


class Decided(NamedTuple):
    """What a run has decided.

    `placed` are all closures, those of `programs`, the INPUTs, first; `before` is the plan without regard to
    `--exclude`.
    """

    programs: Sequence[Program]
    placed: Sequence[Placed]
    before: BundlePlan
    plan: BundlePlan
