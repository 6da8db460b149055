"""What must stay of a program when a tool makes its file smaller."""

import os
import struct
from collections.abc import Mapping
from pathlib import Path

from support.run_magicpak import Node

CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)  # cap_net_bind_service=ep, linux/capability.h


def give_attributes(program: Path) -> None:
    """Give `program` an owner, a mode, extended attributes, a time, and beside it, in `more`, a hard link and a link.

    Needs root.
    """
    os.chown(program, 1234, 5678)
    program.chmod(0o4750)
    os.setxattr(program, "security.capability", CAPABILITY)
    os.setxattr(program, "user.note", b"kept")
    os.utime(program, ns=(1, 1_234_567_890_123_456_789))
    more = program.parent / "more"
    more.mkdir()
    (more / "hard").hardlink_to(program)
    (more / "soft").symlink_to(f"../{program.name}")


def changed_bytes(before: Mapping[str, Node], after: Mapping[str, Node]) -> list[str]:
    """Return the names of what has other bytes; all else must be as before, and the attributes kept."""
    without_bytes = [{name: node._replace(what=None) for name, node in tree.items()} for tree in (before, after)]
    assert without_bytes[0] == without_bytes[1]
    changed = [name for name, node in before.items() if node.what != after[name].what]
    assert after[changed[0]].xattrs == (("security.capability", CAPABILITY), ("user.note", b"kept"))
    return changed


def without_root(tree: Mapping[str, Node]) -> dict[str, Node]:
    """Return `tree` without the directory that it is below, whose time changes."""
    return {name: node for name, node in tree.items() if name != "."}
