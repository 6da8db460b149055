"""The tokens of a call's arguments, in languages that nest them in brackets."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

UNKNOWN = "\0"
"""What a string has in the place of what is only known when the program runs."""


class CallToken(Protocol):
    """A token; `kind` is empty for an operator."""

    @property
    def kind(self) -> str:
        """What it is."""

    @property
    def text(self) -> str:
        """Its text."""


Token = TypeVar("Token", bound=CallToken)


def inside(given: Sequence[Token]) -> Sequence[Token]:
    """Return what is between the bracket that `given` begins with, and the one that closes it."""
    depth = 0
    for index, token in enumerate(given):
        depth += deeper(token)
        if depth == 0:
            return given[1:index]
    return given[1:]


def separated(given: Sequence[Token], by: Collection[str]) -> Iterator[Sequence[Token]]:
    """Yield the parts of `given` between operators of `by` that are in no brackets."""
    depth, start = 0, 0
    for index, token in enumerate(given):
        if not token.kind:
            depth += deeper(token)
            if depth == 0 and token.text in by:
                yield given[start:index]
                start = index + 1
    yield given[start:]


def deeper(token: CallToken) -> int:
    """Return 1 for an opening bracket, -1 for a closing one."""
    return 0 if token.kind else (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))


def add_known(to: dict[str, None], values: Iterable[str]) -> None:
    """Add to `to` those of `values` that are known, and not empty."""
    to.update((value, None) for value in values if value and UNKNOWN not in value)
