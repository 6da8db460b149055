"""`--onto`: lays the plan onto a base."""

from typing import NamedTuple

from magicpak.base.base import Base
from magicpak.base.users import with_users_of
from magicpak.bundle.entry import Content, Copy
from magicpak.bundle.laid import BaseConflict
from magicpak.bundle.plan import describe_entry, describe_item
from magicpak.collect.result import Result
from magicpak.errors import BaseDiffers
from magicpak.log import Log
from magicpak.text import count_noun, printable


class OntoBase(NamedTuple):
    """The base, and whether files of the bundle replace those of the base that are different."""

    base: Base
    replace: bool

    def run(self, result: Result, log: Log) -> tuple[Result, BaseDiffers | None]:
        """Return `result` with the plan laid onto the base, and the error for what both have. Raises CannotRead."""
        log.doing(f"laying onto {self.base.name}")
        plan, users = with_users_of(self.base.plan, result.plan)
        laid = self.base.lay(plan, {*result.loader_files, *users})
        new = sum(isinstance(item.entry, Copy | Content) for item in laid.delta)
        have = f"{count_noun(laid.shared, 'file')} {'is' if laid.shared == 1 else 'are'} there already"
        log.info(f"laid onto {printable(self.base.name)}: {have}, {new} {'is' if new == 1 else 'are'} new")
        in_the_way = [each for each in laid.conflicts if not (self.replace and each.replaceable)]
        error = self._error(in_the_way) if in_the_way else None
        return result._replace(plan=laid.delta, base=self.base, laid=laid), error

    def _error(self, conflicts: list[BaseConflict]) -> BaseDiffers:
        is_replaceable = all(each.replaceable for each in conflicts)
        lines = [self._line(each) for each in conflicts]
        return BaseDiffers(self.base.name, lines, conflicts[0].item.path, replaceable=is_replaceable)

    def _line(self, conflict: BaseConflict) -> str:
        base, item = conflict.base.entry, conflict.item.entry
        there = f"{printable(conflict.path)}: {describe_entry(base)} in the base"
        if self.base.compare.has_same_bytes(item, base):
            there += f", which has other permissions ({base.attributes.mode:04o} instead of {item.attributes.mode:04o})"
        return f"{there}; and {describe_item(conflict.item)}"
