"""The arguments of Perl's calls, as far as they are constant: strings, what is made of them, and the script's place."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from magicpak.scripts.call_tokens import UNKNOWN, deeper, inside, separated
from magicpak.scripts.perl.syntax import PerlText
from magicpak.scripts.quoted_text import Quoted

MAX_TOKENS = 48
"""Tokens of one call that are looked at: the longest that a directory is computed with have half as many."""

MAX_DEPTH = 8
"""Scalars that are assigned scalars, and calls within calls."""

MAX_ASSIGNED = 4
"""Values of one scalar that are looked at: more are those of a counter or a buffer."""

MAX_STRING = 16 << 10
"""Characters of a string in which scalars are looked for: of a command that is a small script of its own."""

MAX_VALUE = 1024
"""Characters of a scalar's value: paths are shorter. Scalars that are made of many, each in turn, would never end."""

_BLANK = re.compile(r"(?:\s+|#[^\n]*\n)*")
_OTHER = re.compile(r"\$(?P<scalar>(?:\w|::)+)(?![\[{\w]|->)|(?P<word>[A-Za-z_](?:\w|::)*)|=>|->|\d+|.", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_INTERPOLATED = re.compile(r"\\(.)|\$(?:\{(\w+)\}|(\w+(?:::\w+)*)(?![\[{\w]|->|::))|([$@])(?=[\w{:])", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "e": "\x1b", "0": "\0"}

_REAL = ("abs_path", "realpath", "fast_abs_path", "Cwd::abs_path", "Cwd::realpath")
_SAME = ("rel2abs", "canonpath", "path")
_PARENT = ("dirname", "File::Basename::dirname")
_JOINED = ("catfile", "catdir")


class PerlToken(NamedTuple):
    """A token of an argument: `kind` is q, qq, qx, qw, scalar, word, or empty for an operator."""

    kind: str
    text: str
    start: int


def tokens(text: PerlText, position: int) -> Iterator[PerlToken]:
    """Yield the tokens from `position` to the end of the statement or of what it is in, at most MAX_TOKENS."""
    depth = 0
    for _ in range(MAX_TOKENS):
        blank = _BLANK.match(text.code, position)
        start = blank.end() if blank else position
        quoted = text.quoted_at(start)
        if quoted is not None:
            yield PerlToken(quoted.kind, quoted.text, start)
            position = quoted.end
            continue
        match = _OTHER.match(text.code, start)
        if match is None:
            return
        kind = match.lastgroup or ""
        token = PerlToken(kind, match[kind] if kind else match[0], start)
        depth += deeper(token)
        if depth < 0 or (token.text == ";" and not kind):
            return
        yield token
        position = match.end()


class Scope:
    """The scalars and constants of one file, and where it is. What is known only at run time is UNKNOWN in a string."""

    def __init__(self, text: PerlText, known: Mapping[str, str], real: Callable[[str], str]) -> None:
        self.text = text
        self._real = real
        self.assigned: dict[str, list[int]] = defaultdict(list)
        self._known = dict(known)
        self._depth = 0

    def values(self, given: Sequence[PerlToken]) -> list[str]:
        """Return the strings of `given`, which commas separate; a list of words has as many."""
        found: list[str] = []
        for part in separated(given, (",", "=>")):
            if len(part) == 1 and part[0].kind == "qw":
                found += part[0].text.split()
            elif part and part[0].text == "(" and not part[0].kind and len(inner := inside(part)) == len(part) - 2:
                found += self.values(inner)
            elif part:
                found.append("".join(self._term(each) for each in separated(part, (".",))))
        return found

    def scalar(self, name: str) -> str:
        """Return what the scalar or constant `name` is assigned: the first of that which is constant."""
        if name not in self._known and name in self.assigned and self._depth < MAX_DEPTH:
            self._depth += 1
            for position in self.assigned.pop(name)[:MAX_ASSIGNED]:
                value = next(iter(self.values(list(tokens(self.text, position)))), UNKNOWN)
                self._known[name] = value if len(value) <= MAX_VALUE else UNKNOWN
                if UNKNOWN not in self._known[name]:
                    break
            self._depth -= 1
        return self._known.get(name, UNKNOWN)

    def string(self, token: PerlToken | Quoted) -> str:
        """Return the string that `token` is, with the scalars in it."""
        if token.kind == "q":
            return _ESCAPE.sub(lambda match: match[1] if match[1] in "\\'" else match[0], token.text)
        return _INTERPOLATED.sub(self._interpolated, token.text) if len(token.text) <= MAX_STRING else UNKNOWN

    def _interpolated(self, match: re.Match[str]) -> str:
        if match[1]:
            return _CONTROLS.get(match[1], match[1])
        name = match[2] or match[3]
        return self.scalar(name) if name else UNKNOWN

    def _term(self, given: Sequence[PerlToken]) -> str:
        if not given:
            return UNKNOWN
        first, rest = given[0], given[1:]
        if first.kind in ("q", "qq", "scalar") and (not rest or rest[0].text in _ENDS):
            return self.scalar(first.text) if first.kind == "scalar" else self.string(first)
        if first.kind == "word":
            return self._called(first.text, rest)
        return next(iter(self.values(inside(given))), UNKNOWN) if first.text in ("(", "[") else UNKNOWN

    def _called(self, name: str, rest: Sequence[PerlToken]) -> str:
        if len(rest) > 1 and rest[0].text == "->":
            name, rest = rest[1].text, rest[2:]
        if name in self._known or name in self.assigned:
            return self.scalar(name)
        if self._depth >= MAX_DEPTH or name not in (*_REAL, *_SAME, *_PARENT, *_JOINED):
            return UNKNOWN
        self._depth += 1
        values = self.values(inside(rest) if rest and rest[0].text == "(" else rest) or [UNKNOWN]
        self._depth -= 1
        if name in _JOINED:
            return os.path.join(*values)
        if name in _REAL and UNKNOWN not in values[0]:
            return self._real(values[0])
        return os.path.dirname(values[0]) or "." if name in _PARENT else values[0]


_ENDS = frozenset(("or", "if", "unless", "and", "||", "|", "x", "?"))
