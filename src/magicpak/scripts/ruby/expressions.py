"""The arguments of Ruby's calls, as far as they are constant: strings, what is made of them, and the script's place."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from magicpak.scripts.call_tokens import UNKNOWN, deeper, inside, separated
from magicpak.scripts.quoted_text import Quoted
from magicpak.scripts.ruby.syntax import RubyText

MAX_TOKENS = 48
"""Tokens of one call that are looked at: the longest that a directory is computed with have half as many."""

MAX_DEPTH = 8
"""Names that are assigned names, and calls within calls."""

MAX_ASSIGNED = 4
"""Values of one name that are looked at: more are those of a counter or a buffer."""

MAX_STRING = 16 << 10
"""Characters of a string in which code is looked for: of a command that is a small script of its own."""

MAX_VALUE = 1024
"""Characters of a name's value: paths are shorter. Names that are made of many, each in turn, would never end."""

MAX_INTERPOLATED = 20_000
"""Pieces of code in the strings of a file: several times those of the largest of a full Debian."""

_BLANK = re.compile(r"(?:[ \t]+|\\\n|#[^\n]*)*")
_LINES = re.compile(r"(?:\s+|#[^\n]*\n)*")
_OTHER = re.compile(r"(?P<word>\$?[A-Za-z_0]\w*\b[?!]?(?::(?!:))?)|::|=>|&\.|<<|\|\||&&|.", re.DOTALL)
_ESCAPE = re.compile(r"\\(['\\])")
_INTERPOLATED = re.compile(r"\\(.)|#\{([^{}]*)\}|#[{@$]", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "e": "\x1b", "0": "\0"}
_GOES_ON = (",", "(", "[", "{", "+", ".", "&.", "=>", "::", "||", "&&", "<<")
_ENDS = ("if", "unless", "or", "and", "rescue", "do", "||", "&&", "?", "}")
_OF_PATHS = ("File", "Pathname", "Dir", "::File")
_SAME = ("to_s", "freeze", "dup", "cleanpath", "to_str", "to_path", "b")


class RubyToken(NamedTuple):
    """A token of an argument: `kind` is q, qq, qx, qw, word, or empty for an operator."""

    kind: str
    text: str


def tokens(text: RubyText, position: int) -> Iterator[RubyToken]:
    """Yield the tokens from `position` to the end of the statement or of what it is in, at most MAX_TOKENS."""
    depth, goes_on = 0, False
    for _ in range(MAX_TOKENS):
        blank = (_LINES if depth or goes_on else _BLANK).match(text.code, position)
        start = blank.end() if blank else position
        string = text.string_at(start)
        match = _OTHER.match(text.code, start) if string is None else None
        if string is not None:
            token, position = RubyToken(string.kind, string.text), string.end
        elif match is None or match[0] in ("\n", ";"):
            return
        else:
            token, position = RubyToken(match.lastgroup or "", match[0]), match.end()
        depth += deeper(token)
        if depth < 0:
            return
        goes_on = not token.kind and token.text in _GOES_ON
        yield token


class RubyScope:
    """The names of one file, and where it is. What is known only at run time is UNKNOWN in a string."""

    def __init__(self, text: RubyText, known: Mapping[str, str], real: Callable[[str], str]) -> None:
        self.text = text
        self.assigned: dict[str, list[int]] = defaultdict(list)
        self._known = dict(known)
        self._real = real
        self._depth = 0
        self._left = MAX_INTERPOLATED

    def values(self, given: Sequence[RubyToken]) -> list[str]:
        """Return the strings of `given`, which commas separate; a list of words has as many."""
        found: list[str] = []
        for part in separated(given, (",",)):
            if len(part) == 1 and part[0].kind == "qw":
                found += part[0].text.split()
            elif part:
                found.append("".join(self._term(each) for each in separated(part, ("+",))))
        return found

    def string(self, token: RubyToken | Quoted) -> str:
        """Return the string that `token` is, with the code in it."""
        if token.kind == "q":
            return _ESCAPE.sub(r"\1", token.text)
        return _INTERPOLATED.sub(self._interpolated, token.text) if len(token.text) <= MAX_STRING else UNKNOWN

    def _interpolated(self, match: re.Match[str]) -> str:
        if match[1]:
            return _CONTROLS.get(match[1], match[1])
        self._left -= 1
        return self._first(list(tokens(RubyText(match[2]), 1))) if match[2] and self._left >= 0 else UNKNOWN

    def _first(self, given: Sequence[RubyToken]) -> str:
        if self._depth >= MAX_DEPTH:
            return UNKNOWN
        self._depth += 1
        value = next(iter(self.values(given)), UNKNOWN)
        self._depth -= 1
        return value

    def _name(self, name: str) -> str:
        """Return what `name` is assigned: the first of that which is constant."""
        if name not in self._known and self._depth < MAX_DEPTH:
            for position in self.assigned.pop(name, [])[:MAX_ASSIGNED]:
                value = self._first(list(tokens(self.text, position)))
                self._known[name] = value if len(value) <= MAX_VALUE else UNKNOWN
                if UNKNOWN not in self._known[name]:
                    break
        return self._known.get(name, UNKNOWN)

    def _term(self, given: Sequence[RubyToken]) -> str:
        if not given:
            return UNKNOWN
        first, rest = given[0], given[1:]
        if first.kind in ("q", "qq"):
            value = self.string(first)
        elif first.text in ("(", "["):
            value, rest = self._first(inside(given)), rest[len(inside(given)) + 1 :]
        elif first.text == "RbConfig" and [each.text for each in rest[::2]][:2] == ["::", "["]:  # RbConfig :: CONFIG [
            value, rest = self._known.get(f"RbConfig {rest[3].text}" if rest[3:] else "", UNKNOWN), rest[5:]
        elif first.text in _OF_PATHS and len(rest) > 1 and rest[0].text in (".", "("):
            method, rest = (rest[1].text, rest[2:]) if rest[0].text == "." else ("new", rest)
            arguments, rest = _arguments(rest)
            value = self._of_path(method, self.values(arguments))
        else:
            value = self._name(first.text) if first.kind == "word" else UNKNOWN
        while len(rest) > 1 and rest[0].text in (".", "&."):
            method = rest[1].text
            arguments, rest = _arguments(rest[2:])
            value = value if method in _SAME else self._of_path(method, [value, *self.values(arguments)])
        return UNKNOWN if rest and rest[0].text not in _ENDS else value

    def _of_path(self, method: str, values: Sequence[str]) -> str:
        if not values or UNKNOWN in values[0]:
            return UNKNOWN
        if method in ("join", "/"):
            return "/".join(values)
        if method in ("dirname", "parent"):
            return os.path.dirname(values[0]) or "."
        if method in ("expand_path", "absolute_path", "realpath", "realdirpath"):
            path = os.path.normpath(os.path.join(*reversed(values[:2])))
            return self._real(path) if method.startswith("real") and path.startswith("/") else path
        return values[0] if method in ("new", "path") else UNKNOWN


def _arguments(given: Sequence[RubyToken]) -> tuple[Sequence[RubyToken], Sequence[RubyToken]]:
    """Return the arguments of the call that `given` comes after, and what comes after them."""
    if given and given[0].text == "(" and not given[0].kind:
        arguments = inside(given)
        return arguments, given[len(arguments) + 2 :]
    has_none = not given or (not given[0].kind and given[0].text != "(")
    return ((), given) if has_none else (given, ())
