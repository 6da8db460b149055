"""What a program prints costs bounded memory to log, however long its lines are and however many there are."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from magicpak.log import Log
from magicpak.options import LogLevel
from magicpak.process.pipes import LONGEST_LINE, TAIL, OutputTail
from magicpak.text import printable


def lines_of(*chunks: bytes) -> list[bytes]:
    """Return the lines that an OutputTail makes of `chunks`."""
    lines: list[bytes] = []
    output = OutputTail(on_line=lines.append)
    for chunk in (*chunks, b""):
        output.take(chunk)
    return lines


def peak(action: Callable[[], object]) -> int:
    """Return how many bytes of memory `action` needs beside those that are there."""
    tracemalloc.start()
    action()
    result = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_lines_are_the_same_whatever_pieces_they_come_in(size: int) -> None:
    text = b"first\n\nthird\r\nlast"
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert lines_of(*chunks) == [b"first", b"", b"third\r", b"last"]


def test_the_end_of_a_long_line_is_counted_and_the_next_one_is_whole() -> None:
    longest = b"x" * LONGEST_LINE
    assert lines_of(longest + b"\n", longest + b"y\nnext", b"\n", longest, b"yy") == [
        longest,
        longest + b" and 1 more byte",
        b"next",
        longest + b" and 2 more bytes",
    ]


def test_output_without_an_end_of_line_is_not_collected() -> None:
    chunk = b"x" * TAIL
    output = OutputTail(on_line=lambda _line: None)

    def take() -> None:
        for _ in range(300):
            output.take(chunk)

    assert peak(take) < 8 * TAIL
    assert output.kept == chunk


def test_a_line_of_the_log_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(LogLevel.DEBUG)
    log.debug("first")
    gc.collect()
    gc.disable()  # as magicpak does
    try:
        before = len(gc.get_objects())
        for _ in range(1000):
            log.debug("line")
        after = len(gc.get_objects())
    finally:
        gc.enable()
    assert after - before < 100
    assert capsys.readouterr().err == "debug: first\n" + "debug: line\n" * 1000


def test_a_long_text_is_made_printable_in_little_more_memory_than_it_takes() -> None:
    text = "\x1b\x00" * 100_000
    assert peak(lambda: printable(text)) < 20 * len(text)
    assert printable(text) == "\\x1b\\x00" * 100_000
