"""The log on stderr: nothing of structlog is loaded before a line is written."""

import os
import sys
from collections.abc import MutableMapping
from typing import Any

from magicpak.display import shown, write_error
from magicpak.options import LogLevel


class Log:
    """Writes what is at most as detailed as `level` to stderr, for people, coloured on a terminal only."""

    def __init__(self, level: LogLevel) -> None:
        """Take the most detailed level that is written."""
        self._level = level
        self._logger: Any = None  # structlog's loggers are dynamic

    def error(self, event: str) -> None:
        """Tell that something went wrong."""
        self._write(LogLevel.ERROR, "error", event)

    def warn(self, event: str) -> None:
        """Tell what the user should look at."""
        self._write(LogLevel.WARN, "warning", event)

    def info(self, event: str) -> None:
        """Tell what a stage has done."""
        self._write(LogLevel.INFO, "info", event)

    def debug(self, event: str) -> None:
        """Tell of one file."""
        self._write(LogLevel.DEBUG, "debug", event)

    def summary(self, event: str) -> None:
        """Tell the end of a run, on a terminal only; `error: …` and this are the only lines without a level."""
        if self._level > LogLevel.ERROR and is_terminal():
            write_error(shown(event) + "\n")

    def shows(self, level: LogLevel) -> bool:
        """Tell whether lines of `level` are written."""
        return level <= self._level

    def _write(self, level: LogLevel, method: str, event: str) -> None:
        if level > self._level:
            return
        if self._logger is None:
            self._logger = _logger()
        getattr(self._logger, method)(shown(event))


class _Stream:
    """Stderr as something to print to that never fails."""

    def write(self, text: str) -> int:
        write_error(text)
        return len(text)

    def flush(self) -> None:
        return


def _logger() -> Any:  # noqa: ANN401 - structlog's loggers are dynamic
    import structlog  # noqa: PLC0415 - 60 ms at import

    coloured = is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return structlog.wrap_logger(
        structlog.PrintLogger(_Stream()),  # type: ignore[arg-type]  # all that it needs of a file
        processors=[structlog.processors.add_log_level, _coloured_line if coloured else _line],
        wrapper_class=structlog.BoundLogger,
    )


_COLOURS = {"error": "31", "warning": "33", "info": "32", "debug": "2"}


def _line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return f"{event['level']}: {event['event']}"


def _coloured_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return f"\x1b[{_COLOURS[event['level']]}m{event['level']}:\x1b[0m {event['event']}"


def is_terminal() -> bool:
    """Tell whether stderr is a terminal."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except (OSError, ValueError):
        return False
