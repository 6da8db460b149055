"""The lexical structure of Perl as far as it decides what is code (perlop(1), "Quote and Quote-like Operators").

Only what opens something else than code is recognised: comments, POD, strings, patterns, here-documents, formats.
Each part of the text is looked at a bounded number of times, whatever it contains.
"""

import re

from magicpak.scripts.quoted_text import STRINGS, Quoted, QuotedText

_TWO_PARTS = ("s", "tr", "y")
_KINDS = {"'": "q", '"': "qq", "`": "qx"}
_BEFORE = 80  # characters that are looked at to tell a pattern from a division

_KEYWORDS = (
    "use|no|require|do|eval|system|exec|open|readpipe|run|run3|start|harness|capture|capturex|systemx|open2|open3|spawn"
    "|isa|does|getpwuid|getpwnam|getgrgid|getgrnam|doit|print_and_doit|complex_doit|dist_dir|dist_file|module_dir"
    "|module_file"
)
_OPERATORS = "q[qwxr]?|m|s|tr|y"
_PASSED = rf"""
    (?: \#[^\n]*
      | \n(?!=[a-zA-Z]|__(?:END|DATA)__\b|[ \t]*format\b)
      | (?<![\w&])'[^'\\/:]*'
      | "[^"\\/:$]*"
      | \$(?:\#[\w{{$]?|\w+\b(?!\s*(?:\|\||//)?=(?![=~]))|[^\w])
      | (?<=\{{)(?:{_OPERATORS})(?=\}})
      | (?:(?<=[@%-])|(?<=[^&]&)|(?<=->)|(?<=::))\w+
      | (?!(?:{_OPERATORS})(?!\w|::)|(?:{_KEYWORDS})(?![\w:'])|unshift\b|push\b)\w+
      | <(?!<)
      | [^\w\n'"`\#$</\x04\x1a]
    ){{0,250}}
"""
"""What opens nothing: passed in steps of many, since a file is made of it.

Possessive repetition would be right here, but Python 3.11 before 3.11.5 gets it wrong; the bound is for the memory that
backtracking could need.
"""

_TOKEN = re.compile(
    rf"""{_PASSED}(?:
      \n?^(?P<pod>=[a-zA-Z])
    | \n?^(?P<end>__(?:END|DATA)__\b|\x04|\x1a)
    | \n?^(?P<format>[ \t]*format\b[ \t]*[\w:]*[ \t]*=[ \t]*\n)
    | (?<![\w&])(?P<plain>')
    | (?P<quote>["`])
    | <<(?P<indent>~?)(?:[ \t]*(?P<mark>["'])(?P<quoted>[^"'\n]*)(?P=mark)|(?P<bare>[A-Za-z_]\w*))
    | (?P<slash>/)
    | (?P<operator>{_OPERATORS})(?!\w|::)
    | (?P<keyword>{_KEYWORDS})(?![\w:'])
    | (?:(?:unshift|push)[\s(]+)(?P<keyword_of_path>@INC)\s*,
    | \$(?P<assigned>\w+)\s*(?:\|\||//)?=
    | (?P<other>\#[^\n]*|\$?\w+|.)
    )""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)
_QUOTE = re.compile(rf"(?P<operator>{_OPERATORS})(?!\w|::)|(?P<quote>['\"`])")
_NO_OPERATOR = re.compile(r"\s*(?:=>|=\s|[,;)]\s|\Z)|\s*}|\s+(?:[=#,;)]|\w)")
_BEFORE_PATTERN = re.compile(
    r"(?<![$@%&\w])(?:split|if|elsif|unless|and|or|not|xor|x|grep|map|join|push|unshift|return|while|until|when|lt|gt|le|ge"
    r"|eq|ne|cmp|print|die)\Z"
)
_FLAGS = re.compile(r"[a-z]*")
_COMMENT = re.compile(r"(?<=\s)#[^\n]*\n\s*\Z")


class PerlText(QuotedText):
    """Perl code, whose parts can be asked for."""

    token = _TOKEN

    def quoted_at(self, position: int) -> Quoted | None:
        """Return the string, list of words or command that begins at `position`, if one does."""
        match = _QUOTE.match(self.code, position)
        if match is None:
            return None
        quoted = self._opened(match.lastgroup or "", position, match.end())
        return quoted if quoted.kind in STRINGS else None

    def _opened(self, group: str, start: int, end: int) -> Quoted:
        code = self.code
        if group == "pod":
            return Quoted("=", "", start, self.found("\n", self.found("\n=cut", start) + 1))
        if group == "format":
            return Quoted("format", "", start, self.found("\n.\n", end - 1) + 2)
        if group == "operator":
            return self._operator(code[start:end], start, end)
        if group == "slash":
            return self._pattern(start)
        part = self.delimited(start)
        if part is None:
            return Quoted("", "", start, start + 1)
        return Quoted(_KINDS[code[start]], part[0], start, part[1])

    def _operator(self, kind: str, start: int, end: int) -> Quoted:
        code = self.code
        nothing = Quoted("", "", start, end)
        if _NO_OPERATOR.match(code, end) or code[max(0, start - 4) : start] == "sub ":
            return nothing
        end += len(code[end : end + 64]) - len(code[end : end + 64].lstrip())
        part = self.delimited(end)
        if part is None:
            return nothing
        if kind in _TWO_PARTS:
            second = part[1] - 1
            if self.is_bracket(end):
                blank = re.compile(r"(?:\s+|#[^\n]*)*").match(code, part[1])
                second = blank.end() if blank else part[1]
            replaced = self.delimited(second)
            return Quoted(kind, "", start, part[1] if replaced is None else self._after_flags(replaced[1]))
        return Quoted(kind, part[0], start, part[1] if kind in STRINGS else self._after_flags(part[1]))

    def _after_flags(self, position: int) -> int:
        """Return the position after the letters that end a pattern, none of which is an operator."""
        match = _FLAGS.match(self.code, position)
        return match.end() if match else position

    def _pattern(self, start: int) -> Quoted:
        """Return the pattern that a slash opens; after a value, it divides."""
        text = _COMMENT.sub("", self.code[max(0, start - _BEFORE) : start])
        before = text.rstrip()
        is_statement = before.endswith("}") and "\n" in text[len(before) :]
        divides = before[-1:] in (")", "]", "}", '"', "'") or before[-1:].isalnum() or before[-1:] == "_"
        if divides and not is_statement and not _BEFORE_PATTERN.search(before):
            return Quoted("/", "", start, start + (2 if self.code.startswith("//", start) else 1))
        part = self.delimited(start)
        return Quoted("/", "", start, start + 1 if part is None else self._after_flags(part[1]))
