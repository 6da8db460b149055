"""Compares what programs answer before and after `--strip`, and how large their bundles are.

Run by hand as root, from the root of the repository: `PYTHONPATH=src:tests python3 -m survey.stripped PROGRAM...`, for
example with the programs of a directory that were built from source. Of each, `--version` and `--help` are run in both
bundles, and a line shows the bytes of both; those in which there is nothing to strip are counted only.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from support.run_magicpak import RunResult, chrooted, magicpak

_VARIES = re.compile(r"\b\d{2,}\b|\d\d:\d\d:\d\d")  # numbers of processes and times, in messages


def main(programs: Sequence[str]) -> None:
    """Print a line for each of `programs` that is different, or smaller, and how many there are."""
    counts = Counter[str]()
    for program in dict.fromkeys(str(Path(each).resolve()) for each in programs):
        with tempfile.TemporaryDirectory() as directory:
            what = _compared(program, Path(directory))
        counts[what.partition(":")[0]] += 1
        if not what.startswith("nothing"):
            print(f"{program}\t{what}", flush=True)
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))


def _compared(program: str, directory: Path) -> str:
    plain, stripped = directory / "plain", directory / "stripped"
    options = ("--no-verify", "--no-hints", program)
    if magicpak(*options, plain).code:
        return "no bundle"
    result = magicpak("-v", "--strip", *options, stripped)
    if result.code:
        return f"failed: {result.stderr}"
    if "nothing was stripped" in result.stderr:
        return "nothing to strip"
    if list(_answers(plain, program)) != list(_answers(stripped, program)):
        return "different answers"
    return f"the same answers: {_size(plain)} to {_size(stripped)} bytes"


def _answers(root: Path, program: str) -> Iterator[RunResult | None]:
    for option in ("--version", "--help"):
        try:
            code, stdout, stderr = chrooted(root, program, option)
        except subprocess.TimeoutExpired:
            yield None
        else:
            yield RunResult(code, stdout, _VARIES.sub("N", stderr))


def _size(root: Path) -> int:
    return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    main(sys.argv[1:])
