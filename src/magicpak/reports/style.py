"""Colours and lines in text for people, as far as the terminal can show them."""

from typing import NamedTuple


class TreeStrokes(NamedTuple):
    """The strokes of a tree, each four columns wide."""

    branch: str
    last: str
    down: str
    blank: str = "    "


class Style(NamedTuple):
    """Whether there are colours (ECMA-48, SGR), and the strokes of a tree."""

    has_colours: bool = False
    strokes: TreeStrokes = TreeStrokes("├── ", "└── ", "│   ")

    def bold(self, text: str) -> str:
        """Return `text` in bold."""
        return self._in("1", text)

    def dim(self, text: str) -> str:
        """Return `text` dimmed."""
        return self._in("2", text)

    def red(self, text: str) -> str:
        """Return `text` in red, for errors."""
        return self._in("31", text)

    def yellow(self, text: str) -> str:
        """Return `text` in yellow, for warnings."""
        return self._in("33", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.has_colours and text else text


PLAIN = Style()
ASCII = TreeStrokes("|-- ", "`-- ", "|   ")
