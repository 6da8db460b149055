"""Whether a bundle lacks what an option would add."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from magicpak.bundle.entry import Copy, Directory
from magicpak.bundle.plan import BundlePlan
from magicpak.errors import InvalidUsage, NeedNotFound
from magicpak.files.view import is_below

if TYPE_CHECKING:
    from magicpak.needs.found import NeedHost


class Lacking:
    """What `plan` lacks of this host; `rows_file` is the table of the user, `host` is asked for when it is needed."""

    def __init__(self, plan: BundlePlan, rows_file: str | None, host: "Callable[[], NeedHost]") -> None:
        self._plan = plan
        self._rows_file = rows_file
        self._host = host

    def name(self, value: str) -> bool:
        """Return whether `--with value` adds something here, of which the bundle has nothing. Raises ToolFailed.

        A library that a loader loads is there for that, and so are the directories above: they do not count.
        """
        lacked = {path: self.path(path) for path in self.brought(value)}
        return any(lacked.values()) and all(
            is_lacked or self._is_for_loaders(path) for path, is_lacked in lacked.items()
        )

    def path(self, path: str) -> bool:
        """Return whether nothing is at `path` in the bundle, or only what the loaders load.

        Of what is there in part for another reason, somebody has taken care.
        """
        item, place = self._plan.reached(path)
        if item is None or not isinstance(item.entry, Directory) or not self._is_for_loaders(path):
            return item is None
        loaded = {self._host().files.physical(each) for each in self._loaded}
        below = (each.entry for each in self._plan if each.path.is_under(place))
        return all(each.source in loaded for each in below if isinstance(each, Copy))

    def part(self, end: str) -> bool:
        """Return whether no path of the bundle ends with `end`."""
        return not any(item.path.endswith(end) for item in self._plan)

    @cached_property
    def _loaded(self) -> frozenset[str]:
        """The real paths of what the loaders of the programs load."""
        host = self._host()
        return frozenset(host.files.real(each.path) for program in host.programs for each in program.closure.objects)

    def _is_for_loaders(self, path: str) -> bool:
        real = self._host().files.real(path)
        return any(is_below(each, (real,)) for each in self._loaded)

    def brought(self, value: str) -> Sequence[str]:
        """Return the paths of what `--with value` adds here: nothing where that would be an error."""
        from magicpak.needs.found import find_need
        from magicpak.needs.rows import need_rows, wanted_needs

        try:
            need = wanted_needs([value], need_rows(self._rows_file))[0]
            found = find_need(need, self._host())
        except (InvalidUsage, NeedNotFound):
            return []
        libraries = [each.closure.program.path for each in found.libraries]
        trees = [each.on_host for each in found.trees]
        return [*trees, *found.entries, *found.made, *found.links, *found.directories, *found.programs, *libraries]
