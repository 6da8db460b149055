"""A bundle as a tar archive."""

from collections.abc import Sequence

from magicpak.bundle.plan import BundlePlan, Item
from magicpak.outputs.directory import inspect_copy
from magicpak.outputs.file_place import FilePlace
from magicpak.outputs.form import Destined
from magicpak.outputs.metadata import TimePolicy
from magicpak.outputs.output import Inspect, WriteResult
from magicpak.outputs.sink import AnySink, GzipSink
from magicpak.outputs.tar import TarWriter


class TarOutput:
    """A tar archive at a place where nothing is yet, or which goes through a pipe.

    `source_date_epoch` is the latest time of a file, in seconds since the epoch.
    """

    def __init__(self, destined: Destined, source_date_epoch: int | None) -> None:
        self._place = FilePlace(destined.name, destined.path)
        self._is_compressed = destined.compressed
        self._source_date_epoch = source_date_epoch
        self._tar: TarWriter | None = None

    def check(self) -> None:
        """Raise OutputNotUsable if it could not be written now, without changing anything."""
        self._place.check()

    @property
    def copied(self) -> int:
        """The bytes that are copied so far; any thread may look."""
        return self._tar.copied if self._tar is not None else 0

    def write(self, plan: BundlePlan, inspect: Inspect | None = None) -> WriteResult:
        """Write all of `plan`, after `inspect` has seen it as a directory; see `Output`."""
        if inspect is not None:
            inspect_copy(plan, inspect, self._source_date_epoch)
        items = tuple(plan)
        times = TimePolicy.of(items, self._source_date_epoch)
        self._place.write(lambda sink: self._fill(GzipSink(sink) if self._is_compressed else sink, items, times))
        assert self._tar is not None  # noqa: S101 - for the type checker
        return WriteResult(self._tar.files, self._tar.size, self._tar.warnings)

    def _fill(self, sink: AnySink, items: Sequence[Item], times: TimePolicy) -> None:
        self._tar = TarWriter(sink.write, times)
        self._tar.write(items)
        sink.flush()
