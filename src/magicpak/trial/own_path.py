"""What a program looked for by its own path or from its current directory, which are others in the bundle."""

import os
from collections.abc import Iterator, Sequence

from magicpak.bundle.path import BundlePath
from magicpak.resolve.inputs import Input, unmoved
from magicpak.text import printable, shell_line
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


def working_directory_hints(lookups: Sequence[FailedLookup], plans: TrialPlans) -> Iterator[str]:
    """Yield a hint where the first of `lookups` that is in the bundle is below our current directory, not below `/`."""
    try:
        here = os.getcwd()
    except OSError:
        return
    for path in (each.path for each in lookups if not plans.is_excluded(each.path)):
        place = BundlePath(f"{here}/{path}")
        if place != path and plans.plan.reached(place)[0] is not None:
            test = shell_line(["--test-command", f"{shell_line(['cd', here])} && …"])
            yield (
                f"{printable(path)} is {printable(place)} in the bundle: if the program looks for it in its current "
                f"directory, the image needs WORKDIR {printable(here)}, and the test {test}"
            )
            return


def _on_host(path: BundlePath, directory: BundlePath, program: Input) -> str | None:
    """Return what the host has as far from `program` as `path` is from `directory`, its own in the bundle, if any."""
    if os.path.exists(path):  # then it is hardly meant relative to the program
        return None
    way = os.path.relpath(path, directory)
    paths = (BundlePath(f"{os.path.dirname(each)}/{way}") for each in (program.real, program.path))
    return next(filter(os.path.exists, paths), None)
