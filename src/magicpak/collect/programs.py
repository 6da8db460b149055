"""The INPUTs as items of the plan."""

from collections.abc import Sequence

from magicpak.bundle.plan import Because
from magicpak.collect.mirror import Mirror
from magicpak.resolve.inputs import Program


def place_programs(programs: Sequence[Program], mirror: Mirror) -> None:
    """Collect the programs themselves, with the links that lead to them. Raises MagicpakError."""
    for program in programs:
        because = Because("the executable to be bundled")
        if program.is_moved:
            mirror.place_at(program.real, program.at, because)
        else:
            mirror.place(program.path, because)
