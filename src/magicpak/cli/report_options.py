"""The options that say what is reported and recorded of a bundle."""

from collections.abc import Callable
from typing import Any

import click

from magicpak.cli.grouped_help import option_group
from magicpak.cli.validation import RECORD_FILE, SIZE
from magicpak.options import Report

_reports = option_group("Reports")

_OPTIONS = (
    _reports(
        "--dry-run",
        is_flag=True,
        help="Write no bundle; print what it would contain, as --report tree unless another report, --why or --sbom is "
        "given. OUTPUT is optional.",
    ),
    _reports(
        "--report",
        type=click.Choice(Report, case_sensitive=False),
        help="Print what is in the bundle and why: a tree of dependencies, a list with one line per path, all details "
        "as JSON, or an HTML page.",
    ),
    _reports(
        "--report-file",
        metavar="FILE",
        help="Write the report to FILE instead of stdout. Without --report, the extension selects the format: .json, "
        ".html, otherwise tree.",
    ),
    _reports(
        "--report-against",
        metavar="OLD.json",
        help="Print what has changed since an earlier JSON report: packages, libraries, and files by size. With "
        "--report tree, json or html, it is part of the report.",
    ),
    _reports("--why", metavar="PATH", multiple=True, help="Print why PATH is in the bundle."),
    _reports(
        "--sbom",
        metavar="FILE",
        type=RECORD_FILE,
        multiple=True,
        help="Write a list of the packages and files in the bundle, with versions, licences and hashes: CycloneDX "
        "as FILE.cdx.json, SPDX as FILE.spdx.json.",
    ),
    _reports("--size-limit", metavar="SIZE", type=SIZE, help="Fail if the bundle is larger: 20MB, 800k, 64MiB."),
)


def report_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to the command that `function` becomes."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
