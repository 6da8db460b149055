"""The types of options' values that click does not have."""

import math

import click

from magicpak.text import parse_size


class Size(click.ParamType[int]):
    """A number of bytes, with a unit or without one."""

    name = "size"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return `value` as bytes. Raises click.BadParameter."""
        size = parse_size(value)
        if size is None:
            self.fail(f"{value!r} is not a size such as 20MB, 800k or 64MiB", param, ctx)
        return size


class Variable(click.ParamType[tuple[str, str]]):
    """An environment variable, as `NAME=VALUE`."""

    name = "variable"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return the name and the value. Raises click.BadParameter."""
        name, equals_sign, content = value.partition("=")
        if not (name and equals_sign):
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name, content


class TimeLimit(click.FloatRange):
    """A number of seconds. NaN, which lies in every range of click's, is not one."""

    name = "number of seconds"

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return `value` as a number. Raises click.BadParameter."""
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return seconds


class ExitStatus(click.IntRange):
    """An exit code, with a name of its own for click's messages."""

    name = "exit code"


SIZE = Size()
VARIABLE = Variable()
TIME_LIMIT = TimeLimit(0, 86_400, min_open=True)
EXIT_STATUS = ExitStatus(0, 255)
