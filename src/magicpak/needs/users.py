"""The users and groups of a bundle, passwd(5) and group(5), and the modules by which libc finds them (NSS)."""

import os
import re

from magicpak.errors import NeedNotFound
from magicpak.files.view import read_file
from magicpak.needs.found import NeedFiles, NeedHost
from magicpak.needs.rows import WantedNeed

PASSWD, GROUP = "/etc/passwd", "/etc/group"
NSSWITCH = ("/etc/nsswitch.conf", "/usr/etc/nsswitch.conf")
"""The second is that of SUSE, if there is no first."""
MAX_FILE = 16 << 20
"""Bytes of such a file: a line for each of a hundred thousand users has 10 MB."""

MAX_MODULES = 64
"""Modules that are looked for: all that exist are some twenty."""

_MODULE = re.compile(r"[\w-]+")
_LOCKED = "*"  # which no password matches; x would be in /etc/shadow, which no bundle has, and PAM asks for it
_DEFAULT_USERS = ("root", "nobody")
_DEFAULT_MODULES = ("files", "dns")


def users(need: WantedNeed, host: NeedHost) -> NeedFiles:
    """Return files with the lines of the named users and groups, and of the groups that the users are in.

    Raises NeedNotFound for a name that is in neither file.
    """
    passwd, group = _lines(PASSWD, host, fields=7), _lines(GROUP, host, fields=4)
    wanted = (*(_DEFAULT_USERS if need.has_default else ()), *need.arguments)
    known = {fields[0] for fields in (*passwd, *group)}
    if missing := [name for name in need.arguments if name not in known]:
        raise NeedNotFound(need.flag, [f"{name} in {PASSWD} and {GROUP}" for name in missing])
    accounts = [[fields[0], _LOCKED, *fields[2:]] for fields in passwd if fields[0] in wanted]
    names, own = {fields[0] for fields in accounts}, {fields[3] for fields in accounts}
    groups = []
    for name, _, number, members in group:
        kept = [each for each in members.split(",") if each in names]
        if name in wanted or number in own or kept:
            groups.append([name, _LOCKED, number, ",".join(kept)])
    made = {path: _file(lines) for path, lines in ((PASSWD, accounts), (GROUP, groups)) if lines}
    return NeedFiles(made=made, sought=[f"{' and '.join(wanted)} in {PASSWD} and {GROUP}"])


def nss(_need: WantedNeed, host: NeedHost) -> NeedFiles:
    """Return the modules of glibc that nsswitch.conf(5) names, or those for which libc needs no such file."""
    text = next(filter(None, (_text(path, host) for path in NSSWITCH)), "")
    lines = (line.partition("#")[0].partition(":")[2] for line in text.splitlines())
    named = [name for line in lines for name in re.sub(r"\[[^]]*\]", " ", line).split()]
    modules = list(dict.fromkeys(filter(_MODULE.fullmatch, named or _DEFAULT_MODULES)))[:MAX_MODULES]
    found = {name: host.places.matches(f"{{lib}}/libnss_{name}.so.2") for name in modules}
    trees = [path for paths in found.values() for path in paths]
    return NeedFiles(trees=trees, sought=[f"libnss_{name}.so.2" for name, paths in found.items() if not paths])


def _lines(path: str, host: NeedHost, fields: int) -> list[list[str]]:
    """Return the fields of the lines of `path` that have as many; what NIS adds (`+`) is none of them."""
    lines = [line.split(":") for line in _text(path, host).splitlines()]
    return [line for line in lines if len(line) == fields and line[0] and line[0][0] not in "+-#"]


def _text(path: str, host: NeedHost) -> str:
    try:
        return os.fsdecode(read_file(host.files, path, MAX_FILE))
    except OSError:
        return ""


def _file(lines: list[list[str]]) -> bytes:
    return os.fsencode("".join(f"{':'.join(fields)}\n" for fields in lines))
