"""The types of option values, and what click has parsed as `Options`."""

import math
import os
from collections.abc import Mapping
from itertools import chain
from typing import Any

import click

from magicpak.bundle.path import BundlePath
from magicpak.cli.grouped_help import missing_argument
from magicpak.ldso.resolver import Resolver
from magicpak.options import CheckOptions, ListOptions, LogLevel, Options, RecordForm, Report, record_form
from magicpak.outputs.form import STDOUT
from magicpak.text import parse_size, printable

_NAME_MAX, _PATH_MAX = 255, 4095
"""The bytes of the longest name, and of the longest path without its NUL (limits.h of Linux, path_resolution(7))."""
_SHOWN = 40
"""The bytes of a path that is too long that a message repeats: enough to recognise it."""

Values = Mapping[str, Any]
"""The values of arguments and options by their names in Python, as click passes them."""

_ANYWHERE = ("inputs", "output", "log_level", "verbose")
_WITH_CHECK = (*_ANYWHERE, "check", "symbols", "upx", "upx_timeout", "onto")
_WITH_LIST = (*_ANYWHERE, "with_list", "with_", "with_file", "root")


def _refuse_others(context: click.Context, flag: str, names: tuple[str, ...]) -> None:
    """Raise click.UsageError for an option that is given and is not one of `names`."""
    for parameter in context.command.params:
        name = str(parameter.name)
        if name not in names and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            message = f"{parameter.opts[-1]} cannot be used with {flag}"
            raise click.UsageError(message)


def _all_arguments(values: Values) -> tuple[str, ...]:
    return (*values["inputs"], *([] if values["output"] is None else [values["output"]]))


def list_options(values: Values, context: click.Context) -> ListOptions:
    """Return the options of a run with `--with-list`. Raises click.UsageError for options that do not go with it."""
    _refuse_others(context, "--with-list", _WITH_LIST)
    library_path = os.environ.get("LD_LIBRARY_PATH", "")
    return ListOptions(
        _all_arguments(values),
        values["root"],
        values["with_"],
        values["with_file"],
        library_path,
        log_level=_log_level(values),
    )


def check_options(values: Values, context: click.Context) -> CheckOptions:
    """Return the options of a run with `--check`. Raises click.UsageError for options that do not go with it."""
    _refuse_others(context, "--check", _WITH_CHECK)
    programs = _all_arguments(values)
    upx = values["upx"], values["upx_timeout"]
    return CheckOptions(values["check"], programs, values["symbols"], *upx, _log_level(values), values["onto"])


def bundle_options(values: Values, context: click.Context) -> Options:
    """Return the options of a run that makes a bundle. Raises click.UsageError."""
    if values["symbols"]:
        message = "--symbols requires --check"
        raise click.UsageError(message)
    if values["root"] is not None:
        from magicpak.cli.root_values import with_root

        values = with_root(values)
    inputs, output = _arguments(values, context)
    _refuse_contradictions(values)
    by_name = {
        **{name: value for name, value in values.items() if name in Options._fields},
        "inputs": inputs,
        "output": output,
        "resolver": Resolver.NOLOAD if values["experimental_noload_resolver"] else values["resolver"] or Resolver.AUTO,
        "env": dict(values["env"]),
        "label": dict(values["label"]),
        "expose": tuple(chain.from_iterable(values["expose"])),
        "dynamic_env": dict(values["dynamic_env"]),
        "test_env": dict(values["test_env"]),
        "report": _report(values),
        "log_level": _log_level(values),
        "library_path": os.environ.get("LD_LIBRARY_PATH", ""),
        "source_date_epoch": _source_date_epoch(),
    }
    return Options(**by_name)


def _arguments(values: Values, context: click.Context) -> tuple[tuple[str, ...], str | None]:
    """Return the INPUTs and OUTPUT, which a dry run does not need.

    The last argument of a dry run is an INPUT if it is the only one, or a file, which OUTPUT cannot be.
    """
    inputs, output, dry_run = values["inputs"], values["output"], values["dry_run"]
    if dry_run and output is not None and (not inputs or (os.path.exists(output) and not os.path.isdir(output))):
        inputs, output = (*inputs, output), None
    if not inputs:
        raise missing_argument(context, "inputs")
    if output is None and not dry_run:
        raise missing_argument(context, "output")
    return inputs, output


def _refuse_contradictions(values: Values) -> None:
    message = None
    resolver = values["resolver"]
    if values["experimental_noload_resolver"] and resolver not in (None, Resolver.NOLOAD):
        message = f"--experimental-noload-resolver cannot be used with --resolver {resolver.value}"
    elif values["dynamic_arg"] and values["dynamic_command"] is not None:
        message = "--dynamic-arg cannot be used with --dynamic-command: write the arguments into the command"
    elif values["output"] == STDOUT and _prints(values):
        message = "a report and OUTPUT - both go to stdout: write the report to a file with --report-file"
    elif values["report_against"] is not None and (values["why"] or _lists(values)):
        message = f"--report-against and {'--why' if values['why'] else '--report list'} both print to stdout"
    elif values["why"] and values["report"] and values["report_file"] is None:
        message = "--why and --report both print to stdout: write the report to a file with --report-file"
    elif values["report_file"] in values["sbom"]:
        message = f"--report-file and --sbom both write to {printable(values['report_file'])}"
    if message is not None:
        raise click.UsageError(message)


def _prints(values: Values) -> bool:
    """Return whether something is printed on stdout while a bundle is written."""
    report = values["report"] and values["report_file"] is None
    return bool(values["why"] or report or values["report_against"] is not None) and not values["dry_run"]


def _lists(values: Values) -> bool:
    return values["report"] is Report.LIST and values["report_file"] is None


def _report(values: Values) -> Report | None:
    """Return the form of the report: the one requested, the one of the file's extension, or that of a dry run."""
    report: Report | None = values["report"]
    if report is not None:
        return report
    if values["report_file"] is not None:
        extension = os.path.splitext(values["report_file"])[1]
        return {".json": Report.JSON, ".html": Report.HTML, ".htm": Report.HTML}.get(extension, Report.TREE)
    is_asked = values["why"] or values["sbom"] or values["report_against"] is not None
    return Report.TREE if values["dry_run"] and not is_asked else None


def _log_level(values: Values) -> LogLevel:
    level: LogLevel = values["log_level"]
    return max(level, LogLevel.INFO) if values["verbose"] else level


def _source_date_epoch() -> int | None:
    """Return SOURCE_DATE_EPOCH in seconds (reproducible-builds.org's specification); None where it is not set."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 11):  # noqa: PLR2004 - what a file system can hold
        message = f"SOURCE_DATE_EPOCH is {printable(text)}, not a number of seconds"
        raise click.UsageError(message)
    return int(text)


class Size(click.ParamType[int]):
    """A number of bytes, with a unit or without one."""

    name = "size"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return `value` as bytes. Raises click.BadParameter."""
        size = parse_size(value)
        if size is None:
            self.fail(f"{value!r} is not a size such as 20MB, 800k or 64MiB", param, ctx)
        return size


class Variable(click.ParamType[tuple[str, str]]):
    """An environment variable, as `NAME=VALUE`."""

    name = "variable"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return the name and the value. Raises click.BadParameter."""
        name, equals_sign, content = value.partition("=")
        if not (name and equals_sign):
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name, content


def _start(path: bytes) -> str:
    return repr(f"{path[:_SHOWN].decode(errors='ignore')}…")


class ImagePath(click.ParamType[str]):
    """A path in the bundle, which the kernel must be able to look up."""

    name = "path"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value`. Raises click.BadParameter for one that is too long."""
        path = os.fsencode(BundlePath(value))
        longest = max(path.split(b"/"), key=len)
        if len(longest) > _NAME_MAX:
            self.fail(f"{_start(longest)} is a name of {len(longest)} bytes, of at most {_NAME_MAX}", param, ctx)
        if len(path) > _PATH_MAX:
            self.fail(f"{_start(path)} is a path of {len(path)} bytes, of at most {_PATH_MAX}", param, ctx)
        return value


class RecordFileName(click.ParamType[str]):
    """The path of a record, whose end says its form."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value`. Raises click.BadParameter."""
        if record_form(value) is None:
            ends = " nor in ".join(form.value for form in RecordForm)
            self.fail(f"{value!r} ends neither in {ends}", param, ctx)
        return value


class TimeLimit(click.FloatRange):
    """A number of seconds. NaN, which lies in every range of click's, is not one."""

    name = "number of seconds"

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return `value` as a number. Raises click.BadParameter."""
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return seconds


class ExitStatus(click.IntRange):
    """An exit code, with a name of its own for click's messages."""

    name = "exit code"


SIZE = Size()
VARIABLE = Variable()
IMAGE_PATH = ImagePath()
RECORD_FILE = RecordFileName()
TIME_LIMIT = TimeLimit(0, 86_400, min_open=True)
EXIT_STATUS = ExitStatus(0, 255)
