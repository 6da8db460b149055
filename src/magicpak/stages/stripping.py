"""`--strip`: removes debug sections and symbol tables from the ELF files of the plan."""

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.private_copies import with_copies
from magicpak.collect.strip import StripRefusal, StripTool, strip, to_strip
from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.errors import ElfError
from magicpak.elf.reader import read_path
from magicpak.log import Log
from magicpak.text import count_noun, format_size, list_names

_MAX_NAMED = 3


class Stripping(NamedTuple):
    """The strip that is run."""

    tool: StripTool

    def check(self) -> None:
        """Raise ToolFailed where strip is missing."""
        self.tool.check()

    def run(self, plan: BundlePlan, elf: ElfCache, private: Callable[[], str], log: Log) -> BundlePlan:
        """Return `plan` with its ELF files stripped. Raises ToolFailed, SourceChanged, MagicpakError.

        `elf` learns what is in the new files. `private` returns the path of a new private directory, which must outlive
        the plan.
        """
        log.doing("looking for debug sections")
        candidates = list(to_strip(plan))
        if not candidates:
            log.info("nothing was stripped: no file has debug sections or a symbol table to remove")
            return plan
        made: dict[tuple[int, int], Copy] = {}
        refused: dict[StripRefusal, list[str]] = {}
        log.doing("stripping:", lambda: f"{len(made)} of {count_noun(len(candidates), 'file')}")
        for candidate, result in strip(candidates, self.tool, private()):
            if isinstance(result, StripRefusal):
                refused.setdefault(result, []).append(candidate.path)
            elif result is not None:
                original = candidate.copy
                made[original.inode] = result
                with suppress(ElfError):  # a file that no loader takes is read by whoever asks for it
                    facts = read_path(result.source)
                    origin = elf.origin(original.inode)
                    elf.by_inode[result.inode] = ElfFile(facts, origin, original.attributes.mode)
        log.warn_all(_warning(paths, refusal) for refusal, paths in refused.items())
        saved = sum(each.copy.size - made[each.copy.inode].size for each in candidates if each.copy.inode in made)
        log.info(f"stripped {count_noun(len(made), 'file')}: {format_size(saved)} less")
        return with_copies(plan, made)


def _warning(paths: list[str], refusal: StripRefusal) -> str:
    verb = "is" if len(paths) == 1 else "are"
    cure = f" ({refusal.cure})" if refusal.cure else ""
    return f"{list_names(paths, _MAX_NAMED)} {verb} not stripped: {refusal.reason}{cure}"
