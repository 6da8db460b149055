"""What a run has decided: the plan, and what it was made from."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.exclude import Exclusion
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.libraries import Placed
from magicpak.files.view import HOST
from magicpak.resolve.inputs import Inputs

if TYPE_CHECKING:
    from magicpak.base.base import Base
    from magicpak.bundle.laid import Laid
    from magicpak.collect.programs import PlacedScript
    from magicpak.files.source import SourceView


class Result(NamedTuple):
    """What a run has found out before it writes anything.

    `scripts` are those that were read: the INPUTs among them, those that were included, and what these execute.
    `placed` are the closures of the INPUTs, of what runs the scripts among them, and of what is included or was used;
    `named` are the places of the files that a pattern of `--include` itself matches; `exclusion` is what was excluded.
    In `plan`, stripped and packed files have taken the place of the originals. `private` are the temporary
    directories with copies that were made for this run. `files` is where everything was looked up. `loader_files` are
    the paths of what was made for loaders. With a `base`, `laid` is the plan on it, `plan` only what the base lacks.
    """

    inputs: Inputs
    placed: Sequence[Placed]
    scripts: Sequence["PlacedScript"]
    named: Collection[BundlePath]
    exclusion: Exclusion
    plan: BundlePlan
    private: Sequence[str] = ()
    files: "SourceView" = HOST
    loader_files: Collection[BundlePath] = ()
    base: "Base | None" = None
    laid: "Laid | None" = None

    @property
    def whole(self) -> BundlePlan:
        """What programs will see: the plan, or the base with it."""
        return self.laid.union if self.laid is not None else self.plan
