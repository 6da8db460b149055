"""PHP: php.ini and the modules that it loads, include_path, and packages that an autoloader finds."""

import os
import re
from collections.abc import Iterator

from magicpak.scripts.interpreters.home import InterpreterHome
from magicpak.scripts.interpreters.interpreted import FinderContext, Interpreted, LibraryFinder, Reach
from magicpak.scripts.interpreters.source_syntax import KEPT_LINES, STRING, SourceSyntax
from magicpak.scripts.sources import Sources

_NAMED = rf"(?:{STRING}|\$(?P<variable>[A-Za-z_]\w*))"
_HERE = r"(?:__DIR__|dirname\s*\(\s*__FILE__\s*\))"

SYNTAX = SourceSyntax(
    comments=r"(?://|\#(?!\[))[^\n]*?(?=\?>|$)|/\*[\s\S]*?(?:\*/|\Z)|(?:\A|\?>)[\s\S]*?(?:<\?|\Z)",
    kept=KEPT_LINES,
    imports=rf"\b(?:require|include)(?:_once)?\b[\s(]*(?:{_HERE}\s*\.\s*)?{STRING}",
    beside=rf"\b{_HERE}\s*\.\s*{STRING}",
    lines=rf"\b(?:exec|shell_exec|system|passthru|popen|proc_open)\s*\(\s*{_NAMED}|(?:=|\(|return|echo)\s*`([^`\n]+)`",
    words=rf"\bpcntl_exec\s*\(\s*{_NAMED}|\bnew\s+Process\s*\(\s*\[\s*{STRING}",
    assignments=rf"\$(?P<name>[A-Za-z_]\w*)\s*=\s*{STRING}",
    suffixes=(".php", ".inc"),
)

_SETTINGS = (
    "/etc/php/{version}/cli", "/etc/php.ini", "/etc/php.d", "/etc/php{version}", "etc/php.ini", "etc/php", "etc/php.d",
    "lib/php.ini", "/etc/php-zts.d",
)  # fmt: skip
_MODULES = ("lib/php/20*", "lib/php/extensions/*", "lib/php{version}/modules", "lib*/php/modules", "lib/php/modules")
_INCLUDED = ("share/php", "share/pear", "share/php{version}", "lib/php", "share/php/PEAR")
_SETTING = re.compile(rb"^[ \t]*(?:zend_)?extension[ \t]*=[ \t]*[\"']?([^\"'\s;]+)", re.MULTILINE)
_INCLUDE_PATH = re.compile(rb"^[ \t]*include_path[ \t]*=[ \t]*[\"']?([^\"'\s;]+)", re.MULTILINE)
_MAX_SETTINGS = 500

_ZONES = b"/usr/share/zoneinfo"
"""Debian's and Fedora's PHP have the path of the time zones inside, and no time zones of their own."""

MAX_INTERPRETER = 64 << 20
"""Bytes of an interpreter that are read: PHP has six MiB, with debug information five times as many."""
_NOT_INCLUDED = {".git", "node_modules"}


def _settings(home: InterpreterHome, sources: Sources) -> Iterator[str]:
    """Yield the files php.ini and those of conf.d that PHP reads."""
    for place in home.library(*_SETTINGS):
        if sources.is_file(place):
            yield place
        for name in sorted(sources.names(place))[:_MAX_SETTINGS]:
            path = f"{place}/{name}"
            if name.endswith(".ini"):
                yield path
            elif name == "conf.d":
                yield from (f"{path}/{each}" for each in sorted(sources.names(path)) if each.endswith(".ini"))


def _modules(home: InterpreterHome, sources: Sources) -> Iterator[str]:
    """Yield the modules that the settings name, which PHP loads whenever it starts, with those settings."""
    directories = home.library(*_MODULES)
    for setting in dict.fromkeys(_settings(home, sources)):
        yield setting
        for match in _SETTING.finditer(sources.read(setting) or b"" if sources.is_file(setting) else b""):
            name = os.fsdecode(match[1])
            candidates = [name] if name.startswith("/") else [f"{place}/{name}" for place in directories]
            yield from (each for path in candidates for each in (path, f"{path}.so") if sources.is_file(each))
    if _ZONES in (sources.head(home.real, MAX_INTERPRETER) if sources.is_file(home.real) else b""):
        yield from filter(sources.is_directory, [os.fsdecode(_ZONES)])


class PhpFiles:
    """Finds files as include does; of one in a directory of its own, all that is in that directory is needed."""

    def __init__(self, context: FinderContext) -> None:
        self._sources = context.sources
        self._whole = context.whole
        self._script = context.sources.real(context.script.path)
        own = [
            os.fsdecode(part)
            for setting in _settings(context.home, context.sources)
            for match in _INCLUDE_PATH.finditer(context.sources.read(setting) or b"")
            for part in match[1].split(b":")
            if part.startswith(b"/")
        ]
        self._included = list(dict.fromkeys([*own, *context.home.modules(*_INCLUDED)]))

    def beginning(self) -> Reach:
        """Return all that include_path has, if all is needed."""
        return Reach(self._included if self._whole else ())

    def find(self, name: str, importer: str) -> Reach:
        """Return the file `name`: relative to what includes it or in include_path."""
        beside = os.path.dirname(self._sources.real(importer))
        beside_script = os.path.dirname(self._script)
        bases = dict.fromkeys([beside, *self._included, beside_script])
        if name.startswith("/"):  # absolute, or what __DIR__ comes before
            candidates = [os.path.normpath(f"{beside}{name}"), os.path.normpath(name)]
        else:
            candidates = [os.path.normpath(f"{base}/{name}") for base in bases]
        found = next((path for path in candidates if self._sources.is_file(path)), None)
        if found is None:
            return Reach()
        return Reach([*self._package(found), found], [found])

    def _package(self, path: str) -> list[str]:
        """Return what belongs to the included file at `path`: its directory, or the project of which it is vendor's."""
        directory = os.path.dirname(path)
        if os.path.basename(directory) == "vendor" and os.path.basename(path) == "autoload.php":
            project = os.path.dirname(directory)
            if self._sources.is_file(f"{project}/composer.json"):
                names = sorted(self._sources.names(project) - _NOT_INCLUDED)
                return [f"{project}/{name}" for name in names]
            return [directory]
        is_inner = any(directory.startswith(f"{base}/") for base in self._included)
        return [directory] if is_inner and directory not in self._included else []


PHP = Interpreted(SYNTAX, LibraryFinder(more=_modules), PhpFiles)
