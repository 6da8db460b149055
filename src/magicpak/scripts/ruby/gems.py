"""The gems that are installed: their files, and what their specifications say (specification-reference of RubyGems)."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from magicpak.scripts.sources import Sources

_FILE = re.compile(r"(.+?)-(\d[^-]*)(?:-.*)?\.gemspec")
_PATHS = re.compile(rb"\.require_paths = \[([^\]]*)\]")
_TEXT = re.compile(rb'"([^"\n]*)"')
_DEPENDENCY = re.compile(rb"\.add_(runtime_)?dependency\(?\s*(?:%q<|\"|')([\w.-]+)")
_ELSE = re.compile(rb"^\s*else$", re.MULTILINE)


class Gem(NamedTuple):
    """A gem: its specification, the directory of its files, whether that exists or not, and those of its extensions."""

    name: str
    specification: str
    directory: str
    extensions: tuple[str, ...]


class Gems:
    """The gems below several directories."""

    def __init__(self, gem_paths: Iterable[str], sources: Sources) -> None:
        self._sources = sources
        self._gems: dict[str, list[Gem]] = defaultdict(list)
        self._directories: dict[str, list[str]] = {}
        for path in dict.fromkeys(gem_paths):
            for inner in ("specifications", "specifications/default"):
                for name in sorted(sources.names(f"{path}/{inner}")):
                    if match := _FILE.fullmatch(name):
                        extensions = tuple(_extensions(path, name.removesuffix(".gemspec"), sources))
                        directory = f"{path}/gems/{name.removesuffix('.gemspec')}"
                        self._gems[match[1]].append(Gem(match[1], f"{path}/{inner}/{name}", directory, extensions))

    def named(self, name: str) -> list[Gem]:
        """Return the installed versions of the gem `name`."""
        return self._gems.get(name, [])

    def containing(self, path: str) -> list[Gem]:
        """Return the gems in whose directory `path` is."""
        every = (gem for versions in self._gems.values() for gem in versions)
        return [gem for gem in every if path.startswith(f"{gem.directory}/")]

    def with_feature(self, feature: str) -> Iterator[tuple[Gem, str]]:
        """Yield the gems that have a file `feature` to require, with the path of that."""
        first = feature.split("/", 1)[0]
        for gem in (gem for versions in self._gems.values() for gem in versions):
            for directory in self.directories(gem):
                if first in self._sources.names(directory) and self._sources.is_file(f"{directory}/{feature}"):
                    yield gem, f"{directory}/{feature}"

    def directories(self, gem: Gem) -> list[str]:
        """Return the directories that `gem` adds to $LOAD_PATH."""
        if gem.specification not in self._directories:
            existing: list[str] = list(gem.extensions)
            if self._sources.is_directory(gem.directory):
                match = _PATHS.search(self._sources.read(gem.specification) or b"")
                paths = [os.fsdecode(each) for each in _TEXT.findall(match[1])] if match else ["lib"]
                existing += [f"{gem.directory}/{path}" for path in paths]
            self._directories[gem.specification] = existing
        return self._directories[gem.specification]

    def dependencies(self, gem: Gem) -> list[str]:
        """Return the names of the gems that `gem` needs at run time."""
        data = self._sources.read(gem.specification) or b""
        found = _DEPENDENCY.findall(data)
        if any(runtime for runtime, _ in found) or _ELSE.search(data):  # what comes after `else` is for old RubyGems
            found = [(runtime, name) for runtime, name in found if runtime]
        return [os.fsdecode(name) for name in dict.fromkeys(name for _, name in found)]


def _extensions(path: str, name: str, sources: Sources) -> Iterator[str]:
    """Yield where the compiled part of a gem is: below the platform and the version; for Fedora, below lib64."""
    for root in (f"{path}/extensions", path.replace("/share/gems", "/lib64/gems")):
        platforms = [f"{root}/{each}" for each in sorted(sources.names(root))] if root != path else []
        versions = (f"{platform}/{each}" for platform in platforms for each in sorted(sources.names(platform)))
        for directory in (*platforms, *versions):
            if name in sources.names(directory):
                yield f"{directory}/{name}"
