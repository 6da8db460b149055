"""Which options would add what the signs of a program ask for and its bundle lacks."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal, NamedTuple, Protocol

from magicpak.needs.named import named_files
from magicpak.needs.signs import SignedProgram, SignTable
from magicpak.text import printable, shell_line


class Suggestion(NamedTuple):
    """An option by its name and its value, and what the program does that calls for it."""

    flag: Literal["with", "include"]
    value: str
    reason: str

    def __str__(self) -> str:
        """Return the suggestion on one line."""
        return f"{printable(self.reason)}: {shell_line([f'--{self.flag}', self.value])}"


class Lacks(Protocol):
    """Answers whether the bundle lacks what the host has."""

    def name(self, value: str) -> bool:
        """Return whether it lacks what `value` stands for, a value of `--with`."""

    def path(self, path: str) -> bool:
        """Return whether it lacks the file or directory `path`."""

    def part(self, end: str) -> bool:
        """Return whether it lacks every path that ends with `end`."""


def suggestions(
    programs: Sequence[SignedProgram],
    table: SignTable,
    env: Mapping[str, str],
    lacks: Lacks,
    helpers: Sequence[SignedProgram] = (),
) -> list[Suggestion]:
    """Return what `table` suggests for `programs` that run with the variables `env`, each value once.

    Names of `--with` come first, then paths; of `helpers`, which these execute, only names count.
    """
    found: dict[tuple[str, str], Suggestion] = {}
    each_of = [list(_suggested(program, table, env, lacks)) for program in programs]
    names = [[each for each in _suggested(program, table, env, lacks) if each.flag == "with"] for program in helpers]
    for each in sorted(chain.from_iterable([*each_of, *names]), key=lambda each: each.flag == "include"):
        lacking = lacks.name if each.flag == "with" else lacks.path
        if each[:2] not in found and lacking(each.value):
            found[each[:2]] = each
    return list(found.values())


def _suggested(program: SignedProgram, table: SignTable, env: Mapping[str, str], lacks: Lacks) -> Iterator[Suggestion]:
    """Yield what the signs in `program` suggest, each name once, by its first sign, and the files that it names.

    Where a sign is alone, that is all, but for what those parts of its library need that the bundle has.
    """
    names = set()
    interpreter = None
    for sign in table.signs:
        if interpreter is not None and (sign.after != interpreter or lacks.part(sign.part)):
            continue
        argument = sign.argument(env)
        if sign.name in names or (sign.env and not argument) or (sign.after and interpreter is None):
            continue
        if not program.shows(sign):
            continue
        names.add(sign.name)
        value = f"{sign.name}={argument}" if argument else sign.name
        yield Suggestion("with", value, f"{program.name} {sign.words}")
        interpreter = sign.name if sign.alone else interpreter
    if interpreter is not None:
        return
    for path, words in named_files(program, table.named, env):
        yield Suggestion("include", path, f"{program.name} {words}")
