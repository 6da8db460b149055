"""What the bundle may lack though no header names it: suggestions of options that add it."""

import os
from collections.abc import Mapping

from magicpak.collect.result import Result
from magicpak.needs.lacking import lacks_name, lacks_path
from magicpak.needs.signs import SignedProgram, read_signs
from magicpak.needs.suggest import Lacks, Suggestion, suggestions


def suggest_for(result: Result, env: Mapping[str, str]) -> list[Suggestion]:
    """Return what the INPUTs of `result`, run with the variables `env`, show that they need and the bundle lacks."""
    programs = [
        SignedProgram(os.path.basename(each.program.argument), each.resolved.closure)
        for each in result.placed
        if each.program is not None
    ]
    lacks = Lacks(lambda value: lacks_name(value, result.plan), lambda path: lacks_path(path, result.plan))
    return suggestions(programs, read_signs(), env, lacks)
