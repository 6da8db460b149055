"""What one Ruby file says that it needs: features, gems, directories, programs, and constant paths."""

import os
import re
from collections.abc import Callable, Mapping, Sequence

from magicpak.scripts.call_tokens import add_known, inside
from magicpak.scripts.command_line import executed
from magicpak.scripts.command_words import command_words
from magicpak.scripts.load_path import LoadedFacts
from magicpak.scripts.quoted_text import Keyword, Quoted
from magicpak.scripts.ruby.expressions import RubyScope, RubyToken, tokens
from magicpak.scripts.ruby.syntax import RubyText

MAX_PARTS = 20_000
"""Statements of interest and strings of one file: several times those of the largest of a full Debian."""

_SHELL_CHARACTERS = frozenset("*?{}[]<>()~&|\\$;'`\"\n#=%")  # process.c, rb_exec_fillarg
_BINSTUB = re.compile(r"Gem\.\w*bin_path")


_WORD = re.compile(r"[a-z][\w.+-]{1,40}")


class TooManyCalls(Exception):
    """A file has more than MAX_PARTS."""


class RubyFacts(LoadedFacts):
    """What a file needs, each once and in the order in which it is said.

    `features` are looked for in $LOAD_PATH and in gems, unless they are absolute paths. `uses_bundler` is whether gems
    are those of a Gemfile. The constructor raises TooManyCalls.
    """

    def __init__(self, code: str, known: Mapping[str, str], real: Callable[[str], str]) -> None:
        super().__init__()
        self.features: dict[str, None] = {}
        self.gems: dict[str, None] = {}
        self.uses_bundler = False
        self._home = known["__dir__"]
        add_known(self.words, command_words(code))
        text = RubyText(code)
        scope = RubyScope(text, known, real)
        parts: list[Quoted | Keyword] = []
        for count, part in enumerate(text.parts()):
            if count >= MAX_PARTS:
                raise TooManyCalls
            if isinstance(part, Keyword) and part.is_assigned:
                scope.assigned[part.word].append(part.end)
            else:
                parts.append(part)
        for part in parts:
            if isinstance(part, Keyword):
                self._call(scope, part)
            elif part.kind == "qx":
                add_known(self.programs, executed(scope.string(part), _SHELL_CHARACTERS))
            elif part.kind == "qw":
                add_known(self.words, filter(_WORD.fullmatch, part.text.split()))
            elif part.kind in ("q", "qq"):
                add_known(self.paths, (value for value in [scope.string(part)] if value.startswith("/")))

    def _call(self, scope: RubyScope, call: Keyword) -> None:
        given = list(tokens(scope.text, call.end))
        arguments = inside(given) if given and given[0] == RubyToken("", "(") else given
        values = scope.values(arguments)
        if call.word in ("require", "load"):
            add_known(self.features, values[:1])
            self.uses_bundler = self.uses_bundler or values[:1] == ["bundler/setup"]
        elif call.word == "require_relative":
            add_known(self.features, (os.path.join(self._home, value) for value in values[:1]))
        elif call.word.endswith("autoload"):
            add_known(self.features, values[1:2])
        elif call.word in ("$:", "$LOAD_PATH"):
            add_known(self.directories, (value for value in values if value.startswith("/")))
        elif call.word == "gem" or _BINSTUB.fullmatch(call.word):
            add_known(self.gems, values[:1])
        elif call.word.startswith("Etc."):
            self.looks_up_users = True
        elif call.word.startswith("Bundler."):
            self.uses_bundler = True
        else:
            self._executed(arguments, scope)

    def _executed(self, arguments: Sequence[RubyToken], scope: RubyScope) -> None:
        if arguments and arguments[0] == RubyToken("", "{"):  # an environment
            arguments = arguments[len(inside(arguments)) + 3 :]
        is_list = bool(arguments) and arguments[0] == RubyToken("", "[")
        values = scope.values(inside(arguments) if is_list else arguments)
        has_options = any(each.kind == "word" and each.text.endswith(":") for each in arguments)
        if values and not is_list and (has_options or len(values) == 1 or any(map(str.isspace, values[0]))):
            add_known(self.programs, executed(values[0], _SHELL_CHARACTERS))
        else:
            add_known(self.programs, values[:1])
