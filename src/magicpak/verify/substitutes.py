"""Whether the loaders of a plan take the files for libraries that they take on the host."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.libraries import Placed
from magicpak.ldso.loader import Loaded
from magicpak.resolve.libraries import Resolved
from magicpak.text import printable, shell_line
from magicpak.verify.problems import FailureKind, Problem


class SubstituteCheck:
    """Compares the processes of `plan` with the closures of the host, `all_placed`."""

    def __init__(self, plan: BundlePlan, all_placed: Sequence[Placed]) -> None:
        self._plan = plan
        self._all_placed = all_placed

    def problems(
        self, placed: Placed, within: Resolved, pairs: Mapping[Loaded, Loaded], kind: FailureKind
    ) -> Iterator[Problem]:
        """Yield a problem, of `kind`, for each name for which the process `within` takes another file than `placed`.

        `pairs` are objects of the host's process, each with what stands for it in `within`. Compared are places in the
        plan, since what is there can differ from the host's file: it is packed, or as it was before a traced run. A
        place where nothing is was excluded.
        """
        places: dict[Loaded | None, str] = {}
        for need, place in placed.places.items():
            places.setdefault(need.satisfied_by, str(place))
        counterparts = dict(pairs)
        for requester in placed.resolved.closure.objects:
            counterpart = counterparts.get(requester)
            if counterpart is None:
                continue
            taken: dict[str, list[Loaded]] = {}  # several, where processors with other variants take another
            for need in counterpart.needs:
                if need.satisfied_by is not None:
                    taken.setdefault(need.name, []).append(need.satisfied_by)
            for need in requester.needs:
                at = places.get(need.satisfied_by)
                if need.satisfied_by is None or at is None or need.name not in taken:
                    continue
                same = {
                    other: at == other.path or self._plan.is_same_file(at, other.path) for other in taken[need.name]
                }
                equal = next((other for other in same if same[other]), None)
                if equal is not None:
                    counterparts.setdefault(need.satisfied_by, equal)
                elif False in same.values():
                    other = taken[need.name][0]
                    message = _describe(need.name, need.satisfied_by, other, within, counterpart)
                    hint = self._hint(need.name, other.path)
                    yield Problem(within.name, need.name, counterpart.path, message, kind=kind, hint=hint)

    def _hint(self, name: str, taken: str) -> str:
        from magicpak.bundle.globs import literal_pattern

        place = self._plan.reached(taken)[1]
        if place not in self._needed:
            option = shell_line(["--exclude", literal_pattern(place)])
            return f"unless something else uses {printable(place)}, remove it from the bundle with {option}"
        return f"programs need different files named {printable(name)}: bundle them separately, or give them a RUNPATH"

    @cached_property
    def _needed(self) -> set[BundlePath]:
        """Where the files are that a process of the host needs."""
        return {self._plan.reached(place)[1] for placed in self._all_placed for place in placed.places.values()}


def _describe(name: str, wanted: Loaded, other: Loaded, within: Resolved, requester: Loaded) -> str:
    from magicpak.resolve.missing import describe_chain

    which = f"{printable(name)} is {printable(other.path)} in the bundle, but {printable(wanted.path)} on the host"
    return f"{which}, needed by {describe_chain(within, requester)}"
