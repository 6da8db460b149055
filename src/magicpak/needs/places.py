"""Where the programs of a bundle have their plugins and data: what the placeholders of patterns stand for."""

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.globs import literal_pattern
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import ElfTarget
from magicpak.files.cli_path import CliPath
from magicpak.files.matches import matching_paths
from magicpak.files.view import HOST
from magicpak.ldso.factory import Loaders
from magicpak.ldso.interpreter import Interpreter
from magicpak.ldso.machines import machine_of
from magicpak.resolve.libraries import Resolved

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

_SHARED_HOMES = ("/", "/usr", "/usr/local")
_MUSL_LOADERS = "/lib/ld-musl-*.so.1"


class Places(NamedTuple):
    """Directories of `files`, without links on the way.

    `libraries` (`{lib}`) are those in which the loaders look, and those where they have found libraries; `homes`
    (`{home}`) those which programs have for themselves: `/opt/x` of `/opt/x/bin/program`.
    """

    libraries: Sequence[str]
    homes: Sequence[str]
    files: "SourceView" = HOST

    def patterns(self, template: str) -> list[str]:
        """Return the patterns that `template` stands for."""
        patterns = [template]
        for name, directories in (("{lib}", self.libraries), ("{home}", self.homes)):
            patterns = [
                each.replace(name, literal_pattern(directory))
                for each in patterns
                for directory in (directories if name in each else ("",))
            ]
        return patterns

    def matches(self, template: str) -> list[CliPath]:
        """Return what `template` matches, in order, each path once."""
        return list(
            dict.fromkeys(path for each in self.patterns(template) for path in matching_paths(each, self.files))
        )

    def matches_one(self, templates: Sequence[str]) -> bool:
        """Return whether one of `templates` matches anything."""
        return any(map(self.matches, templates))


def places_of(inputs: Sequence[str], all_resolved: Sequence[Resolved], loaders: Loaders, files: "SourceView") -> Places:
    """Return the places in `files` of `inputs`, real paths, and of the programs `all_resolved`.

    Where none of these has a loader, libraries are where this machine's own loader looks for them.

    Raises ToolFailed.
    """
    libraries = dict[str, None]()
    for resolved in all_resolved:
        closure = resolved.closure
        for loader in filter(None, (resolved.loader,)):
            libraries |= dict.fromkeys(loader.searched(closure.program))
        libraries |= dict.fromkeys(os.path.dirname(each.path) for each in closure.objects[1:])
    if not libraries:
        kinds = [each.closure.program.facts.kind for each in all_resolved]
        interpreter = _interpreter(loaders, files, kinds[0] if kinds else None)
        if interpreter is not None:
            loader, itself = loaders.for_interpreter(interpreter)
            libraries = dict.fromkeys(loader.searched(itself))
    real = dict.fromkeys(files.real(each) for each in libraries if os.path.isabs(each))
    return Places(
        [each for each in real if files.is_directory(each)],
        list(dict.fromkeys(home for path in inputs for home in homes_of(path))),
        files,
    )


def homes_of(program: str) -> list[str]:
    """Return the directory that `program`, a real path, has for itself, if it has one."""
    directory = os.path.dirname(program)
    above, name = os.path.split(directory)
    home = above if name in ("bin", "sbin", "libexec") else directory
    return [home] if home not in _SHARED_HOMES else []


def _interpreter(loaders: Loaders, files: "SourceView", kind: ElfTarget | None) -> Interpreter | None:
    """Return the loader in `files` for programs of `kind`, or for this one; None where there is none."""
    with suppress(OSError, ElfError):
        kind = kind or loaders.elf.get(files.own_program).facts.kind
    machine = machine_of(kind) if kind else None
    paths = [machine.interpreter] if machine else []
    for path in (*paths, *(each.on_host for each in matching_paths(_MUSL_LOADERS, files))):
        with suppress(OSError, ElfError):
            found = loaders.interpreter(path)
            if found.facts.kind == kind and found.built_in is not None:
                return found
    return None
