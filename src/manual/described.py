"""The command line as a value: what click knows of it, and what can stand for each value."""

from enum import Enum, auto
from typing import NamedTuple

import click

from magicpak.cli.grouped_help import GroupedOption

_LAST = "Messages"  # click's own options stand there, as in the help


class Value(Enum):
    """What a shell can offer for the value of an option."""

    NONE = auto()  # the option is a flag
    WORDS = auto()  # one of its `words`
    FILE = auto()
    DIRECTORY = auto()
    COMMAND = auto()  # a program by its path or its name
    TEXT = auto()  # nothing that a shell would know


_BY_METAVAR = {
    "ARG": Value.TEXT,
    "COMMAND": Value.TEXT,
    "CONTENT": Value.TEXT,
    "N": Value.TEXT,
    "NAME=VALUE": Value.TEXT,
    "PATH": Value.DIRECTORY,
    "PATH or NAME": Value.COMMAND,
    "SECONDS": Value.TEXT,
    "SIZE": Value.TEXT,
    "UID[:GID]": Value.TEXT,
}


class Option(NamedTuple):
    """One option: its names, what its value is called (nothing for a flag), its help, and what can be the value."""

    names: tuple[str, ...]
    metavar: str
    help: str
    value: Value
    words: tuple[str, ...]
    repeatable: bool

    @property
    def long(self) -> str:
        """The name by which it is known."""
        return next(name for name in self.names if name.startswith("--"))

    @property
    def heading(self) -> str:
        """Names and value, as the help has them."""
        return f"{', '.join(self.names)} {self.metavar}".rstrip()


class Described(NamedTuple):
    """The whole command line, in the order of its help."""

    about: str
    arguments: tuple[tuple[str, str], ...]
    groups: tuple[tuple[str, tuple[Option, ...]], ...]

    @property
    def options(self) -> list[Option]:
        """All options."""
        return [option for _, options in self.groups for option in options]


def described(command: click.Command) -> Described:
    """Return what there is to know of `command`."""
    context = click.Context(command, info_name="magicpak", **command.context_settings)
    arguments = []
    groups: dict[str, list[Option]] = {}
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option):
            group = parameter.group if isinstance(parameter, GroupedOption) else _LAST
            groups.setdefault(group, []).append(_option(parameter))
        elif record := parameter.get_help_record(context):
            arguments.append(record)
    groups[_LAST] = groups.pop(_LAST)
    return Described(
        " ".join((command.help or "").split()),
        tuple(arguments),
        tuple((group, tuple(options)) for group, options in groups.items()),
    )


def _option(parameter: click.Option) -> Option:
    words = _words(parameter)
    metavar = "" if parameter.is_flag else parameter.metavar or f"[{'|'.join(words)}]"
    value = Value.NONE if parameter.is_flag else Value.WORDS if words else _BY_METAVAR.get(metavar, Value.FILE)
    about = " ".join((parameter.help or "").split())
    return Option((*parameter.opts,), metavar, about, value, words, parameter.multiple)


def _words(parameter: click.Option) -> tuple[str, ...]:
    """Return the words that the value is one of: click's, or those that the metavar lists as `[A|B]`."""
    if isinstance(parameter.type, click.Choice):
        return tuple(map(str, parameter.type.choices))
    metavar = parameter.metavar or ""
    return tuple(metavar.strip("[]").split("|")) if "|" in metavar else ()
