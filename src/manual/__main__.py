"""`python3 -m manual` writes the files that are made from the command line; with --check it only names stale ones."""

import sys
from collections.abc import Sequence
from pathlib import Path

from manual.files import ROOT, generated


def main(arguments: Sequence[str]) -> int:
    """Write what is stale; return 1 if `arguments` are `--check` and something is."""
    stale = {path: text for path, text in generated().items() if not _holds(path, text)}
    for path, text in stale.items():
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if stale and "--check" in arguments else 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
