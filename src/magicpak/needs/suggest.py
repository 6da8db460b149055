"""Which options would add what the signs of a program ask for and its bundle lacks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from magicpak.needs.signs import Sign, SignedProgram
from magicpak.text import printable, shell_line


class Suggestion(NamedTuple):
    """An option by its name and its value, and what the program does that calls for it."""

    flag: Literal["with", "include"]
    value: str
    reason: str

    def __str__(self) -> str:
        """Return the suggestion on one line."""
        return f"{printable(self.reason)}: {shell_line([f'--{self.flag}', self.value])}"


def suggestions(
    programs: Sequence[SignedProgram], signs: Sequence[Sign], env: Mapping[str, str], lacks: Callable[[str], bool]
) -> list[Suggestion]:
    """Return what `signs` suggest for `programs` that run with the variables `env`, each value once.

    `lacks` returns whether the host has what a name of `--with`, and its argument, stand for, and the bundle does not.
    """
    found = {each.value: each for program in reversed(programs) for each in reversed(list(_shown(program, signs, env)))}
    return [each for each in reversed(found.values()) if lacks(each.value)]


def _shown(program: SignedProgram, signs: Sequence[Sign], env: Mapping[str, str]) -> Iterator[Suggestion]:
    """Yield what the signs in `program` suggest, each name once, by its first sign; one that is alone is all."""
    names = set()
    for sign in signs:
        if sign.name in names:
            continue
        argument = sign.argument(env)
        if (argument or not sign.env) and program.shows(sign):
            names.add(sign.name)
            value = f"{sign.name}={argument}" if argument else sign.name
            yield Suggestion("with", value, f"{program.name} {sign.words}")
            if sign.alone:
                return
