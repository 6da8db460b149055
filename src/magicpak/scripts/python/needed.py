"""The list of what a script of Python needs: files, programs and hints, each with the first reason that was found."""

from magicpak.bundle.plan import Because
from magicpak.files.view import is_below
from magicpak.packages.contents import PROGRAMS
from magicpak.scripts.data_paths import own_data
from magicpak.scripts.findings import CollectedNeeds
from magicpak.scripts.python.code import PythonCode
from magicpak.scripts.python.values import known_path
from magicpak.scripts.state import is_state
from magicpak.text import printable

_LOOK_UP_USERS = {"pwd", "grp", "getpass"}
"""Modules of the standard library that look up users or groups."""


class PythonNeeds(CollectedNeeds):
    """What is needed, as far as it is known."""

    def add_file(self, path: str, because: Because) -> None:
        """Add a file, or a directory with all that is in it."""
        self._files.setdefault(path, because)

    def add_program(self, path: str, because: Because) -> None:
        """Add a program that is executed."""
        self._programs.setdefault(path, because)

    def has_file(self, path: str) -> bool:
        """Return whether `path` has been added."""
        return path in self._files

    def add_actions(self, code: PythonCode, path: str, *, are_certain: bool) -> None:
        """Add the programs that `code`, the module at `path`, executes, and the data that it names."""
        for execution in code.executions:
            program = self._sources.program(execution.program)
            if program and execution.is_certain and are_certain:
                self.add_program(program, Because("executed by", path))
            elif program:
                self._hints.setdefault(program, f"{printable(path)} may execute it")
        if any(name.partition(".")[0] in _LOOK_UP_USERS for name in code.imports):
            self.add_users(path)
        for word in sorted(code.words):
            self.add_word(word, path)
        for named in code.paths:
            if is_state(named, self._sources):
                self._directories.setdefault(named, Because("named in", path))
                continue
            if is_below(named, PROGRAMS) and self._sources.program(named):
                self.add_program(named, Because("named in", path))
                continue
            found = known_path(named)
            if found == path or not own_data(found, self._sources):
                continue
            if self._sources.is_file(found) and self._sources.program(found):
                self.add_program(found, Because("named in", path))
            elif path.startswith(f"{found}/") and not found.startswith("/usr/"):
                self._hints.setdefault(found, f"{printable(path)} may read what is in it")
            else:
                self.add_file(found, Because("named in", path))

    def _is_only_possible(self, path: str) -> bool:
        return super()._is_only_possible(path) and not self._holds(path)

    def _holds(self, path: str) -> bool:
        """Return whether `path` or a directory above it is needed as a whole."""
        while path:
            if path in self._files:
                return True
            path = path.rpartition("/")[0]
        return False
