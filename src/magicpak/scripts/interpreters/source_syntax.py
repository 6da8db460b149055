"""What the text of a source file names by constants: a row of regular expressions for each language."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from magicpak.scripts.command_words import command_words

_DOUBLE = r"[^\"\\\n]*(?:\\.[^\"\\\n]*)*"
_SINGLE = r"[^'\\\n]*(?:\\.[^'\\\n]*)*"
_DOUBLE_OF_LINES = r"[^\"\\]*(?:\\[\s\S][^\"\\]*)*"
_SINGLE_OF_LINES = r"[^'\\]*(?:\\[\s\S][^'\\]*)*"

DOUBLE_QUOTED = rf"\"({_DOUBLE})\""
STRING = rf"(?:{DOUBLE_QUOTED}|'({_SINGLE})')"
"""A string in double quotes, or in either; it ends on its line, and its content is a group."""

KEPT_DOUBLE_QUOTED = rf"\"{_DOUBLE}\"?"
KEPT_STRING = rf"(?:{KEPT_DOUBLE_QUOTED}|'{_SINGLE}'?)"
KEPT_DOUBLE_QUOTED_LINES = rf"\"{_DOUBLE_OF_LINES}(?:\"|\\?\Z)"
KEPT_LINES = rf"(?:{KEPT_DOUBLE_QUOTED_LINES}|'{_SINGLE_OF_LINES}(?:'|\\?\Z))"
"""A string in which no comment begins. One without an end is matched, too: else each quote in it began a search."""

VALUE = rf"(?:{STRING}|\$?(?P<variable>[A-Za-z_]\w*))"
"""A string, or a variable, which is looked up among the assignments of the file."""

ASSIGNMENT = rf"\b(?P<name>[A-Za-z_]\w*)\s*=\s*{STRING}"

_PATH = re.compile(r"(?<![\w.$}\])>*-])/(?:usr|etc|opt|srv|var/lib|lib)/[\w.+@,~/-]+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROL = {"n": "\n", "t": "\t"}


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.MULTILINE)


class SourceSyntax(NamedTuple):
    """Regular expressions for the source files of a language; where one is empty, nothing is found.

    `kept` is what no comment begins in, such as strings. Of a match of the others, the last group is what counts:
    of `imports` the name of a module, of `beside` a path relative to the directory of the file, of `lines` the commands
    that a shell executes, of `pipelines` those that are executed without one, of `words` a program. All but imports and
    paths are looked for only in files that contain `executing`. What is `beside` is imported if it ends in one of
    `suffixes`.
    """

    comments: str
    kept: str = KEPT_STRING
    imports: str = ""
    beside: str = ""
    lines: str = ""
    pipelines: str = ""
    words: str = ""
    assignments: str = ASSIGNMENT
    executing: str = ""
    suffixes: tuple[str, ...] = ()


class Mentions(NamedTuple):
    """What a source file names.

    `texts` are strings that can be names of programs, or begin as commands do. `has_lines` is true if it executes a
    shell, whether with a constant or not.
    """

    imports: list[str]
    beside: list[str]
    lines: list[str]
    pipelines: list[str]
    words: list[str]
    paths: list[str]
    texts: list[str]
    has_lines: bool


def mentions(text: str, syntax: SourceSyntax) -> Mentions:
    """Return what the source file `text` names."""
    comments = _pattern(f"(?P<kept>{syntax.kept})|{syntax.comments}")
    code = comments.sub(lambda match: match[0] if match["kept"] is not None else " ", text)
    assigned = {match["name"]: _text(match, {}) for match in _matches(syntax.assignments, code)}
    is_executing = re.search(syntax.executing, code) is not None
    lines = list(_matches(syntax.lines, code)) if is_executing else []
    words = _matches(syntax.words, code) if is_executing else iter(())
    pipelines = _matches(syntax.pipelines, code) if is_executing else iter(())
    return Mentions(
        imports=_texts(_matches(syntax.imports, code), {}),
        beside=_texts(_matches(syntax.beside, code), {}),
        lines=_texts(iter(lines), assigned),
        pipelines=_texts(pipelines, assigned),
        words=_texts(words, assigned),
        paths=list(dict.fromkeys(match[0].rstrip("/.,") for match in _PATH.finditer(code))),
        texts=list(dict.fromkeys(command_words(code))) if is_executing else [],
        has_lines=bool(lines),
    )


def _matches(pattern: str, code: str) -> Iterator[re.Match[str]]:
    return _pattern(pattern).finditer(code) if pattern else iter(())


def _texts(matches: Iterator[re.Match[str]], assigned: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(text for match in matches if (text := _text(match, assigned))))


def _text(match: re.Match[str], assigned: Mapping[str, str]) -> str:
    groups = match.groupdict()
    if groups.get("variable") is not None:
        return assigned.get(groups["variable"] or "", "")
    text = next((group for group in reversed(match.groups()) if group is not None), "")
    return _ESCAPED.sub(lambda escaped: _CONTROL.get(escaped[1], escaped[1]), text)
