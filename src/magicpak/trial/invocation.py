"""What is executed in a test: a program of the bundle by its path, or a shell with the user's command.

The shell is the bundle's own /bin/sh or else that of a busybox, which is not part of the bundle. Only the words of the
command can be applets of busybox: each becomes a function of the shell, unless the bundle has a program of that name.
A busybox shell executes itself for it; another shell is given a path that nobody can guess.
"""

import os
import re
from typing import NamedTuple, Protocol

from magicpak.bundle.entry import Copy
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.files.script import SEARCH_PATH
from magicpak.sandbox.namespaces import LentTool
from magicpak.scripts.shell.builtins import BUILTINS
from magicpak.text import shell_line
from magicpak.trial.busybox import Busybox

SHELL = "/bin/sh"

_KEYWORDS = frozenset({"time"})  # of some shells, as which they are no names of functions
_FUNCTION_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_ITSELF = "/proc/self/exe"


class Invocation(NamedTuple):
    """The arguments of a command, the path of what is executed, and what is lent for it."""

    argv: tuple[str, ...]
    executable: str
    tool: LentTool | None = None


class TrialCommand(Protocol):
    """A command that is tested."""

    @property
    def line(self) -> str:
        """The command as a line for people."""
        ...

    def invocation(self, *, has_proc: bool) -> Invocation:
        """Return what is executed where there is a /proc, or where there is none."""
        ...


class ProgramCommand(NamedTuple):
    """An executable of the bundle, by its path there."""

    path: BundlePath

    @property
    def line(self) -> str:
        """The command as a line for people."""
        return shell_line([self.path])

    def invocation(self, *, has_proc: bool) -> Invocation:
        """Return it; it is the same everywhere."""
        del has_proc
        return Invocation((str(self.path),), str(self.path))


class BusyboxCommand(NamedTuple):
    """A command for the shell of `busybox`; `own` are the programs of the bundle that have a name of an applet."""

    command: str
    busybox: Busybox
    own: dict[str, str]

    @property
    def line(self) -> str:
        """The command as a line for people."""
        return self.command

    def invocation(self, *, has_proc: bool) -> Invocation:
        """Return the shell with the functions that the command needs."""
        at = None if has_proc else _secret()
        functions = [
            f'{name}() {{ {path} "$@"; }};' for name, path in self.own.items() if _has_word(name, self.command)
        ]
        for name in _applets(self.command, self.busybox, self.own):
            body = f'(exec -a {name} {_ITSELF} "$@")' if has_proc else f'{at} {name} "$@"'
            functions.append(f"{name}() {{ {body}; }};")
        script = " ".join([*functions, self.command])
        return Invocation(("sh", "-c", script), SHELL, LentTool(self.busybox.path, at, is_first=True))


class ShellCommand(NamedTuple):
    """A command for the bundle's own shell; `busybox`, if there is one, is lent for the words that the bundle lacks."""

    command: str
    busybox: Busybox | None
    own: dict[str, str]

    @property
    def line(self) -> str:
        """The command as a line for people."""
        return self.command

    def invocation(self, *, has_proc: bool) -> Invocation:
        """Return the shell with the functions that the command needs, and a busybox for them only if there are any."""
        names = _applets(self.command, self.busybox, self.own) if self.busybox else []
        names = [name for name in names if name not in _KEYWORDS]
        if self.busybox is None or not names:
            return Invocation(("sh", "-c", self.command), SHELL)
        at = _secret("/dev" if has_proc else "")
        functions = [f'{name}() {{ {at} {name} "$@"; }};' for name in names]
        script = " ".join([*functions, self.command])
        return Invocation(("sh", "-c", script), SHELL, LentTool(self.busybox.path, at, is_first=False))


def own_programs(busybox: Busybox | None, plan: BundlePlan) -> dict[str, str]:
    """Return where the bundle has a program by the name of an applet, in the order of PATH."""
    places = [plan.reached(directory)[1] for directory in SEARCH_PATH]
    return {
        name: path
        for name in sorted(busybox.applets if busybox else ())
        if (path := next((at for place in places if is_program(at := f"{place}/{name}", plan)), None))
        if _FUNCTION_NAME.fullmatch(name) and name not in BUILTINS
    }


def is_program(path: str, plan: BundlePlan) -> bool:
    """Return whether `path` leads to an executable file in the bundle."""
    item = plan.reached(path)[0]
    return item is not None and isinstance(item.entry, Copy) and bool(item.entry.attributes.mode & 0o111)


def _applets(command: str, busybox: Busybox, own: dict[str, str]) -> list[str]:
    """Return the applets that the command could mean."""
    return [
        name
        for name in sorted(busybox.applets - own.keys() - BUILTINS)
        if _FUNCTION_NAME.fullmatch(name) and _has_word(name, command)
    ]


def _has_word(name: str, command: str) -> bool:
    return re.search(rf"\b{name}\b", command) is not None


def _secret(directory: str = "") -> str:
    """Return a path that nobody can guess; busybox must be called by a name that begins with its own."""
    return f"{directory}/.magicpak-{os.urandom(16).hex()}/busybox"
