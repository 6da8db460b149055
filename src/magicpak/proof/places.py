"""Where files of the host stand in a plan."""

from magicpak.bundle.entry import Copy
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.elf.refusal import NotElf
from magicpak.elf.store import ElfStore

Inode = tuple[int, int]


class Places:
    """Tells of ELF files by their paths on the host."""

    def __init__(self, plan: BundlePlan, store: ElfStore) -> None:
        """Take the plan, and what was read of the host."""
        self._plan = plan
        self._store = store
        self._by_inode: dict[Inode, BundlePath] | None = None

    def of(self, path: str) -> str | None:
        """Return where the file at `path` stands: at the same path if it does; None for nowhere, as it is here."""
        try:
            inode = self._store.get(path).inode
        except (OSError, NotElf):
            return None
        item, _ = self._plan.reached(path)
        if item is not None and isinstance(item.entry, Copy) and item.entry.inode == inode:
            return path
        if self._by_inode is None:
            copies = [item for item in self._plan if isinstance(item.entry, Copy)]
            self._by_inode = {item.entry.inode: item.path for item in reversed(copies) if isinstance(item.entry, Copy)}
        return self._by_inode.get(inode)
