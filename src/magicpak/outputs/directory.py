"""A bundle as a directory, which is written as a whole or not at all."""

import os
from collections.abc import Callable, Sequence

from magicpak.bundle.plan import BundlePlan, Item
from magicpak.errors import LIMIT_HINTS, MagicpakError, OutputNotUsable, reason
from magicpak.outputs.destination import destination_for
from magicpak.outputs.metadata import MetadataWriter, TimePolicy
from magicpak.outputs.output import Inspect, WriteResult
from magicpak.outputs.tree import TreeWriter
from magicpak.process.signals import Committed, deferred, interruptible
from magicpak.process.tempdirs import DIRECTORY, REMOVING, private_directory
from magicpak.text import printable

_HELD_BY_DESTINATION = 2  # descriptors: of OUTPUT or its parent, and of the bundle's root


class DirectoryOutput:
    """A directory that does not exist yet, or an empty one.

    `path` is OUTPUT as the user wrote it, `source_date_epoch` the latest time of a file, in seconds since the epoch.
    """

    def __init__(self, path: str, source_date_epoch: int | None) -> None:
        self._path = path
        self._tree: TreeWriter | None = None
        self._source_date_epoch = source_date_epoch

    def check(self) -> None:
        """Raise OutputNotUsable if a bundle could not be written now, without changing anything."""
        destination_for(self._path)

    @property
    def copied(self) -> int:
        """The bytes that are copied so far; any thread may look."""
        return self._tree.copied if self._tree is not None else 0

    def write(self, plan: BundlePlan, inspect: Inspect | None = None) -> WriteResult:
        """Write all of `plan`; after a failure or a signal everything is as it was before.

        `inspect` is called with the descriptor of the bundle's root when all is written and nothing stands at its place
        yet; what it raises is a failure like any other.

        Signals are deferred and looked for now and then, so that there is no moment at which a second one could keep
        the first from being cleaned up after. Raises OutputNotUsable, SourceChanged, CannotRead, Interrupted.
        """
        items = tuple(plan)  # sorted once
        metadata = MetadataWriter(TimePolicy.of(items, self._source_date_epoch))
        with deferred():
            write_whole(self._path, metadata, lambda root: self._fill(root, items, metadata, inspect))
        assert self._tree is not None  # noqa: S101 - for the type checker
        return WriteResult(self._tree.files, self._tree.size, metadata.warnings)

    def _fill(self, root: int, items: Sequence[Item], metadata: MetadataWriter, inspect: Inspect | None) -> None:
        self._tree = TreeWriter(root, self._path, metadata)
        self._tree.write(items)
        if inspect is not None:
            with interruptible():
                inspect(root)


def write_whole(path: str, metadata: MetadataWriter, fill: Callable[[int], None]) -> None:
    """Let `fill` write into a new directory, given by its descriptor, which becomes OUTPUT, `path`.

    Signals are deferred. After a failure everything is as it was before. Raises OutputNotUsable, and what `fill` does.
    """
    destination = destination_for(path)
    try:
        _require_descriptors(path)
        fill(destination.create())
        destination.commit(metadata)
        Committed.now()
    except BaseException as error:
        if not destination.rollback() and isinstance(error, MagicpakError):
            error.details += (f"cannot remove everything that was written to {printable(path)}",)
        if isinstance(error, OSError):
            raise OutputNotUsable(path, f"cannot be written: {reason(error)}") from error
        raise


def _require_descriptors(path: str) -> None:
    """Raise OutputNotUsable where what is written could not be removed again, for want of descriptors."""
    probes: list[int] = []
    try:
        for _ in range(_HELD_BY_DESTINATION + REMOVING):
            probes.append(os.open("/", os.O_PATH | os.O_CLOEXEC))  # noqa: PERF401 - if one fails, others are closed
    except OSError as error:
        raise OutputNotUsable(path, f"cannot be written: {reason(error)}", LIMIT_HINTS.get(error.errno or 0)) from None
    finally:
        for probe in probes:
            os.close(probe)


def write_copy(plan: BundlePlan, path: str, source_date_epoch: int | None) -> None:
    """Write `plan` to the new directory `path`, which the caller removes, also after a failure.

    Raises what `DirectoryOutput.write` does.
    """
    items = tuple(plan)
    with deferred():
        os.mkdir(path, 0o755)
        os.chmod(path, 0o755)  # noqa: S103 - like the root of an image, whatever the umask
        root = os.open(path, DIRECTORY)
        try:
            TreeWriter(root, path, MetadataWriter(TimePolicy.of(items, source_date_epoch))).write(items)
        finally:
            os.close(root)


def inspect_copy(plan: BundlePlan, inspect: Inspect, source_date_epoch: int | None) -> None:
    """Call `inspect` with a private copy of the bundle, which is removed then. Raises what both raise."""
    with private_directory() as directory:
        path = os.path.join(directory, "bundle")
        write_copy(plan, path, source_date_epoch)
        root = os.open(path, DIRECTORY)
        try:
            inspect(root)
        finally:
            os.close(root)
