"""A click command whose help is grouped by purpose, and which takes options as the original's parser does."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])


class GroupedOption(click.Option):
    """An option that stands under a heading of the help."""

    def __init__(self, declarations: Sequence[str], *, group: str, **attributes: Any) -> None:  # noqa: ANN401 - click's
        """Take the heading and what click takes."""
        super().__init__(declarations, **attributes)
        self.group = group


def grouped(group: str, *declarations: str, **attributes: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401
    """Declare an option under the heading `group`; all else is click's."""
    return click.option(*declarations, cls=GroupedOption, group=group, **attributes)


def later(*names: str, is_flag: bool = False) -> Callable[[_Function], _Function]:
    """Declare options that are known but do not work yet: they are not in the help, and refused by name."""
    declared = [names] if is_flag else [(name,) for name in names]

    def decorate(function: _Function) -> _Function:
        for declarations in declared:
            option = click.option(
                *declarations, is_flag=is_flag, hidden=True, expose_value=False, multiple=not is_flag, callback=_refuse
            )
            function = option(function)
        return function

    return decorate


def _refuse(_context: click.Context, option: click.Parameter, value: object) -> object:
    if value:
        message = f"{max(option.opts, key=len)} does not work yet in this version of magicpak"
        raise click.UsageError(message)
    return value


class GroupedCommand(click.Command):
    """A command with a grouped help, and with `-r=bin/x` meaning `-r bin/x` as in the original."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments apart."""
        return super().parse_args(ctx, list(self._without_equals_signs(args)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                groups.setdefault(getattr(parameter, "group", "Messages"), []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records, col_max=26)

    def _without_equals_signs(self, arguments: Iterable[str]) -> Iterable[str]:
        """Yield the arguments with the `=` dropped that parts a short option from its value."""
        takes_value = {name for option in self.params if _takes_value(option) for name in option.opts}
        is_value = ended = False
        for argument in arguments:
            name, equals, value = argument.partition("=")
            if is_value or ended or not argument.startswith("-"):
                is_value = False
                yield argument
            elif argument.startswith("--"):
                ended = argument == "--"
                is_value = argument in takes_value
                yield argument
            else:
                first = next((at for at, letter in enumerate(argument[1:], 1) if f"-{letter}" in takes_value), None)
                is_value = first == len(argument) - 1
                yield name + value if equals and first == len(name) - 1 else argument


def _takes_value(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and not parameter.is_flag and not parameter.count
