"""Source text of languages whose strings have any delimiters, and whose here-documents come after their line."""

import re
from bisect import bisect_left
from collections import defaultdict
from functools import cache

_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
_LONGEST_TERMINATOR = 80


class QuotedText:
    """Code, in which the end of what begins somewhere can be found; each part is searched a bounded number of times."""

    def __init__(self, code: str) -> None:
        self.code = f"\n{code}"  # each line comes after a new line
        self._unterminated: set[str] = set()
        self._terminators: dict[str, list[int]] | None = None

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
