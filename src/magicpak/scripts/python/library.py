"""The standard library of Python: what of it any program may need, and what only some do."""

import os
import re
from collections.abc import Iterator

from magicpak.scripts.python.home import PythonHome
from magicpak.scripts.sources import Sources

_ASIDE = {"test", "idlelib", "turtledemo", "ensurepip", "tkinter"}
"""Packages that come in only if they are imported: together they are larger than all others.

The tests are 70 to 130 MB where all is compiled, idlelib is an editor, and ensurepip has pip inside, to install it.
tkinter would bring Tcl and the libraries of X11 into each bundle.
"""
_NEVER = re.compile(r"site-packages|dist-packages|lib-dynload|config-.*|config|turtle\.py")
_LEFTOVER = re.compile(r"tests?|idle_test|.*\.opt-[12]\.pyc")
"""What is built from sources has 27 MB that are compiled for -O and -OO, besides the 15 MB that are used without."""
_MAX_DEPTH = 8
_LOCALES = ("/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8")
"""The locale that an interpreter takes where it has none (PEP 538), and that images of Python name in LANG: 0.4 MB."""
_ASIDE_MODULE = re.compile(r"_tkinter\b|_test|_ctypes_test|_xxtestfuzz|xxlimited|xxsubtype")
_NEEDED_BY = {
    "turtle": ("tkinter",),
    "idlelib": ("tkinter",),
    "turtledemo": ("turtle", "tkinter"),
    "venv": ("ensurepip",),
}
_TCL = ("/usr/share/tcltk", "/usr/lib/tcltk")
_TCL_IN_PREFIX = re.compile(r"(?:tcl|tk)\d.*")


def library_files(home: PythonHome, sources: Sources) -> Iterator[str]:
    """Yield the paths of the standard library, but for what few programs need."""
    for name in sorted(sources.names(home.library)):
        if name not in _ASIDE and not _NEVER.fullmatch(name):
            yield from _without_leftovers(os.path.join(home.library, name), sources, _MAX_DEPTH)[0]
    for name in sorted(sources.names(home.dynload)):
        if not _ASIDE_MODULE.match(name):
            yield os.path.join(home.dynload, name)
    yield from (path for path in (home.archive, home.settings) if path and sources.is_file(path))
    yield from (path for path in _LOCALES if sources.is_directory(path))


def _without_leftovers(path: str, sources: Sources, depth: int) -> tuple[list[str], bool]:
    """Return `path`, or what is in it but for tests and code that is compiled for -O; and whether that is all of it."""
    if depth == 0 or not sources.is_directory(path):
        return [path], True
    found: list[str] = []
    is_whole = True
    for name in sorted(sources.names(path)):
        if _LEFTOVER.fullmatch(name):
            is_whole = False
            continue
        parts, are_all = _without_leftovers(os.path.join(path, name), sources, depth - 1)
        found += parts
        is_whole = is_whole and are_all
    return ([path], True) if is_whole else (found, False)


def files_aside(module: str, home: PythonHome, sources: Sources) -> Iterator[str]:
    """Yield what `library_files` leaves out, and is needed where `module` of the standard library is imported."""
    first = module.partition(".")[0]
    for name in (first, *_NEEDED_BY.get(first, ())):
        if name == "turtle":
            yield os.path.join(home.library, "turtle.py")
        elif name in _ASIDE:
            yield os.path.join(home.library, name)
        if name == "tkinter":
            yield from _tcl(home, sources)
        if name == "test":
            yield from _modules(home, sources, "_test", "_ctypes_test", "_xxtestfuzz", "xx")


def _tcl(home: PythonHome, sources: Sources) -> Iterator[str]:
    """Yield the module that loads Tcl, and the scripts that Tcl needs to start."""
    yield from _modules(home, sources, "_tkinter")
    yield from (path for path in _TCL if sources.is_directory(path))
    for prefix in home.prefixes:
        for lib in ("lib", "lib64", "share"):
            for name in sorted(filter(_TCL_IN_PREFIX.fullmatch, sources.names(os.path.join(prefix, lib)))):
                if sources.is_directory(path := os.path.join(prefix, lib, name)):
                    yield path


def _modules(home: PythonHome, sources: Sources, *beginnings: str) -> Iterator[str]:
    names = sorted(each for each in sources.names(home.dynload) if each.startswith(beginnings))
    yield from (os.path.join(home.dynload, each) for each in names)
