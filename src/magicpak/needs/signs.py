"""The signs by which a program shows that it needs what no header names, from `signs.toml`."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from magicpak import resources
from magicpak.ldso.closure import Closure
from magicpak.ldso.loader import Loaded, Rule
from magicpak.needs.strings import ElfContent

_FILE = "needs/signs.toml"


class Sign(NamedTuple):
    """One block of the table, whose keys its head explains; `name` is that of `--with`."""

    name: str
    words: str
    imports: Sequence[str] = ()
    beside: Sequence[str] = ()
    strings: Sequence[str] = ()
    without: Sequence[str] = ()
    libraries: Sequence[str] = ()
    needed: Sequence[str] = ()
    loaded: Sequence[str] = ()
    env: Sequence[str] = ()
    plain: Sequence[str] = ()
    alone: bool = False

    def argument(self, env: Mapping[str, str]) -> str | None:
        """Return what the first of the variables that is set asks for; None where that is nothing."""
        value = next((env[name] for name in self.env if env.get(name)), None)
        return None if value in self.plain else value


class SignedProgram:
    """A program, with what its loader loads, in which signs are looked for.

    `own` are its file and the libraries that only it has: it needs them, and they are in no directory of the system.
    """

    def __init__(self, name: str, closure: Closure) -> None:
        self.name = name
        self._closure = closure
        self._contents: dict[str, ElfContent] = {}
        self.own = [self._content(each.path) for each in _own(closure.program)]

    def shows(self, sign: Sign) -> bool:
        """Return whether all that `sign` asks for is there."""
        program = self._closure.program.facts
        if sign.needed and not _matches(program.needed, sign.needed):
            return False
        if sign.loaded and not any(_matches([each.name], sign.loaded) for each in self._closure.objects):
            return False
        if not (sign.imports or sign.strings):
            return bool(sign.needed or sign.loaded)
        return any(_is_in(content, sign) for content in (*self.own, *self._libraries(sign.libraries)))

    def _libraries(self, patterns: Sequence[str]) -> Iterator[ElfContent]:
        if patterns:
            for each in self._closure.objects:
                if _matches([each.name], patterns):
                    yield self._content(each.path)

    def _content(self, path: str) -> ElfContent:
        return self._contents.setdefault(path, ElfContent(path))


def read_signs() -> list[Sign]:
    """Return the signs of the table, in its order."""
    import tomllib

    table = resources.read(_FILE)
    if table is None:
        raise FileNotFoundError(_FILE)
    return [Sign(name=block.pop("with"), **block) for block in tomllib.loads(table.decode())["sign"]]


def _is_in(content: ElfContent, sign: Sign) -> bool:
    return (
        (not sign.imports or not content.imports.isdisjoint(sign.imports))
        and (not sign.beside or not content.imports.isdisjoint(sign.beside))
        and (not sign.strings or any(map(content.has, sign.strings)))
        and not any(map(content.has, sign.without))
    )


def _matches(names: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _own(program: Loaded) -> list[Loaded]:
    """Return `program`, and what it needs outside the system's directories of libraries, and what that needs there."""
    own = [program]
    for each in own:  # it grows
        for need in each.needs:
            library = need.satisfied_by
            if library is not None and library not in own and not _is_systems(library):
                own.append(library)
    return own


def _is_systems(library: Loaded) -> bool:
    return library.found.rule in (Rule.CACHE, Rule.DEFAULT, Rule.INTERPRETER)
