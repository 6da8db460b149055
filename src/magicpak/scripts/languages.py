"""The languages whose scripts are read, and how their interpreters are recognised."""

import os
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.plan import Item
from magicpak.scripts.needs import Language, ScriptFile
from magicpak.scripts.sources import Sources


class LanguageRow(NamedTuple):
    """A language by its name, what the file names of its interpreters match, and what makes its reader."""

    name: str
    interpreters: str
    reader: Callable[[], Language]


def _shell() -> Language:
    from magicpak.scripts.shell.language import Shell

    return Shell()


def _python() -> Language:
    from magicpak.scripts.python.language import Python

    return Python()


def _perl() -> Language:
    from magicpak.scripts.perl.language import Perl

    return Perl()


def _ruby() -> Language:
    from magicpak.scripts.ruby.language import Ruby

    return Ruby()


def _interpreted(name: str) -> Callable[[], Language]:
    """Return what returns the reader of a language that a row describes."""

    def reader() -> Language:
        from magicpak.scripts.interpreters.table import INTERPRETED

        return INTERPRETED[name]

    return reader


_INTERPRETED = {
    "node": r"node(?:js)?[.0-9]*",
    "tcl": r"(?:tclsh|expect|tclkit)[.0-9]*",
    "tk": r"(?:wish|expectk)[.0-9]*",
    "jim": r"jimsh",
    "lua": r"lua(?:jit)?[-.0-9]*",
    "lua-any": r"lua-any",
    "php": r"php(?:-?cli|-?cgi)?[-.0-9]*",
    "guile": r"guile[-.0-9]*",
    "awk": r"[gmno]?awk|original-awk",
    "R": r"Rscript|littler|r|R",
    "ocaml": r"ocaml",
    "ocamlrun": r"ocamlrun",
    "erlang": r"escript",
    "make": r"g?make",
}

_SOURCES = {
    "shell": (".bash", ".sh"),
    "python": (".py",),
    "perl": (".pl", ".pm", ".psgi"),
    "ruby": (".rb", ".ru"),
    "node": (".cjs", ".js", ".mjs"),
    "tcl": (".tcl",),
    "lua": (".lua",),
    "php": (".php",),
    "guile": (".scm",),
}
"""The ends of the names of files that hold code of a language."""

LANGUAGES = (
    LanguageRow("shell", r"(?:da|ba|a|k|mk|pdk|z)?sh[-.0-9]*|t?csh|bsd-csh|fish|busybox|rbash|posh|yash", _shell),
    LanguageRow("python", r"(?:python|pypy)[.0-9]*[dmut]*", _python),
    LanguageRow("perl", r"perl[.0-9]*(?:-[-\w]+)?", _perl),
    LanguageRow("ruby", r"ruby[.0-9]*", _ruby),
    *(LanguageRow(name, interpreters, _interpreted(name)) for name, interpreters in _INTERPRETED.items()),
)


def language_of(interpreter: str, sources: Sources) -> LanguageRow | None:
    """Return the language that the program at the path `interpreter` runs, by its name or that of its real path."""
    for path in (interpreter, sources.real(interpreter)):
        name = os.path.basename(path)
        for row in LANGUAGES:
            if re.fullmatch(row.interpreters, name):
                return row
    return None


def source_files(scripts: Iterable[ScriptFile], items: Iterable[Item], sources: Sources) -> list[ScriptFile]:
    """Return the files among `items` that hold code of a language of `scripts`, for the interpreter of the first one.

    Such as `/app/hello.py`, which gunicorn imports because its command line says so.
    """
    interpreters: dict[str, str] = {}
    for script in scripts:
        row = language_of(script.interpreter, sources)
        for suffix in _SOURCES.get(row.name, ()) if row is not None else ():
            interpreters.setdefault(suffix, script.interpreter)
    files = (item.path for item in items if interpreters and isinstance(item.entry, Copy))
    found = ((path, interpreters.get(os.path.splitext(path)[1])) for path in files)
    return [ScriptFile(path, interpreter) for path, interpreter in found if interpreter is not None]
