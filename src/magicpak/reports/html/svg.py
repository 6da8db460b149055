"""What pictures have in common: how much room text takes."""

from magicpak.text import printable

ADVANCE = 6.7
"""Of a letter of the monospaced fonts at a size of 11 pixels; the widest of them have 0.602 of the size."""


def width(text: str) -> float:
    """Return how wide `text` is, in pixels; letters that may be wide are taken to be."""
    return sum(ADVANCE if letter.isascii() else 2 * ADVANCE for letter in printable(text))


def fitting(text: str, room: float, least: int = 7) -> str | None:
    """Return as much of `text` as `room` has room for, None where that would not even be `least` letters of it."""
    if width(text) <= room:
        return text
    letters = int(room / ADVANCE) - 1
    return f"{printable(text)[:letters]}…" if letters >= least and printable(text).isascii() else None
