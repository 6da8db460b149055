"""What readers of scripts find, put together."""

import os

from magicpak.bundle.plan import Because
from magicpak.files.view import is_below
from magicpak.packages.contents import PROGRAMS
from magicpak.scripts.data_paths import application_of, own_data
from magicpak.scripts.needs import Requirement, ScriptNeeds
from magicpak.scripts.sources import Sources
from magicpak.scripts.state import is_state
from magicpak.scripts.tree import outermost
from magicpak.text import printable


class CollectedNeeds:
    """What a script needs, with the first reason that was found for each."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._files: dict[str, Because] = {}
        self._programs: dict[str, Because] = {}
        self._directories: dict[str, Because] = {}
        self._names: dict[str, str] = {}
        self._hints: dict[str, str] = {}

    def add_users(self, of: str) -> None:
        """Add the users and groups that every system has: `of` looks some up."""
        self.add_name("users", of)

    def add_name(self, name: str, of: str) -> None:
        """Add what `--with name` does, which `of` needs."""
        self._names.setdefault(name, of)

    def add_word(self, word: str, of: str) -> None:
        """Add the program that the constant `word` names, as far as one can tell."""
        program = self._sources.expected(word)
        if program is not None:
            self._programs.setdefault(program, Because("named by", of))

    def needs(self) -> ScriptNeeds:
        """Return all of it; what is below a directory that is needed as a whole is not named again."""
        possible = {path: why for path, why in self._hints.items() if self._is_only_possible(path)}
        return ScriptNeeds(
            files=[Requirement(path, self._files[path]) for path in outermost(self._files)],
            programs=[Requirement(path, why) for path, why in self._programs.items()],
            directories=[Requirement(path, why) for path, why in self._directories.items()],
            names=self._names,
            hints=[f"--include {printable(path)}: {why}" for path, why in possible.items()],
        )

    def _is_only_possible(self, path: str) -> bool:
        """Return whether `path`, of which there is a hint, is not needed in any case."""
        return path not in self._programs


class Findings(CollectedNeeds):
    """What the readers of Perl and Ruby find, put together."""

    def add_file(self, path: str, why: str, of: str) -> None:
        """Add the file or directory at `path`."""
        self._files.setdefault(path, Because(why, of))

    def add_program(self, name: str, of: str) -> None:
        """Add the program that is executed by `name`, if the host has it."""
        program = self._sources.program(name)
        if program is not None:
            self._programs.setdefault(program, Because("executed by", of))

    def add_path(self, path: str, of: str) -> None:
        """Add what is named by the constant `path`: data of its own, or a program that it may execute."""
        if own_data(path, self._sources):
            self._files.setdefault(path.rstrip("/"), Because("named by", of))
        elif is_state(path, self._sources):
            self._directories.setdefault(path.rstrip("/"), Because("named by", of))
        elif path != of and "bin" in path.split("/") and self._sources.is_executable(path):
            if is_below(path, PROGRAMS) or self._sources.expected(os.path.basename(path)):
                self._programs.setdefault(path, Because("named by", of))
            self._hints.setdefault(path, f"{printable(of)} may execute it")

    def add_library(self, directory: str, of: str) -> bool:
        """Add the private `directory` of modules that `of` names, with what is beside it; return whether it is one."""
        if not own_data(directory, self._sources):
            return False
        self._files.setdefault(application_of(directory), Because("named by", of))
        return True
