"""How lines for people look: colours and strokes, as far as where they go can show them."""

from typing import NamedTuple


class TreeStrokes(NamedTuple):
    """What a tree is drawn with, each four columns wide."""

    branch: str
    last: str
    down: str
    blank: str = "    "


class Style(NamedTuple):
    """Whether there are colours (ECMA-48, SGR), and what a tree is drawn with."""

    has_colours: bool = False
    strokes: TreeStrokes = TreeStrokes("├── ", "└── ", "│   ")

    def bold(self, text: str) -> str:
        """Return `text` as what stands out."""
        return self._in("1", text)

    def dim(self, text: str) -> str:
        """Return `text` as what stands back."""
        return self._in("2", text)

    def red(self, text: str) -> str:
        """Return `text` as what is wrong."""
        return self._in("31", text)

    def yellow(self, text: str) -> str:
        """Return `text` as what is worth a look."""
        return self._in("33", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.has_colours and text else text


PLAIN = Style()
ASCII = TreeStrokes("|-- ", "`-- ", "|   ")
