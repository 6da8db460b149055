"""R: R_HOME, and the packages of the libraries, each with those that its DESCRIPTION names."""

import os
import re
from collections.abc import Iterator

from magicpak.scripts.interpreters.home import InterpreterHome
from magicpak.scripts.interpreters.interpreted import FinderContext, Interpreted, LibraryFinder, Reach
from magicpak.scripts.interpreters.source_syntax import KEPT_LINES, STRING, SourceSyntax
from magicpak.scripts.sources import Sources

_NAMED = rf"(?:{STRING}|(?P<variable>[A-Za-z][\w.]*))"

SYNTAX = SourceSyntax(
    comments=r"\#[^\n]*",
    kept=KEPT_LINES,
    imports=(
        rf"\b(?:library|require|requireNamespace|loadNamespace|box::use|p_load)\s*\(\s*(?:{STRING}|([A-Za-z][\w.]*))"
        rf"|\b([A-Za-z][\w.]*):::?[\w.]|\bsource\s*\(\s*{STRING}"
    ),
    lines=rf"\b(?:system|pipe|shell)\s*\(\s*{_NAMED}",
    words=rf"\b(?:system2|processx::run)\s*\(\s*{_NAMED}",
    assignments=rf"\b(?P<name>[A-Za-z][\w.]*)\s*(?:=|<-)\s*{STRING}",
)

_HOMES = ("lib*/R", "lib/*-linux-*/R")
_LIBRARIES = ("lib*/R/site-library", "lib*/R/library", "lib/*-linux-*/R/library", "share/R/library")
_DEPENDENCIES = re.compile(r"^(?:Depends|Imports):((?:[^\n]|\n[ \t])*)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z][\w.]*")


def _home(home: InterpreterHome, sources: Sources) -> Iterator[str]:
    """Yield all of R_HOME but the packages of the site."""
    for directory in dict.fromkeys([*home.library(*_HOMES), *home.prefixes]):
        if sources.is_directory(f"{directory}/library/base"):
            names = sorted(sources.names(directory) - {"site-library"})
            yield from (f"{directory}/{name}" for name in names)
            yield from (path for path in ("/etc/R",) if sources.is_directory(path))
    yield from home.library("share/R/share", "share/R/include")


class RPackages:
    """Finds packages in the libraries of the site and of R."""

    def __init__(self, context: FinderContext) -> None:
        self._sources = context.sources
        self._whole = context.whole
        self._libraries = context.home.modules(*_LIBRARIES)

    def beginning(self) -> Reach:
        """Return all libraries, if all packages are needed."""
        return Reach(self._libraries if self._whole else ())

    def find(self, name: str, importer: str) -> Reach:
        """Return the package `name`, and what it depends on, or the source file `name`."""
        if "/" in name or name.endswith((".R", ".r")):
            path = os.path.normpath(os.path.join(os.path.dirname(self._sources.real(importer)), name))
            return Reach([path], [path]) if self._sources.is_file(path) else Reach()
        for library in self._libraries:
            description = f"{library}/{name}/DESCRIPTION"
            if self._sources.is_file(description):
                text = os.fsdecode(self._sources.read(description) or b"")
                listed = ",".join(_DEPENDENCIES.findall(text)).split(",")
                needed = [match[0] for each in listed if (match := _NAME.match(each.strip()))]
                return Reach([f"{library}/{name}"], (), [each for each in needed if each != "R"], description)
        return Reach()


_PROGRAMS = [f"{home}/bin/R" for home in _HOMES] + ["/bin/sh", "/bin/rm", "/bin/uname", "/usr/bin/which"]
R = Interpreted(SYNTAX, LibraryFinder(programs=_PROGRAMS, is_required=True, more=_home), RPackages)
