"""A base as a value: everything in it, and how a plan is laid onto it."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from magicpak.base.compare import FileComparer
from magicpak.bundle.image import BaseImage
from magicpak.bundle.laid import Laid
from magicpak.bundle.onto import lay
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.text import list_names


class Base(NamedTuple):
    """What the bundle will be laid onto: its `name`, and everything in it, each file with its place on this host.

    `unreadable` are the paths of what we cannot look at. An `image` has layers and a config.
    """

    name: str
    plan: BundlePlan
    compare: FileComparer
    unreadable: Sequence[str] = ()
    image: BaseImage | None = None

    @property
    def warnings(self) -> list[str]:
        """A line on what is in it and not in the plan, if anything is."""
        return [f"skipped {list_names(self.unreadable)} of the base: not readable"] if self.unreadable else []

    def lay(self, plan: BundlePlan, replacing: Collection[BundlePath] = ()) -> Laid:
        """Return `plan` laid onto this; see `bundle.onto`. Raises CannotRead."""
        return lay(plan, self.plan, self.compare, replacing)
