"""Where an interpreter of Python keeps its library: found from its path, as Modules/getpath.py of CPython does it."""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from magicpak.scripts.sources import Sources

_NAME = re.compile(r"(python|pypy)(\d\.\d+t?)?")
_LIBRARY = re.compile(r"(?:python|pypy)(\d)\.(\d+)t?")
_LIB_DIRECTORIES = ("lib", "lib64")
_BUILT_IN_PREFIXES = ("/usr/local", "/usr")
"""Where an interpreter looks that finds nothing near itself: the prefix that it was configured with, one of these."""


class PythonHome(NamedTuple):
    """The library of an interpreter.

    `name` is that of its directory, `python3.11`; `library` and `dynload` are the directories of the standard library
    and of its C modules; `archive` is the zip file that may take their place. `prefixes` are where packages are
    installed below, `environment` is the directory of the virtual environment that the interpreter belongs to.
    """

    name: str
    library: str
    dynload: str
    archive: str
    prefixes: tuple[str, ...]
    environment: str | None = None
    has_system_site: bool = True
    search_path: tuple[str, ...] | None = None
    settings: str | None = None

    @property
    def tag(self) -> str:
        """The part of the names of compiled modules that stands for the version, `cpython-311`."""
        kind, version = ("pypy", self.name[4:]) if self.name.startswith("pypy") else ("cpython-", self.name[6:])
        return kind + version.replace(".", "")


def find_python(interpreter: str, sources: Sources) -> PythonHome | None:
    """Return the home of the interpreter at the path `interpreter`; None where there is none."""
    environment, settings = _environment(interpreter, sources)
    real = sources.real(interpreter)
    directory = settings.get("home") or os.path.dirname(real)
    pth = next((each for each in (f"{interpreter}._pth", f"{real}._pth") if sources.is_file(each)), None)
    if pth:
        directory = os.path.dirname(pth)
    names = [os.path.basename(path) for path in (real, interpreter)]
    version = re.match(r"\d\.\d+", settings.get("version", settings.get("version_info", "")))
    for prefix in (*_ascending(directory), *_BUILT_IN_PREFIXES):
        found = _below(prefix, names, version[0] if version else None, sources)
        if found:
            home = _with_platform(found, directory, sources)
            system_site = settings.get("include-system-site-packages", "true").lower() == "true"
            cfg = f"{environment}/pyvenv.cfg" if environment else pth
            home = home._replace(environment=environment, has_system_site=system_site or not environment, settings=cfg)
            return home._replace(search_path=_lines(pth, sources)) if pth else home
    return None


def _environment(interpreter: str, sources: Sources) -> tuple[str | None, dict[str, str]]:
    """Return the directory of the virtual environment of `interpreter`, if it is of one, and its settings."""
    beside = os.path.dirname(interpreter)
    for directory in (os.path.dirname(beside), beside):
        path = os.path.join(directory, "pyvenv.cfg")
        if sources.is_file(path):
            lines = (sources.read(path) or b"").decode(errors="surrogateescape").splitlines()
            pairs = [line.partition("=") for line in lines]
            settings = {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}
            return (directory, settings) if "home" in settings else (None, {})
    return None, {}


def _ascending(directory: str) -> Iterator[str]:
    while True:
        yield directory
        above = os.path.dirname(directory)
        if above == directory:
            return
        directory = above


def _below(prefix: str, names: list[str], version: str | None, sources: Sources) -> PythonHome | None:
    """Return the home in `prefix` for an interpreter with one of `names`: with its version, else the newest."""
    found = [match for match in map(_NAME.match, names) if match]
    kind = found[0][1] if found else "python"
    versions = [match[2] for match in found if match[2]] or ([version] if version else [])
    for lib in _LIB_DIRECTORIES:
        directory = os.path.join(prefix, lib)
        at_hand = sorted(filter(_LIBRARY.fullmatch, sources.names(directory)), key=_age, reverse=True)
        for name in [f"{kind}{each}" for each in versions] or [each for each in at_hand if each.startswith(kind)]:
            library = os.path.join(directory, name)
            archive = os.path.join(directory, f"{name.replace('.', '')}.zip")
            if any(map(sources.is_file, (f"{library}/os.py", f"{library}/os.pyc", archive))):
                return PythonHome(name, library, f"{library}/lib-dynload", archive, (prefix,))
    return None


def _age(name: str) -> tuple[int, int]:
    match = _LIBRARY.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _with_platform(home: PythonHome, directory: str, sources: Sources) -> PythonHome:
    """Return `home` with its C modules, which may have a prefix of their own (--exec-prefix)."""
    for prefix in (*_ascending(directory), *home.prefixes):
        for lib in _LIB_DIRECTORIES:
            dynload = os.path.join(prefix, lib, home.name, "lib-dynload")
            if sources.is_directory(dynload):
                prefixes = tuple(dict.fromkeys((*home.prefixes, prefix)))
                return home._replace(dynload=dynload, prefixes=prefixes)
    return home


def _lines(pth: str, sources: Sources) -> tuple[str, ...]:
    """Return the search path that a ._pth file has, in place of any other."""
    lines = (sources.read(pth) or b"").decode(errors="surrogateescape").splitlines()
    entries = [line.split("#")[0].strip() for line in lines]
    directory = os.path.dirname(pth)
    return tuple(os.path.normpath(os.path.join(directory, each)) for each in entries if each and each != "import site")
