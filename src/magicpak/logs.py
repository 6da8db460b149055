"""The log on stderr: nothing of structlog is loaded before a line is written."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from time import monotonic
from typing import Any

from magicpak.display import shown, write_error
from magicpak.options import LogLevel


class Log:
    """Writes what is at most as detailed as `level` to stderr, for people, coloured on a terminal only."""

    def __init__(self, level: LogLevel) -> None:
        """Take the most detailed level that is written."""
        self._level = level
        self._logger: Any = None  # structlog's loggers are dynamic
        self._is_waiting = False

    def error(self, event: str) -> None:
        """Tell that something went wrong."""
        self._write(LogLevel.ERROR, "error", event)

    def warn(self, event: str) -> None:
        """Tell what the user should look at."""
        self._write(LogLevel.WARN, "warning", event)

    def warn_of(self, events: Iterable[str]) -> None:
        """Tell each of several things that the user should look at."""
        for event in events:
            self.warn(event)

    def info(self, event: str) -> None:
        """Tell what a stage has done."""
        self._write(LogLevel.INFO, "info", event)

    def debug(self, event: str) -> None:
        """Tell of one file."""
        self._write(LogLevel.DEBUG, "debug", event)

    def summary(self, event: str) -> None:
        """Tell the end of a run, on a terminal only; `error: …` and this are the only lines without a level."""
        if self._level > LogLevel.ERROR and is_terminal():
            self._end_waiting()
            write_error(shown(event) + "\n")

    @contextmanager
    def waiting(self, what: str) -> Iterator[Callable[[], None]]:
        """Give what is to be called now and then while something takes its time: it shows on a terminal how much.

        The line is of the terminal's last row, and gone at the end. Less than a second is not told.
        """
        started, told = monotonic(), 0

        def tick() -> None:
            nonlocal told
            seconds = int(monotonic() - started)
            if seconds > told:
                told, self._is_waiting = seconds, True
                after = f" … {seconds} s"
                write_error(f"\r{shown(what)[: _columns() - len(after) - 1]}{after}{_TO_THE_END}")

        is_shown = self._level > LogLevel.ERROR and is_terminal() and os.environ.get("TERM") != "dumb"
        try:
            yield tick if is_shown else _nothing
        finally:
            self._end_waiting()

    def _end_waiting(self) -> None:
        if self._is_waiting:
            self._is_waiting = False
            write_error(f"\r{_TO_THE_END}")

    def shows(self, level: LogLevel) -> bool:
        """Tell whether lines of `level` are written."""
        return level <= self._level

    def _write(self, level: LogLevel, method: str, event: str) -> None:
        if level > self._level:
            return
        if self._logger is None:
            self._logger = _logger()
        self._end_waiting()
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


_TO_THE_END = "\x1b[K"  # erases the rest of the line, ECMA-48 (EL)


def _nothing() -> None:
    return


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    except (OSError, ValueError):
        return _USUAL_COLUMNS


_USUAL_COLUMNS = 80
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
