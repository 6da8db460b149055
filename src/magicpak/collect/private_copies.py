"""Private copies of files of the plan, which a tool makes smaller, and which take the place of the originals."""

import os
import shutil
from collections.abc import Mapping

from magicpak.bundle.entry import Copy
from magicpak.bundle.plan import BundlePlan
from magicpak.errors import MagicpakError, SourceChanged, reason
from magicpak.text import printable


def copy_for(tool: str, copy: Copy, target: str) -> None:
    """Copy the bytes of `copy` to the new file `target`, which `tool` can use whatever the mode of the original.

    Raises MagicpakError and SourceChanged.
    """
    try:
        shutil.copyfile(copy.source, target)
        os.chmod(target, 0o700)
        status = os.stat(copy.source)
    except OSError as error:
        raise MagicpakError(f"{printable(copy.source)} cannot be copied for {tool}: {reason(error)}") from None
    if (status.st_dev, status.st_ino) != copy.inode or status.st_mtime_ns != copy.attributes.mtime_ns:
        raise SourceChanged(copy.source, "was written to")


def copy_from(path: str, copy: Copy) -> Copy:
    """Return `copy` with the bytes of the private file at `path`, and all else as it was. Raises OSError."""
    os.utime(path, ns=(copy.attributes.mtime_ns or 0,) * 2)  # a copy is compared with its plan when it is written
    status = os.stat(path)
    inode = (status.st_dev, status.st_ino)
    return copy._replace(source=path, size=status.st_size, inode=inode, extended=copy.extended or copy.source)


def with_copies(plan: BundlePlan, made: Mapping[tuple[int, int], Copy]) -> BundlePlan:
    """Return `plan` with each copy of an inode in `made` replaced, at whatever path."""
    items = {item.path: item for item in plan}
    for item in plan:
        if isinstance(item.entry, Copy) and item.entry.inode in made:
            items[item.path] = item._replace(entry=made[item.entry.inode])
    return BundlePlan(items)
