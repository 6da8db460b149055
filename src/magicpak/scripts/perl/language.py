"""Reads Perl scripts, and the modules that they use, step by step."""

import re
from collections.abc import Iterator, Sequence

from magicpak.bundle.plan import Because
from magicpak.scripts.findings import Findings
from magicpak.scripts.needs import Requirement, ScriptFile, ScriptNeeds
from magicpak.scripts.perl.facts import PerlFacts
from magicpak.scripts.perl.inc import ModulePath, module_path
from magicpak.scripts.perl.modules import PerlModules, read_facts
from magicpak.scripts.sources import Sources
from magicpak.scripts.tree import without
from magicpak.text import printable

_SWITCH = re.compile(r"-\w*?([IMm])(.*)", re.DOTALL)
_MODULE = re.compile(r"-?([\w:]+)")
_DIAGNOSTICS = "perldiag.pod"  # which diagnostics(3perl) looks messages up in


class Perl:
    """Perl 5."""

    def __init__(self) -> None:
        self._paths: dict[str, ModulePath] = {}
        self._read: dict[str, PerlFacts] = {}

    def library(self, interpreter: str, sources: Sources) -> ScriptNeeds:
        """Return the standard library, without documentation and what extensions are compiled with."""
        path = self._path(interpreter, sources)
        why = Because("the standard library of", interpreter)
        if not path.standard:
            return ScriptNeeds(warnings=[f"{printable(interpreter)}: its standard library is not found"])
        files = dict.fromkeys(each for directory in path.standard for each in _used(directory, path, sources))
        files.update((each, None) for each in path.directories if each.startswith("/etc/"))
        return ScriptNeeds([Requirement(each, why) for each in files])

    def script(self, script: ScriptFile, sources: Sources, *, whole: bool) -> ScriptNeeds:
        """Return the modules that `script` uses, with what is beside and below them, and the programs it executes."""
        path = self._path(script.interpreter, sources)
        findings = Findings(sources)
        for directory in path.directories if whole else ():
            if directory not in path.standard:
                findings.add_file(directory, "what is installed for", script.interpreter)
        modules = PerlModules(script.path, path, findings, sources, self._read)
        arguments = [*script.arguments, *script.environment.get("PERL5OPT", "").split()]
        directories, named = _switches(arguments)
        modules.search_first(
            [*directories, *filter(None, script.environment.get("PERL5LIB", "").split(":"))], script.path
        )
        for name in named:
            modules.use(name, script.path)
        modules.require("sitecustomize.pl", script.path)
        modules.follow(read_facts(script.path, script.path, sources, script.code))
        return findings.needs()

    def _path(self, interpreter: str, sources: Sources) -> ModulePath:
        if interpreter not in self._paths:
            self._paths[interpreter] = module_path(interpreter, sources)
        return self._paths[interpreter]


def _used(directory: str, path: ModulePath, sources: Sources) -> Iterator[str]:
    """Yield what is used of a directory of the standard library, which can have others of @INC in it."""
    texts = sources.names(f"{directory}/pod") - {_DIAGNOSTICS}
    left_out = [f"{directory}/CORE", *(f"{directory}/pod/{name}" for name in sorted(texts))]
    return without(directory, [*left_out, *(each for each in path.directories if each != directory)], sources)


def _switches(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the directories and the modules that switches add (perlrun(1), -I, -M, -m)."""
    directories, modules = [], []
    words = iter(word for argument in arguments for word in argument.split())
    for word in words:
        match = _SWITCH.match(word)
        if match is None:
            continue
        value = match[2] or next(words, "")
        if match[1] == "I":
            directories.append(value)
        elif module := _MODULE.match(value):
            modules.append(module[1])
    return directories, modules
