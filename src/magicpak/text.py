"""Text for people: names shown safely, counts, sizes, lists and command lines.

File names and strings inside ELF files are bytes that anybody may have chosen: they can hold terminal escapes or be
no text at all. Python carries undecodable bytes as lone surrogates (PEP 383).
"""

import os
import re
import sys
from collections.abc import Collection, Sequence
from itertools import islice

_BYTES = range(0xDC80, 0xDD00)  # the surrogates that stand for bytes which are no text, PEP 383
_BYTES_START = 0xDC00
_STEP = 1000


def printable(name: str) -> str:
    """Return `name` on one line, with control characters and bytes that are not text as backslash escapes.

    What the terminal would act upon (C0 and C1 controls, line and paragraph separators, bidirectional overrides) is
    never let through.
    """
    if name.isascii() and name.isprintable():
        return name
    return "".join(character if character.isprintable() else _escaped(character) for character in name)


def _escaped(character: str) -> str:
    code = ord(character)
    if code in _BYTES:
        return f"\\x{code - _BYTES_START:02x}"
    return character.encode("unicode_escape").decode("ascii")


def format_size(count: int) -> str:
    """Return `count` bytes as people read them: `812 B`, `1.3 MB` (powers of ten, as docker prints them)."""
    if count < _STEP:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= _STEP
        if value < _STEP:
            return f"{value:.1f} {unit}"
    return f"{value / _STEP:.1f} TB"


_SIZE = r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgt])(i?))?b?"


def parse_size(text: str) -> int | None:
    """Return `812`, `1.3 MB`, `1.3m` (powers of ten) or `64MiB` (of two) as bytes; None for anything else."""
    said = re.fullmatch(_SIZE, text, re.IGNORECASE)  # compiled where somebody gives a size
    if said is None:
        return None
    power = " kmgt".index((said[2] or " ").lower())
    return int(float(said[1]) * (1024 if said[3] else _STEP) ** power)


def count_noun(count: int, noun: str) -> str:
    """Return `1 file`, `2 files`; a noun in -y gets -ies."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"


def list_names(names: Collection[str], most: int = 1) -> str:
    """Return the first `most` of `names`, which are printed safely, and how many follow: `a, b and 3 more`."""
    more = len(names) - most
    return ", ".join(map(printable, islice(names, most))) + (f" and {more} more" if more > 0 else "")


def shell_line(command: Sequence[str]) -> str:
    r"""Return `command` as one line that can be pasted into a shell and is harmless to a terminal.

    Control characters and bytes that are not text are written as `$'\n'`, which bash, zsh and busybox know.
    """
    import shlex  # noqa: PLC0415 - needed only where the line is printed

    return " ".join(shlex.quote(word) if word.isprintable() else _ansi_quoted(word) for word in command)


def _ansi_quoted(word: str) -> str:
    def quoted(byte: int) -> str:
        character = chr(byte)
        if character in "'\\":
            return f"\\{character}"
        return character if " " <= character <= "~" else f"\\{byte:03o}"

    return "$'" + "".join(map(quoted, os.fsencode(word))) + "'"


def write_error(text: str) -> None:
    """Write `text` to stderr; an stderr that is closed or full ends nothing."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return
