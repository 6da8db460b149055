"""The log on stderr: nothing of structlog is loaded before a line is written."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TextIO

from magicpak.options import LogLevel
from magicpak.text import printable, write_error

if TYPE_CHECKING:
    from magicpak.progress import StatusLine


class Log:
    """Writes what is at most as detailed as `level` to stderr, for people, coloured on a terminal only."""

    def __init__(self, level: LogLevel) -> None:
        """Take the most detailed level that is written."""
        self._level = level
        self._logger: Any = None  # structlog's loggers are dynamic
        self._row: StatusLine | None = None

    def error(self, event: str) -> None:
        """Tell that something went wrong."""
        self._write(LogLevel.ERROR, "error", event)

    def warn(self, event: str) -> None:
        """Tell what the user should look at."""
        self._write(LogLevel.WARN, "warning", event)

    def warn_all(self, events: Iterable[str]) -> None:
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
        if self._level > LogLevel.ERROR and is_terminal(sys.stderr):
            with self._alone():
                write_error(printable(event) + "\n")

    def doing(self, what: str, measure: Callable[[], str] | None = None) -> None:
        """Tell what is going on until `rest` or the next call: a terminal shows it, where it takes over a second.

        `measure` tells in words how far it has come, to any thread. A thread looks at the clock, so that nothing may be
        forked (fork(2)) meanwhile: what forks is `waiting`'s.
        """
        row = self._last_row()
        if row is not None:
            row.begin(what, measure)
            row.keep_looking()

    def doing_all(self, what: str, whole: Callable[[], int]) -> Callable[[int], None]:
        """Tell what is going on, like `doing`, and return what is to be called with each part of `whole()` done."""
        if self._last_row() is None:
            return _nothing
        from magicpak.progress import ProgressBar

        share = ProgressBar(whole)
        self.doing(what, share.bar)
        return share.add

    @contextmanager
    def waiting(self, what: str) -> Iterator[Callable[[], None]]:
        """Give what is to be called now and then during what is going on: no thread looks at the clock then."""
        row = self._last_row()
        if row is None:
            yield _nothing
            return
        row.rest()
        try:
            row.begin(what)
            yield row.look
        finally:
            row.rest()

    def rest(self) -> None:
        """Tell that nothing is going on any more."""
        if self._row is not None:
            self._row.rest()

    def _last_row(self) -> "StatusLine | None":
        """Return what shows on a terminal what takes its time; None where nothing is to be shown."""
        if self._row is None and self._level > LogLevel.ERROR and _understands_escapes(sys.stderr):
            from magicpak.progress import StatusLine

            self._row = StatusLine()
        return self._row

    def _alone(self) -> AbstractContextManager[None]:
        """Return what keeps the last row empty while a line is written."""
        return self._row.freed() if self._row is not None else nullcontext()

    def shows(self, level: LogLevel) -> bool:
        """Tell whether lines of `level` are written."""
        return level <= self._level

    def _write(self, level: LogLevel, method: str, event: str) -> None:
        if level > self._level:
            return
        if self._logger is None:
            self._logger = _logger()
        with self._alone():
            getattr(self._logger, method)(printable(event))


class _Stream:
    """Stderr as something to print to that never fails."""

    def write(self, text: str) -> int:
        write_error(text)
        return len(text)

    def flush(self) -> None:
        return


def _logger() -> Any:  # noqa: ANN401 - structlog's loggers are dynamic
    import structlog

    coloured = shows_colours(sys.stderr)
    return structlog.wrap_logger(
        structlog.PrintLogger(_Stream()),  # type: ignore[arg-type]  # all that it needs of a file
        processors=[structlog.processors.add_log_level, _coloured_line if coloured else _line],
        wrapper_class=structlog.BoundLogger,
    )


def _nothing(_part: int = 0) -> None:
    return


_COLOURS = {"error": "31", "warning": "33", "info": "32", "debug": "2"}


def _line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return f"{event['level']}: {event['event']}"


def _coloured_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return f"\x1b[{_COLOURS[event['level']]}m{event['level']}:\x1b[0m {event['event']}"


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a standard stream is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def shows_colours(stream: TextIO | None) -> bool:
    """Tell whether a standard stream is a terminal that colours are wanted on (no-color.org)."""
    return _understands_escapes(stream) and not os.environ.get("NO_COLOR")


def _understands_escapes(stream: TextIO | None) -> bool:
    """Tell whether a standard stream is a terminal that knows escape sequences."""
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"
