"""What `--include` and `--mkdir` ask for: files, trees, links, directories."""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.globs import glob_paths, is_literal
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, Item, made_directory
from magicpak.collect.mirror import Mirror
from magicpak.collect.trees import TreeCollector
from magicpak.errors import CannotRead
from magicpak.files.cli_path import CliPath, Location, parse_cli_path
from magicpak.text import printable

_ELF_MAGIC = b"\x7fELF"


class IncludeMatches(NamedTuple):
    """The ELF files among what the patterns match, and a line for each thing worth a warning."""

    elf_files: tuple[Location, ...]
    warnings: tuple[str, ...]


def include(patterns: Sequence[str], mirror: Mirror) -> IncludeMatches:
    """Collect everything that `patterns` match, directories as trees. Raises CannotRead."""
    warnings: list[str] = []
    trees = TreeCollector(mirror)
    before = len(mirror)
    for pattern in patterns:
        because = Because(f"matched by --include {pattern}")
        matches = _matches(pattern)
        if not matches:
            warnings.append(f"--include {printable(pattern)} matches nothing")
        for each in matches:
            trees.collect(each.path, because, each.start)
    return IncludeMatches(tuple(_elf_files(mirror.after(before))), tuple(warnings))


def make_directories(paths: Sequence[str], mirror: Mirror) -> None:
    """Collect the directories of `--mkdir` with their parents: 0755, /tmp and /var/tmp 1777."""
    for path in paths:
        because = Because(f"--mkdir {path}")
        place = mirror.directory(BundlePath(path), because)
        if place != "/":
            mirror.add(Item(place, made_directory(place), because))


def _matches(pattern: str) -> list[CliPath]:
    """Return what `pattern` matches, in the order of the names."""
    if is_literal(pattern):
        return [parse_cli_path(pattern)] if pattern and os.path.lexists(pattern) else []
    head = _literal_directories(pattern)
    directory = parse_cli_path(head or ".")
    names = {name.rstrip("/") for name in glob_paths(pattern[len(head) :], directory.on_host)}
    return [directory.joined(name) for name in sorted(names)]


def _literal_directories(pattern: str) -> str:
    """Return the directories before the first wildcard, with the slash that follows them."""
    parts = pattern.split("/")
    count = next(index for index, part in enumerate(parts) if not is_literal(part))
    return "/".join(parts[:count]) + ("/" if count else "")


def _elf_files(items: Iterable[Item]) -> list[Location]:
    """Return the files that begin as ELF files do, each once."""
    found: dict[str, Location] = {}
    for item in items:
        if isinstance(item.entry, Copy) and item.entry.source not in found and _is_elf(item.entry.source):
            found[item.entry.source] = Location(BundlePath(item.entry.source), item.path)
    return list(found.values())


def _is_elf(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.read(descriptor, len(_ELF_MAGIC)) == _ELF_MAGIC
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CannotRead(path, error) from None
