"""The paths of the host that a pattern of `--include` matches."""

import os

from magicpak.bundle.globs import glob_paths, is_literal
from magicpak.files.cli_path import CliPath, parse_cli_path


def matching_paths(pattern: str) -> list[CliPath]:
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
