"""What one Perl file says that it needs: modules, files, directories of modules, programs, and constant strings."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from magicpak.scripts.call_tokens import UNKNOWN, add_known, inside
from magicpak.scripts.command_line import executed
from magicpak.scripts.command_words import command_words
from magicpak.scripts.load_path import LoadedFacts
from magicpak.scripts.perl.expressions import PerlToken, Scope, tokens
from magicpak.scripts.perl.syntax import PerlText
from magicpak.scripts.quoted_text import Keyword, Quoted
from magicpak.scripts.sources import Sources

MAX_EVAL = 3
"""How deep strings of code in strings of code are read."""

MAX_PARTS = 20_000
"""Statements of interest and strings of one file: five times those of the largest module of a full Debian."""

_NAME = re.compile(r"[A-Za-z_]\w*(?:::\w+)*")
_QUALIFIED = re.compile(r"[A-Za-z_]\w*(?:::\w+)+")
_NAMESPACE = re.compile(r"([A-Za-z_]\w*(?:::\w+)*)::(?:\0.*)?", re.DOTALL)
_COMPILED = re.compile(rb"(?<=\0)[A-Za-z]\w*(?:::\w+)+(?=\0)")
_WORD = re.compile(r"[a-z][\w.+-]{1,40}")
_VERSION = re.compile(r"v?\d")
_SHELL_CHARACTERS = frozenset("$&*(){}[]'\";\\|?<>~`\n")  # doio.c, do_exec3
_ENDS = ("or", "and", "if", "unless", "?")
_HANDLES = {"open2": 2, "open3": 3}
_SHARES = {"dist_dir": "dist", "dist_file": "dist", "module_dir": "module", "module_file": "module"}


class TooManyParts(Exception):
    """A file has more than MAX_PARTS."""


class PerlFacts(LoadedFacts):
    """What a file needs, each once and in the order in which it is said.

    `files` are required by path: those that are not absolute are looked for in @INC. `namespaces` are those of modules
    whose names are completed at run time. `shares` are directories below auto/share. The constructor raises
    TooManyParts.
    """

    def __init__(self, code: str, known: Mapping[str, str], real: Callable[[str], str]) -> None:
        super().__init__()
        self._real = real
        self._left = MAX_PARTS
        self.modules: dict[str, None] = {}
        self.files: dict[str, None] = {}
        self.namespaces: dict[str, None] = {}
        self.shares: dict[str, None] = {}
        self._read(code, known, 0)
        add_known(self.words, command_words(code))

    @classmethod
    def of_library(cls, data: bytes) -> "PerlFacts":
        """Return what the compiled part of a module says: it can load others, whose names are among its strings."""
        facts = cls("", {}, str)
        facts.modules.update((match[0].decode("ascii"), None) for match in _COMPILED.finditer(data))
        return facts

    def _read(self, code: str, known: Mapping[str, str], depth: int) -> None:
        text = PerlText(code)
        scope = Scope(text, known, self._real)
        parts: list[Quoted | Keyword] = []
        for part in text.parts():
            self._left -= 1
            if self._left < 0:
                raise TooManyParts
            if isinstance(part, Keyword) and part.is_assigned:
                scope.assigned[part.word].append(part.end)
            else:
                parts.append(part)
                if isinstance(part, Keyword) and part.word == "use":
                    _assign_constants(scope, part.end)
        for part in parts:
            if isinstance(part, Quoted):
                self._constant(scope, part)
            elif part.word == "eval":
                quoted = next(tokens(text, part.end), None)
                if quoted is not None and quoted.kind in ("q", "qq") and depth < MAX_EVAL:
                    self._read(quoted.text, known, depth + 1)
            else:
                self._keyword(scope, part.word, list(tokens(text, part.end)))

    def _constant(self, scope: Scope, quoted: Quoted) -> None:
        if quoted.kind == "qx":
            add_known(self.programs, executed(scope.string(quoted), _SHELL_CHARACTERS))
        elif quoted.kind == "qw":
            words = quoted.text.split()
            add_known(self.modules, filter(_QUALIFIED.fullmatch, words))
            add_known(self.words, filter(_WORD.fullmatch, words))
        elif "/" in quoted.text or "::" in quoted.text or "$" in quoted.text:
            value = scope.string(quoted)
            if value.startswith("/") and UNKNOWN not in value:
                self.paths[value] = None
            elif _QUALIFIED.fullmatch(value):
                self.modules[value] = None
            elif match := _NAMESPACE.fullmatch(value):
                self.namespaces[match[1]] = None

    def _keyword(self, scope: Scope, word: str, given: list[PerlToken]) -> None:
        if word.startswith("get"):
            self.looks_up_users = True
        elif not given:
            return
        elif word in ("use", "no", "require"):
            self._imported(scope, word, given)
        elif word in ("isa", "does"):  # an attribute of a class (perlclass(1)), or an operator
            named = inside(given) if given[0].text == "(" else given
            add_known(self.modules, [each.text for each in named[:1] if each.kind == "word"])
        elif word == "@INC":
            add_known(self.directories, scope.values(given))
        elif word == "do":
            if given[0].text != "{":
                add_known(self.files, scope.values(given)[:1])
        elif word in _SHARES:
            name = next(iter(scope.values(inside(given) if given[0].text == "(" else given)), UNKNOWN)
            add_known(self.shares, [f"{_SHARES[word]}/{name.replace('::', '-')}"])
        else:
            self._executed(scope, word, given)

    def _imported(self, scope: Scope, word: str, given: list[PerlToken]) -> None:
        first, rest = given[0], given[1:]
        if first.kind != "word":
            if word == "require" and (first.kind or first.text == "("):
                add_known(self.files, scope.values(inside(given) if first.text == "(" else given)[:1])
        elif word == "require" and len(rest) > 0 and rest[0].text in ("(", "->", "."):
            add_known(self.files, scope.values(given)[:1])
            add_known(self.modules, [first.text] if rest[0].text == "->" else [])
        elif not _VERSION.match(first.text):
            add_known(self.modules, [first.text])
            if first.text == "lib":
                add_known(self.directories, scope.values(inside(rest) if rest and rest[0].text == "(" else rest))
            elif first.text in ("parent", "base", "if", "autouse", "aliased", "ok"):
                words = (each.text for each in rest if each.kind == "word")
                add_known(self.modules, filter(_NAME.fullmatch, (*scope.values(rest), *words)))
            elif first.text == "autodie":
                add_known(self.modules, ["IPC::System::Simple"])

    def _executed(self, scope: Scope, word: str, given: Sequence[PerlToken]) -> None:
        while given and not given[0].kind and given[0].text in ("(", "[", "{", "=>"):
            given = given[1:] if given[0].text == "=>" else inside(given)
        end = next((index for index, each in enumerate(given) if each.kind == "word" and each.text in _ENDS), None)
        values = scope.values(given[:end])
        if word == "open":
            values = _piped(values)
        values = values[_HANDLES.get(word, 0) :]
        if values[:1] == ["command"]:
            values = values[1:]
        if len(values) == 1 or (values and any(map(str.isspace, values[0]))):
            add_known(self.programs, executed(values[0], _SHELL_CHARACTERS))
        elif values:
            add_known(self.programs, values[:1])


def _piped(values: list[str]) -> list[str]:
    """Return the command of which open(), given `values`, makes a pipe."""
    mode, command = values[1] if values[1:] else "", values[2:]
    if command:
        return command if mode in ("-|", "|-") else []
    if mode.lstrip().startswith("|"):
        return [mode.lstrip()[1:]]
    return [mode.rstrip()[:-1]] if mode.rstrip().endswith("|") else []


def _assign_constants(scope: Scope, position: int) -> None:
    """Assign what `use constant` does, if it is that which ends at `position`."""
    given = list(tokens(scope.text, position)) if scope.text.code.startswith(" constant", position) else []
    for name, arrow in pairwise(given):
        if name.kind == "word" and arrow.text == "=>":
            scope.assigned[name.text].append(arrow.start + 2)


def known_names(script: str, file: str, sources: Sources) -> dict[str, str]:
    """Return the names for places that `file` can use: its own, that of `script`, and FindBin's."""
    home, real_home = sources.real(os.path.dirname(script)), os.path.dirname(sources.real(script))
    places = {"Bin": home, "RealBin": real_home}
    qualified = {f"FindBin::{name}": place for name, place in places.items()}
    return {"__FILE__": file, "0": script, **qualified, **(places if file == script else {})}
