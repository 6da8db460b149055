"""The files of the host that a program names in its strings: data, programs that it executes, plugins."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from magicpak.files.view import is_below
from magicpak.needs.signs import NamedFiles, SignedProgram, is_match
from magicpak.needs.strings import ElfContent

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

MAX_FILES = 1 << 10
"""Names for which the host is asked: a program that has more of them is hardly about one of them."""

_VARIABLE = re.compile(r"[%$*?{<>\[\\]")
_PATH = re.compile(r"/[a-z].+")
_PROGRAM_DIRECTORIES = tuple(f"{above}{name}" for above in ("/", "/usr/", "/usr/local/") for name in ("bin", "sbin"))
_MANY = 5  # ends of strings, each of which alone can be of any word
_SEVERAL = 3
"""So many names in one directory are about the directory, and so many packers are no words of another meaning."""


class NamedFile(NamedTuple):
    """A path of the host, and what the program does with it."""

    path: str
    words: str


def named_files(program: SignedProgram, table: NamedFiles, env: Mapping[str, str]) -> list[NamedFile]:
    """Return what `program` names that the host has, in the order of paths; `env` has PATH."""
    found: dict[str, str] = {}
    for content in program.libraries_like_it(table.libraries):
        for path in _data(content, program, table):
            found.setdefault(path, f"names {path}")
    for content in program.own:
        executes = not content.imports.isdisjoint(table.exec)
        for path in _data(content, program, table):
            found.setdefault(path, f"names {path}")
        for path in _programs(content, program, table, env) if executes else ():
            if os.path.basename(path) != program.name:
                found.setdefault(path, f"executes {os.path.basename(path)}")
        for path in _libraries(content, program) if "dlopen" in content.imports else ():
            found.setdefault(path, f"loads {os.path.basename(path)} at run time")
    return [NamedFile(path, found[path]) for path in sorted(found)]


def _data(content: ElfContent, program: SignedProgram, table: NamedFiles) -> Iterable[str]:
    """Return the paths of data, and the directory of several in place of them."""
    strings = (part for each in islice(content.paths, MAX_FILES) for part in _parts(each))
    paths = set(filter(content.files.exists, filter(None, map(_constant, strings))))
    own: dict[str, set[str]] = defaultdict(set)
    for path in paths - program.searched:
        top = _top(path, table)
        if top is not None:
            own[top].add(path)
    for top, its in own.items():
        is_whole = top in its or len(its) >= _SEVERAL or os.path.basename(top).startswith(program.name)
        yield from [top] if is_whole else sorted(its)


def _parts(string: str) -> list[str]:
    """Return the paths of a list with colons, as of directories that are searched; else `string` alone."""
    return [each for each in string.split(":") if _PATH.fullmatch(each)] if ":/" in string else [string]


def _constant(string: str) -> str:
    """Return the path in `string` up to the directory in which a name is only known at run time."""
    variable = _VARIABLE.search(string)
    return os.path.normpath(string if variable is None else string[: string.rfind("/", 0, variable.start())] or "/")


def _top(path: str, table: NamedFiles) -> str | None:
    """Return what of `path` stands directly below one of the directories that count, the deepest; None for no such."""
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(2, len(parts) + 1)]
    if any(is_match(each, pattern) for pattern in [*table.common, *table.secret] for each in above):
        return None
    last = max((n for n, each in enumerate(above) for pattern in table.below if _is_one(each, pattern)), default=None)
    return above[last + 1] if last is not None and last + 1 < len(above) else None


def _is_one(path: str, pattern: str) -> bool:
    return path.count("/") == pattern.count("/") and is_match(path, pattern)


def _programs(content: ElfContent, program: SignedProgram, table: NamedFiles, env: Mapping[str, str]) -> Iterator[str]:
    for path in islice(content.paths, MAX_FILES):
        is_program = is_below(path, _PROGRAM_DIRECTORIES) and os.path.basename(path) not in table.ordinary
        if is_program and content.files.program(path):
            yield path
    there = _programs_of(env.get("PATH", os.defpath), content.files)
    helpers = _helpers(content, program)
    named = [each for each in there if each in content.strings or each in content.first_words or each in helpers]
    words = [each for each in named if each not in content.imports]
    packers = _packers(content, words, there, table)
    wanted = [each for each in words if each in table.programs or "-" in each]
    yield from [os.path.join(there[each], each) for each in dict.fromkeys([*wanted, *packers])]


def _packers(content: ElfContent, words: Sequence[str], there: Mapping[str, str], table: NamedFiles) -> list[str]:
    """Return the programs that compress, where `words` name several, or ends of strings many: `gzip` of `ungzip`."""
    named = [each for each in words if each in table.packers]
    if len(named) >= _SEVERAL:
        return named
    possible = [each for each in table.packers if each not in content.imports]
    ends = [each for each in possible if content.has(f"{each}\0")]
    return [each for each in ends if each in there] if len(ends) >= _MANY else []


def _helpers(content: ElfContent, program: SignedProgram) -> set[str]:
    """Return names like the program's at the end of a path: linkers store `x-y` as the end of `/dir/x-y`."""
    names = map(os.path.basename, islice(content.paths, MAX_FILES))
    return {each for each in names if each.startswith(f"{program.name}-")}


def _programs_of(search_path: str, files: "SourceView") -> dict[str, str]:
    """Return the directory of each name that is in one of `search_path`, the first for each."""
    found, directories = dict[str, str](), dict[str, str]()
    for directory in filter(None, search_path.split(":")):
        directories.setdefault(files.real(directory), directory)
    for directory in reversed(directories.values()):
        with suppress(OSError):
            found |= dict.fromkeys(files.names(directory), directory)
    return found


def _libraries(content: ElfContent, program: SignedProgram) -> Iterator[str]:
    """Return the libraries that are in a directory in which the loader finds others, and that it does not load."""
    for name in islice(content.libraries, MAX_FILES):
        if name in program.loaded:
            continue
        paths = (f"{directory}/{name}" for directory in program.library_directories)
        path = next(filter(content.files.is_file, paths), None)
        if path is not None:
            yield path
