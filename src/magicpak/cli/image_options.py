"""The options that say what a bundle is laid onto, and what an image is: what it starts, as whom, where, its layers."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from magicpak.cli.grouped_help import option_group
from magicpak.cli.image_values import COMMAND_WORDS, IMAGE_NAME, PORTS, STOP_SIGNAL
from magicpak.cli.validation import IMAGE_PATH, VARIABLE
from magicpak.outputs.layers import Layers

_image = option_group("Config of an image")

_base = option_group("Base image")

_BASE_OPTIONS = (
    _base(
        "--onto",
        metavar="BASE",
        multiple=True,
        help="Leave out what BASE has, and follow its layout. It is a directory with the files of the base image, "
        "oci:DIR[:TAG], or an archive of an image.",
    ),
    _base("--onto-replace", is_flag=True, help="Replace files of BASE that differ from those of the bundle."),
)
_IMAGE_OPTIONS = (
    _image(
        "--entrypoint",
        metavar="COMMAND",
        type=COMMAND_WORDS,
        help="Words or a JSON array, like --cmd; empty for none.  [default: the path of the first INPUT]",
    ),
    _image("--cmd", metavar="COMMAND", type=COMMAND_WORDS, default="", help="Default arguments. No shell runs them."),
    _image("--env", metavar="NAME=VALUE", multiple=True, type=VARIABLE, help="Set an environment variable."),
    _image("--user", metavar="USER[:GROUP]", help="User to run as, by name or number.  [default: root]"),
    _image("--workdir", metavar="PATH", type=IMAGE_PATH, help="Directory to run in; created if needed.  [default: /]"),
    _image("--expose", metavar="PORT", multiple=True, type=PORTS, help="Port that the program listens on: 80, 53/udp."),
    _image("--label", metavar="NAME=VALUE", multiple=True, type=VARIABLE, help="Add metadata."),
    _image("--stop-signal", metavar="SIGNAL", type=STOP_SIGNAL, help="Signal that stops the program."),
    _image("--tag", metavar="NAME[:TAG]", type=IMAGE_NAME, help="Name that the image gets when it is loaded."),
    _image(
        "--layers",
        type=click.Choice(Layers, case_sensitive=False),
        default=Layers.ONE,
        help="One layer, or the files of system packages in a first one, which stays the same when the program "
        "changes.  [default: one]",
    ),
)


def base_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options on the base to the command that `function` becomes."""
    return _with_options(function, _BASE_OPTIONS)


def image_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options on the image to the command that `function` becomes."""
    return _with_options(function, _IMAGE_OPTIONS)


def _with_options(function: Callable[..., Any], options: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    for option in reversed(options):
        function = option(function)
    return function
