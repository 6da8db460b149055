"""A bundle as a directory: all of it, or nothing."""

from collections.abc import Sequence

from magicpak.bundle.plan import BundlePlan, Item
from magicpak.display import shown
from magicpak.errors import MagicpakError, OutputNotUsable, reason
from magicpak.outputs.attributes import Finisher, Times
from magicpak.outputs.output import Written
from magicpak.outputs.place import Place, place_for
from magicpak.outputs.tree import TreeWriter
from magicpak.workspace import Settled, uninterrupted


class DirectoryOutput:
    """Writes a plan to a directory that does not exist yet, or into one that is empty."""

    def __init__(self, path: str, source_date_epoch: int | None) -> None:
        """Take OUTPUT as the user wrote it, and the latest time a file may have, in seconds since the epoch."""
        self._path = path
        self._source_date_epoch = source_date_epoch

    def check(self) -> None:
        """Raise OutputNotUsable where a bundle could not be written now; nothing is changed."""
        place_for(self._path)

    def write(self, plan: BundlePlan) -> Written:
        """Write all of `plan`; after a failure or a signal everything is as it was before.

        Signals are held back and looked for now and then, so that there is no moment at which a second one could keep
        the first from being cleaned up after. Raises OutputNotUsable, SourceChanged, CannotRead, Interrupted.
        """
        items = tuple(plan)  # sorted once
        finisher = Finisher(Times.of(items, self._source_date_epoch))
        with uninterrupted():
            return self._write(items, place_for(self._path), finisher)

    def _write(self, items: Sequence[Item], place: Place, finisher: Finisher) -> Written:
        made: list[str] = []
        try:
            tree = TreeWriter(place.make(), self._path, finisher)
            made = tree.made
            tree.write(items)
            place.commit(finisher)
            Settled.now()
        except BaseException as error:
            if not place.undo(made) and isinstance(error, MagicpakError):
                error.details += (f"what was written to {shown(self._path)} could not be removed",)
            if isinstance(error, OSError):
                raise OutputNotUsable(self._path, f"cannot be written: {reason(error)}") from error
            raise
        return Written(tree.files, tree.size, finisher.remarks)
