"""A plan that was laid onto a base, as a value."""

from collections.abc import Mapping
from typing import NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan, Item


class BaseConflict(NamedTuple):
    """What the base and a plan have at one path, each another thing.

    A directory `replaceable` is never: with it would go all that is in it.
    """

    path: BundlePath
    base: Item
    item: Item
    replaceable: bool


class Laid(NamedTuple):
    """A plan that was laid onto a base.

    `delta` is what must be written, with the directories of the base above it; `union` is the base with it. `places`
    are where the items of the plan are in the union, by their paths in the plan. `shared` is the number of files that
    the base has already. Of what is in `conflicts`, the plan's is in delta and union.
    """

    delta: BundlePlan
    union: BundlePlan
    places: Mapping[BundlePath, BundlePath]
    shared: int
    conflicts: tuple[BaseConflict, ...] = ()
