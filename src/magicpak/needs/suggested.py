"""All that is suggested, as what it stands for: `--with suggested`."""

import os
from typing import Any

from magicpak.errors import NeedNotFound
from magicpak.files.cli_path import HOST_ROOT, CliPath
from magicpak.files.script import HEAD, parse_script
from magicpak.files.view import read_host_file
from magicpak.needs.found import NeedFiles, NeedHost, find_need
from magicpak.needs.rows import WantedNeed, need_rows, wanted_needs
from magicpak.needs.signs import SignedProgram, read_signs
from magicpak.needs.suggest import suggestions


def suggested(need: WantedNeed, host: NeedHost) -> NeedFiles:
    """Return what all suggestions for the INPUTs add, of names and of files; nothing where there are none."""
    programs = [
        SignedProgram(os.path.basename(each.name), each.closure)
        for each in host.programs
        if each.closure.program.path in host.inputs
    ]
    bundle: Any = _EmptyBundle()
    found = NeedFiles(sought=["what is suggested for INPUT"])
    for each in suggestions(programs, read_signs(), host.env, bundle):
        found = found.joined(_named(each.value, need, host) if each.flag == "with" else _included(each.value))
    return found


class _EmptyBundle:
    """A bundle that lacks whatever it is asked for."""

    def name(self, _value: str) -> bool:
        return True

    def path(self, _path: str) -> bool:
        return True


def _named(value: str, need: WantedNeed, host: NeedHost) -> NeedFiles:
    """Return what `value` stands for, as far as it is here."""
    found = NeedFiles()
    for each in wanted_needs([value], need_rows()):
        try:
            found = found.joined(find_need(each._replace(flag=need.flag), host))
        except NeedNotFound:
            continue
    return found


def _included(path: str) -> NeedFiles:
    """Return the file or directory at `path`; a script is executed, and so needs what runs it."""
    try:
        is_script = os.access(path, os.X_OK) and parse_script(read_host_file(path, HEAD)) is not None
    except OSError:  # a directory
        is_script = False
    return NeedFiles(programs=[path]) if is_script else NeedFiles(trees=[CliPath(HOST_ROOT, path)])
