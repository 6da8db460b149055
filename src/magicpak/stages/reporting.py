"""`--report` and `--why`: tells what is in the bundle, and why."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

from magicpak.bundle.globs import pattern_against
from magicpak.errors import NotInBundle
from magicpak.log import Log, shows_colours
from magicpak.options import Options, Report
from magicpak.outputs.report_file import ReportFile
from magicpak.packages.package import Package
from magicpak.reports.build import document
from magicpak.reports.document import Document
from magicpak.reports.known import Known
from magicpak.reports.style import ASCII, PLAIN, Style

Tell = Callable[[bytes], None]


def reporting(options: Options, tell: Tell, log: Log) -> Callable[[Known], None]:
    """Return what tells what `options` ask for, by `tell` on stdout or in a file, when all is known.

    Raises ReportNotWritable, before any work; what it returns raises it too, and NotInBundle.
    """
    file = ReportFile(options.report_file, options.output) if options.report_file is not None else None
    if file is not None:
        file.check()

    def report(known: Known) -> None:
        wants_packages = options.report in (Report.JSON, Report.HTML)
        owners = (lambda paths: _owners(paths, log)) if wants_packages else None
        made = document(known, options.output, owners, dry_run=options.dry_run)
        if options.report is not None:
            style = PLAIN if file is not None else _style()
            (file.write if file is not None else tell)(rendered(made, options.report, style))
        for path in options.why:
            try:
                tell(_encoded(_why(made, path, known, options.exclude)))
            except NotInBundle as absent:
                if known.error is None:
                    raise
                tell(_encoded([absent.message]))

    return report


def rendered(made: Document, form: Report, style: Style) -> bytes:
    """Return a report in the form that is asked for; `style` is for the one that is looked at in a terminal."""
    match form:
        case Report.TREE:
            from magicpak.reports.tree import tree  # noqa: PLC0415

            return _encoded(tree(made, style))
        case Report.LIST:
            from magicpak.reports.listing import listing  # noqa: PLC0415

            return _encoded(listing(made))
        case Report.JSON:
            from magicpak.reports.jsontext import json_text  # noqa: PLC0415

            return _encoded(json_text(made))
        case Report.HTML:
            from magicpak.reports.html.page import page  # noqa: PLC0415

            return page(made).encode()


def _why(made: Document, path: str, known: Known, patterns: Sequence[str]) -> Iterable[str]:
    from magicpak.reports.why import Why  # noqa: PLC0415

    def taken_by(path: str) -> str | None:
        return pattern_against(path, known.decided.before, patterns) if known.decided.before.reached(path)[0] else None

    return Why(made, taken_by).answer(path)


def _owners(paths: Sequence[str], log: Log) -> Mapping[str, Package]:
    from magicpak.packages.owners import owners  # noqa: PLC0415

    found = owners(paths)
    log.warn_all(found.warnings)
    return found.by_path


def _encoded(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def _style() -> Style:
    """Return the paint that stdout can show."""
    has_colours = shows_colours(sys.stdout)
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return Style(has_colours) if encoding.lower().startswith("utf") else Style(has_colours, ASCII)
