"""Guile: modules below %load-path, and what they are compiled to."""

import os
import re
from itertools import pairwise

from magicpak.scripts.interpreters.interpreted import FinderContext, Interpreted, LibraryFinder, Reach
from magicpak.scripts.interpreters.source_syntax import DOUBLE_QUOTED, KEPT_DOUBLE_QUOTED_LINES, SourceSyntax

SYNTAX = SourceSyntax(
    comments=r"#\|[\s\S]*?(?:\|\#|\Z)|;[^\n]*",
    kept=rf"(?:{KEPT_DOUBLE_QUOTED_LINES}|\#\\.)",
    imports=r"\(\s*([a-z][\w.+*/!?<>=%-]*(?:\s+[\w.+*/!?<>=%-]+){0,6})\s*\)",
    lines=rf"\((?:system|open-pipe|open-input-pipe|open-output-pipe)\s+{DOUBLE_QUOTED}",
    words=rf"\((?:system\*|execlp?|open-pipe\*\s+[A-Z_]+)\s+{DOUBLE_QUOTED}",
    assignments="",
)
"""Each list of symbols may be the name of a module: it is one where there is such a file."""

_COMPILED = ("lib*/guile/{version}/site-ccache", "lib/*-linux-*/guile/{version}/site-ccache")
_SITE = ("share/guile/site/{version}", "share/guile/site")


class GuileModules:
    """Finds modules of the site; those of Guile itself are in its library."""

    def __init__(self, context: FinderContext) -> None:
        self._sources = context.sources
        self._whole = context.whole
        self._site = context.home.modules(*_SITE)
        self._compiled = context.home.modules(*_COMPILED)
        options = context.script.arguments
        own = [following for option, following in pairwise(options) if option == "-L"]
        self._own = [*own, os.path.dirname(context.sources.real(context.script.path))]

    def beginning(self) -> Reach:
        """Return the modules of the site, if all are needed."""
        return Reach([*self._site, *self._compiled] if self._whole else ())

    def find(self, name: str, importer: str) -> Reach:
        """Return the module whose name is the symbols `name`, with all modules below its first symbol."""
        del importer
        parts = re.split(r"\s+", name)
        path = "/".join(parts)
        if ".." in parts:
            return Reach()
        for directory in (*self._site, *self._own):
            source = f"{directory}/{path}.scm"
            if self._sources.is_file(source):
                places = [*self._site, *self._compiled] if directory in self._site else [directory]
                candidates = [f"{place}/{parts[0]}{end}" for place in places for end in ("", ".scm", ".go")]
                found = [each for each in candidates if self._sources.is_file(each) or self._sources.is_directory(each)]
                return Reach([*found, source], [source])
        return Reach()


_LIBRARY = (
    "share/guile/[0-9]*", "lib*/guile/{version}/ccache", "lib*/guile/{version}/extensions",
    "lib/*-linux-*/guile/{version}/ccache", "lib/*-linux-*/guile/{version}/extensions",
)  # fmt: skip
_CONVERSIONS = ("/usr/lib*/gconv", "/usr/lib/*-linux-*/gconv")
"""What glibc's iconv(3) loads: without that, Guile aborts when it opens its standard streams."""

GUILE = Interpreted(SYNTAX, LibraryFinder(_LIBRARY, is_required=True, besides=_CONVERSIONS), GuileModules)
