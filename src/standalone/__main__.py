"""The command line: python3 -m standalone [--machine NAME] DIRECTORY."""

import argparse
import hashlib
import os
import shutil
import sys
from pathlib import Path

from standalone import building
from standalone.commands import CommandFailedError
from standalone.fetching import WrongContentError
from standalone.toolchain import MACHINES


def cache() -> Path:
    """Return the directory for downloads and everything that takes minutes to build."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "magicpak-standalone").absolute()


def main() -> int:
    """Build what is asked for, and print a line for each."""
    parser = argparse.ArgumentParser(prog="standalone", description="Builds magicpak as one static executable.")
    parser.add_argument("directory", type=Path, help="where the executables go")
    parser.add_argument("--machine", choices=MACHINES, action="append", help="for which machine; default: all")
    parser.add_argument("--cache", type=Path, default=cache(), help="for downloads and CPython (default: %(default)s)")
    asked = parser.parse_args()
    asked.directory.mkdir(parents=True, exist_ok=True)
    for name in asked.machine or MACHINES:
        machine = MACHINES[name]
        print(f"building for {name}: minutes at first, seconds after that", file=sys.stderr)  # noqa: T201 - the same
        try:
            built = building.executable(machine, asked.cache.absolute())
        except (CommandFailedError, WrongContentError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command line
            return 1
        target = asked.directory / building.name_of(machine)
        shutil.copy(built, target)
        digest = hashlib.sha256(target.read_bytes()).hexdigest()
        print(f"{digest}  {target}  {target.stat().st_size / 1e6:.1f} MB")  # noqa: T201 - a command line
    return 0


if __name__ == "__main__":
    sys.exit(main())
