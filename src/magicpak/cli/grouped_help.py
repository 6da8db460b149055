"""A click command whose help has options under headings, and which parses `-r=bin/x` as the original does."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])
LAST_GROUP = "Messages"
"""The last heading of the help; click's own options are under it, too."""


class GroupedOption(click.Option):
    """An option that the help has under the heading `group`."""

    def __init__(self, declarations: Sequence[str], *, group: str, **attributes: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(declarations, **attributes)
        self.group = group


def option_group(heading: str) -> Callable[..., Callable[[_Function], _Function]]:
    """Return click.option for the options under `heading`."""
    return partial(click.option, cls=GroupedOption, group=heading)


def options_by_group(command: click.Command, context: click.Context) -> dict[str, list[click.Option]]:
    """Return the options of `command` by their headings, in the order of the help."""
    groups: dict[str, list[click.Option]] = {}
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option):
            groups.setdefault(getattr(parameter, "group", LAST_GROUP), []).append(parameter)
    groups[LAST_GROUP] = groups.pop(LAST_GROUP, [])
    return groups


def missing_argument(context: click.Context, name: str) -> click.MissingParameter:
    """Return the error for a command line without the argument `name`."""
    parameter = next(each for each in context.command.params if each.name == name)
    return click.MissingParameter(ctx=context, param=parameter)


class GroupedCommand(click.Command):
    """A command with options under headings, for which `-r=bin/x` means `-r bin/x`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse `args` into the context; return what is left of them."""
        return super().parse_args(ctx, list(self._without_equals_signs(args)))

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both forms of the command line."""
        super().format_usage(ctx, formatter)
        formatter.write_usage(ctx.command_path, "--check DIR [OPTIONS] [EXE...]", " " * len("Usage: "))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        for heading, options in options_by_group(self, ctx).items():
            records = [record for option in options if (record := option.get_help_record(ctx))]
            with formatter.section(heading):
                formatter.write_dl(records, col_max=26)

    def _without_equals_signs(self, arguments: Iterable[str]) -> Iterable[str]:
        """Yield the arguments without the `=` between a short option and its value."""
        takes_value = {name for option in self.params if _takes_value(option) for name in option.opts}
        is_value = only_arguments = False
        for argument in arguments:
            if is_value or only_arguments or not argument.startswith("-"):
                is_value = False
                yield argument
            elif argument.startswith("--"):
                only_arguments = argument == "--"
                is_value = argument in takes_value
                yield argument
            else:
                first = next((at for at, letter in enumerate(argument) if f"-{letter}" in takes_value), len(argument))
                is_value = first == len(argument) - 1
                if argument[first + 1 :].startswith("="):
                    yield argument[: first + 1]
                    yield argument[first + 2 :]
                else:
                    yield argument


def _takes_value(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and not parameter.is_flag and not parameter.count
