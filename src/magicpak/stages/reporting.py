"""`--report`, `--report-against` and `--why`: prints what is in the bundle, what has changed, and why."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.collect.result import Result
from magicpak.errors import NotInBundle
from magicpak.log import Log, shows_colours
from magicpak.options import Report
from magicpak.outputs.report_file import ReportFile
from magicpak.packages.database import Package
from magicpak.reports.build import build_document
from magicpak.reports.document import Document
from magicpak.reports.tree import ASCII, PLAIN, Style

if TYPE_CHECKING:
    from magicpak.needs.suggest import Suggestion
    from magicpak.reports.former import ReportFacts
    from magicpak.verify.severity import Verdict

Print = Callable[[bytes], None]
"""Prints on stdout."""


class Reporting(NamedTuple):
    """`--report`, `--report-file` and `--why`, and what a report says of the run: OUTPUT and `--dry-run`.

    `former` is the report of `--report-against`. What has changed since it is part of the report, or, where that is not
    printed, printed by itself.
    """

    form: Report | None
    file: ReportFile | None
    why: Sequence[str]
    output: str | None
    dry_run: bool
    former: "ReportFacts | None" = None

    def check(self) -> None:
        """Raise ReportNotWritable where the file could not be written now."""
        if self.file is not None:
            self.file.check()

    def run(
        self,
        result: Result,
        verdict: "Verdict | None",
        suggestions: "Sequence[Suggestion]",
        *,
        complete: bool,
        print_: Print,
        log: Log,
    ) -> None:
        """Print what is asked for, or write it to the file. Raises ReportNotWritable, and NotInBundle if `complete`.

        Without `complete` the run fails, and the report has what was found so far.
        """
        needs_owners = self.form in (Report.JSON, Report.HTML) or self.former is not None
        owners = (lambda paths: _owners(paths, result, log)) if needs_owners else None
        document = build_document(
            result, verdict, suggestions, owners, complete=complete, output=self.output, dry_run=self.dry_run
        )
        if self.former is not None:
            document = _with_changes(document, self.former)
        if self.form is not None:
            style = PLAIN if self.file is not None else _stdout_style()
            (self.file.write if self.file is not None else print_)(render(document, self.form, style))
        if self.form is None or self.file is not None:
            print_(_encode(_changes(document, _stdout_style())))
        for path in self.why:
            try:
                print_(_encode(_why(document, path, result)))
            except NotInBundle as absent:
                if complete:
                    raise
                print_(_encode([absent.message]))


def render(document: Document, form: Report, style: Style) -> bytes:
    """Return the report in the form that is asked for; `style` is for the tree, which is read in a terminal."""
    match form:
        case Report.TREE:
            from magicpak.reports.tree import tree

            return _encode(tree(document, style)) + _encode(_changes(document, style, ""))
        case Report.LIST:
            from magicpak.reports.plain import listing

            return _encode(listing(document))
        case Report.JSON:
            from magicpak.reports.plain import json_text

            return _encode(json_text(document))
        case Report.HTML:
            from magicpak.reports.html.page import page

            return page(document).encode()


def _with_changes(document: Document, former: "ReportFacts") -> Document:
    from magicpak.reports.changes import with_changes

    return with_changes(document, former)


def _changes(document: Document, style: Style, *before: str) -> Iterable[str]:
    """Return `before`, and the lines that say what has changed; nothing where there is no other report."""
    if document.changes is None:
        return ()
    from magicpak.reports.changes import changes_text

    return *before, *changes_text(document.changes, style)


def _why(document: Document, path: str, result: Result) -> Iterable[str]:
    from magicpak.reports.why import Why

    return Why(document, result.exclusion.flag_for).answer(path)


def _owners(paths: Sequence[str], result: Result, log: Log) -> Mapping[str, Package]:
    from magicpak.packages.owners import source_owners

    found = source_owners(paths, result.files)
    log.warn_all(found.warnings)
    return found.by_path


def _encode(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def _stdout_style() -> Style:
    """Return the style that stdout can show."""
    has_colours = shows_colours(sys.stdout)
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return Style(has_colours) if encoding.lower().startswith("utf") else Style(has_colours, ASCII)
