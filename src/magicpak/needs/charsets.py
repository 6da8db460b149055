"""The locales and character sets of glibc: what setlocale(3) and iconv_open(3) load."""

import os
import re
import struct
from collections.abc import Iterator, Sequence

from magicpak.errors import NeedNotFound
from magicpak.files.cli_path import HOST_ROOT, CliPath
from magicpak.files.view import read_file
from magicpak.needs.found import NeedFiles, NeedHost
from magicpak.needs.rows import WantedNeed, near_names

LOCALES, ARCHIVE = "/usr/lib/locale", "/usr/lib/locale/locale-archive"
MUSL_LOCALES = "/usr/share/i18n/locales/musl"
"""Where Alpine's musl-locales has them; MUSL_LOCPATH names it."""

MAX_CONFIGURATION = 1 << 20
"""Bytes of a file that describes modules: that of glibc 2.40 has 60 KB."""
MAX_ARCHIVE = 1 << 20
"""Bytes of the names of locales in an archive, and of what comes before them: 400 locales have 300 KB."""

_ARCHIVE_MAGIC = 0xDE020109  # locarchive.h of glibc
_ARCHIVE_HEAD = struct.Struct("=7I")
"""Magic, serial number; of the names' hash table: offset, entries used, size; offset and size of the strings."""
_BUILT_IN = re.compile(
    r"(ANSI_X3\.4-1968|(US-)?ASCII|WCHAR_T|UTF-?8|UCS-?[24]([LB]E)?|UNICODE(LITTLE|BIG)|ISO-10646.*)"
)
"""Character sets that libc converts itself (gconv_builtin.h of glibc)."""


def locale(need: WantedNeed, host: NeedHost) -> NeedFiles:
    """Return the locales that are named, as directories or in the archive; all by default. Raises NeedNotFound."""
    paths = [LOCALES, MUSL_LOCALES] if need.has_default else []
    for name in need.arguments:
        found = [each for each in _locale_paths(name) if host.files.exists(each)]
        if not found and _normalized(name) in _archived(host):
            found = [ARCHIVE]
        if not found:
            raise NeedNotFound(need.flag, [*_locale_paths(name), f"{_normalized(name)} in {ARCHIVE}"])
        paths += found
    existing = [path for path in dict.fromkeys(paths) if host.files.exists(path)]
    return NeedFiles(trees=[CliPath(HOST_ROOT, path) for path in existing], sought=paths)


def _locale_paths(name: str) -> list[str]:
    """Return where glibc and musl look for a locale: with the codeset as it is written, and as it is normalized."""
    directories = [f"{LOCALES}/{each}" for each in dict.fromkeys((_normalized(name), name))]
    return [*directories, f"{MUSL_LOCALES}/{name}"]


def _normalized(name: str) -> str:
    """Return the name of a locale with its codeset as glibc's _nl_normalize_codeset writes it: `utf8`."""
    language, dot, rest = name.partition(".")
    codeset, at, modifier = rest.partition("@")
    letters = "".join(filter(str.isalnum, codeset)).lower()
    return f"{language}{dot}{'iso' if letters.isdigit() else ''}{letters}{at}{modifier}"


def _archived(host: NeedHost) -> frozenset[str]:
    """Return the names in the archive."""
    try:
        data = read_file(host.files, ARCHIVE, MAX_ARCHIVE)
    except OSError:
        return frozenset()
    if len(data) < _ARCHIVE_HEAD.size:
        return frozenset()
    magic, _, _, _, _, start, size = _ARCHIVE_HEAD.unpack_from(data)
    return (
        frozenset(map(os.fsdecode, data[start : start + size].split(b"\0"))) if magic == _ARCHIVE_MAGIC else frozenset()
    )


def gconv(need: WantedNeed, host: NeedHost) -> NeedFiles:
    """Return the modules of the character sets that are named, with how libc finds them; all by default.

    Raises NeedNotFound.
    """
    directories = [each.on_host for each in host.places.matches("{lib}/gconv")]
    if not directories:
        raise NeedNotFound(need.flag, host.places.patterns("{lib}/gconv") or ["{lib}/gconv"])
    paths = directories if need.has_default else [path for each in directories for path in _chosen(each, need, host)]
    return NeedFiles(trees=[CliPath(HOST_ROOT, path) for path in paths])


def _chosen(directory: str, need: WantedNeed, host: NeedHost) -> list[str]:
    """Return the modules in `directory` of the sets that are named, and the lists of all. Raises NeedNotFound."""
    modules, aliases = _modules(directory, host)
    files = [f"{directory}/gconv-modules", f"{directory}/gconv-modules.cache", f"{directory}/gconv-modules.d"]
    for argument in need.arguments:
        name = _set(argument)
        name = aliases.get(name, name)
        if name not in modules and not _BUILT_IN.fullmatch(name):
            near = near_names(name, {*modules, *aliases})
            hints = [f"did you mean {', '.join(near)}?"] if near else []
            raise NeedNotFound(need.flag, [f"{argument} in {directory}/gconv-modules"], hints)
        files += modules.get(name, ())
    return [file for file in dict.fromkeys(files) if host.files.exists(file)]


def _modules(directory: str, host: NeedHost) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the files of the modules of each character set, and the sets by their other names."""
    modules: dict[str, list[str]] = {}
    aliases: dict[str, str] = {}
    for fields in _configuration(directory, host):
        match fields:
            case ["alias", name, of, *_]:
                aliases[_set(name)] = _set(of)
            case ["module", source, target, file, *_]:
                path = os.path.join(directory, file if file.endswith(".so") else f"{file}.so")
                for name in {_set(source), _set(target)} - {"INTERNAL"}:
                    modules.setdefault(name, []).append(path)
    return modules, aliases


def _configuration(directory: str, host: NeedHost) -> Iterator[Sequence[str]]:
    more = f"{directory}/gconv-modules.d"
    names = sorted(host.files.names(more)) if host.files.is_directory(more) else []
    for path in (f"{directory}/gconv-modules", *(f"{more}/{name}" for name in names if name.endswith(".conf"))):
        try:
            text = os.fsdecode(read_file(host.files, path, MAX_CONFIGURATION))
        except OSError:
            continue
        yield from (re.sub("#.*", "", line).split() for line in text.splitlines())


def _set(name: str) -> str:
    return name.upper().rstrip("/")
