"""What a program that has moved looked for by its own path, and would find at its path on the host."""

import os
from collections.abc import Iterator, Sequence

from magicpak.bundle.path import BundlePath
from magicpak.resolve.inputs import Input, unmoved
from magicpak.text import printable
from magicpak.trial.failed_lookups import FailedLookup
from magicpak.trial.suggestions import TrialPlans


def own_path_hints(lookups: Sequence[FailedLookup], plans: TrialPlans) -> Iterator[str]:
    """Yield a hint for each INPUT that has moved away from what it looked for: the first of that, and the cure."""
    for program in plans.inputs:
        directory = plans.plan.reached(program.place)[1].parent
        for lookup in lookups if program.is_moved else ():
            there = _on_host(lookup.path, directory, program) if not plans.is_excluded(lookup.path) else None
            if there is not None:
                yield (
                    f"{printable(lookup.path)} is {printable(there)} on the host: "
                    f"the program keeps its path, and finds it, {unmoved(program)}"
                )
                break


def _on_host(path: BundlePath, directory: BundlePath, program: Input) -> str | None:
    """Return what the host has as far from `program` as `path` is from `directory`, its own in the bundle, if any."""
    if os.path.exists(path):  # then it is hardly meant relative to the program
        return None
    way = os.path.relpath(path, directory)
    paths = (BundlePath(f"{os.path.dirname(each)}/{way}") for each in (program.real, program.path))
    return next(filter(os.path.exists, paths), None)
