"""Scripts of Python: the standard library, the packages that they reach by imports, the programs they execute."""

from magicpak.bundle.plan import Because
from magicpak.scripts.needs import Requirement, ScriptFile, ScriptNeeds
from magicpak.scripts.python.home import PythonHome, find_python
from magicpak.scripts.python.library import library_files
from magicpak.scripts.python.reach import PythonReach
from magicpak.scripts.sources import Sources
from magicpak.text import printable

_ZIP = b"PK\3\4"


class Python:
    """Python of any version whose directories look like those of CPython, from 2.7 on."""

    def __init__(self) -> None:
        self._homes: dict[str, PythonHome | None] = {}

    def library(self, interpreter: str, sources: Sources) -> ScriptNeeds:
        """Return the standard library of `interpreter`, but for what only developers need.

        The compiled modules are part of it: without them each start would compile what it imports, and in a container
        that cannot be written to, again the next time.
        """
        home = self._home(interpreter, sources)
        if home is None:
            return ScriptNeeds(warnings=[f"{printable(interpreter)}: the standard library of Python is not found"])
        because = Because("the standard library of", interpreter)
        return ScriptNeeds([Requirement(path, because) for path in library_files(home, sources)])

    def script(self, script: ScriptFile, sources: Sources, *, whole: bool) -> ScriptNeeds:
        """Return the packages that `script` reaches, the programs that it executes, and its data."""
        home = self._home(script.interpreter, sources)
        if home is None or (script.code is None and _is_zip(script.path, sources)):
            return ScriptNeeds()
        return PythonReach(script, home, sources).needs(whole=whole)

    def _home(self, interpreter: str, sources: Sources) -> PythonHome | None:
        if interpreter not in self._homes:
            self._homes[interpreter] = find_python(interpreter, sources)
        return self._homes[interpreter]


def _is_zip(path: str, sources: Sources) -> bool:
    """Return whether the script at `path` is a zip file after its first line: an application that holds its modules."""
    return sources.head(path).partition(b"\n")[2].startswith(_ZIP)
