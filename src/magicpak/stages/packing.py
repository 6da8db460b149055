"""`--compress`: lets upx pack the programs, and tells what came of it."""

from collections.abc import Callable, Sequence

from magicpak.bundle.entry import Copy
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.upx import Upx, UpxRefusal, pack, to_pack, with_packed
from magicpak.log import Log
from magicpak.options import LogLevel, Options
from magicpak.resolve.inputs import Program
from magicpak.text import format_size, printable

Pack = Callable[[Sequence[Program], BundlePlan, Callable[[], str]], BundlePlan]
"""Packs the programs of a plan; takes what makes private directories, which must outlive the plan that it returns."""


def packing(options: Options, log: Log) -> Pack:
    """Return what packs the programs of a plan, with upx as `options` ask for it.

    Raises ToolFailed where upx is missing, before any work.
    """
    upx = Upx(options.upx, options.upx_arg, options.upx_timeout)
    upx.check()

    def pack_programs(programs: Sequence[Program], plan: BundlePlan, private: Callable[[], str]) -> BundlePlan:
        packed = {}
        chosen = to_pack(programs, plan)
        for number, (program, copy) in enumerate(chosen, 1):
            of = f"{number} of {len(chosen)}: " if chosen[1:] else ""
            log.doing(f"packing {of}{program.given}")
            result = _packed(program, copy, upx, private(), log)
            if result is not None:
                packed[copy.inode] = result
        return with_packed(plan, packed)

    return pack_programs


def _packed(program: Program, copy: Copy, upx: Upx, directory: str, log: Log) -> Copy | None:
    """Return `program` as upx has packed it in `directory`; None, with a warning, where upx refuses it."""
    name = printable(program.given)
    tell = log.info if log.shows(LogLevel.INFO) else log.summary  # it can take minutes
    tell(f"packing {name} with {upx.line}")
    result = pack(program, copy, upx, directory)
    if isinstance(result, UpxRefusal):
        log.warn(f"{name} goes in as it is: upx says {result.words}")
        return None
    ratio = 100 * result.size / copy.size
    log.info(f"packed {name}: {format_size(copy.size)} to {format_size(result.size)}, {ratio:.0f} %")
    return result
