"""The directories that `--mkdir` asks for."""

from collections.abc import Sequence

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, Item, made_directory
from magicpak.collect.mirror import Mirror


def collect_mkdir(paths: Sequence[str], mirror: Mirror) -> None:
    """Collect the directories of `--mkdir` with their parents: 0755, /tmp and /var/tmp 1777."""
    for path in paths:
        because = Because(f"--mkdir {path}")
        where = mirror.directory(BundlePath(path), because)
        if where != "/":
            mirror.add(Item(where, made_directory(where), because))
