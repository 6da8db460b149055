"""Reads Ruby scripts, the features that they require, and the gems."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence

from magicpak.bundle.plan import Because
from magicpak.scripts.findings import Findings
from magicpak.scripts.needs import Requirement, ScriptFile, ScriptNeeds
from magicpak.scripts.ruby.facts import RubyFacts
from magicpak.scripts.ruby.features import Features, read_facts
from magicpak.scripts.ruby.gems import Gems
from magicpak.scripts.ruby.home import RubyHome, gem_paths_of, ruby_home
from magicpak.scripts.sources import Sources
from magicpak.scripts.tree import outermost
from magicpak.text import printable

_SWITCH = re.compile(r"-\w*?([Ir])(.*)", re.DOTALL)
_GEMFILES = ("Gemfile", "gems.rb")
_LISTED = re.compile(r"^\s*gem\b[\s(]*[\"']([\w.-]+)|^    ([\w.-]+) \(", re.MULTILINE)


class Ruby:
    """Ruby, of the interpreter that is written in C."""

    def __init__(self) -> None:
        self._homes: dict[str, RubyHome] = {}
        self._read: dict[str, RubyFacts] = {}

    def library(self, interpreter: str, sources: Sources) -> ScriptNeeds:
        """Return the standard library, RubyGems, which each script starts with, and what gems come with ruby."""
        home = self._home(interpreter, sources)
        if not home.standard:
            return ScriptNeeds(warnings=[f"{printable(interpreter)}: its standard library is not found"])
        gems = (f"{each}/specifications/default" for each in home.gem_paths)
        rubygems = (f"{each}/{name}" for each in home.load_path for name in ("rubygems.rb", "rubygems"))
        files = dict.fromkeys([*home.standard, *rubygems, *gems])
        existing = [each for each in outermost(files) if sources.is_file(each) or sources.is_directory(each)]
        why = Because("the standard library of", interpreter)
        return ScriptNeeds([Requirement(each, why) for each in existing])

    def script(self, script: ScriptFile, sources: Sources, *, whole: bool) -> ScriptNeeds:
        """Return the features and gems that `script` requires, and the programs that it executes."""
        home = self._home(script.interpreter, sources)
        findings = Findings(sources)
        environment: Mapping[str, str] = {**os.environ, **script.environment}
        own = gem_paths_of(environment, home.version, sources.real(script.path), sources)
        facts = read_facts(script.path, home, sources, script.code)
        gemfile = _gemfile(script.path, sources) if facts.uses_bundler else None
        if gemfile is not None:
            own += _bundled(gemfile, home.version, sources)
        home = home._replace(gem_paths=tuple(dict.fromkeys([*own, *home.gem_paths])))
        for path in (*home.load_path, *home.gem_paths) if whole else ():
            if path not in home.standard:
                findings.add_file(path, "what is installed for", script.interpreter)
        gems = Gems(home.gem_paths, sources)
        features = Features(script.path, home, gems, findings, sources, self._read)
        arguments = [*script.arguments, *script.environment.get("RUBYOPT", "").split()]
        directories, required = _switches(arguments)
        features.search_first([*directories, *script.environment.get("RUBYLIB", "").split(":")], script.path)
        for feature in required:
            features.require(feature, script.path)
        for gem in gems.containing(sources.real(script.path)):
            features.add_gem(gem, script.path)
        if gemfile is not None:
            for name in _listed(gemfile, findings, sources):
                features.add_gems(name, gemfile)
        features.follow(facts)
        needs = findings.needs()
        return needs._replace(hints=[*needs.hints, *_variables(script, needs)])

    def _home(self, interpreter: str, sources: Sources) -> RubyHome:
        if interpreter not in self._homes:
            self._homes[interpreter] = ruby_home(interpreter, sources)
        return self._homes[interpreter]


def _variables(script: ScriptFile, needs: ScriptNeeds) -> Iterator[str]:
    """Yield a hint for each variable of this run that the gems of `script` are found by."""
    for name in ("GEM_HOME", "GEM_PATH"):
        value = os.environ.get(name, "")
        below = tuple(f"{each}/" for each in value.split(":") if each)
        if name not in script.environment and any(each.path.startswith(below) for each in needs.files):
            user = printable(script.path)
            yield f"{name}={printable(value)}: {user} finds its gems by this variable, which the image must set"


def _gemfile(script: str, sources: Sources) -> str | None:
    """Return the Gemfile that is next above `script`, where Bundler is told to look by most who use it."""
    directory = sources.real(os.path.dirname(script))
    while directory not in ("/", ""):
        for name in _GEMFILES:
            if sources.is_file(f"{directory}/{name}"):
                return f"{directory}/{name}"
        directory = os.path.dirname(directory)
    return None


def _bundled(gemfile: str, version: str, sources: Sources) -> list[str]:
    """Return where Bundler installs gems beside `gemfile`, if it has."""
    paths = (f"{os.path.dirname(gemfile)}/{each}/ruby/{version}" for each in ("vendor/bundle", ".bundle", "bundle"))
    return [path for path in paths if sources.is_directory(f"{path}/specifications")]


def _listed(gemfile: str, findings: Findings, sources: Sources) -> Iterator[str]:
    """Yield the gems of `gemfile` and of its lock file, and add both."""
    lock = f"{gemfile}.lock" if gemfile.endswith("Gemfile") else f"{os.path.dirname(gemfile)}/gems.locked"
    for file in (gemfile, lock, f"{os.path.dirname(gemfile)}/.bundle/config"):
        data = sources.read(file)
        if data is not None:
            findings.add_file(file, "the gems of", gemfile)
            yield from (match[1] or match[2] for match in _LISTED.finditer(data.decode("latin-1")))
    yield "bundler"


def _switches(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the directories and the features that switches add (ruby(1), -I, -r)."""
    directories: list[str] = []
    features: list[str] = []
    words = iter(word for argument in arguments for word in argument.split())
    for word in words:
        match = _SWITCH.match(word)
        if match is not None:
            value = match[2] or next(words, "")
            if match[1] == "I":
                directories += value.split(":")
            else:
                features.append(value)
    return directories, features
