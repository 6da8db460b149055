"""Measures magicpak against what it replaces, side by side, and prints a Markdown table with a verdict for each limit.

    python tests/bench/run.py --original PATH [--work DIR] [--write]

The programs of the rows must be installed (ffmpeg, clang-format, …). The original comes from
`cargo install magicpak --version 1.4.0 --locked --root DIR`; without `--original` its rows are left out. Both sides
work in one new directory below `--work`. Exits with 1 if a limit is broken.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "tests"), str(REPOSITORY / "src")]  # this is a script: pytest does not set them

from bench.report import circumstances, is_within, replaced, table  # noqa: E402
from bench.rows import PARTS, Bench, Row  # noqa: E402
from bench.timing import Runner  # noqa: E402

DOCUMENT = REPOSITORY / "docs" / "performance.md"


def main(arguments: Sequence[str]) -> int:
    """Measure what the command line asks for, print it, and return the exit code."""
    given = parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="magicpak-bench-", dir=given.work) as work:
        magicpak = given.magicpak or install(given.python, f"{work}/venv")
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": work, "TMPDIR": work}
        runner = Runner(environment, f"{work}/stderr")
        bench = Bench(runner, magicpak, given.original, work, given.times)
        rows: list[Row] = []
        for part in given.part or PARTS:
            sys.stderr.write(f"measuring: {part}\n")
            rows += PARTS[part](bench)
        text = table(rows, bench.peak) + "\n" + circumstances(work, version(given.python), given.times)
    sys.stdout.write(text)
    if given.write:
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(encoding="utf-8"), text), encoding="utf-8")
    return 0 if is_within(rows, bench.peak) else 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description="Measure magicpak side by side with what it replaces.")
    result.add_argument("--original", metavar="PATH", help="the original magicpak 1.4.0")
    result.add_argument("--magicpak", metavar="PATH", help="an installed one, instead of installing the work tree")
    result.add_argument("--python", metavar="PATH", default=sys.executable, help="what makes the environment")
    result.add_argument("--work", metavar="DIR", help="where to work (default: TMPDIR)")
    result.add_argument("--times", metavar="N", type=int, default=15, help="how often each row is run (default: 15)")
    result.add_argument("--part", action="append", choices=PARTS, help="measure only this part (repeatable)")
    result.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT.relative_to(REPOSITORY)}")
    return result


def install(python: str, environment: str) -> str:
    """Install the work tree as pip does for a user, compiled, and return the path of its magicpak."""
    subprocess.run([python, "-m", "venv", environment], check=True)
    pip = [f"{environment}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, str(REPOSITORY)], check=True)
    return f"{environment}/bin/magicpak"


def version(python: str) -> str:
    """Return the version of the interpreter `python`."""
    code = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
