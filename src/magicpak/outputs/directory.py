"""A bundle as a directory: all of it, or nothing."""

import os
from collections.abc import Callable, Sequence

from magicpak.bundle.plan import BundlePlan, Item
from magicpak.errors import MagicpakError, OutputNotUsable, reason
from magicpak.outputs.copy import unheard
from magicpak.outputs.destination import Place, place_for
from magicpak.outputs.metadata import Finisher, Times
from magicpak.outputs.output import Written
from magicpak.outputs.tree import TreeWriter
from magicpak.process.tempdirs import DIRECTORY, Settled, interruptible, uninterrupted
from magicpak.text import shown


class DirectoryOutput:
    """Writes a plan to a directory that does not exist yet, or into one that is empty."""

    def __init__(self, path: str, source_date_epoch: int | None) -> None:
        """Take OUTPUT as the user wrote it, and the latest time a file may have, in seconds since the epoch."""
        self._path = path
        self._source_date_epoch = source_date_epoch

    def check(self) -> None:
        """Raise OutputNotUsable where a bundle could not be written now; nothing is changed."""
        place_for(self._path)

    def write(
        self,
        plan: BundlePlan,
        inspect: Callable[[int], object] | None = None,
        heard: Callable[[int], object] = unheard,
    ) -> Written:
        """Write all of `plan`; after a failure or a signal everything is as it was before.

        `inspect` is called with the descriptor of the bundle's root when all is written and nothing stands at its place
        yet; what it raises is a failure like any other. `heard` is called with each number of bytes that are copied, by
        any thread.

        Signals are held back and looked for now and then, so that there is no moment at which a second one could keep
        the first from being cleaned up after. Raises OutputNotUsable, SourceChanged, CannotRead, Interrupted.
        """
        items = tuple(plan)  # sorted once
        finisher = Finisher(Times.of(items, self._source_date_epoch))
        with uninterrupted():
            return self._write(items, place_for(self._path), finisher, inspect, heard)

    def _write(
        self,
        items: Sequence[Item],
        place: Place,
        finisher: Finisher,
        inspect: Callable[[int], object] | None,
        heard: Callable[[int], object],
    ) -> Written:
        try:
            root = place.make()
            tree = TreeWriter(root, self._path, finisher, heard)
            tree.write(items)
            if inspect is not None:
                with interruptible():
                    inspect(root)
            place.commit(finisher)
            Settled.now()
        except BaseException as error:
            if not place.undo() and isinstance(error, MagicpakError):
                error.details += (f"what was written to {shown(self._path)} could not be removed",)
            if isinstance(error, OSError):
                raise OutputNotUsable(self._path, f"cannot be written: {reason(error)}") from error
            raise
        return Written(tree.files, tree.size, finisher.remarks)


def write_copy(plan: BundlePlan, path: str, source_date_epoch: int | None) -> None:
    """Write `plan` to the new directory `path`, which somebody else removes, whatever comes of it.

    Raises what `DirectoryOutput.write` does.
    """
    items = tuple(plan)
    with uninterrupted():
        os.mkdir(path, 0o755)
        os.chmod(path, 0o755)  # noqa: S103 - as the root of an image, whatever the umask
        root = os.open(path, DIRECTORY)
        try:
            TreeWriter(root, path, Finisher(Times.of(items, source_date_epoch))).write(items)
        finally:
            os.close(root)
