"""Source text of languages whose strings have any delimiters, and whose here-documents come after their line."""

import re
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import ClassVar, NamedTuple

STRINGS = ("q", "qq", "qw", "qx")
"""The kinds of `Quoted` that are strings, lists of words or commands, named as Perl's operators are."""

_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
_LONGEST_TERMINATOR = 80


class Quoted(NamedTuple):
    """A string, a list of words or a command: its kind, its text, where it begins and ends."""

    kind: str
    text: str
    start: int
    end: int


class Keyword(NamedTuple):
    """A word of interest, or a name that is assigned to; `end` is where what belongs to it begins."""

    word: str
    end: int
    is_assigned: bool = False


class QuotedText(ABC):
    """Code, whose parts can be asked for; each part of it is searched a bounded number of times.

    `token` passes what opens nothing. Its groups are `quoted`, `bare` and `mark` for what begins a here-document,
    `keyword`, `keyword_of_path` and `assigned` for a `Keyword`, `end` for the end of the code, `other` for nothing of
    interest; what begins at any other group is asked of `_opened`.
    """

    token: ClassVar[re.Pattern[str]]

    def __init__(self, code: str) -> None:
        self.code = f"\n{code}"  # each line comes after a new line
        self._unterminated: set[str] = set()
        self._terminators: dict[str, list[int]] | None = None

    def parts(self) -> Iterator[Quoted | Keyword]:
        """Yield the keywords of the code, and the strings that can be a path or a name, in their order."""
        position, line_end, resumed = 0, len(self.code), len(self.code)
        while True:
            match = self.token.match(self.code, position, line_end) if position <= line_end else None
            if match is None:
                if line_end == len(self.code):
                    return
                position, line_end = max(position, resumed), len(self.code)  # after the here-documents of this line
                continue
            position, kind = match.end(), match.lastgroup or ""
            if kind == "end":
                return
            if kind in ("quoted", "bare", "mark"):
                start = self.found("\n", position) + 1 if line_end == len(self.code) else resumed
                after = self.after_document(match["quoted"] or match["bare"] or "", start)
                if after is not None:
                    line_end, resumed = min(line_end, start - 1), after
            elif kind in ("keyword", "keyword_of_path", "assigned"):
                yield Keyword(match[kind], position, is_assigned=kind == "assigned")
            elif kind != "other":
                quoted = self._opened(kind, match.start(kind), position)
                position = quoted.end
                if quoted.kind in STRINGS:
                    yield quoted

    @abstractmethod
    def _opened(self, group: str, start: int, end: int) -> Quoted:
        """Return what the token from `start` to `end` opens, with a kind of its own where it is no string."""

    def is_bracket(self, position: int) -> bool:
        """Return whether the delimiter at `position` is closed by another character."""
        return self.code[position] in _CLOSING

    def delimited(self, start: int) -> tuple[str, int] | None:
        """Return what is between the delimiter at `start` and the one that closes it, and the position after that."""
        opening = self.code[start : start + 1]
        if not opening or opening.isspace() or opening in self._unterminated:
            return None
        closing = _CLOSING.get(opening, opening)
        depth = 0
        for match in _delimiters(opening, closing).finditer(self.code, start):
            if match[0] == opening and (depth == 0 or opening != closing):
                depth += 1
            elif match[0] == closing:
                depth -= 1
            if depth == 0:
                return self.code[start + 1 : match.start()], match.end()
        self._unterminated.add(opening)  # there is none further on either: not looked for again
        return None

    def after_document(self, terminator: str, start: int) -> int | None:
        """Return the position after the here-document that begins at `start`; None where it does not end."""
        if self._terminators is None:
            self._terminators = defaultdict(list)
            for match in re.finditer(rf"^[ \t]*(.{{0,{_LONGEST_TERMINATOR}}})$", self.code, re.MULTILINE):
                self._terminators[match[1]].append(match.start())
        lines = self._terminators.get(terminator, [])
        index = bisect_left(lines, start)
        return self.found("\n", lines[index]) if index < len(lines) else None

    def found(self, text: str, start: int) -> int:
        """Return where `text` is from `start` on, or the end."""
        position = self.code.find(text, start)
        return len(self.code) if position < 0 else position


@cache
def _delimiters(opening: str, closing: str) -> re.Pattern[str]:
    return re.compile(rf"\\.|[{re.escape(opening)}{re.escape(closing)}]", re.DOTALL)
