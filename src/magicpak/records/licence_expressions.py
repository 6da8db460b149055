"""Licences in the words of package managers as SPDX expressions.

Sources: the SPDX specification, annex D (expressions); Debian's machine-readable format 1.0 of copyright files
(alternatives and precedence: `and` before `or`, both before what a comma parts); names in `licences.toml`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from magicpak import resources

TABLE = "records/licences.toml"

_MAX = 4096
"""Characters of an expression, and _MAX_DEPTH brackets in it: whatever has more is one licence with that name."""
_MAX_DEPTH = 32

_TOKEN = re.compile(r"[(),]|[^\s(),]+")
_OPERATORS = {"and": "AND", "or": "OR", "&": "AND", "|": "OR"}
_WORDS = {*_OPERATORS, "with", "(", ")", ","}
_GNU = re.compile(r"(a?gpl|lgpl|gfdl)[ v-]{0,2}(\d)(\.\d)?(?:\.0)?(?:-(only|or-later))?(\+)?")
_NO_INVARIANTS = re.compile(r"gfdl-niv-(\d\.\d)(\+)?")
_HYPHENED = re.compile(r"([^ ]+?)-with-([^ ]+-exceptions?)", re.IGNORECASE)
_REFERENCE = "LicenseRef-"
_NOT_IN_REFERENCE = re.compile(r"[^A-Za-z0-9.-]+")


class LicenceExpression(NamedTuple):
    """A licence as an SPDX expression, empty where none is known, and the names of its parts that SPDX does not list.

    Those are by their references in the expression, such as `LicenseRef-public-domain`. `elsewhere` says where it is to
    be read where there is no expression.
    """

    expression: str = ""
    named: Mapping[str, str] = {}
    elsewhere: str = ""

    @property
    def is_single(self) -> bool:
        """Whether the expression is one licence."""
        return bool(self.expression) and " " not in self.expression


class _Term(NamedTuple):
    """A part of an expression: what its operator joins; one operand has none."""

    operator: str
    operands: tuple[str, ...]

    def __str__(self) -> str:
        """Return the expression."""
        return f" {self.operator} ".join(self.operands)


def _joined(operator: str, terms: Sequence[_Term]) -> _Term:
    """Return `terms` joined, each operand once."""
    if len(terms) == 1:
        return terms[0]
    operands: dict[str, None] = {}
    for term in terms:
        same = term.operator in ("", operator)
        operands |= dict.fromkeys(term.operands if same else [f"({term})"])
    return _Term(operator if len(operands) > 1 else "", tuple(operands))


class Licences:
    """The names that are known."""

    def __init__(self) -> None:
        import tomllib

        table = tomllib.loads((resources.read(TABLE) or b"").decode())
        self._licences = {name.lower(): name for name in table["spdx"]["licences"].split()}
        self._exceptions = {name.lower(): name for name in table["spdx"]["exceptions"].split()}
        self._exception_words: Mapping[str, str] = table["exceptions"]
        self._aliases: Mapping[str, str] = table["aliases"]

    def all_of(self, texts: Iterable[str]) -> LicenceExpression:
        """Return the licence of what is under all of `texts`, each a licence or an expression; empty for none."""
        named: dict[str, str] = {}
        terms = [self._parsed(text, named) for text in dict.fromkeys(" ".join(text.split()) for text in texts) if text]
        if not terms:
            return LicenceExpression()
        expression = str(_joined("AND", terms))
        used = set(re.findall(rf"{_REFERENCE}[A-Za-z0-9.-]+", expression))
        return LicenceExpression(expression, {ref: name for ref, name in named.items() if ref in used})

    def _parsed(self, text: str, named: dict[str, str]) -> _Term:
        if len(text) <= _MAX and text.count("(") <= _MAX_DEPTH:
            parser = _ExpressionParser(_TOKEN.findall(text), self, named)
            term = parser.whole()
            if term is not None:
                return term
        return self.unlisted(text, named)

    def one(self, name: str, named: dict[str, str]) -> _Term:
        """Return the licence `name`, or all of several that nothing parts; what is not listed is added to `named`."""
        listed = self._listed(name)
        if listed is None and (parts := _HYPHENED.fullmatch(name)):
            return self.with_exception(parts[1], parts[2], named)
        if listed is None and " " in name:
            words = [self._listed(word) for word in name.split()]
            if all(words):
                return _joined("AND", [_term(word) for word in words if word])
        if listed is None:
            return self.unlisted(name, named)
        if listed.startswith(_REFERENCE):
            named.setdefault(listed, name)
        return _term(listed)

    def with_exception(self, name: str, exception: str, named: dict[str, str]) -> _Term:
        """Return the licence `name` with what SPDX calls `exception`; without that, what both together are called."""
        licence = self._listed(name)
        words = re.sub(r"[ -]exceptions?$", "", exception.lower())
        if words == "autoconf":
            words = "autoconf-exception-3.0" if "3" in name else "autoconf-exception-2.0"
        listed = self._exceptions.get(exception.lower()) or self._exception_words.get(words)
        listed = listed or self._exceptions.get(words) or self._exceptions.get(f"{words.replace(' ', '-')}-exception")
        if licence is None or listed is None or " " in licence or licence.startswith(_REFERENCE):
            return self.unlisted(f"{name} with {exception}", named)
        return _Term("", (f"{licence} WITH {listed}",))

    def unlisted(self, name: str, named: dict[str, str]) -> _Term:
        """Return a reference to what SPDX does not list."""
        word = _NOT_IN_REFERENCE.sub("-", name.removeprefix(_REFERENCE).replace("+", "-or-later").replace(" ", "-"))
        reference = _REFERENCE + (re.sub("-{2,}", "-", word).strip("-")[:_MAX_REFERENCE] or "unnamed")
        if reference.lower() == f"{_REFERENCE}public-domain".lower():
            reference = f"{_REFERENCE}public-domain"
        named.setdefault(reference, name)
        return _Term("", (reference,))

    def _listed(self, name: str) -> str | None:
        """Return what SPDX calls `name`; None for what it does not list.

        An id with a plus sign is none for many readers, unless it has an id of its own.
        """
        lower = name.lower().strip(" .;")
        if lower in self._aliases:
            return self._aliases[lower]
        if gnu := _GNU.fullmatch(lower):
            family, major, minor, ending, plus = gnu.groups()
            later = "or-later" if plus or ending == "or-later" else "only"
            return self._licences.get(f"{family}-{major}{minor or '.0'}-{later}")
        if free := _NO_INVARIANTS.fullmatch(lower):
            return self._licences.get(f"gfdl-{free[1]}-no-invariants-{'or-later' if free[2] else 'only'}")
        dashed = re.sub(r"(?<=[a-z])v(?=\d)", "-", lower.replace(" ", "-"))
        candidates = (lower, dashed, re.sub(r"(-\d+)$", r"\1.0", dashed))
        return next((self._licences[each] for each in candidates if each in self._licences), None)


_MAX_REFERENCE = 100


def _term(listed: str) -> _Term:
    """Return what an alias stands for, which may be two licences of which one can be chosen."""
    operands = tuple(listed.split(" OR "))
    return _Term("OR" if operands[1:] else "", operands)


class _ExpressionParser:
    """Reads one expression; None is what is not one."""

    def __init__(self, tokens: Sequence[str], licences: Licences, named: dict[str, str]) -> None:
        self._tokens = [*tokens, ""]
        self._at = 0
        self._licences = licences
        self._named = named

    def whole(self) -> _Term | None:
        term = self._parted_by_commas()
        return term if self._next == "" else None

    @property
    def _next(self) -> str:
        return self._tokens[self._at]

    def _parted_by_commas(self) -> _Term | None:
        """Read parts such as in `A or B, and C`; a comma alone means `and`."""
        choices = [[self._choice()]]
        while self._next == ",":
            self._at += 1
            operator = self._operator(("AND", "OR"))
            if operator == "OR":
                choices.append([])
            choices[-1].append(self._choice())
        return _all_joined("OR", [_all_joined("AND", each) for each in choices])

    def _choice(self) -> _Term | None:
        terms = [self._union()]
        while self._operator(("OR",)):
            terms.append(self._union())
        return _all_joined("OR", terms)

    def _union(self) -> _Term | None:
        terms = [self._licence()]
        while self._operator(("AND",)):
            terms.append(self._licence())
        return _all_joined("AND", terms)

    def _operator(self, wanted: tuple[str, ...]) -> str | None:
        operator = _OPERATORS.get(self._next.lower())
        if operator not in wanted:
            return None
        self._at += 1
        return operator

    def _licence(self) -> _Term | None:
        if self._next == "(":
            self._at += 1
            term = self._parted_by_commas()
            if self._next != ")":
                return None
            self._at += 1
            return term
        name = self._words()
        if not name:
            return None
        if self._next.lower() != "with":
            return self._licences.one(name, self._named)
        self._at += 1
        exception = self._words()
        return self._licences.with_exception(name, exception, self._named) if exception else None

    def _words(self) -> str:
        start = self._at
        while self._next and self._next.lower() not in _WORDS:
            self._at += 1
        return " ".join(self._tokens[start : self._at])


def _all_joined(operator: str, terms: Sequence[_Term | None]) -> _Term | None:
    known = [term for term in terms if term is not None]
    return _joined(operator, known) if len(known) == len(terms) else None
