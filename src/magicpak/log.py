"""The log on stderr: nothing of structlog is loaded before a line is written."""

import os
import sys
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TextIO

from magicpak.options import LogLevel
from magicpak.text import count_noun, printable, write_error

if TYPE_CHECKING:
    from magicpak.progress import StatusLine


MOST_HINTS = 12


class Log:
    """Writes lines that are at most as detailed as `level` to stderr, coloured on a terminal only."""

    def __init__(self, level: LogLevel) -> None:
        self._level = level
        self._logger: Any = None  # structlog's loggers are dynamic
        self._status: StatusLine | None = None

    def warn(self, event: str) -> None:
        """Log what the user should look at."""
        self._write(LogLevel.WARN, "warning", event)

    def warn_all(self, events: Iterable[str]) -> None:
        """Log each of several things that the user should look at."""
        for event in events:
            self.warn(event)

    def hint_all(self, hints: Sequence[object]) -> None:
        """Log options that may help, MOST_HINTS of them, where warnings are logged.

        Most runs have some, and structlog costs 50 ms.
        """
        if not self.shows(LogLevel.WARN):
            return
        lines, more = list(map(str, hints[:MOST_HINTS])), len(hints) - MOST_HINTS
        lines += [f"{count_noun(more, 'more suggestion')}: --dry-run shows all"] if more > 0 else []
        line = _coloured_line if shows_colours(sys.stderr) else _line
        with self._without_status():
            for each in lines:
                write_error(f"{line(None, 'hint', {'level': 'hint', 'event': printable(each)})}\n")

    def info(self, event: str) -> None:
        """Log what a stage has done."""
        self._write(LogLevel.INFO, "info", event)

    def debug(self, event: str) -> None:
        """Log something about one file."""
        self._write(LogLevel.DEBUG, "debug", event)

    def summary(self, event: str) -> None:
        """Log the end of a run, on a terminal only; `error: …` and this are the only lines without a level."""
        if self._level > LogLevel.ERROR and is_terminal(sys.stderr):
            with self._without_status():
                write_error(printable(event) + "\n")

    def doing(self, what: str, measure: Callable[[], str] | None = None) -> None:
        """Set what is going on until `rest` or the next call: a terminal shows it where it takes over a second.

        `measure` returns how far it has come, in words; it is called from another thread.
        """
        status = self._status_line()
        if status is not None:
            status.begin(what, measure)

    def doing_all(self, what: str, done: Callable[[], int], whole: Callable[[], int]) -> None:
        """Set what is going on, like `doing`, with a bar for how much is done of the whole.

        Both are called from another thread, the latter once.
        """
        if self._status_line() is not None:
            from magicpak.progress import ProgressBar

            self.doing(what, ProgressBar(done, whole).text)

    def rest(self) -> None:
        """Set that nothing is going on any more."""
        if self._status is not None:
            self._status.rest()

    def _status_line(self) -> "StatusLine | None":
        """Return what shows on a terminal what is going on; None where nothing is to be shown."""
        if self._status is None and self._level > LogLevel.ERROR and _understands_escapes(sys.stderr):
            from magicpak.progress import StatusLine

            self._status = StatusLine()
        return self._status

    def _without_status(self) -> AbstractContextManager[None]:
        """Return what keeps the status line empty while a line is written."""
        return self._status.cleared() if self._status is not None else nullcontext()

    def shows(self, level: LogLevel) -> bool:
        """Return whether lines of `level` are written."""
        return level <= self._level

    def _write(self, level: LogLevel, method: str, event: str) -> None:
        if level > self._level:
            return
        if self._logger is None:
            self._logger = _logger()
        with self._without_status():
            getattr(self._logger, method)(printable(event))


class _Stderr:
    """Stderr as a logger, which never fails, with a method for each word that a line can begin with."""

    def _print(self, line: str) -> None:
        write_error(f"{line}\n")

    warning = info = debug = _print


def _logger() -> Any:  # noqa: ANN401 - structlog's loggers are dynamic
    import structlog

    coloured = shows_colours(sys.stderr)
    return structlog.wrap_logger(
        _Stderr(),
        processors=[structlog.processors.add_log_level, _coloured_line if coloured else _line],
        wrapper_class=structlog.BoundLogger,
    ).bind()  # otherwise each line makes a logger, in a cycle of references, which nobody collects


_COLOURS = {"warning": "33", "hint": "36", "info": "32", "debug": "2"}


def _line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return f"{event['level']}: {event['event']}"


def _coloured_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return f"\x1b[{_COLOURS[event['level']]}m{event['level']}:\x1b[0m {event['event']}"


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a standard stream is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def shows_colours(stream: TextIO | None) -> bool:
    """Return whether a standard stream is a terminal that colours are wanted on (no-color.org)."""
    return _understands_escapes(stream) and not os.environ.get("NO_COLOR")


def _understands_escapes(stream: TextIO | None) -> bool:
    """Return whether a standard stream is a terminal that knows escape sequences."""
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"
