"""The commands of a shell script, as far as its text says what they are: POSIX.1-2017, 2.10, and what bash adds.

This is a reader of commands, not a shell: what it does not understand becomes a word of unknown value. bashlex, which
parses more, is under the GPL; tree-sitter would add three megabytes of C to the executable.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from magicpak.scripts.shell.words import ShellCommandLine, Word, WordReader, end_of_arithmetic

_BLANK = re.compile(r"(?:[ \t]|\\\n)+")
_COMMENT = re.compile(r"#[^\n]*")
_SEPARATOR = re.compile(r";;?&?|&&|\|\||&(?!>)|\|&?")
_REDIRECTION = re.compile(r"&>>?|<<<|<<-?|<>|[<>]&|>\||>>|>(?!\()|<(?!\()")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(?:\[[^\]]*\])?\+?=", re.ASCII)

_PREFIXES = {"if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "coproc", "-p"}
_ENDS = {"fi", "done", "}"}


class ShellSyntax(NamedTuple):
    """All simple commands of a script, those of substitutions too, in the order in which they end; its functions."""

    commands: Sequence[ShellCommandLine]
    functions: frozenset[str]


class _HereDocument(NamedTuple):
    """The line that ends it, whether tabs may come before that, and whether `$` and backquotes are expanded in it."""

    delimiter: str
    is_indented: bool
    is_expanded: bool


def parse_shell(text: str) -> ShellSyntax:
    """Return the commands of the script `text`. Raises TooDeepError."""
    parser = _Parser(text, 0, [], set())
    parser.commands("")
    return ShellSyntax(parser.found, frozenset(parser.functions))


class _Parser(WordReader):
    """Reads commands from `text`; `found` and `functions` are shared with the parsers of nested text."""

    def __init__(self, text: str, depth: int, found: list[ShellCommandLine], functions: set[str]) -> None:
        super().__init__(text, depth)
        self.found = found
        self.functions = functions
        self.is_array = False  # words that are no commands, but for those in substitutions
        self._heredocs: list[_HereDocument] = []
        self._assignments: list[tuple[str, Word]] = []
        self._words: list[Word] = []
        self._targets: list[Word] = []
        self._cases: list[bool] = []  # for each open `case`, whether a pattern comes next
        self._is_list = False  # of `for`: words that are no command

    def commands(self, end: str) -> list[ShellCommandLine]:
        """Read commands up to the unquoted `end`, `)` or nothing; return those that are not nested deeper."""
        own: list[ShellCommandLine] = []
        open_parentheses = 0
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == ")" and not (self._cases and self._cases[-1]):
                own += self._end_command()
                if not open_parentheses and end:
                    self.at += 1
                    return own
                open_parentheses = max(open_parentheses - 1, 0)
                self.at += 1
            elif character == "(" and not self._is_function():
                own += self._end_command()
                open_parentheses += not (self._cases and self._cases[-1]) and not self._arithmetic()
                self.at += 1
            else:
                own += self._token(character)
        return own + self._end_command()

    def _token(self, character: str) -> list[ShellCommandLine]:
        """Read what begins with `character`; return the command that it ends."""
        if blank := _BLANK.match(self.text, self.at):
            self.at = blank.end()
        elif character == "\n":
            self.at += 1
            ended = self._end_command()
            self._skip_heredocs()
            return ended
        elif character == "#" and (comment := _COMMENT.match(self.text, self.at)):
            self.at = comment.end()
        elif redirection := _REDIRECTION.match(self.text, self.at):
            self.at = redirection.end()
            self._redirect(redirection[0])
        elif separator := _SEPARATOR.match(self.text, self.at):
            self.at = separator.end()
            ended = self._end_command()
            if separator[0].startswith(";;") and self._cases:
                self._cases[-1] = True
            return ended
        elif character == ")":
            self.at += 1
            self._words, self._cases[-1] = [], False
        else:
            return self._take(self.word())
        return []

    def _take(self, word: Word) -> list[ShellCommandLine]:
        """Add `word` to the command, or do what it means where a command begins."""
        text = word[0] if len(word) == 1 and isinstance(word[0], str) else None
        if self._cases and self._cases[-1]:
            if text == "esac":
                self._cases.pop()
            return []
        if self._words or self._is_list:
            if text != "in" or not self._is_list:
                self._words.append(word)
            return []
        if text in _PREFIXES or text in _ENDS:
            return []
        if text == "esac" and self._cases:
            self._cases.pop()
        elif text == "case":
            self._begin_case()
        elif text in ("for", "select"):
            self._is_list = True
        elif text == "function":
            self._skip_blank()
            self._define(self.word())
        elif text == "[[":
            self._skip_condition()
        elif not self._assign(word):
            self._words.append(word)
        return []

    def _assign(self, word: Word) -> bool:
        """Return whether `word` is an assignment before a command."""
        head = word[0] if word and isinstance(word[0], str) else ""
        match = _ASSIGNMENT.match(head)
        if match is None:
            return False
        rest = (head[match.end() :], *word[1:]) if head[match.end() :] else word[1:]
        self._assignments.append((match[1], rest))
        return True

    def _end_command(self) -> list[ShellCommandLine]:
        command = ShellCommandLine(tuple(self._assignments), tuple(self._words), tuple(self._targets))
        if self._is_list:
            name = "".join(piece for piece in (self._words or [()])[0] if isinstance(piece, str))
            command = ShellCommandLine(tuple((name, word) for word in self._words[1:]), (), is_loop=True)
        self._is_list = False
        self._assignments, self._words, self._targets = [], [], []
        if self.is_array or not (command.assignments or command.words or command.targets):
            return []
        self.found.append(command)
        return [command]

    def _is_function(self) -> bool:
        """Return whether `()` follows the first word of a command, which then is the name of a function."""
        match = re.compile(r"\([ \t]*\)").match(self.text, self.at)
        if match is None or len(self._words) != 1:
            return False
        self.at = match.end()
        self._define(self._words.pop())
        return True

    def _define(self, word: Word) -> None:
        if len(word) == 1 and isinstance(word[0], str):
            self.functions.add(word[0])

    def _begin_case(self) -> None:
        self._skip_blank()
        self.word()
        if match := re.compile(r"\s*in\b").match(self.text, self.at):
            self.at = match.end()
            self._cases.append(True)

    def _skip_blank(self) -> None:
        self.at = blank.end() if (blank := _BLANK.match(self.text, self.at)) else self.at

    def _skip_condition(self) -> None:
        """Read `[[ … ]]`, whose operators are not those of commands."""
        while self.at < len(self.text) and not self.text.startswith("]]", self.at):
            if self.text[self.at] in " \t\n;&|()<>":
                self.at += 1
            else:
                self.word()
        self.at += 2

    def _arithmetic(self) -> bool:
        """Skip `((…))`, up to its last parenthesis, where that is what begins here."""
        if not self.text.startswith("((", self.at) or self._words:
            return False
        end = end_of_arithmetic(self.text, self.at)
        if end is None:
            return False
        self.at = end - 1
        return True

    def _redirect(self, operator: str) -> None:
        if self._words and operator[0] != "&" and self.text[self.at - len(operator) - 1].isdigit():
            last = self._words[-1]
            if len(last) == 1 and isinstance(last[0], str) and last[0].isdigit():
                self._words.pop()  # a descriptor
        self._skip_blank()
        if operator in ("<<", "<<-"):
            start = self.at
            self.word()
            written = self.text[start : self.at]
            delimiter = re.sub(r"[\\'\"]", "", written)
            self._heredocs.append(_HereDocument(delimiter, operator == "<<-", delimiter == written))
            return
        word = self.word()
        if not operator.endswith("&") and operator != "<<<":
            self._targets.append(word)

    def _skip_heredocs(self) -> None:
        """Skip the here-documents whose operators the line had, but for the commands in them."""
        waiting, self._heredocs = self._heredocs, []
        for each in waiting:
            start = self.at
            last = start
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                last, line = self.at, self.text[self.at : end if end >= 0 else len(self.text)]
                self.at = end + 1 if end >= 0 else len(self.text)
                if (line.lstrip("\t") if each.is_indented else line) == each.delimiter:
                    break
            if each.is_expanded:
                _Parser(self.text[start:last], self.depth + 1, self.found, self.functions).expansions()

    def substitution(self) -> tuple[ShellCommandLine, ...]:
        """Read the commands up to the next unquoted `)`, and that."""
        return self._nested()

    def skip_list(self) -> None:
        """Skip words up to the next unquoted `)`, and that."""
        self._nested(is_array=True)

    def commands_of(self, text: str) -> tuple[ShellCommandLine, ...]:
        """Return the commands of `text`, which is nested in this one."""
        return tuple(_Parser(text, self.depth + 1, self.found, self.functions).commands(""))

    def _nested(self, *, is_array: bool = False) -> tuple[ShellCommandLine, ...]:
        nested = _Parser(self.text, self.depth + 1, self.found, self.functions)
        nested.is_array = is_array
        nested.at = self.at
        own = nested.commands(")")
        self.at = nested.at
        return tuple(own)
