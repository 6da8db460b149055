"""The stages of a run, each with what the options say about it. A stage is imported only in a run that has it."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from magicpak.files.view import HOST
from magicpak.log import Log
from magicpak.options import SUGGESTED, ListOptions, Options
from magicpak.stages.planning import Planning
from magicpak.stages.writing import Writing

if TYPE_CHECKING:
    from magicpak.base.base import Base
    from magicpak.files.source import SourceView
    from magicpak.needs.rows import WantedNeed
    from magicpak.outputs.image_config import ImageSettings
    from magicpak.resolve.inputs import Inputs
    from magicpak.stages.compression import Compression
    from magicpak.stages.needs_listing import NeedsListing
    from magicpak.stages.onto import OntoBase
    from magicpak.stages.recording import Recording
    from magicpak.stages.reporting import Reporting
    from magicpak.stages.stripping import Stripping
    from magicpak.stages.suggesting import Suggesting
    from magicpak.stages.tracing import Tracing
    from magicpak.stages.trial import Trial


def source_view(root: str | None) -> "SourceView":
    """Return where everything is looked up: the host, or the tree that `--root` names. Raises InvalidUsage."""
    if root is None:
        return HOST
    from magicpak.files.directory import open_root

    return open_root(root)


def needs(options: Options) -> "Sequence[WantedNeed]":
    """Return what `--with` and `--with-file` ask for. Raises InvalidUsage."""
    from magicpak.needs.rows import need_rows, wanted_needs

    return wanted_needs([each for each in options.with_ if each != SUGGESTED], need_rows(options.with_file))


def onto(options: Options, inputs: "Inputs", private: Callable[[], str], log: Log) -> "OntoBase":
    """Return the stage that lays the plan onto the base, which is read. Raises MagicpakError.

    `private` returns the path of a new private directory, which must outlive the bundle.
    """
    from magicpak.base.find import find_base
    from magicpak.elf.platform import platform_of
    from magicpak.stages.onto import OntoBase

    log.doing("reading the base")
    platform = platform_of(inputs.programs[0].file.facts) if inputs.programs else None
    base = find_base(options.onto, platform, private)
    log.warn_all(base.warnings)
    return OntoBase(base, options.onto_replace)


def planning(
    options: Options,
    needs: "Sequence[WantedNeed]",
    files: "SourceView",
    private: Sequence[str],
    base: "Base | None",
) -> Planning:
    """Return the stage that makes the plan, for a `base`, if there is one."""
    return Planning(
        options.layout,
        options.output_path,
        options.include,
        options.exclude,
        (*options.mkdir, options.workdir) if options.workdir and options.is_image else options.mkdir,
        needs,
        options.all_packages,
        dynamic_env(options),
        files,
        private,
        base,
    )


def reporting(options: Options) -> "Reporting":
    """Return the stage that makes a report. Raises ReportNotComparable."""
    from magicpak.outputs.report_file import ReportFile
    from magicpak.stages.reporting import Reporting

    former = None
    if options.report_against is not None:
        from magicpak.reports.former import read_report

        former = read_report(options.report_against)
    file = ReportFile(options.report_file, options.output_path) if options.report_file is not None else None
    return Reporting(options.report, file, options.why, options.output, options.dry_run, former)


def recording(options: Options) -> "Recording":
    """Return the stage that makes records."""
    from magicpak.options import record_form
    from magicpak.outputs.report_file import ReportFile
    from magicpak.stages.recording import RecordFile, Recording

    files = [
        RecordFile(ReportFile(path, options.output_path), form)
        for path in options.sbom
        if (form := record_form(path)) is not None
    ]
    is_image = options.destined is not None and options.is_image
    return Recording(files, options.tag, is_image, options.source_date_epoch)


def compression(options: Options) -> "Compression":
    """Return the stage that packs INPUTs."""
    from magicpak.collect.upx import Upx
    from magicpak.stages.compression import Compression

    return Compression(Upx(options.upx, options.upx_arg, options.upx_timeout))


def stripping(options: Options) -> "Stripping":
    """Return the stage that strips ELF files."""
    from magicpak.collect.strip import StripTool
    from magicpak.stages.stripping import Stripping

    return Stripping(StripTool(options.strip_tool))


def dynamic_env(options: Options) -> dict[str, str]:
    """Return the variables of the runs that are traced."""
    return {**os.environ, **options.dynamic_env}


def tracing(options: Options) -> "Tracing":
    """Return the stage that runs INPUTs and traces them."""
    from magicpak.stages.tracing import Tracing

    return Tracing(
        options.dynamic_arg,
        options.dynamic_command,
        _encoded(options.dynamic_stdin),
        dynamic_env(options),
        options.dynamic_timeout,
        options.dynamic_allow_failure,
    )


def trial(options: Options) -> "Trial":
    """Return the stage that tests the bundle."""
    from magicpak.stages.trial import Trial
    from magicpak.trial.expectations import Expectations

    expectations = Expectations(
        stdin=_encoded(options.test_stdin),
        stdout=_encoded(options.test_stdout),
        exit_code=options.test_exit_code,
        timeout=options.test_timeout,
        env=options.test_env,
        network=options.test_network,
    )
    return Trial(options.test_command, options.busybox, options.test_user, expectations, options.source_date_epoch)


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def suggesting(options: Options, files: "SourceView") -> "Suggesting":
    """Return the stage that suggests what the bundle may lack."""
    from magicpak.stages.suggesting import Suggesting

    return Suggesting(options.with_, options.with_file, dynamic_env(options), files)


def needs_listing(options: ListOptions) -> "NeedsListing":
    """Return the stage that lists the names of `--with`. Raises InvalidUsage."""
    from magicpak.stages.needs_listing import NeedsListing

    files = source_view(options.root)
    return NeedsListing(options.inputs, options.with_, options.with_file, options.library_path, files)


def writing(options: Options) -> Writing | None:
    """Return the stage that writes OUTPUT; None without OUTPUT. Raises InvalidUsage."""
    if options.destined is None:
        return None
    image = _image_settings(options) if options.is_image else None
    return Writing(options.destined, image, options.layers, options.source_date_epoch)


def _image_settings(options: Options) -> "ImageSettings":
    from magicpak.outputs.image_config import ImageSettings

    return ImageSettings(
        options.entrypoint,
        options.cmd,
        options.env,
        options.user,
        options.workdir,
        options.expose,
        options.label,
        options.stop_signal,
        options.tag,
    )
