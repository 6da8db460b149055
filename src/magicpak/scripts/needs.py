"""What readers of scripts are given, and what they answer."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from magicpak.bundle.plan import Because
from magicpak.scripts.sources import Sources


class ScriptFile(NamedTuple):
    """A script of the host, and how its first line starts it.

    `path` is the absolute path by which it is executed, `interpreter` that of the program that reads it: what env(1)
    finds, if it is started by env. Their links are unresolved. `arguments` are those of the interpreter before the
    script's path, `environment` are the variables that env sets. `code` is what the script at `path`, of another
    language, has the interpreter run instead: what follows -e, or -c.
    """

    path: str
    interpreter: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = {}
    code: str | None = None


class Requirement(NamedTuple):
    """An absolute path of the host that is needed, with all that is below it if it is a directory, and why."""

    path: str
    because: Because


class ScriptNeeds(NamedTuple):
    """What a script, or an interpreter, needs.

    `files` are included as they are, the libraries of ELF files among them too. `programs` are executed: they are
    included with what they need in their turn. `directories` are included empty. `scripts`, which are among `files`,
    are given to interpreters among `programs`, whatever their first lines say. `names` are those of `--with` that are
    needed, each with the file that needs it. `warnings` name what could not be read; `hints` name what may be needed:
    `--include /usr/bin/git: /usr/bin/x may execute it`.
    """

    files: Sequence[Requirement] = ()
    programs: Sequence[Requirement] = ()
    warnings: Sequence[str] = ()
    hints: Sequence[str] = ()
    directories: Sequence[Requirement] = ()
    names: Mapping[str, str] = {}
    scripts: Sequence[ScriptFile] = ()


class Language(Protocol):
    """Reads the scripts of one language, and knows where its interpreters keep their own library."""

    def library(self, interpreter: str, sources: Sources) -> ScriptNeeds:
        """Return what the interpreter at the path `interpreter` needs to run any script: its own library.

        A script that this names is not needed for it. Raises nothing: where no library is found there is a warning.
        """
        ...

    def script(self, script: ScriptFile, sources: Sources, *, whole: bool) -> ScriptNeeds:
        """Return what `script` needs beyond the library: what it imports, step by step, and what it executes.

        With `whole`, all packages are needed that the interpreter would find, whether they are imported or not.
        """
        ...
