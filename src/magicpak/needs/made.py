"""What is made for the bundle, or picked by a rule that no pattern can say: which function does it, in which module.

Only that module is imported: some bring the readers of scripts.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from magicpak.needs.rows import WantedNeed

if TYPE_CHECKING:
    from magicpak.needs.found import NeedFiles, NeedHost

MADE = {
    "dlopen": "dlopened",
    "gconv": "charsets",
    "library": "libraries",
    "locale": "charsets",
    "nss": "users",
    "package": "package",
    "package_and_dependencies": "package",
    "shell": "shell",
    "users": "users",
}
"""The functions that a row names, by the modules that have them."""


def make(need: WantedNeed, host: "NeedHost") -> "NeedFiles":
    """Return what the function that the row of `need` names finds or makes. Raises NeedNotFound and InvalidUsage."""
    module = import_module(f"magicpak.needs.{MADE[need.row.made]}")
    made: Callable[[WantedNeed, NeedHost], NeedFiles] = getattr(module, need.row.made)
    return made(need, host)
