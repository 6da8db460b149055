"""What the variables and words of a shell script stand for, as far as it is constant."""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from magicpak.scripts.shell.words import Piece, ShellCommandLine, ShellVariable, Substitution, Word
from magicpak.scripts.sources import Sources

UNKNOWN = "\0"
"""Stands for the part of a text that only a run shows."""

_MAX_VALUES = 16  # of one variable or word
_MAX_CUT, _MAX_CUTS = 512, 1000  # characters of a value that a pattern is tried on; patterns of one script
_DECLARING = (("export",), ("readonly",), ("declare",), ("local",), ("typeset",))


class ShellVariables:
    """The variables of the script at `path`, each with all the values that it has anywhere."""

    def __init__(self, path: str, sources: Sources) -> None:
        self._sources = sources
        self._cuts = 0
        self._values: dict[str, list[str]] = {"0": [path], "BASH_SOURCE": [path]}

    def assign(self, commands: Sequence[ShellCommandLine]) -> Iterator[Word]:
        """Take over the values that the variables are given by `commands`, and yield the words that have them."""
        for command in commands:
            exported = command.words[1:] if command.words and command.words[0] in _DECLARING else ()
            for name, word in [*command.assignments, *filter(None, map(_declared, exported))]:
                known = self._values.setdefault(name, [])
                for value in self.texts(word):
                    new = value.split() if command.is_loop else [value]
                    known += [each for each in new if each not in known and _is_worth(each)][: _MAX_VALUES - len(known)]
                yield word

    def values(self, word: Word) -> list[str]:
        """Return the texts that `word` can be; none where only a run shows it."""
        return [text for text in self.texts(word) if UNKNOWN not in text]

    def texts(self, word: Word) -> list[str]:
        """Return the texts that `word` can be, with what only a run shows as UNKNOWN."""
        found = [""]
        for piece in word:
            found = [before + after for before in found for after in self._piece(piece)][:_MAX_VALUES]
        return found

    def _piece(self, piece: Piece) -> list[str]:
        match piece:
            case str():
                return [piece]
            case ShellVariable(name=name, cut=cut) if cut:
                self._cuts += 1
                values = self._values.get(name, []) if self._cuts <= _MAX_CUTS else []
                known = [value for value in values if UNKNOWN not in value]
                return list(dict.fromkeys(_cut(value, cut) for value in known)) or [UNKNOWN]
            case ShellVariable(name=name, default=default):
                values = self._values.get(name, [])
                values = values + [each for each in (self.texts(default) if default else ()) if each not in values]
                return values or [UNKNOWN]
            case Substitution(commands=commands):
                return self._output(commands) or [UNKNOWN]
            case _:
                return [UNKNOWN]

    def _output(self, commands: Sequence[ShellCommandLine]) -> list[str]:
        """Return what commands print that tell where the script is, or where a program is."""
        names = [self.values(command.words[0])[:1] if command.words else [] for command in commands]
        if len(commands) > 1 and names[0] == ["cd"] and names[-1] == ["pwd"]:
            return [self._sources.real(value) for value in self.values(commands[0].words[-1]) if value.startswith("/")]
        words = [word for word in commands[-1].words if not _is_option(word)] if commands else []
        if len(words) != 2 or not names[-1]:  # noqa: PLR2004 - a command and its argument
            return []
        found = [self._printed(names[-1][0], value) for value in self.values(words[1])]
        return [value for value in found if value is not None]

    def _printed(self, name: str, argument: str) -> str | None:
        match name:
            case "dirname":
                return os.path.dirname(argument) or "."
            case "basename":
                return os.path.basename(argument)
            case "readlink" | "realpath":
                return self._sources.real(argument) if argument.startswith("/") else None
            case "command" | "which" | "type":
                return self._sources.program(argument)
            case _:
                return None


def _cut(value: str, operation: str) -> str:
    """Return `value` without what the pattern of `operation` matches, as in `##*/` (POSIX.1-2017, 2.6.2)."""
    pattern = operation.lstrip(operation[0])
    lengths = range(min(len(value), _MAX_CUT) + 1)
    is_longest = operation[1] == operation[0]
    for length in reversed(lengths) if is_longest else lengths:
        if operation[0] == "#" and fnmatchcase(value[:length], pattern):
            return value[length:]
        if operation[0] == "%" and fnmatchcase(value[len(value) - length :], pattern):
            return value[: len(value) - length]
    return value


def _is_worth(value: str) -> bool:
    """Return whether `value` is constant, or a command line that begins so."""
    return UNKNOWN not in value or (" " in value and UNKNOWN not in value.split(maxsplit=1)[0])


def _is_option(word: Word) -> bool:
    return bool(word) and isinstance(word[0], str) and word[0].startswith("-")


def _declared(word: Word) -> tuple[str, Word] | None:
    """Return the assignment of `export NAME=value`."""
    head = word[0] if word and isinstance(word[0], str) else ""
    name, equals, value = head.partition("=")
    if not equals or not name.isidentifier():
        return None
    return name, ((value, *word[1:]) if value else word[1:])
