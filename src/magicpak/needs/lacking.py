"""Whether a bundle lacks what an option would add."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from magicpak.bundle.plan import BundlePlan
from magicpak.errors import InvalidUsage, NeedNotFound

if TYPE_CHECKING:
    from magicpak.needs.found import NeedHost


class Lacking:
    """What `plan` lacks of this host; `rows_file` is the table of the user, `host` is asked for when it is needed."""

    def __init__(self, plan: BundlePlan, rows_file: str | None, host: "Callable[[], NeedHost]") -> None:
        self._plan = plan
        self._rows_file = rows_file
        self._host = host

    def name(self, value: str) -> bool:
        """Return whether `--with value` adds something here, of which the bundle has nothing. Raises ToolFailed."""
        paths = self._brought(value)
        return bool(paths) and all(map(self.path, paths))

    def path(self, path: str) -> bool:
        """Return whether nothing is at `path` in the bundle: of what is there in part, somebody has taken care."""
        return self._plan.reached(path)[0] is None

    def _brought(self, value: str) -> Sequence[str]:
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
