"""Where a ruby looks for features and gems, found without running it."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from magicpak.scripts.embedded import embedded_paths
from magicpak.scripts.sources import Sources

_STANDARD = ("English.rb", "rbconfig.rb")  # of the part for all architectures, and of that for one
_CONFIGURED = re.compile(r'^  CONFIG\["(\w+)"\] = "([^"$#\\]*)"$', re.MULTILINE)


class RubyHome(NamedTuple):
    """The directories of $LOAD_PATH that exist, those of the standard library among them, and those of gems.

    A directory of gems has `specifications`; what they stand for is beside that, or in $LOAD_PATH. `config` are the
    constant values of RbConfig::CONFIG.
    """

    load_path: tuple[str, ...]
    standard: tuple[str, ...]
    gem_paths: tuple[str, ...]
    config: Mapping[str, str]

    @property
    def version(self) -> str:
        """The version of ruby's interface, by which directories are named."""
        return self.config.get("ruby_version", "")


def ruby_home(interpreter: str, sources: Sources) -> RubyHome:
    """Return where the ruby at `interpreter` looks: $LOAD_PATH is among its strings, or its library's (loadpath.c).

    In a ruby that can be moved, it begins at the prefix.
    """
    program = sources.real(interpreter)
    prefix = os.path.dirname(os.path.dirname(program))
    strings = embedded_paths(program, "libruby", sources)
    paths = (path for text in strings for path in (text, prefix + text) if "ruby" in path)
    load_path = tuple(dict.fromkeys(path for path in paths if sources.is_directory(path)))
    standard = tuple(each for each in load_path if not sources.names(each).isdisjoint(_STANDARD))
    texts = ((sources.read(f"{each}/rbconfig.rb") or b"").decode("latin-1") for each in standard)
    config = {match[1]: match[2] for text in texts for match in _CONFIGURED.finditer(text)}
    version = config.get("ruby_version", "")
    candidates = dict.fromkeys(path for each in standard for path in _gem_paths(each, prefix, version))
    gem_paths = tuple(path for path in candidates if sources.is_directory(f"{path}/specifications"))
    return RubyHome(load_path, standard, gem_paths, config)


def gem_paths_of(environment: Mapping[str, str], version: str, start: str, sources: Sources) -> list[str]:
    """Return the directories of gems that `environment` adds, and those that the real file `start` is in."""
    home = environment.get("HOME", "/root")
    named = (*environment.get("GEM_HOME", "").split(":"), *environment.get("GEM_PATH", "").split(":"))
    own = (f"{home}/.local/share/gem/ruby/{version}", f"{home}/.gem/ruby/{version}")
    above = [start[:index] for index, character in enumerate(start) if character == "/" and index]
    return [path for path in (*named, *own, *above) if path and sources.is_directory(f"{path}/specifications")]


def _gem_paths(standard: str, prefix: str, version: str) -> Iterator[str]:
    """Yield where gems can be installed for a ruby with this directory of its library: its own, Fedora's, Debian's."""
    above = os.path.dirname(standard)
    for directory in (above, os.path.dirname(above)):
        yield f"{directory}/gems/{version}"
        yield f"{directory}/gems"
        yield f"{directory}/rubygems-integration/{version}"
    yield from (f"{prefix}/share/rubygems-integration/{each}" for each in (version, "all"))
    if prefix == "/usr":
        yield from (f"/var/lib/gems/{version}", f"/usr/local/lib/ruby/gems/{version}", "/usr/local/share/gems")
