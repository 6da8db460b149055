"""The paths that a pattern of `--include` matches."""

from typing import TYPE_CHECKING

from magicpak.bundle.globs import is_literal
from magicpak.files.cli_path import CliPath, parse_cli_path

if TYPE_CHECKING:
    from magicpak.files.source import SourceView


def matching_paths(pattern: str, files: "SourceView") -> list[CliPath]:
    """Return what `pattern` matches in `files`, in the order of the names."""
    if is_literal(pattern):
        return [parse_cli_path(pattern, files)] if pattern and _is_anything(pattern, files) else []
    head = _literal_directories(pattern)
    directory = parse_cli_path(head or ".", files)
    names = {name.rstrip("/") for name in files.glob(pattern[len(head) :], directory.on_host)}
    return [directory.joined(name) for name in sorted(names)]


def _literal_directories(pattern: str) -> str:
    """Return the directories before the first wildcard, with the slash that follows them."""
    parts = pattern.split("/")
    count = next(index for index, part in enumerate(parts) if not is_literal(part))
    return "/".join(parts[:count]) + ("/" if count else "")


def _is_anything(path: str, files: "SourceView") -> bool:
    """Return whether anything is at `path`, a link that leads to nothing too."""
    try:
        files.link_status(path)
    except (OSError, ValueError):
        return False
    return True
