"""The languages whose scripts are read, and how their interpreters are recognised."""

import os
import re
from collections.abc import Callable
from typing import NamedTuple

from magicpak.files.view import real_path
from magicpak.scripts.needs import Language


class LanguageRow(NamedTuple):
    """A language by its name, what the file names of its interpreters match, and what makes its reader."""

    name: str
    interpreters: str
    reader: Callable[[], Language]


def _shell() -> Language:
    from magicpak.scripts.shell import Shell

    return Shell()


LANGUAGES = (LanguageRow("shell", r"(?:da|ba|a|k|mk|pdk|z)?sh[-.0-9]*|busybox|rbash|posh|yash", _shell),)


def language_of(interpreter: str) -> LanguageRow | None:
    """Return the language that the program at the path `interpreter` runs, by its name or that of its real path."""
    for path in (interpreter, real_path(interpreter)):
        name = os.path.basename(path)
        for row in LANGUAGES:
            if re.fullmatch(row.interpreters, name):
                return row
    return None
