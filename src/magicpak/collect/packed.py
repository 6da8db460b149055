"""What to say of programs that upx has packed, and that could not be unpacked."""

from magicpak.bundle.entry import Copy
from magicpak.bundle.plan import BundlePlan
from magicpak.elf.cache import ElfCache
from magicpak.process.exec import find_program
from magicpak.text import printable


def unpack_warnings(elf: ElfCache, plan: BundlePlan, *, traced: bool) -> list[str]:
    """Return a line for each program of `plan` whose needs are not known; `traced` says that there was `--dynamic`."""
    reasons = {inode: file.unpack_error for inode, file in elf.by_inode.items() if file.unpack_error is not None}
    places: dict[tuple[int, int], str] = {}
    for item in plan:
        if isinstance(item.entry, Copy) and item.entry.inode in reasons:
            places.setdefault(item.entry.inode, item.path)
    cure = "install upx" if find_program(elf.upx) is None else "name another upx with --upx"
    cure += " or bundle the unpacked program" if traced else ", bundle the unpacked program, or add --dynamic"
    return [
        f"{printable(place)} is packed by upx, and what it needs is not known ({reasons[inode]}): {cure}"
        for inode, place in places.items()
    ]
