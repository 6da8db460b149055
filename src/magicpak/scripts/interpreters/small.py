"""Languages of few scripts, whose modules are all in the library of the interpreter or in one directory."""

import os
from collections.abc import Iterator
from itertools import pairwise

from magicpak.scripts.interpreters.home import InterpreterHome
from magicpak.scripts.interpreters.interpreted import FinderContext, Interpreted, LibraryFinder, Reach
from magicpak.scripts.interpreters.source_syntax import (
    DOUBLE_QUOTED,
    KEPT_DOUBLE_QUOTED,
    KEPT_DOUBLE_QUOTED_LINES,
    VALUE,
    SourceSyntax,
)
from magicpak.scripts.sources import Sources

_AWK = SourceSyntax(
    comments=r"\#[^\n]*",
    kept=rf"(?:{KEPT_DOUBLE_QUOTED}|(?<=[(,~!&|;{{])\s{{0,9}}/(?:[^/\\\n]|\\.){{1,999}}/)",
    imports=rf"@(?:include|load)\s*{DOUBLE_QUOTED}",
    lines=rf"\bsystem\s*\(\s*{VALUE}|\|&?\s*{DOUBLE_QUOTED}|\"([^\"\\\n]*)\"\s*\|&?\s*getline",
)
_OCAML = SourceSyntax(
    comments=r"\(\*[\s\S]*?(?:\*\)|\Z)",
    kept=KEPT_DOUBLE_QUOTED_LINES,
    lines=rf"\b(?:Sys\.command|Unix\.(?:system|open_process(?:_in|_out)?))\s*(?:\(\s*)?{DOUBLE_QUOTED}",
)
_ERLANG = SourceSyntax(
    comments=r"%[^\n]*",
    kept=KEPT_DOUBLE_QUOTED_LINES,
    lines=rf"\bos:cmd\(\s*{DOUBLE_QUOTED}|\{{\s*spawn\s*,\s*{DOUBLE_QUOTED}",
    words=rf"\{{\s*spawn_executable\s*,\s*{DOUBLE_QUOTED}|\bos:find_executable\(\s*{DOUBLE_QUOTED}",
)
_MAKE = SourceSyntax(
    comments=r"^\#[^\n]*", kept=r"(?!)", lines=r"^\t[-@+]*([^\n]+)|\$\(shell\s+([^()\n]+)\)", assignments=""
)


class AwkFiles:
    """Finds what gawk includes (AWKPATH) and loads (AWKLIBPATH)."""

    def __init__(self, context: FinderContext) -> None:
        self._sources = context.sources
        self._script = context.script
        self._places = context.home.modules("share/awk", "lib*/gawk", "lib/*-linux-*/gawk")

    def beginning(self) -> Reach:
        """Return what the options of the first line load."""
        words = self._script.arguments
        named = [after for option, after in pairwise(words) if option in ("-i", "-l")]
        return Reach(imports=named, importer=self._script.path)

    def find(self, name: str, importer: str) -> Reach:
        """Return the file of awk or the shared library `name`."""
        del importer
        for place in (self._script.path.rpartition("/")[0], *self._places):
            for path in (f"{place}/{name}", f"{place}/{name}.awk", f"{place}/{name}.so"):
                if self._sources.is_file(path):
                    return Reach([path], [path] if not path.endswith(".so") else ())
        return Reach()


AWK = Interpreted(_AWK, LibraryFinder(), AwkFiles)


OCAMLRUN = Interpreted(
    None, LibraryFinder(["lib*/ocaml/ld.conf", "lib*/ocaml/stublibs", "lib/*-linux-*/ocaml/stublibs"])
)
"""What programs in bytecode need that ocamlrun starts: libraries in C. They are no text to be read."""

OCAML = Interpreted(_OCAML, LibraryFinder(["lib*/ocaml", "lib/*-linux-*/ocaml"], is_required=True))


_ERLANG_HOMES = ("lib*/erlang", "lib/*-linux-*/erlang")
_ERLANG_PROGRAMS = (
    "bin/erl",
    "erts-*/bin/*",
    *(f"{home}/{path}" for home in _ERLANG_HOMES for path in ("bin/erl", "erts-*/bin/*")),
)


def _erlang_roots(home: InterpreterHome, sources: Sources) -> Iterator[str]:
    """Yield the directories that hold all of an Erlang: escript is in one, in Debian by way of a link."""
    above = map(os.path.dirname, home.prefixes)  # of erts-VERSION
    for directory in dict.fromkeys([*home.library(*_ERLANG_HOMES), *home.prefixes, *above]):
        if any(name.startswith("erts-") for name in sources.names(directory)):
            yield directory


ERLANG = Interpreted(_ERLANG, LibraryFinder(programs=_ERLANG_PROGRAMS, is_required=True, more=_erlang_roots))


MAKE = Interpreted(_MAKE, LibraryFinder())
