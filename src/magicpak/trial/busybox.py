"""The busybox that lends a test its shell, checked before it is trusted."""

import os
import re
from typing import NamedTuple

from magicpak.elf.errors import ElfError
from magicpak.elf.reader import read_path
from magicpak.errors import TestUnavailable, ToolFailed, limit_hints, reason
from magicpak.process.child import run
from magicpak.process.exec import find_program
from magicpak.text import printable

_SECONDS = 10.0
_APPLET = re.compile(r"[\w.\[-]+", re.ASCII)
_OTHER_NAMES = ("busybox.static", "busybox-static")
_HINT = "apt-get install busybox-static (Alpine: apk add busybox-static), or --busybox with its path"


class Busybox(NamedTuple):
    """A static busybox that has a shell: its absolute path, and the names of its applets."""

    path: str
    applets: frozenset[str]


def find_busybox(path_or_name: str) -> Busybox:
    """Return the busybox that `--busybox` names; of a name, one that is static is preferred, as Alpine calls it.

    Raises ToolFailed where it is missing, not static, or does not list its applets as a busybox does.
    """
    others = _OTHER_NAMES if path_or_name == "busybox" else ()
    found = [path for name in (path_or_name, *others) if (path := find_program(name))]
    if not found:
        raise ToolFailed.missing(path_or_name, "--test-command", _HINT)
    complaints = [_why_not_static(path) for path in found]
    static = [path for path, complaint in zip(found, complaints, strict=True) if complaint is None]
    if not static:
        message = f"{printable(found[0])} {complaints[0]} (--test-command needs a static busybox)"
        raise ToolFailed(message, hints=[_HINT])
    path = os.path.abspath(static[0])
    return Busybox(path, _applets(path))


def _why_not_static(path: str) -> str | None:
    try:
        return "is not static" if read_path(path).interpreter is not None else None
    except ElfError:
        return "is not a static program"
    except OSError as error:
        return f"cannot be read: {reason(error)}"


def _applets(path: str) -> frozenset[str]:
    """Return what `busybox --list` prints.

    Raises ToolFailed where that is not a list with a shell in it, and TestUnavailable where no process is left for it.
    """
    try:
        done = run(["busybox", "--list"], executable=path, timeout=_SECONDS)  # it goes by the name that it is called
    except ToolFailed as error:
        if limit_hints(error.message):
            raise TestUnavailable(error.message, hints=error.hints) from None
        error.hints = error.hints or (_HINT,)
        raise
    names = os.fsdecode(done.output).split("\n")[:-1]
    if done.returncode != 0 or "sh" not in names or not all(map(_APPLET.fullmatch, names)):
        raise ToolFailed(f"{printable(path)} is not a busybox with a shell: --list does not list one", hints=[_HINT])
    return frozenset(names)
