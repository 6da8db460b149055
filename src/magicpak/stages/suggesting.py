"""What the bundle may lack though no header names it: suggestions of options that add it."""

import os
from collections.abc import Mapping
from functools import cache

from magicpak.collect.result import Result
from magicpak.ldso.factory import Loaders
from magicpak.needs.found import NeedHost
from magicpak.needs.lacking import Lacking
from magicpak.needs.signs import SignedProgram, read_signs
from magicpak.needs.suggest import Suggestion, suggestions


def suggest_for(result: Result, loaders: Loaders, rows_file: str | None, env: Mapping[str, str]) -> list[Suggestion]:
    """Return what the INPUTs of `result`, run with the variables `env`, show that they need and the bundle lacks.

    `rows_file` is the user's table of names. Raises ToolFailed.
    """
    inputs = [each for each in result.placed if each.program is not None]

    @cache
    def host() -> NeedHost:
        return NeedHost.of([each.real for each in result.inputs.all], [each.resolved for each in inputs], loaders)

    programs = [
        SignedProgram(os.path.basename(each.program.argument), each.resolved.closure)
        for each in inputs
        if each.program is not None
    ]
    return suggestions(programs, read_signs(), env, Lacking(result.plan, rows_file, host))
