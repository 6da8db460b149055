"""What can be said on the command line, as click takes it: options out."""

import os
from collections.abc import Sequence
from typing import Any

import click

from magicpak import __version__
from magicpak.bundle.layout import Layout
from magicpak.cli.grouped_help import GroupedCommand, described, grouped, missing
from magicpak.ldso.resolver import Resolver
from magicpak.options import CheckOptions, LogLevel, Options, Report
from magicpak.text import parse_size, printable

_LEVELS = {level.name.title(): level for level in LogLevel}
_IN = "What goes in"
_FOUND = "How libraries are found"
_WATCHED = "Watching it run"
_PACKED = "Packing it"
_PROVED = "Checking it"
_TESTED = "Testing it"
_EXPLAINED = "Explaining it"
_MESSAGES = "Messages"
_LONGEST = 86_400  # seconds that a run can be given: a day


@click.command(
    cls=GroupedCommand,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None},
    epilog="Exit codes: 0 done, 1 failure, 2 wrong usage, 3 libraries missing, 4 INPUT cannot be bundled, "
    "5 OUTPUT cannot be used, 6 the program failed, 7 it cannot be watched, 8 the bundle fails its test, 9 it cannot "
    "be tested, 10 it is too large; 129, 130 and 143 after SIGHUP, SIGINT and SIGTERM.",
)
@described("inputs", "The path of an executable, or of several.", metavar="INPUT...", nargs=-1)
@described("output", "The directory to be made, or an empty one.", metavar="OUTPUT", required=False)
@grouped(_IN, "-i", "--include", metavar="GLOB", multiple=True, help="Add files and directories, with libraries.")
@grouped(_IN, "-e", "--exclude", metavar="GLOB", multiple=True, help="Leave out what matches; * crosses /.")
@grouped(_IN, "--mkdir", metavar="PATH", multiple=True, help="Make a directory in the bundle.")
@grouped(_IN, "-r", "--install-to", metavar="PATH", help="Where the executable goes; with / at its end, a directory.")
@grouped(
    _IN,
    "--layout",
    type=click.Choice(["host", "directories"]),
    default="host",
    help="Keep links to directories as the host has them, or make each path real, for base images whose /lib is no "
    "link.  [default: host]",
)
@grouped(
    _FOUND,
    "--resolver",
    type=click.Choice(["auto", "dlopen", "noload", "static"]),
    help="Work out what the loader does (static), ask it by dlopen(3), ask one that has loaded them at its start "
    "(noload), or work it out and ask for what is not found (auto).  [default: auto]",
)
@grouped(_FOUND, "--no-hwcaps", is_flag=True, help="Leave out variants of libraries for newer processors.")
@grouped(
    _FOUND,
    "--cc",
    metavar="PATH or NAME",
    envvar="CC",
    help="The C compiler, where the loader is asked.  [env: CC] [default: cc]",
)
@grouped(_FOUND, "--experimental-noload-resolver", is_flag=True, help="The old name of --resolver noload.")
@grouped(_WATCHED, "-d", "--dynamic", is_flag=True, help="Run each INPUT, and add what it uses.")
@grouped(
    _WATCHED, "--dynamic-arg", metavar="ARG", multiple=True, help="An argument for it; it may begin with a hyphen."
)
@grouped(_WATCHED, "--dynamic-stdin", metavar="CONTENT", help="What it can read on stdin.  [default: nothing]")
@grouped(
    _WATCHED,
    "--dynamic-env",
    metavar="NAME=VALUE",
    multiple=True,
    callback=lambda _context, _option, values: _assignments(values),
    help="Set a variable of its environment.",
)
@grouped(
    _WATCHED,
    "--dynamic-command",
    metavar="COMMAND",
    help="Have /bin/sh run this instead; only what INPUT uses counts.",
)
@grouped(
    _WATCHED,
    "--dynamic-timeout",
    metavar="SECONDS",
    callback=lambda _context, _option, value: _seconds(value),
    default="60",
    help="End it then; what was seen counts.  [default: 60]",
)
@grouped(_WATCHED, "--dynamic-allow-failure", is_flag=True, help="Go on if it fails.")
@grouped(_PACKED, "-c", "--compress", is_flag=True, help="Pack each INPUT with upx.")
@grouped(_PACKED, "--upx-arg", metavar="ARG", multiple=True, help="An argument for upx; it may begin with a hyphen.")
@grouped(_PACKED, "--upx", metavar="PATH or NAME", default="upx", help="The upx that is used.  [default: upx]")
@grouped(
    _PACKED,
    "--upx-timeout",
    metavar="SECONDS",
    callback=lambda _context, _option, value: _seconds(value),
    default="600",
    help="End it then, as a failure.  [default: 600]",
)
@grouped(
    _PROVED,
    "--check",
    metavar="DIR",
    help="Make nothing: tell which executables in DIR, all or each EXE by its path there, would not start with DIR as "
    "their root, and what they lack.",
)
@grouped(_PROVED, "--symbols", is_flag=True, help="With --check: symbols that nothing defines are told, too.")
@grouped(_PROVED, "--no-verify", is_flag=True, help="Write the bundle although something in it will not start.")
@grouped(_TESTED, "-t", "--test", is_flag=True, help="Run the bundle alone, and fail if it does not work.")
@grouped(
    _TESTED, "--test-command", metavar="COMMAND", help="What a shell runs there.  [default: each INPUT by its path]"
)
@grouped(_TESTED, "--test-stdin", metavar="CONTENT", help="What it can read on stdin.  [default: nothing]")
@grouped(_TESTED, "--test-stdout", metavar="CONTENT", help="What it must print, space at both ends aside.")
@grouped(
    _TESTED,
    "--test-exit-code",
    metavar="N",
    callback=lambda _context, _option, value: _exit_code(value),
    default="0",
    help="How it must exit.  [default: 0]",
)
@grouped(
    _TESTED,
    "--test-env",
    metavar="NAME=VALUE",
    multiple=True,
    callback=lambda _context, _option, values: _assignments(values),
    help="Set a variable of its environment, which is PATH and HOME else.",
)
@grouped(_TESTED, "--test-user", metavar="UID[:GID]", help="Who runs it, as USER in a Dockerfile.  [default: 0]")
@grouped(_TESTED, "--test-network", is_flag=True, help="Let it use the network.")
@grouped(
    _TESTED,
    "--test-timeout",
    metavar="SECONDS",
    callback=lambda _context, _option, value: _seconds(value),
    default="60",
    help="End it then, as a failure.  [default: 60]",
)
@grouped(
    _TESTED,
    "--busybox",
    metavar="PATH or NAME",
    default="busybox",
    help="The static busybox whose shell is lent to --test-command.  [default: busybox]",
)
@grouped(
    _EXPLAINED,
    "--dry-run",
    is_flag=True,
    help="Write no bundle: tell what would be in it, as --report tree if nothing else is asked for. OUTPUT may be left "
    "out.",
)
@grouped(
    _EXPLAINED,
    "--report",
    type=click.Choice([each.value for each in Report]),
    help="Print what is in the bundle and why: who needs whom (tree), one line for each path (list), all that is known "
    "(json), or a page for a browser (html).",
)
@grouped(
    _EXPLAINED,
    "--report-file",
    metavar="FILE",
    help="Write the report there instead.  [default form: by its ending, .json, .html, or else tree]",
)
@grouped(_EXPLAINED, "--why", metavar="PATH", multiple=True, help="Print why PATH is in the bundle.")
@grouped(
    _EXPLAINED,
    "--size-limit",
    metavar="SIZE",
    callback=lambda _context, _option, value: None if value is None else _size(value),
    help="Fail if the files of the bundle are larger: 20MB, 800k, 64MiB.",
)
@grouped(
    _MESSAGES,
    "--log-level",
    metavar=f"[{'|'.join(_LEVELS)}]",
    callback=lambda _context, _option, value: _level(value),
    default="Warn",
    help="How much is told on stderr.  [default: Warn]",
)
@grouped(_MESSAGES, "-v", "--verbose", is_flag=True, help="The same as --log-level Info.")
@click.option(
    "--licenses",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _option, wanted: _show_licences(context) if wanted else None,
    help="Show the licences of all that is inside.",
)
@click.version_option(__version__, prog_name="magicpak", message="%(prog)s %(version)s", help="Show the version.")
def command(**given: object) -> Options | CheckOptions:
    """Turn executables into the smallest directory they run in.

    A Dockerfile copies OUTPUT into an image that is FROM scratch.
    """
    if given["check"] is not None:
        return _check_options(given, click.get_current_context())
    if given.pop("symbols"):
        message = "--symbols says how --check looks at a directory, and goes with it alone"
        raise click.UsageError(message)
    if given["dry_run"]:
        _leave_output_out(given)
    for name in ("inputs", "output"):
        if given[name] in (None, ()) and not (given["dry_run"] and name == "output"):
            raise missing(click.get_current_context(), name)
    return _options(given)


def _leave_output_out(given: dict[str, Any]) -> None:
    """Take the last argument of a dry run for an INPUT if it is alone, or a file, which no OUTPUT is."""
    inputs, output = given["inputs"], given["output"]
    if output is not None and (not inputs or (os.path.exists(output) and not os.path.isdir(output))):
        given["inputs"], given["output"] = (*inputs, output), None


_WITH_CHECK = ("check", "symbols", "inputs", "output", "log_level", "verbose")


def _check_options(given: dict[str, Any], context: click.Context) -> CheckOptions:
    """Return the options of `--check`, with which the arguments are executables in the directory."""
    for name in given:
        if name not in _WITH_CHECK and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            message = f"--check looks at a directory as it is: --{name.replace('_', '-')} has no place beside it"
            raise click.UsageError(message)
    programs = (*given["inputs"], *([] if given["output"] is None else [given["output"]]))
    return CheckOptions(given["check"], programs, given["symbols"], _log_level(given))


def _options(given: dict[str, Any]) -> Options:
    """Return what click has parsed as options, whose fields have the names of the flags but for those that are here."""
    old, resolver = given.pop("experimental_noload_resolver"), given["resolver"]
    if old and resolver not in (None, "noload"):
        message = f"--experimental-noload-resolver and --resolver {resolver} contradict each other"
        raise click.UsageError(message)
    if given["dynamic_arg"] and given["dynamic_command"] is not None:
        message = "--dynamic-arg and --dynamic-command contradict each other: the command has arguments of its own"
        raise click.UsageError(message)
    if given["why"] and given["report"] and given["report_file"] is None:
        message = "--why and --report would both be printed: write the report elsewhere with --report-file"
        raise click.UsageError(message)
    del given["check"]
    rest = {
        "report": _report(given),
        "layout": Layout(given["layout"]),
        "resolver": Resolver.NOLOAD if old else Resolver(resolver or "auto"),
        "compiler": given.pop("cc"),
        "hwcaps": not given.pop("no_hwcaps"),
        "verify": not given.pop("no_verify"),
        "log_level": _log_level(given),
        "library_path": os.environ.get("LD_LIBRARY_PATH", ""),
        "source_date_epoch": _source_date_epoch(),
    }
    return Options(**{**given, **rest})


def _report(given: dict[str, Any]) -> Report | None:
    """Return the form of the report: what was asked for, what the file's name says, or what a dry run shows."""
    if given["report"] is not None:
        return Report(given["report"])
    if given["report_file"] is not None:
        ending = os.path.splitext(given["report_file"])[1]
        return {".json": Report.JSON, ".html": Report.HTML, ".htm": Report.HTML}.get(ending, Report.TREE)
    return Report.TREE if given["dry_run"] and not given["why"] else None


def _log_level(given: dict[str, Any]) -> LogLevel:
    level = _LEVELS[given["log_level"]]
    return max(level, LogLevel.INFO) if given.pop("verbose") else level


def _show_licences(context: click.Context) -> None:
    from magicpak import licences  # noqa: PLC0415 - only here

    click.echo(licences.text(), nl=False)
    context.exit()


def _level(word: str) -> str:
    if word.title() not in _LEVELS:
        message = f"{printable(word)!r} is none of {', '.join(_LEVELS)}"
        raise click.BadParameter(message)
    return word.title()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= _LONGEST:
        message = f"{printable(text)!r} is no number of seconds above 0 and up to {_LONGEST}"
        raise click.BadParameter(message)
    return seconds


def _exit_code(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 255):  # noqa: PLR2004 - the largest, wait(2)
        message = f"{printable(text)!r} is no exit code from 0 to 255"
        raise click.BadParameter(message)
    return int(text)


def _size(text: str) -> int:
    size = parse_size(text)
    if size is None:
        message = f"{printable(text)!r} is no size such as 20MB, 800k or 64MiB"
        raise click.BadParameter(message)
    return size


def _assignments(texts: Sequence[str]) -> Sequence[str]:
    for text in texts:
        if text.find("=") < 1:
            message = f"{printable(text)!r} is not NAME=VALUE"
            raise click.BadParameter(message)
    return texts


def _source_date_epoch() -> int | None:
    """Return SOURCE_DATE_EPOCH in seconds (reproducible-builds.org's specification); None where it is not set."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 11):  # noqa: PLR2004 - what a file system can hold
        message = f"SOURCE_DATE_EPOCH is {printable(text)}, not a number of seconds"
        raise click.UsageError(message)
    return int(text)
