"""The command line as a value: what click knows of it, and what a shell can complete."""

from enum import Enum, auto
from typing import NamedTuple

import click

from magicpak.cli.grouped_help import options_by_group
from magicpak.needs.rows import need_rows
from magicpak.options import SUGGESTED


class Value(Enum):
    """What a shell can offer as the value of an option."""

    NONE = auto()  # the option is a flag
    WORDS = auto()  # one of its `words`
    FILE = auto()
    DIRECTORY = auto()
    COMMAND = auto()  # a program by its path or its name
    TEXT = auto()  # nothing that a shell knows


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


_OFFERED = {"NAME[=ARG,...]": (*need_rows(), SUGGESTED)}


class Option(NamedTuple):
    """One option: its names, its metavar (empty for a flag), its help, and the value that it takes."""

    names: tuple[str, ...]
    metavar: str
    help: str
    value: Value
    words: tuple[str, ...]
    repeatable: bool

    @property
    def long(self) -> str:
        """The long name."""
        return next(name for name in self.names if name.startswith("--"))

    @property
    def heading(self) -> str:
        """Names and value, as in the help."""
        return f"{', '.join(self.names)} {self.metavar}".rstrip()


class CommandLine(NamedTuple):
    """The whole command line, in the order of its help: what it is for, arguments with their help, and options."""

    summary: str
    arguments: tuple[tuple[str, str], ...]
    groups: tuple[tuple[str, tuple[Option, ...]], ...]

    @property
    def options(self) -> list[Option]:
        """All options."""
        return [option for _, options in self.groups for option in options]


def command_line(command: click.Command) -> CommandLine:
    """Return the command line that `command` parses."""
    context = click.Context(command, info_name="magicpak", **command.context_settings)
    arguments = [each for each in command.get_params(context) if isinstance(each, click.Argument)]
    return CommandLine(
        " ".join((command.help or "").split()),
        tuple(argument.get_help_record(context) for argument in arguments),
        tuple(
            (group, tuple(_option(option, context) for option in options))
            for group, options in options_by_group(command, context).items()
        ),
    )


def _option(parameter: click.Option, context: click.Context) -> Option:
    metavar = "" if parameter.is_flag else parameter.make_metavar(context)
    words = tuple(metavar.strip("[]").split("|")) if "|" in metavar else _OFFERED.get(metavar, ())
    value = Value.NONE if parameter.is_flag else Value.WORDS if words else _BY_METAVAR.get(metavar, Value.FILE)
    _, text = parameter.get_help_record(context) or ("", "")
    return Option((*parameter.opts,), metavar, " ".join(text.split()), value, words, parameter.multiple)
