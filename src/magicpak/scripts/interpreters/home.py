"""Where an interpreter is installed: the prefixes below which its library and modules are."""

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from magicpak.scripts.sources import Sources

_VERSION = re.compile(r"(\d+(?:\.\d+)*)$")
_MAX_MATCHES = 1000


class InterpreterHome:
    """Where the interpreter at a path is installed, by that path and by its real path.

    `prefixes` are the directories that `bin` is in, `version` is what its file name ends with (`5.4` of `lua5.4`).
    """

    def __init__(self, interpreter: str, sources: Sources) -> None:
        self._sources = sources
        self.real = sources.real(interpreter)
        paths = (interpreter, self.real)
        above = [os.path.dirname(os.path.dirname(path)).rstrip("/") or "/usr" for path in paths]
        self.prefixes: Sequence[str] = list(dict.fromkeys(above))
        found = [match[1] for path in reversed(paths) if (match := _VERSION.search(os.path.basename(path)))]
        self.version = found[0] if found else ""

    def library(self, *patterns: str) -> list[str]:
        """Return what exists below the prefixes and matches `patterns`, in which `{version}` is that of the name.

        A pattern that begins with a slash is one of absolute paths; a star matches no slash.
        """
        return self._matching(self.prefixes, patterns)

    def modules(self, *patterns: str) -> list[str]:
        """Return what `library` does, for a system's own interpreter also below /usr/local, which comes first."""
        is_of_system = "/usr" in self.prefixes
        return self._matching(dict.fromkeys([*(["/usr/local"] if is_of_system else []), *self.prefixes]), patterns)

    def _matching(self, prefixes: Sequence[str] | dict[str, None], patterns: Sequence[str]) -> list[str]:
        version = self.version or "[0-9]*"
        found: dict[str, None] = {}
        for prefix in prefixes:
            for pattern in patterns:
                absolute = pattern.startswith("/")
                start = "" if absolute else prefix
                found |= dict.fromkeys(self._glob(start, pattern.lstrip("/").replace("{version}", version)))
        return list(found)

    def _glob(self, directory: str, pattern: str) -> list[str]:
        paths = [directory]
        for part in pattern.split("/"):
            if any(character in part for character in "*["):
                paths = [
                    f"{path}/{name}"
                    for path in paths
                    for name in sorted(self._sources.names(path or "/"))
                    if fnmatchcase(name, part)
                ][:_MAX_MATCHES]
            else:
                paths = [f"{path}/{part}" for path in paths]
        return [path for path in paths if self._sources.is_file(path) or self._sources.is_directory(path)]
