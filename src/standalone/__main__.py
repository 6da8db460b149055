"""The command line: python3 -m standalone [--machine NAME] [--cache DIR] DIRECTORY."""

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
    """Return the default directory for downloads and for build results that take minutes to make."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "magicpak-standalone").absolute()


def main() -> int:
    """Build the requested executables, print a line for each, and return the exit code."""
    parser = argparse.ArgumentParser(prog="standalone", description="Build magicpak as one static executable.")
    parser.add_argument("directory", type=Path, help="output directory")
    parser.add_argument("--machine", choices=MACHINES, action="append", help="the machine to build for (default: all)")
    parser.add_argument("--cache", type=Path, default=cache(), help="for downloads and CPython (default: %(default)s)")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    for name in arguments.machine or MACHINES:
        machine = MACHINES[name]
        print(f"building for {name}: the first build takes minutes, later ones seconds", file=sys.stderr)  # noqa: T201 - a command line
        try:
            built = building.executable(machine, arguments.cache.absolute())
        except (CommandFailedError, WrongContentError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command line
            return 1
        target = arguments.directory / building.name_of(machine)
        shutil.copy(built, target)
        digest = hashlib.sha256(target.read_bytes()).hexdigest()
        print(f"{digest}  {target}  {target.stat().st_size / 1e6:.1f} MB")  # noqa: T201 - a command line
    return 0


if __name__ == "__main__":
    sys.exit(main())
