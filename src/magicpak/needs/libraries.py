"""The standard libraries of interpreters: of an INPUT that is one, of one that INPUT embeds, or of the host's."""

import os
import re
from collections.abc import Iterator

from magicpak.errors import NeedNotFound
from magicpak.files.cli_path import HOST_ROOT, CliPath
from magicpak.needs.found import NeedFiles, NeedHost
from magicpak.needs.rows import WantedNeed
from magicpak.scripts.languages import LANGUAGES, language_of
from magicpak.scripts.sources import Sources

_VERSION = r"-?(\d+(?:\.\d+)*)"
_LATEST = {"python": "python3"}
"""How programs are called that have another name than their language."""


def library(need: WantedNeed, host: NeedHost) -> NeedFiles:
    """Return the standard library of the language that the row is called after. Raises NeedNotFound."""
    name = need.row.name
    reader = next(row.reader for row in LANGUAGES if row.name == name)()
    sources = Sources(host.files)
    found = [reader.library(interpreter, sources) for interpreter in dict.fromkeys(_interpreters(name, host, sources))]
    trees = [CliPath(HOST_ROOT, file.path) for each in found for file in each.files]
    if not trees:
        looked_for = [line for each in found for line in each.warnings] or [f"{_LATEST.get(name, name)} in PATH"]
        raise NeedNotFound(need.flag, looked_for)
    return NeedFiles(trees=trees, warnings=sources.warnings())


def _interpreters(language: str, host: NeedHost, sources: Sources) -> Iterator[str]:
    """Yield the interpreters that the INPUTs are or embed; the host's, where that is none."""
    found = [path for path in host.inputs if (row := language_of(path, sources)) is not None and row.name == language]
    embedded = re.compile(rf"lib{language}{_VERSION}?\.so{_VERSION.replace('-?', '[.]?')}?")
    names = (os.path.basename(each.path) for program in host.programs for each in program.closure.objects[1:])
    for match in filter(None, map(embedded.match, names)):
        versions = [f"{language}{version}" for version in filter(None, match.groups())]
        found += list(filter(None, map(host.files.program, versions)))[:1]
    host_own = host.files.program(_LATEST.get(language, language))
    yield from found or filter(None, [host_own])
