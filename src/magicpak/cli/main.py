"""Runs a command line. The only module that catches failures and prints them."""

import os
import sys
from collections.abc import Sequence

import click

from magicpak import __version__
from magicpak.cli.parser import command
from magicpak.errors import ExitCode, Interrupted, MagicpakError, reason
from magicpak.options import CheckOptions, ListOptions, Options
from magicpak.text import printable, write_error


def run(arguments: Sequence[str]) -> int:
    """Run the command line `arguments`; return the exit code. A failure has been printed on stderr by then."""
    try:
        return _run(arguments)
    except Interrupted as interrupted:
        return interrupted.exit_code
    except click.ClickException as error:
        return _fail(error.format_message(), [], _usage_hints(error), ExitCode.USAGE)
    except MagicpakError as error:
        return _fail(error.message, error.details, error.hints, error.exit_code)
    except RecursionError:
        return _fail("files are nested too deeply", [], [], ExitCode.FAILURE)
    except MemoryError:
        return _fail("out of memory", [], [], ExitCode.FAILURE)
    except OSError as error:
        name = f"{printable(os.fsdecode(error.filename))}: " if error.filename else ""
        return _fail(f"{name}{reason(error)}", [], [], ExitCode.FAILURE)
    except Exception as error:  # noqa: BLE001 - a bug of ours gets a readable message too, not a traceback
        return _fail(*_internal_error(error), ExitCode.FAILURE)


def _run(arguments: Sequence[str]) -> int:
    options = _parsed(arguments)
    if isinstance(options, CheckOptions):
        return _check(options)
    if isinstance(options, ListOptions):
        return _list(options)
    if isinstance(options, Options):
        from magicpak.log import Log
        from magicpak.pipeline import bundle

        bundle(options, Log(options.log_level), _print)
    return ExitCode.SUCCESS


def _list(options: ListOptions) -> int:
    """Print a line for each name of `--with`. Raises MagicpakError, and OSError that names the stream."""
    from magicpak.assembly import needs_listing
    from magicpak.log import Log

    listing = needs_listing(options)
    _print("".join(f"{line}\n" for line in listing.run(Log(options.log_level))).encode("utf-8", "backslashreplace"))
    return ExitCode.SUCCESS


def _check(options: CheckOptions) -> int:
    """Print each problem on a line of stdout. Raises MagicpakError, and OSError that names the stream."""
    from magicpak.log import Log
    from magicpak.stages.verification import DirectoryChecking

    upx = options.upx, options.upx_timeout
    checking = DirectoryChecking(options.directory, options.programs, options.symbols, *upx, options.onto)
    lines, error = checking.run(Log(options.log_level))
    _print("".join(f"{printable(line)}\n" for line in lines).encode("utf-8", "backslashreplace"))
    if error is not None:
        raise error
    return ExitCode.SUCCESS


def _print(data: bytes) -> None:
    """Write `data` to stdout; a pipe that its reader has closed is not a failure. Raises OSError naming the stream."""
    try:
        if sys.stdout is not None:
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
    except BrokenPipeError:
        return
    except OSError as error:
        raise OSError(error.errno, reason(error), "standard output") from None


def _parsed(arguments: Sequence[str]) -> object:
    """Return the options, or click's exit code after --help or --version. Raises OSError that names the stream."""
    try:
        parsed: object = command.main(list(arguments), prog_name="magicpak", standalone_mode=False)
        if sys.stdout is not None:  # it is None if the descriptor was closed
            sys.stdout.flush()
    except OSError as error:
        raise OSError(error.errno, reason(error), "standard output") from None
    return parsed


def _fail(message: str, details: Sequence[str], hints: Sequence[str], code: ExitCode) -> int:
    lines = [f"error: {message}", *(f"  {line}" for line in details), *(f"hint: {line}" for line in hints)]
    write_error("".join(f"{printable(line)}\n" for line in lines))
    return code


def _internal_error(error: Exception) -> tuple[str, list[str], list[str]]:
    """Return the message, the last frames and the hint for an exception that no code expected."""
    from traceback import extract_tb

    where = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in extract_tb(error.__traceback__)[-4:]]
    message = f"internal error (a bug in magicpak {__version__}): {type(error).__name__}: {error}"
    return message, where, ["please report it, with the lines above"]


def _usage_hints(error: click.ClickException) -> list[str]:
    return ["magicpak --help lists all options"] if isinstance(error, click.UsageError) else []
