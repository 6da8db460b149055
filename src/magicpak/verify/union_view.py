"""A directory that is copied onto a base, as `COPY` and an unpacked archive do it, taken as root with that."""

from collections.abc import Iterator

from magicpak.base.base import Base
from magicpak.base.directory import directory_base
from magicpak.bundle.entry import Directory, Link
from magicpak.bundle.plan import describe_entry
from magicpak.errors import BaseDiffers
from magicpak.files.directory import LinkAt
from magicpak.files.view import real_path
from magicpak.text import printable
from magicpak.verify.plan_view import PlanView


class UnionView(PlanView):
    """A directory on a base; the programs and links to look at are those of the directory.

    Its files take the place of the base's. Raises BaseDiffers where a directory meets something else: nothing copies
    that. `unreadable` are the directories that we may not list.
    """

    def __init__(self, directory: str, base: Base) -> None:
        own = directory_base(directory)
        laid = base.lay(own.plan)
        self.unreadable = dict.fromkeys(own.unreadable, None)
        lines = []
        for item in own.plan:
            there = base.plan.get(item.path)
            if there is not None and isinstance(there.entry, Directory) != isinstance(item.entry, Directory):
                what = f"{describe_entry(there.entry)} in the base; and {describe_entry(item.entry)}"
                lines.append(f"{printable(item.path)}: {what} in {printable(real_path(directory))}")
        if lines:
            raise BaseDiffers(base.name, lines)
        super().__init__(laid.union, frozenset(laid.places.values()))

    def links(self) -> Iterator[LinkAt]:
        """Yield all links of the directory, in order."""
        for item in self.own_items():
            if isinstance(item.entry, Link):
                yield LinkAt(item.path, item.entry.target)
