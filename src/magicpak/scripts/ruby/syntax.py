"""The lexical structure of Ruby as far as it decides what is code (doc/syntax/literals.rdoc of Ruby).

Only what opens something else than code is recognised: comments, strings, patterns, here-documents.
"""

import re

from magicpak.scripts.quoted_text import STRINGS, Quoted, QuotedText

_KINDS = {"'": "q", '"': "qq", "`": "qx", "q": "q", "Q": "qq", "": "qq", "w": "qw", "W": "qw", "x": "qx"}
_BEFORE = 80  # characters that are looked at to tell a pattern from a division
MAX_NESTED = 16
"""How deep strings in code in strings are followed."""

_KEYWORDS = (
    r"require|require_relative|load|autoload|gem|system|exec|spawn|sh|(?:Kernel|Process|PTY)\.(?:system|exec|spawn)"
    r"|IO\.popen|Open3\.\w+|Gem\.(?:activate_bin_path|activate_and_load_bin_path|bin_path)|Bundler\.(?:require|setup)|[A-Z]\w*\.autoload|Etc\.get(?:pw|gr)\w+"
)
_PASSED = rf"""
    (?: \#[^\n]*
      | \n(?!=begin\b|__END__$)
      | '(?!/)[^'\\]*'
      | "(?!/)[^"\\\#]*"
      | @+\w+
      | \$(?!:|LOAD_PATH\b)(?:\w+|[^\w\s])
      | ::?\w+[?!]?(?!\.)
      | (?:(?<=\.)|def[ ])\w+[?!]?
      | (?!(?:{_KEYWORDS})(?![\w?!:=]))(?![A-Za-z_]\w*\s*(?:\|\|)?=(?![=~>]))\w+[?!]?(?:\b|(?<=[?!]))
      | <(?!<)
      | \?[^\s\w](?=[\s,)\].])
      | [^\w\n'"`\#$</%?\x04\x1a]
    ){{0,250}}
"""
"""What opens nothing: passed in steps of many, since a file is made of it. For the bound, see perl/syntax."""

_TOKEN = re.compile(
    rf"""{_PASSED}(?:
      \n?^(?P<comment>=begin\b)
    | \n?^(?P<end>__END__$|\x04|\x1a)
    | (?P<quote>['"`])
    | <<[~-]?(?:(?P<mark>["'`])(?P<quoted>[^"'`\n]*)(?P=mark)|(?P<bare>[A-Za-z_]\w*))
    | (?P<slash>/)
    | (?P<percent>%[wWiIqQrxs]?(?=[^\w\s]))
    | (?P<keyword>{_KEYWORDS})(?![\w?!:=])
    | (?P<keyword_of_path>\$(?::|LOAD_PATH))(?:\.(?:unshift|push|prepend|append|insert|concat)|\s*<<)
    | (?P<assigned>[A-Za-z_]\w*)\s*(?:\|\|)?=(?![=~>])
    | (?P<other>\#[^\n]*|\w+|.)
    )""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)
_QUOTE = re.compile(r"(?P<quote>['\"`])|(?P<percent>%[wWqQx]?(?=[^\w\s=]))")
_BEFORE_PATTERN = re.compile(
    r"(?<![@$.\w])(?:if|elsif|unless|and|or|not|when|while|until|return|puts|in|then|do|else|yield)\Z"
)
_IN_STRING = re.compile(r"\\.|#\{|[\"`]", re.DOTALL)
_IN_CODE = re.compile(r"[{}\"'`]")
_FLAGS = re.compile(r"[a-z]*")


class RubyText(QuotedText):
    """Ruby code, whose parts can be asked for."""

    token = _TOKEN

    def string_at(self, position: int) -> Quoted | None:
        """Return the string, list of words or command that begins at `position`, if one does."""
        match = _QUOTE.match(self.code, position)
        string = self._opened(match.lastgroup or "", position, match.end()) if match else None
        return string if string is not None and string.kind in STRINGS else None

    def _opened(self, group: str, start: int, end: int) -> Quoted:
        if group == "comment":
            return Quoted("=", "", start, self.found("\n", self.found("\n=end", end) + 1))
        nothing = Quoted("", "", start, end)
        if group in ("slash", "percent") and self._divides(start, end):
            return nothing
        quote = self.code[start]
        if group == "quote" and quote != "'":
            closed = self._interpolating(start)
            return nothing if closed is None else Quoted(_KINDS[quote], self.code[end : closed - 1], start, closed)
        part = self.delimited(end if group == "percent" else start)
        if part is None:
            return nothing
        kind = "/" if group == "slash" else _KINDS.get(quote if group == "quote" else self.code[start + 1 : end], "%")
        flags = _FLAGS.match(self.code, part[1]) if kind not in STRINGS else None
        return Quoted(kind, part[0], start, flags.end() if flags else part[1])

    def _divides(self, start: int, end: int) -> bool:
        """Return whether the slash or percent sign comes after a value; after a name, that is a matter of blanks."""
        text = self.code[max(0, start - _BEFORE) : start]
        before = text.rstrip(" \t")
        if not before or not (before[-1].isalnum() or before[-1] in "_)]}\"'?!"):
            return False
        is_argument = text != before and not self.code[end : end + 1].isspace() and before[-1] not in ")]}\"'"
        return not _BEFORE_PATTERN.search(before) and not (is_argument and not before[-1].isdigit())

    def _interpolating(self, start: int) -> int | None:
        """Return the position after the string that begins at `start`, in which there can be code with strings."""
        opened, position = [self.code[start]], start + 1
        if f"#{opened[0]}" in self._unterminated:
            return None
        while opened:
            match = (_IN_CODE if opened[-1] == "{" else _IN_STRING).search(self.code, position)
            if match is None or len(opened) > MAX_NESTED:
                self._unterminated.add(f"#{self.code[start]}")
                return None
            position, found = match.end(), match[0]
            if opened[-1] == "{":
                if found == "}":
                    opened.pop()
                elif found == "'":
                    position = self.found("'", position) + 1
                else:
                    opened.append(found)
            elif found == "#{":
                opened.append("{")
            elif found == opened[-1]:
                opened.pop()
        return position
