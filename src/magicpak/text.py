"""Text for messages: names printed safely, counts, sizes, lists and command lines.

File names and strings in ELF files are arbitrary bytes: they can contain terminal escapes, or not be text at all.
Python represents undecodable bytes as lone surrogates (PEP 383).
"""

import math
import os
import re
import sys
import time
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import islice

_BYTES = range(0xDC80, 0xDD00)  # the surrogates of undecodable bytes, PEP 383
_BYTES_START = 0xDC00
_STEP = 1000
_LAST_SECOND = 253402300799  # of the year 9999


def printable(name: str) -> str:
    """Return `name` on one line, with control characters and undecodable bytes as backslash escapes.

    Nothing that a terminal acts upon is left: C0 and C1 controls, line and paragraph separators, and bidirectional
    overrides are escaped.
    """
    if name.isascii() and name.isprintable():
        return name
    return "".join(character if character.isprintable() else _escaped(character) for character in name)


@lru_cache(maxsize=1 << 10)  # a long text has one string for each of its characters, however often that comes
def _escaped(character: str) -> str:
    code = ord(character)
    if code in _BYTES:
        return f"\\x{code - _BYTES_START:02x}"
    return character.encode("unicode_escape").decode("ascii")


def format_size(count: int) -> str:
    """Return `count` bytes in a readable unit: `812 B`, `1.3 MB` (powers of ten, as docker prints them)."""
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
    """Return `812`, `1.3 MB`, `1.3m` (powers of ten) or `64MiB` (powers of two) as bytes; None for anything else.

    A number that no float can hold is not a size.
    """
    parts = re.fullmatch(_SIZE, text, re.IGNORECASE)  # compiled only in a run that is given a size
    if parts is None:
        return None
    power = " kmgt".index((parts[2] or " ").lower())
    size = float(parts[1]) * (1024 if parts[3] else _STEP) ** power
    return int(size) if math.isfinite(size) else None


def count_noun(count: int, noun: str) -> str:
    """Return `1 file`, `2 files`; the plural of a noun that ends in -y has -ies."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"


MAX_DIRECTORIES = 12
"""How many directories a line lists in which something was searched."""


def list_names(names: Collection[str], most: int = 1) -> str:
    """Return the first `most` of `names`, printed safely, and the number of the others: `a, b and 3 more`."""
    more = len(names) - most
    return ", ".join(map(printable, islice(names, most))) + (f" and {more} more" if more > 0 else "")


def timestamp(seconds: int) -> str:
    """Return a time in seconds since the epoch as RFC 3339 has it: none before the epoch, or after the year 9999."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(max(seconds, 0), _LAST_SECOND)))


def shell_line(command: Sequence[str]) -> str:
    r"""Return `command` as one line that can be pasted into a shell and is harmless to a terminal.

    Control characters and undecodable bytes are written as `$'\n'`, which bash, zsh and busybox accept.
    """
    import shlex

    return " ".join(shlex.quote(word) if word.isprintable() else _ansi_quoted(word) for word in command)


def _ansi_quoted(word: str) -> str:
    def quoted(byte: int) -> str:
        character = chr(byte)
        if character in "'\\":
            return f"\\{character}"
        return character if " " <= character <= "~" else f"\\{byte:03o}"

    return "$'" + "".join(map(quoted, os.fsencode(word))) + "'"


def write_error(text: str) -> None:
    """Write `text` to stderr; a closed or full stderr is ignored."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return
