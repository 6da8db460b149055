"""`--sbom`: writes what is in the bundle for scanners, when the bundle itself is written."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from magicpak.collect.result import Result
from magicpak.log import Log
from magicpak.options import RecordForm
from magicpak.outputs.metadata import TimePolicy
from magicpak.outputs.report_file import ReportFile
from magicpak.records.build import build_record
from magicpak.records.model import Record
from magicpak.records.origins import origins_of
from magicpak.reports.locations import Locations
from magicpak.text import count_noun

_NS = 1_000_000_000


class RecordFile(NamedTuple):
    """A file to write, and the form that it has."""

    file: ReportFile
    form: RecordForm


class Recording(NamedTuple):
    """The files to write, the name of the bundle (None: that of its first INPUT), and whether it becomes an image.

    `source_date_epoch` is the time of the record, in seconds since the epoch; without it, that of the youngest file.
    """

    files: Sequence[RecordFile]
    name: str | None
    is_image: bool
    source_date_epoch: int | None

    def check(self) -> None:
        """Raise ReportNotWritable where a file could not be written now."""
        for each in self.files:
            each.file.check()

    @contextmanager
    def written_at_the_end(self, result: Result, log: Log) -> Iterator[None]:
        """Make the records, and write them when what is done inside has succeeded.

        Raises SourceChanged, CannotRead and ReportNotWritable.
        """
        with ExitStack() as stack:
            for file, document in self._documents(result, log):
                stack.enter_context(file.written_at_the_end(document))
            yield

    def _documents(self, result: Result, log: Log) -> list[tuple[ReportFile, bytes]]:
        log.doing("recording")
        places = Locations(result)
        origins = origins_of(places.owned(), result.files)
        log.warn_all(origins.warnings)
        record = build_record(
            result,
            places,
            origins,
            name=self.name,
            is_image=self.is_image,
            created=TimePolicy.of(result.plan, self.source_date_epoch).default // _NS,
            with_sha1=any(each.form is RecordForm.SPDX for each in self.files),
        )
        log.info(f"recorded {count_noun(len(record.packages), 'package')}")
        return [(each.file, _rendered(record, each.form)) for each in self.files]


def _rendered(record: Record, form: RecordForm) -> bytes:
    match form:
        case RecordForm.CYCLONEDX:
            from magicpak.records.cyclonedx import cyclonedx

            return cyclonedx(record)
        case RecordForm.SPDX:
            from magicpak.records.spdx import spdx

            return spdx(record)
