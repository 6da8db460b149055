"""Where the made files stand in the work tree, and what each has to hold."""

from collections.abc import Mapping
from pathlib import Path

from magicpak.cli.parser import command
from manual import completions, man, reference
from manual.described import described

ROOT = Path(__file__).parent.parent.parent
OPTIONS = ROOT / "docs" / "options.md"
EXIT_CODES = ROOT / "docs" / "exit-codes.md"
SHARE = Path(__file__).parent / "share"
"""Below it all is as below the prefix where the wheel installs it (pyproject.toml, shared-data)."""


def generated() -> Mapping[Path, str]:
    """Return the text of each made file; words of our own in docs/options.md stay."""
    about = described(command)
    options = reference.page(about, OPTIONS.read_text())
    return {
        OPTIONS: options,
        SHARE / "man/man1/magicpak.1": man.page(about, options, EXIT_CODES.read_text()),
        SHARE / "bash-completion/completions/magicpak": completions.bash(about),
        SHARE / "zsh/site-functions/_magicpak": completions.zsh(about),
        SHARE / "fish/vendor_completions.d/magicpak.fish": completions.fish(about),
    }
