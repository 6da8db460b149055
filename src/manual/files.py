"""The generated files: their paths in the work tree, and their texts."""

from collections.abc import Mapping
from pathlib import Path

from magicpak.cli.parser import command
from manual import completions, man, needs, reference, tables
from manual.command_line import command_line

ROOT = Path(__file__).parent.parent.parent
OPTIONS = ROOT / "docs" / "options.md"
EXIT_CODES = ROOT / "docs" / "exit-codes.md"
NEEDS = ROOT / "docs" / "needs.md"
SHARE = Path(__file__).parent / "share"
"""A directory laid out as the prefix that the wheel is installed in (pyproject.toml, shared-data)."""


def generated() -> Mapping[Path, str]:
    """Return the text of each generated file. What is written by hand in docs is kept."""
    parsed = command_line(command)
    options = reference.page(parsed, OPTIONS.read_text())
    return {
        OPTIONS: options,
        NEEDS: needs.page(NEEDS.read_text()),
        tables.NEEDS / "tables.py": tables.module(),
        SHARE / "man/man1/magicpak.1": man.page(parsed, options, EXIT_CODES.read_text()),
        SHARE / "bash-completion/completions/magicpak": completions.bash(parsed),
        SHARE / "zsh/site-functions/_magicpak": completions.zsh(parsed),
        SHARE / "fish/vendor_completions.d/magicpak.fish": completions.fish(parsed),
    }
