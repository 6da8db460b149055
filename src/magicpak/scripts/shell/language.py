"""Shell scripts: the programs that they execute, and the files that they read, where constant words name them."""

import os
import re
from collections.abc import Container, Iterator, Sequence

from magicpak.bundle.plan import Because
from magicpak.scripts.data_paths import own_data
from magicpak.scripts.languages import language_of
from magicpak.scripts.needs import Requirement, ScriptFile, ScriptNeeds
from magicpak.scripts.shell.builtins import BUILTINS
from magicpak.scripts.shell.syntax import parse_shell
from magicpak.scripts.shell.variables import UNKNOWN, ShellVariables
from magicpak.scripts.shell.words import ShellCommandLine, ShellVariable, TooDeepError, Word
from magicpak.scripts.shell.wrappers import WRAPPERS, before_code, given_code, wrapped
from magicpak.scripts.sources import Sources
from magicpak.scripts.state import is_state

MAX_SHELL = 1 << 20
"""Bytes of a shell script that are read: configure, which is made by a program, has about this."""

_LIBRARY = re.compile(r"lib[\w.+-]+\.so(?:\.\d+)*")
_MAX_NAMES = 200  # words of one value
_MAX_SOURCED = 100  # files that a script reads with `.`

_INTERPRETED = {"eval", "trap"}
_SHELLS = {"sh", "bash", "dash", "ash", "ksh", "zsh", "mksh"}


class Shell:
    """Reads scripts of the POSIX shells and of bash."""

    def library(self, interpreter: str, sources: Sources) -> ScriptNeeds:
        """Return what a shell needs besides libraries: zsh its modules and functions, the others nothing."""
        if os.path.basename(sources.real(interpreter)).rstrip("-.0123456789") != "zsh":
            return ScriptNeeds()
        because = Because("modules and functions of", interpreter)
        homes = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share", "/usr/local/share")
        inside = [f"{home}/{name}" for home in homes[:2] for name in sorted(sources.names(home)) if "-linux-" in name]
        candidates = [f"{home}/zsh" for home in (*homes, *inside)]
        return ScriptNeeds([Requirement(path, because) for path in candidates if sources.is_directory(path)])

    def script(self, script: ScriptFile, sources: Sources, *, whole: bool) -> ScriptNeeds:
        """Return the programs and files that `script` names by constant words."""
        del whole  # a shell has no packages
        reader = _ShellReader(script.path, sources)
        reader.read(script.path)
        return reader.needs()


def read_command_line(line: str, path: str, sources: Sources, *, by_shell: bool = True) -> ScriptNeeds:
    """Return the programs and files that `line` names, which the program at `path` executes, by a shell or itself."""
    reader = _ShellReader(path, sources, BUILTINS if by_shell else frozenset())
    reader.take(path, line[:MAX_SHELL])
    return reader.needs()


class _ShellReader:
    """Collects what one script names, with the files that it reads by `.`, whose functions and variables it has."""

    def __init__(self, path: str, sources: Sources, builtins: Container[str] = BUILTINS) -> None:
        self.files: dict[str, Requirement] = {}
        self.programs: dict[str, Requirement] = {}
        self.directories: dict[str, Requirement] = {}
        self.scripts: dict[tuple[str, str], ScriptFile] = {}
        self._path = path
        self._is_over = False  # the rest of the file is in the language of another interpreter
        self._sources = sources
        self._builtins = builtins
        self._read: set[str] = set()
        self._evaluated: set[str] = set()
        self._functions: set[str] = set()
        self._variables = ShellVariables(path, sources)

    def needs(self) -> ScriptNeeds:
        """Return what was collected."""
        return ScriptNeeds(
            list(self.files.values()),
            list(self.programs.values()),
            directories=list(self.directories.values()),
            scripts=list(self.scripts.values()),
        )

    def read(self, path: str) -> None:
        """Collect what the shell script at `path` names."""
        if path in self._read or len(self._read) >= _MAX_SOURCED:
            return
        self._read.add(path)
        text = self._sources.read(path)
        if text is None:
            return
        if len(text) > MAX_SHELL:
            self._sources.leave_unread(path, f"is a shell script of more than {MAX_SHELL >> 20} MiB")
            return
        self.take(path, os.fsdecode(text))

    def take(self, path: str, text: str) -> None:
        """Collect what the commands `text` name, which the file at `path` has."""
        try:
            found = parse_shell(text)
        except TooDeepError:
            self._sources.leave_unread(path, "its commands are nested too deep")
            return
        self._functions |= found.functions
        self._assign(found.commands)
        for command in found.commands:
            if self._is_over:
                return
            for words in self._expanded(command.words):
                self._command(path, words)
            for target in command.targets:
                self._data(target)
            for word in command.words[1:]:
                self._data(word)

    def _expanded(self, words: Sequence[Word]) -> Iterator[list[str | None]]:
        """Yield the words of a command for each value that the first can have; the others have one or none."""
        if not words:
            return
        is_split = len(words[0]) == 1 and isinstance(words[0][0], ShellVariable)
        rest = [values[0] if len(values := self._variables.texts(word)) == 1 else None for word in words[1:]]
        for first in self._variables.texts(words[0]):
            if first in _INTERPRETED and rest:
                for code in self._variables.texts(words[1]):
                    yield [first, code]
                continue
            is_open = first in WRAPPERS and len(words) > 1 and len(self._variables.texts(words[1])) > 1
            for others in self._expanded(words[1:]) if is_open else [rest]:
                yield [*(first.split() if is_split else [first]), *others]

    def _assign(self, commands: Sequence[ShellCommandLine]) -> None:
        """Take over the values that the variables have anywhere in the script, and the data that they name."""
        for word in self._variables.assign(commands):
            self._data(word)

    def _command(self, path: str, words: Sequence[str | None]) -> None:
        """Collect what a command with these values of its words executes or reads."""
        name = words[0] if words else None
        if not name or UNKNOWN in name or name in self._functions:
            return
        if name in (".", "source"):
            self._source(words[1] if len(words) > 1 else None)
        elif name in _INTERPRETED:
            if len(words) > 1 and words[1] and words[1] not in self._evaluated:
                self._evaluated.add(words[1])
                self.take(path, words[1])
        elif name == "command" and (words[1:2] or [None])[0] in ("-v", "-V"):
            return  # whether there is such a program
        elif os.path.basename(name) in WRAPPERS:
            self._program(name)
            self._command(path, list(wrapped(os.path.basename(name), words[1:])))
        else:
            self._program(name)
            self._arguments(path, name, words[1:])

    def _arguments(self, path: str, name: str, words: Sequence[str | None]) -> None:
        """Collect what the program `name` executes because of its arguments."""
        if os.path.basename(name) in _SHELLS and "-c" in words[:-1]:
            line = words[words.index("-c") + 1]
            if line:
                self.take(path, line)
        self._interpreted(name, words)
        if os.path.basename(name) in ("pkg-config", "pkgconf"):
            for directory in _descriptions(self._sources):
                self.files.setdefault(directory, Requirement(directory, Because("read by pkg-config for", self._path)))
        if name == "find":
            for index, word in enumerate(words[:-1]):
                if word in ("-exec", "-execdir", "-ok", "-okdir"):
                    self._command(path, words[index + 1 :])

    def _interpreted(self, name: str, words: Sequence[str | None]) -> None:
        """Collect the script that the interpreter `name` is given among `words`."""
        program = self._sources.program(name)
        row = language_of(program, self._sources) if program is not None and os.path.isabs(program) else None
        if row is None or program is None or name == "busybox":
            return
        for code in given_code(row.name, words):
            constant = [word for word in words if word is not None and word != code]
            script = ScriptFile(self._path, program, constant, code=code)
            self.scripts.setdefault((code, program), script)
        for word in before_code(row.name, words):
            if word.startswith("/") and self._sources.is_file(word):
                self.scripts.setdefault((word, program), ScriptFile(word, program))
                self._is_over = self._is_over or word == self._path
                self.files.setdefault(word, Requirement(word, Because("executed by", self._path)))
                return

    def _source(self, name: str | None) -> None:
        if not name or UNKNOWN in name:
            return
        path = name if "/" in name else self._sources.program(name) or f"{os.path.dirname(self._path)}/{name}"
        if path.startswith("/") and self._sources.is_file(path):
            self.files.setdefault(path, Requirement(path, Because("read by", self._path)))
            self.read(path)

    def _program(self, name: str) -> None:
        if name in self._builtins:
            return
        found = self._sources.program(name)
        if found is not None and os.path.isabs(found):
            self.programs.setdefault(found, Requirement(found, Because("executed by", self._path)))

    def _data(self, word: Word) -> None:
        """Collect the files and directories that `word` is the path of, also behind `--option=` and in a list."""
        for value in self._variables.values(word):
            if "/" not in value:
                self._expected(value)
                self._library(value)
                continue
            for part in value[value.index("/") :].split(":") if value.startswith("-") else value.split(":"):
                path = part if ".." in part.split("/") else os.path.normpath(part)
                if is_state(path, self._sources):
                    self.directories.setdefault(path, Requirement(path, Because("named by", self._path)))
                elif own_data(path, self._sources):
                    self.files.setdefault(path, Requirement(path, Because("named by", self._path)))

    def _library(self, value: str) -> None:
        """Collect the library `value`, which LD_PRELOAD can name (ld.so(8))."""
        found = self._sources.library(value) if _LIBRARY.fullmatch(value) else None
        if found is not None:
            self.files.setdefault(found, Requirement(found, Because("named by", self._path)))

    def _expected(self, value: str) -> None:
        """Collect the programs whose names are among the words `value`, as far as one can tell."""
        for name in value.split()[:_MAX_NAMES]:
            found = self._sources.expected(name)
            if found is not None:
                self.programs.setdefault(found, Requirement(found, Because("named by", self._path)))


def _descriptions(sources: Sources) -> Iterator[str]:
    """Yield the directories in which pkg-config(1) looks for the descriptions of libraries."""
    for prefix in ("/usr/local", "/usr"):
        inside = [f"lib/{name}" for name in sorted(sources.names(f"{prefix}/lib")) if "-linux-" in name]
        for directory in (*inside, "lib64", "lib", "share"):
            if sources.is_directory(path := f"{prefix}/{directory}/pkgconfig"):
                yield path
