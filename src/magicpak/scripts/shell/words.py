"""The words of a shell script: quotes, and what is expanded in them (POSIX.1-2017, 2.2 to 2.6)."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

MAX_DEPTH = 60
"""How deep substitutions may be nested; people write three."""

_PLAIN = re.compile(r"[^\s\\'\"`$;&|()<>*?]+")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_SPECIAL = re.compile(r"[0-9@*#?$!-]")
_DEFAULT = re.compile(r"(\w+):?[-=]", re.ASCII)
_CUT = re.compile(r"(\w+)((?:##?|%%?)[^'\"\\$`{}]{1,80})", re.ASCII)
_DOUBLE = re.compile(r"[^\"\\$`]+")
_BRACED = re.compile(r"[^}\\'\"`$]+")
_IN_BODY = re.compile(r"[^\\$`]+")
_BACKQUOTED = re.compile(r"`((?:[^`\\]|\\.)*)`?", re.DOTALL)
_MAX_ARITHMETIC = 2000  # characters: what has no end would be looked through again and again
_PARENTHESES = re.compile(r"[()]")


class ShellVariable(NamedTuple):
    """A variable, and what stands for it where it is not set (`${NAME:-default}`), or what is cut off (`##*/`)."""

    name: str
    default: "Word | None" = None
    cut: str = ""


class Substitution(NamedTuple):
    """The output of commands, `$(…)`."""

    commands: "tuple[ShellCommandLine, ...]"


class Unknown(NamedTuple):
    """Text that only a run shows: a pattern, arithmetic."""


Piece: TypeAlias = str | ShellVariable | Substitution | Unknown
Word: TypeAlias = tuple[Piece, ...]


class ShellCommandLine(NamedTuple):
    """A simple command: variables that are assigned, words, and in `targets` those of redirections.

    It is hashable, as the words are that have it in a substitution. A loop, `for NAME in WORDS`, assigns each of the
    words, which are split where they are not quoted.
    """

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    targets: tuple[Word, ...] = ()
    is_loop: bool = False


class TooDeepError(Exception):
    """Substitutions are nested deeper than MAX_DEPTH."""


class WordReader(ABC):
    """Reads words of `text`, which is nested `depth` times, from the position `at` on. Raises TooDeepError."""

    def __init__(self, text: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise TooDeepError
        self.text = text
        self.at = 0
        self.depth = depth

    @abstractmethod
    def substitution(self) -> tuple[ShellCommandLine, ...]:
        """Read the commands up to the next unquoted `)`, and that."""

    @abstractmethod
    def commands_of(self, text: str) -> tuple[ShellCommandLine, ...]:
        """Return the commands of `text`, which is nested in this one."""

    @abstractmethod
    def skip_list(self) -> None:
        """Skip words up to the next unquoted `)`, and that."""

    def word(self) -> Word:
        """Read one word; it is empty where none begins here, and then a character is skipped."""
        start = self.at
        pieces: list[Piece] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            if plain := _PLAIN.match(self.text, self.at):
                self.at = plain.end()
                pieces.append(plain[0])
            elif character == "\\":
                pieces.append(self.text[self.at + 1 : self.at + 2].strip("\n"))
                self.at += 2
            elif character == "'":
                pieces.append(self._single_quoted())
            elif character == '"':
                pieces += self._double_quoted()
            elif character in "$`":
                pieces.append(self._expansion())
            elif character in "*?":
                pieces.append(Unknown())
                self.at += 1
            elif character == "(" and pieces and self.at > start:
                if not self._parenthesis(pieces):
                    break
            elif character in "<>" and self.text.startswith("(", self.at + 1):
                self.at += 2
                pieces.append(Substitution(self.substitution()))
            else:
                break
        self.at += self.at == start
        return _joined(pieces)

    def _parenthesis(self, pieces: list[Piece]) -> bool:
        """Read `NAME=(…)` or a pattern such as `@(…)`; return whether that is what is here."""
        last = pieces[-1]
        is_array = isinstance(last, str) and last.endswith("=")
        is_pattern = isinstance(last, Unknown) or (isinstance(last, str) and last[-1:] in "@+!")
        if is_array or is_pattern:
            self.at += 1
            self.skip_list()
            pieces.append(Unknown())
        return is_array or is_pattern

    def _single_quoted(self) -> str:
        end = self.text.find("'", self.at + 1)
        end = end if end >= 0 else len(self.text)
        text = self.text[self.at + 1 : end]
        self.at = end + 1
        return text

    def _double_quoted(self) -> list[Piece]:
        self.at += 1
        pieces: list[Piece] = [""]
        while self.at < len(self.text) and self.text[self.at] != '"':
            if plain := _DOUBLE.match(self.text, self.at):
                self.at = plain.end()
                pieces.append(plain[0])
            elif self.text[self.at] == "\\":
                escaped = self.text[self.at + 1 : self.at + 2]
                pieces.append("" if escaped == "\n" else escaped if escaped in '$`"\\' else f"\\{escaped}")
                self.at += 2
            else:
                pieces.append(self._expansion())
        self.at += 1
        return pieces

    def _expansion(self) -> Piece:
        """Read what begins with `$` or a backquote."""
        if self.text[self.at] == "`":
            return self._backquoted()
        following = self.text[self.at + 1 : self.at + 2]
        if following == "(":
            end = end_of_arithmetic(self.text, self.at + 1) if self.text.startswith("((", self.at + 1) else None
            if end is not None:
                self.at = end
                return Unknown()
            self.at += 2
            return Substitution(self.substitution())
        if following == "{":
            return self._braced()
        if following == "'":
            self.at += 1
            text = self._single_quoted()
            return Unknown() if "\\" in text else text
        self.at += 1
        match = _NAME.match(self.text, self.at) or _SPECIAL.match(self.text, self.at)
        if match is None:
            return "$" if following != '"' else ""
        self.at = match.end()
        return ShellVariable(match[0])

    def _backquoted(self) -> Substitution:
        match = _BACKQUOTED.match(self.text, self.at)
        inner = match[1] if match else ""
        self.at = match.end() if match else len(self.text)
        return Substitution(self.commands_of(re.sub(r"\\([$`\\])", r"\1", inner)))

    def _braced(self) -> Piece:
        """Read `${…}`."""
        if self.depth >= MAX_DEPTH:
            raise TooDeepError
        self.depth += 1
        self.at += 2
        start = self.at
        pieces: list[Piece] = []
        default = _DEFAULT.match(self.text, self.at)
        if default is not None:
            self.at = default.end()
        while self.at < len(self.text) and self.text[self.at] != "}":
            if plain := _BRACED.match(self.text, self.at):
                self.at = plain.end()
                pieces.append(plain[0])
            elif self.text[self.at] == "\\":
                pieces.append(self.text[self.at + 1 : self.at + 2])
                self.at += 2
            elif self.text[self.at] == "'":
                pieces.append(self._single_quoted())
            elif self.text[self.at] == '"':
                pieces += self._double_quoted()
            else:
                pieces.append(self._expansion())
        self.depth -= 1
        name = self.text[start : self.at]
        self.at += 1
        if default is not None:
            return ShellVariable(default[1], _joined(pieces))
        if cut := _CUT.fullmatch(name):
            return ShellVariable(cut[1], cut=cut[2])
        return ShellVariable(name) if re.fullmatch(r"\w+", name) else Unknown()

    def expansions(self) -> None:
        """Read the commands that are in the text of a here-document."""
        while self.at < len(self.text):
            if plain := _IN_BODY.match(self.text, self.at):
                self.at = plain.end()
            elif self.text[self.at] == "\\":
                self.at += 2
            else:
                self._expansion()


def end_of_arithmetic(text: str, at: int) -> int | None:
    """Return where `((…))`, which begins at `at`, ends; None where it is two subshells, or has no end."""
    depth = 0
    for match in _PARENTHESES.finditer(text, at, at + _MAX_ARITHMETIC):
        depth += 1 if match[0] == "(" else -1
        if depth > MAX_DEPTH:
            return None
        if depth == 0:
            return match.end() if text[match.start() - 1] == ")" else None
    return None


def _joined(pieces: Sequence[Piece]) -> Word:
    """Return `pieces` with texts that follow each other made one."""
    result: list[Piece] = []
    for piece in pieces:
        if result and isinstance(piece, str) and isinstance(last := result[-1], str):
            result[-1] = last + piece
        else:
            result.append(piece)
    return tuple(result)
