"""The part of a trace that counts, where what was run only drives the programs that are to be bundled."""

from collections.abc import Collection

from magicpak.tracing.trace import Execution, Trace


def within(trace: Trace, inodes: Collection[tuple[int, int]]) -> Trace | None:
    """Return what the programs with one of `inodes` did in `trace`, and all that came from them afterwards.

    What their processes execute later and what they fork is theirs too. Indices are counted anew; an execution that
    came from outside has no parent. All that was kept stays. Returns None where none of these programs was executed.
    """
    inside: dict[int, bool] = {}
    for index in range(len(trace.executions)):
        _judge(index, trace.executions, inodes, inside)
    numbers = {old: new for new, old in enumerate(index for index in sorted(inside) if inside[index])}
    if not numbers:
        return None
    executions = tuple(
        trace.executions[old]._replace(parent=_renumbered(trace.executions[old].parent, numbers)) for old in numbers
    )
    uses = tuple(use._replace(execution=numbers[use.execution]) for use in trace.uses if use.execution in numbers)
    return trace._replace(executions=executions, uses=uses)


def _judge(
    index: int, executions: tuple[Execution, ...], inodes: Collection[tuple[int, int]], inside: dict[int, bool]
) -> None:
    """Set in `inside` whether the execution at `index` counts, and those from which it came."""
    lineage: list[int] = []
    here: int | None = index
    while here is not None and here not in inside:
        lineage.append(here)
        here = executions[here].parent
    counts = here is not None and inside[here]
    for each in reversed(lineage):
        counts = counts or executions[each].inode in inodes
        inside[each] = counts


def _renumbered(parent: int | None, numbers: dict[int, int]) -> int | None:
    return None if parent is None else numbers.get(parent)
