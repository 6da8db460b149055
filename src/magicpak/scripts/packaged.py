"""What the package of a script has for it: its other files, and the programs that it depends on.

A script finds much of what is its own by names that it puts together, so what its package has comes whole, as packages
of Python and gems do. What a package depends on says which words of a script are names of programs.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from magicpak.bundle.plan import Because
from magicpak.files.view import is_below
from magicpak.packages.contents import PROGRAMS, own_contents
from magicpak.packages.owners import owners
from magicpak.scripts.languages import language_of
from magicpak.scripts.needs import Requirement, ScriptFile, ScriptNeeds
from magicpak.scripts.sources import Sources
from magicpak.scripts.state import is_state
from magicpak.text import printable

MAX_PACKAGE, MAX_OF_EXECUTED = 48_000_000, 4_000_000
"""Bytes of a package that comes whole, of an INPUT and of what it executes: of a larger one, most is for other uses."""

_FOR_OTHERS = re.compile(
    r"/etc/(?:apparmor\.d|bash_completion\.d|cron\..*|dbus-1|default|init\.d|logrotate\.d|pam\.d|ppp|rc.\.d|sudoers\.d"
    r"|systemd|udev|xdg)/.*"
    r"|/(?:usr/)?lib/(?:debug|modprobe\.d|modules-load\.d|pkgconfig|[^/]*/pkgconfig|sysctl\.d|systemd|sysusers\.d"
    r"|tmpfiles\.d|udev)/.*"
    r"|/usr/(?:include|share/(?:aclocal|applications|apport|bash-completion|dbus-1|fish|icons|menu|metainfo|mime|pixmaps"
    r"|pkgconfig|polkit-1|vim|zsh))/.*"
    r"|.*\.(?:a|la|h|hpp)"
)
"""What packages have for the system, for desktops, shells and compilers."""

MAX_PART = 1 << 18
"""Bytes of a file that shell scripts read with a dot: the largest have a tenth."""

_WORD = re.compile(rb"[\w.+-]+")


class PackagedScripts(NamedTuple):
    """What the packages of scripts have for them, their files, and the paths of programs that these packages need.

    `modules` are the paths of all modules that they need; none where a script has no package.
    """

    needs: ScriptNeeds
    own: Sequence[str]
    programs: Sequence[str]
    modules: frozenset[str] = frozenset()


def packaged_scripts(scripts: Iterable[ScriptFile], sources: Sources, most: int) -> PackagedScripts:
    """Return what the packages of at most `most` bytes have that own `scripts`; nothing for those without an owner."""
    of_script = {sources.real(each.path): each for each in scripts}
    owned = owners(of_script, sources.files).by_path.items()
    found = [(of_script[path], package.name, own_contents(package, sources.files)) for path, package in owned]
    files: dict[str, Requirement] = {}
    programs: dict[str, Requirement] = {}
    directories: dict[str, Requirement] = {}
    hints: list[str] = []
    parts: list[ScriptFile] = []
    for script, name, contents in found:
        because = Because("of the same package as", script.path)
        wanted = [path for path in contents.paths if _is_for_script(path, sources)]
        size = sum(map(sources.size, wanted))
        if size > most:
            hints.append(f"--with package={name}: {printable(script.path)} may read what its package has besides")
            continue
        helpers = set(_helpers(script, wanted, sources))
        for path in wanted:
            (programs if path in helpers else files).setdefault(path, Requirement(path, because))
        for path in contents.paths:
            if is_state(path, sources):
                directories.setdefault(path, Requirement(path, because))
        row = language_of(script.interpreter, sources)
        if row is not None and row.name == "shell":
            parts += [ScriptFile(path, script.interpreter) for path in wanted if _is_of_shell(path, sources)]
    needs = ScriptNeeds(
        list(files.values()), list(programs.values()), (), hints, list(directories.values()), scripts=parts
    )
    own = [path for _, _, contents in found for path in contents.paths]
    modules = frozenset[str]().union(*(contents.modules for _, _, contents in found if len(found) == len(of_script)))
    return PackagedScripts(needs, own, [path for _, _, contents in found for path in contents.programs], modules)


def _is_for_script(path: str, sources: Sources) -> bool:
    """Return whether the file `path` of a script's package is for the script."""
    if is_below(path, PROGRAMS) or is_below(path, ("/var",)) or _FOR_OTHERS.fullmatch(path):
        return False
    return sources.is_file(path) and sources.is_public(path)


def _is_of_shell(path: str, sources: Sources) -> bool:
    """Return whether the file at `path` is one that a shell script may read, by its name."""
    name = os.path.basename(path)
    is_named = "." not in name or name.endswith((".bash", ".functions", ".inc", ".ksh", ".sh", ".subr"))
    return (
        is_named and sources.size(path) <= MAX_PART and not sources.head(path).startswith((b"\x7fELF", b"#!/usr/bin/p"))
    )


def _helpers(script: ScriptFile, paths: Iterable[str], sources: Sources) -> Iterator[str]:
    """Yield those of `paths` that `script` may execute: it has their names, or they are for the same interpreter."""
    language = language_of(script.interpreter, sources)
    words = set(_WORD.findall(sources.read(script.path) or b""))
    for path in paths:
        if not sources.is_executable(path):
            continue
        head = sources.head(path)
        if not head.startswith(b"#!"):
            continue
        line = os.fsdecode(head[2:].partition(b"\n")[0]).split()
        interpreter = next((each for each in line if not each.endswith("/env") and not each.startswith("-")), "")
        is_same = language is not None and language_of(interpreter, sources) == language
        if is_same or os.fsencode(os.path.basename(path)) in words:
            yield path
