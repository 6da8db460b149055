"""`python3 -m manual` generates files from the command line; with --check it only prints the stale ones."""

import sys
from collections.abc import Sequence
from pathlib import Path

from manual.files import ROOT, generated


def main(arguments: Sequence[str]) -> int:
    """Write the stale files; with `--check` in `arguments`, write none, and return 1 if there are any."""
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
