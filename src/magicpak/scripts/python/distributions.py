"""The metadata of installed distributions of Python, which programs look up by name when they start."""

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from magicpak.scripts.sources import Sources

_METADATA = re.compile(r"([A-Za-z0-9][A-Za-z0-9._]*).*\.(?:dist-info|egg-info)")
_REQUIRED = re.compile(rb"^Requires-Dist:[ \t]*([A-Za-z0-9][\w.-]*)((?![^\n]*\bextra\b)[^\n]*)$", re.MULTILINE)
_NAME = re.compile(rb"^[ \t]*([A-Za-z0-9][\w.-]*)", re.MULTILINE)
_ENTRY_POINT = re.compile(rb"^[ \t]*([^\s=\[#][^=\[\n]*?)[ \t]*=[ \t]*([\w.]+)", re.MULTILINE)
_RECORDED = re.compile(rb"^([A-Za-z_]\w*)(?:/|\.py,|\.[\w.-]*so,)", re.MULTILINE)


def normalized(name: str) -> str:
    """Return `name` as all its spellings have it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Distribution(NamedTuple):
    """An installed distribution: its name, normalized; where its metadata are; the modules that it consists of."""

    name: str
    path: str
    top_level: frozenset[str]


class Distributions:
    """The distributions in the directories `directories`; the first of a name counts."""

    def __init__(self, directories: Iterable[str], sources: Sources) -> None:
        self._sources = sources
        self._by_name: dict[str, Distribution] = {}
        self._by_module: dict[str, list[Distribution]] = {}
        self._required: dict[str, list[str]] = {}
        for directory in directories:
            for name in sorted(sources.names(directory)):
                match = _METADATA.fullmatch(name)
                if match and normalized(match[1]) not in self._by_name:
                    self._add(normalized(match[1]), os.path.join(directory, name))

    def of_module(self, name: str) -> list[Distribution]:
        """Return the distributions that the module with the full name `name` is of, or may be of in a namespace."""
        found = self._by_module.get(name.partition(".")[0], [])
        spelled = normalized(name)
        ends = [(each, f"-{each.name}", f"-{spelled}") for each in found]
        return [each for each, own, end in ends if own.endswith(end) or end.endswith(own)] or found

    def named(self, name: str) -> Distribution | None:
        """Return the distribution with the name `name`."""
        return self._by_name.get(normalized(name))

    def required(self, distribution: Distribution) -> list[str]:
        """Return the names, normalized, of those that `distribution` requires, but for what it does for an extra."""
        if distribution.name not in self._required:
            names = {normalized(name) for name in self._required_names(distribution)}
            self._required[distribution.name] = sorted(names - {distribution.name})
        return self._required[distribution.name]

    def modules(self, name: str) -> frozenset[str]:
        """Return the names of the modules of the distribution `name`; its own, if it has no metadata.

        What a careless build has left in top_level.txt besides, and another distribution has, is left out.
        """
        found = self.named(name)
        if found is None:
            return frozenset({name.replace("-", "_")})
        return frozenset(module for module in found.top_level if found in self.of_module(module))

    def entry_points(self, distribution: Distribution) -> dict[str, str]:
        """Return the entry points of `distribution`, those of its scripts among them: names and modules."""
        text = self._sources.read(os.path.join(distribution.path, "entry_points.txt")) or b""
        return {os.fsdecode(name): os.fsdecode(module) for name, module in _ENTRY_POINT.findall(text)}

    def _add(self, name: str, path: str) -> None:
        listed = self._sources.read(os.path.join(path, "top_level.txt"))
        if listed is None:
            found = _RECORDED.findall(self._sources.read(os.path.join(path, "RECORD")) or b"")
        else:
            found = listed.split()
        modules = {os.fsdecode(each).partition("/")[0] for each in found} or {name.replace("-", "_")}
        distribution = Distribution(name, path, frozenset(modules))
        self._by_name[name] = distribution
        for module in sorted(modules):
            self._by_module.setdefault(module, []).append(distribution)

    def _required_names(self, distribution: Distribution) -> list[str]:
        text = b""
        for name in ("METADATA", "PKG-INFO"):
            text += (self._sources.read(os.path.join(distribution.path, name)) or b"").partition(b"\n\n")[0] + b"\n"
        found = [match[0] for match in _REQUIRED.findall(text)]
        plain = (self._sources.read(os.path.join(distribution.path, "requires.txt")) or b"").partition(b"[")[0]
        return sorted({os.fsdecode(each) for each in (*found, *_NAME.findall(plain))})
