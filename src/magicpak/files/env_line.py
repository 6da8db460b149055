"""What env(1) makes of its arguments on the first line of a script (GNU coreutils, "env invocation")."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from magicpak.files.script import Script

_LONG_WITH_VALUE = ("--unset", "--chdir", "--argv0")
_SHORT_WITH_VALUE = "uCa"
_SHORT = "i0v"
_ASSIGNMENT = re.compile(r"([^=]+)=(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}", re.ASCII)
_ESCAPES = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "_": " "}
_PIECE = re.compile(
    r"""(?P<space>\s+|\\_)|'(?P<single>(?:\\['\\]|[^'])*)'|"(?P<double>(?:\\.|[^"\\])*)"|\\(?P<escape>.)"""
    r"""|(?P<plain>[^\s'"\\]+)""",
    re.DOTALL,
)
_MAX_SPLITS = 8  # a -S within what a -S has taken apart


class EnvCommand(NamedTuple):
    """The program that env runs, with its arguments, and the variables that it sets; `clears` the others first."""

    program: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    clears: bool

    @property
    def search_path(self) -> str | None:
        """The PATH in which env looks for the program; None for the one that env is started with."""
        return self.environment.get("PATH", os.defpath if self.clears else None)


def env_command(script: Script) -> EnvCommand | None:
    """Return what env runs for `script`; None where the interpreter is another, or env runs nothing.

    The kernel hands env all words in one: env takes them apart only with -S.
    """
    if os.path.basename(script.interpreter) != "env" or script.argument is None:
        return None
    words = [script.argument]
    clears = False
    for _ in range(_MAX_SPLITS):
        options = _EnvOptions(words)
        if not options.parse():
            return None
        clears = clears or options.clears
        if options.split is None:
            return _command(options.rest, clears=clears)
        words = [*_split(options.split), *options.rest]
    return None


def _command(words: Sequence[str], *, clears: bool) -> EnvCommand | None:
    """Return the command of `words`, which have no options left."""
    if words[:1] == ["-"]:
        words, clears = words[1:], True
    environment: dict[str, str] = {}
    for index, word in enumerate(words):
        assignment = _ASSIGNMENT.fullmatch(word)
        if assignment is None:
            return EnvCommand(word, words[index + 1 :], environment, clears)
        environment[assignment[1]] = assignment[2]
    return None


class _EnvOptions:
    """The options at the beginning of `words`: `split` is the string of -S, at which env begins anew."""

    def __init__(self, words: Sequence[str]) -> None:
        self.rest = list(words)
        self.clears = False
        self.split: str | None = None

    def parse(self) -> bool:
        """Take the options off `rest`; return whether env accepts them."""
        while self.rest and self.split is None and self.rest[0].startswith("-") and self.rest[0] != "-":
            word = self.rest.pop(0)
            if word == "--":
                break
            if not (self._long(word) if word.startswith("--") else self._short(word[1:])):
                return False
        return True

    def _long(self, word: str) -> bool:
        name, equals, value = word.partition("=")
        if name == "--split-string":
            self.split = value if equals else self._next()
        elif name in _LONG_WITH_VALUE and not equals:
            return self._next() is not None
        self.clears = self.clears or name == "--ignore-environment"
        return name != "--split-string" or self.split is not None

    def _short(self, letters: str) -> bool:
        for index, letter in enumerate(letters):
            value = letters[index + 1 :]
            if letter == "S":
                self.split = value or self._next()
                return self.split is not None
            if letter in _SHORT_WITH_VALUE:
                return bool(value) or self._next() is not None
            if letter not in _SHORT:
                return False
            self.clears = self.clears or letter == "i"
        return True

    def _next(self) -> str | None:
        return self.rest.pop(0) if self.rest else None


def _split(text: str) -> list[str]:
    """Return the words of the string of -S, with its quotes, escapes, comments and ${NAME}."""
    words: list[str] = []
    word: str | None = None
    for piece in _PIECE.finditer(text):
        kind = piece.lastgroup or ""
        if kind == "space":
            words += [] if word is None else [word]
            word = None
        elif piece[0] == "\\c" or (piece[0].startswith("#") and word is None):
            break
        else:
            word = (word or "") + _MEANING[kind](piece[kind])
    return words if word is None else [*words, word]


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), _expanded(text), flags=re.DOTALL)


def _expanded(text: str) -> str:
    return _VARIABLE.sub(lambda found: os.environ.get(found[1], ""), text)


_MEANING: Mapping[str, Callable[[str], str]] = {
    "single": lambda text: re.sub(r"\\(['\\])", r"\1", text),
    "double": _unescaped,
    "escape": lambda text: _ESCAPES.get(text, text),
    "plain": _expanded,
}
