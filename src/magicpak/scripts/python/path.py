"""Where an interpreter of Python looks for modules: sys.path as it is for one script, as site.py makes it."""

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from magicpak.scripts.needs import ScriptFile
from magicpak.scripts.python.home import PythonHome
from magicpak.scripts.sources import Sources

_WITH_VALUE = "cmWX"
_LONGEST_PTH = 1000
"""Lines of a .pth file that are read: real ones have a line for each project that is being developed."""
_FINDER = re.compile(rb"^MAPPING\b[^={]*=\s*(\{[^{}]*\})", re.MULTILINE)
_IMPORTED = re.compile(r"import[ \t]+([\w.]+)")
_PAIR = re.compile(rb"""["']([\w.]+)["']\s*:\s*["']([^"'\\]+)["']""")


class PathEntry(NamedTuple):
    """A directory of sys.path, the files without which it would not be there, and whether packages are installed in it.

    Of a module that is mapped by its name, `directory` is the place.
    """

    directory: str
    added_by: tuple[str, ...] = ()
    is_site: bool = False


class PythonPath(NamedTuple):
    """Where modules are looked for: directories in their order, and modules that a .pth file maps by their names."""

    entries: tuple[PathEntry, ...]
    mapped: dict[str, PathEntry]


def search_path(script: ScriptFile, home: PythonHome, sources: Sources) -> PythonPath:
    """Return the search path that `script` starts with."""
    flags = _flags(script.arguments)
    entries: list[PathEntry] = []
    mapped: dict[str, PathEntry] = {}
    if home.search_path is not None:
        entries += map(PathEntry, home.search_path)
        return PythonPath(tuple(entries), mapped)
    if not flags & set("IP"):
        entries.append(PathEntry(os.path.dirname(sources.real(script.path))))
    if not flags & set("IE"):
        entries += map(PathEntry, filter(os.path.isabs, script.environment.get("PYTHONPATH", "").split(":")))
    entries += map(PathEntry, (home.archive, home.library, home.dynload))
    if "S" not in flags:
        user = os.path.expanduser(f"~/.local/lib/{home.name}/site-packages")
        has_user = home.has_system_site and not flags & set("Is") and sources.is_directory(user)
        for directory in dict.fromkeys([*([user] if has_user else []), *site_directories(home, sources)]):
            for entry, names in _site_entries(directory, sources):
                entries.append(entry)
                mapped.update(names)
    return PythonPath(tuple(dict.fromkeys(entries)), mapped)


def _flags(arguments: Sequence[str]) -> set[str]:
    """Return the letters of the options before the script, those that take a value and their values left out."""
    flags: set[str] = set()
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word.startswith("-") and not word.startswith("--"):
            for at, letter in enumerate(word[1:], 2):
                if letter in _WITH_VALUE:
                    words = words[0 if word[at:] else 1 :]
                    break
                flags.add(letter)
    return flags


def site_directories(home: PythonHome, sources: Sources) -> list[str]:
    """Return the directories of packages: site-packages, and what distributors have made of it.

    Debian's site.py names dist-packages, which it shares among versions; Fedora's takes in what is below /usr/local.
    """
    text = sources.read(f"{home.library}/site.py") or b""
    found: list[str] = []
    if home.environment:
        found += [f"{home.environment}/{lib}/{home.name}/site-packages" for lib in ("lib", "lib64")]
    if home.has_system_site:
        prefixes = home.prefixes
        if re.search(rb"""insert\(\s*0\s*,\s*["']/usr/local["']""", text):
            prefixes = ("/usr/local", *prefixes)
        for prefix in prefixes:
            if b"dist-packages" in text:
                major = home.name[: home.name.index(".")]
                found += [f"{prefix}/local/lib/{home.name}/dist-packages", f"{prefix}/lib/{major}/dist-packages"]
                found.append(f"{prefix}/lib/{home.name}/dist-packages")
            else:
                found += [f"{prefix}/{lib}/{home.name}/site-packages" for lib in ("lib", "lib64")]
    real = {sources.real(each): each for each in reversed(found) if sources.is_directory(each)}
    return [each for each in found if each in real.values()]


def _site_entries(directory: str, sources: Sources) -> Iterator[tuple[PathEntry, dict[str, PathEntry]]]:
    """Yield `directory` and what its .pth files add."""
    yield PathEntry(directory, is_site=True), {}
    for name in sorted(each for each in sources.names(directory) if each.endswith(".pth") and each[0] != "."):
        pth = os.path.join(directory, name)
        for line in (sources.read(pth) or b"").decode(errors="surrogateescape").splitlines()[:_LONGEST_PTH]:
            added = os.path.normpath(os.path.join(directory, line.strip()))
            module = _IMPORTED.match(line)
            if module and "finder" in module[1]:
                yield (
                    PathEntry(directory, is_site=True),
                    _mapped(pth, os.path.join(directory, f"{module[1]}.py"), sources),
                )
            elif not module and line.strip() and not line.startswith("#") and sources.is_directory(added):
                yield PathEntry(added, (pth,)), {}


def _mapped(pth: str, finder: str, sources: Sources) -> dict[str, PathEntry]:
    """Return the places of the modules that the finder of an editable install, which setuptools writes, maps."""
    mapping = _FINDER.search(sources.read(finder) or b"")
    pairs = _PAIR.findall(mapping[1]) if mapping else []
    return {os.fsdecode(name): PathEntry(os.fsdecode(path), (pth, finder)) for name, path in pairs}
