"""A click command whose help is grouped by purpose, and which takes options as the original's parser does."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])
_ARGUMENTS = "Arguments"


class GroupedOption(click.Option):
    """An option that stands under a heading of the help."""

    def __init__(self, declarations: Sequence[str], *, group: str, **attributes: Any) -> None:  # noqa: ANN401 - click's
        """Take the heading and what click takes."""
        super().__init__(declarations, **attributes)
        self.group = group


class DescribedArgument(click.Argument):
    """An argument with a line of help."""

    def __init__(self, declarations: Sequence[str], *, about: str, **attributes: Any) -> None:  # noqa: ANN401 - click's
        """Take the line and what click takes."""
        super().__init__(declarations, **attributes)
        self.about = about

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Return its name and its line."""
        del ctx
        return self.metavar or "", self.about


def grouped(group: str, *declarations: str, **attributes: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401
    """Declare an option under the heading `group`; all else is click's."""
    return click.option(*declarations, cls=GroupedOption, group=group, **attributes)


def described(name: str, about: str, **attributes: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401
    """Declare an argument with a line of help; all else is click's."""
    return click.argument(name, cls=DescribedArgument, about=about, **attributes)


def missing(context: click.Context, name: str) -> click.MissingParameter:
    """Return the error for the argument `name`, which is not there."""
    parameter = next(each for each in context.command.params if each.name == name)
    return click.MissingParameter(ctx=context, param=parameter)


class GroupedCommand(click.Command):
    """A command with a grouped help, and with `-r=bin/x` meaning `-r bin/x` as in the original."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments apart."""
        return super().parse_args(ctx, list(self._without_equals_signs(args)))

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write how it is called, in both ways."""
        super().format_usage(ctx, formatter)
        formatter.write_usage(ctx.command_path, "--check DIR [OPTIONS] [EXE...]", " " * len("Usage: "))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write arguments and options under their headings; what click adds itself comes last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                default = _ARGUMENTS if isinstance(parameter, click.Argument) else "Messages"
                groups.setdefault(getattr(parameter, "group", default), []).append(record)
        groups["Messages"] = groups.pop("Messages", [])
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records, col_max=26)

    def _without_equals_signs(self, arguments: Iterable[str]) -> Iterable[str]:
        """Yield the arguments with the `=` dropped that parts a short option from its value."""
        takes_value = {name for option in self.params if _takes_value(option) for name in option.opts}
        is_value = ended = False
        for argument in arguments:
            if is_value or ended or not argument.startswith("-"):
                is_value = False
                yield argument
            elif argument.startswith("--"):
                ended = argument == "--"
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
