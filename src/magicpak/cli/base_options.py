"""The options that say what the bundle will be laid onto."""

from collections.abc import Callable
from typing import Any

from magicpak.cli.grouped_help import option_group

_base = option_group("Base image")

_OPTIONS = (
    _base(
        "--onto",
        metavar="BASE",
        multiple=True,
        help="Leave out what BASE has, and follow its layout. It is a directory with the files of the base image, "
        "oci:DIR[:TAG], or an archive of an image.",
    ),
    _base("--onto-replace", is_flag=True, help="Replace files of BASE that differ from those of the bundle."),
)


def base_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to the command that `function` becomes."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
