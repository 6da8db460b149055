"""The types of the values that an image's config has, as a Dockerfile writes them."""

import re
import signal

import click

_PORT_MAX = 65535
_PORT = r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp|sctp))?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"  # the grammar of names in distribution/reference
_HOST = r"(?:[a-zA-Z0-9.-]+(?::[0-9]+)?/)?"
_IMAGE_NAME = rf"{_HOST}{_PART}(?:/{_PART})*(:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
_REAL_TIME = r"RTM(?:IN\+|AX-)[0-9]{1,2}"


class CommandWords(click.ParamType[tuple[str, ...]]):
    """A command: a JSON array, or words that are quoted as in a shell."""

    name = "command"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the words. Raises click.BadParameter."""
        if not value:
            return ()  # the default: each run reads it
        if not value.lstrip().startswith("["):
            import shlex

            try:
                return tuple(shlex.split(value))
            except ValueError as error:
                self.fail(f"{value!r}: {error}", param, ctx)
        import json

        try:
            words = json.loads(value)
        except (ValueError, RecursionError):
            words = None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            self.fail(f"{value!r} is not a JSON array of strings", param, ctx)
        return tuple(words)


class Ports(click.ParamType[tuple[str, ...]]):
    """A port or a range of ports, of tcp unless a protocol follows."""

    name = "port"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return each port with its protocol. Raises click.BadParameter."""
        match = re.fullmatch(_PORT, value, re.ASCII | re.IGNORECASE)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if match is None or not 1 <= first <= last <= _PORT_MAX:
            self.fail(f"{value!r} is not a port such as 80, 53/udp or 8000-8010", param, ctx)
        protocol = (match[3] or "tcp").lower()
        return tuple(f"{port}/{protocol}" for port in range(first, last + 1))


class StopSignal(click.ParamType[str]):
    """A signal by its name or number."""

    name = "signal"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value`. Raises click.BadParameter."""
        name = value.upper().removeprefix("SIG")
        is_number = value.isascii() and value.isdigit() and 0 < int(value[:3]) <= signal.SIGRTMAX and len(value) <= 2  # noqa: PLR2004 - digits
        if not (is_number or f"SIG{name}" in signal.Signals.__members__ or re.fullmatch(_REAL_TIME, name)):
            self.fail(f"{value!r} is not a signal such as SIGTERM or 15", param, ctx)
        return value


class ImageName(click.ParamType[str]):
    """A name of an image, with a tag."""

    name = "image name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value`, with the tag `latest` if it has none. Raises click.BadParameter."""
        match = re.fullmatch(_IMAGE_NAME, value, re.ASCII)
        if match is None:
            self.fail(f"{value!r} is not a name of an image such as app or registry.example/app:1.0", param, ctx)
        return value if match[1] else f"{value}:latest"


COMMAND_WORDS = CommandWords()
PORTS = Ports()
STOP_SIGNAL = StopSignal()
IMAGE_NAME = ImageName()
