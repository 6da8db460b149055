"""`--compress`: compresses the INPUTs with upx."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.private_copies import with_copies
from magicpak.collect.upx import Upx, UpxRefusal, pack, to_pack
from magicpak.elf.cache import ElfCache
from magicpak.log import Log
from magicpak.options import LogLevel
from magicpak.resolve.inputs import Program
from magicpak.text import format_size, printable


class Compression(NamedTuple):
    """How upx is called."""

    upx: Upx

    def check(self) -> None:
        """Raise ToolFailed where upx is missing."""
        self.upx.check()

    def run(
        self, programs: Sequence[Program], plan: BundlePlan, elf: ElfCache, private: Callable[[], str], log: Log
    ) -> BundlePlan:
        """Return `plan` with `programs` compressed. Raises ToolFailed, SourceChanged, MagicpakError.

        `elf` learns what is inside. `private` returns the path of a new private directory, which must outlive the plan.
        """
        packed = {}
        chosen = to_pack(programs, plan, elf)
        for number, (program, copy) in enumerate(chosen, 1):
            count = f"{number} of {len(chosen)}: " if chosen[1:] else ""
            log.doing(f"compressing {count}{program.argument}")
            result = self._packed(program, copy, private(), log)
            if result is not None:
                packed[copy.inode] = result
                facts = program.file.facts._replace(packed=True)
                elf.by_inode[result.inode] = program.file._replace(facts=facts)
        return with_copies(plan, packed)

    def _packed(self, program: Program, copy: Copy, directory: str, log: Log) -> Copy | None:
        """Return `program` as upx has packed it in `directory`; None, with a warning, where upx refuses it."""
        name = printable(program.argument)
        if program.file.facts.packed:
            log.warn(f"{name} is not compressed: upx has packed it already")
            return None
        announce = log.info if log.shows(LogLevel.INFO) else log.summary  # it can take minutes
        announce(f"compressing {name} with {self.upx.line}")
        result = pack(program, copy, self.upx, directory)
        if isinstance(result, UpxRefusal):
            log.warn(f"{name} {result.reason}")
            return None
        ratio = 100 * result.size / copy.size
        log.info(f"compressed {name}: {format_size(copy.size)} to {format_size(result.size)}, {ratio:.0f} %")
        return result
