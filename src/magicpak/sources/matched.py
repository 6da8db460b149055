"""What `--include` brings in: files, trees, links, and the libraries of the ELF files among them."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.bundle.patterns import glob_paths, is_literal
from magicpak.bundle.plan import Because
from magicpak.display import shown
from magicpak.errors import CannotRead, reason
from magicpak.sources.mirror import Mirror
from magicpak.sources.trees import Trees

_ELF_MAGIC = b"\x7fELF"


class Matched(NamedTuple):
    """What the patterns brought: the ELF files among it, and a line for each pattern or file that is worth a warning."""

    elf_files: tuple[str, ...]
    remarks: tuple[str, ...]


def include(patterns: Sequence[str], mirror: Mirror) -> Matched:
    """Collect all that `patterns` match, directories as trees. Raises MagicpakError."""
    elf_files: dict[str, None] = {}
    remarks: list[str] = []
    trees = Trees(mirror)
    for pattern in patterns:
        because = Because(f"matched by --include {pattern}")
        paths = _matches(pattern)
        if not paths:
            remarks.append(f"--include {shown(pattern)} matches nothing")
        for path in paths:
            for real in _collect(path, pattern, mirror, trees, because, remarks):
                if real not in elf_files and _is_elf(real):
                    elf_files[real] = None
    return Matched(tuple(elf_files), tuple(remarks))


def _collect(path: str, pattern: str, mirror: Mirror, trees: Trees, because: Because, remarks: list[str]) -> list[str]:
    """Collect one match and return the regular files in it."""
    absolute = os.path.join(os.getcwd(), path)
    climbs = os.path.normpath(pattern).startswith("..")
    is_relative = not pattern.startswith("/") and not climbs and os.getcwd() != "/"
    try:
        if is_relative and os.path.exists(absolute):
            return trees.moved(absolute, BundlePath(path), because)
        real_end = mirror.place(absolute, because)
        if real_end is None:
            if os.path.islink(absolute) and not os.path.exists(absolute):
                remarks.append(f"{shown(path)} is a link that leads nowhere")
            return []
        return trees.mirrored(absolute, because) if os.path.isdir(real_end) else [real_end]
    except CannotRead as error:
        remarks.append(error.message)
        return []


def _matches(pattern: str) -> list[str]:
    if is_literal(pattern):
        return [pattern] if pattern and os.path.lexists(pattern) else []
    head = _fixed_part(pattern)
    rest = pattern[len(head) :]
    root = os.path.realpath(head) if ".." in head.split("/") else head
    found = {os.path.join(root, match) for match in glob_paths(rest, root or ".")}
    return sorted(path.rstrip("/") or "/" for path in found)


def _fixed_part(pattern: str) -> str:
    """Return the directories before the first wildcard, with the slash that follows them."""
    parts = pattern.split("/")
    fixed = 0
    while fixed < len(parts) and is_literal(parts[fixed]):
        fixed += 1
    return "/".join(parts[:fixed]) + ("/" if fixed else "")


def _is_elf(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CannotRead(path, error) from None
    try:
        return os.read(descriptor, 4) == _ELF_MAGIC
    except OSError as error:
        raise CannotRead(path, OSError(error.errno, reason(error))) from None
    finally:
        os.close(descriptor)
