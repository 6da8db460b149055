"""The packages of Fedora, SUSE and their kin, by rpm(8), which is asked once for all that it knows.

To ask it who owns some files takes it far longer: it then reads each package that has a file of the same name.
"""

import os
from collections.abc import Iterator

from magicpak.errors import MagicpakError, reason
from magicpak.packages.package import Ownership, Package
from magicpak.packages.reading import DatabaseReader
from magicpak.process.child import run
from magicpak.process.exit_status import describe_exit
from magicpak.text import printable

SECONDS = 60.0

DIRECTORIES = ("usr/lib/sysimage/rpm", "var/lib/rpm")
"""Where the database is; one of them is a link to the other on many systems."""

_FILES = ("rpmdb.sqlite", "Packages.db", "Packages")
"""The databases of rpm's back ends: sqlite, ndb, bdb. The package `rpm` of Debian leaves the directory empty."""

_ERROR = "error: "
_ANSWER_KEPT = 1 << 28
_MESSAGES_READ = 1 << 16

_BEGIN, _INSTALLED = b"\f", b"0"
_FORMAT = r"\f%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n[%{FILESTATES}%{FILENAMES}\n]"
"""A line for a package, and one for each of its files, behind its state: 0, unless it has been left out or replaced by
that of another package (rpmfiles.h, rpmfileState)."""


def found(names: frozenset[bytes], root: str) -> Ownership:
    """Return the packages that own `names`, by the database below `root`."""
    reading = DatabaseReader()
    by_name: dict[bytes, Package] = {}
    directories = (os.path.join(root, directory) for directory in DIRECTORIES)
    if directory := next((each for each in directories if _holds_database(reading, each)), None):
        try:
            answer, problem = _queried(directory)
        except MagicpakError as error:
            answer, problem = b"", error.message
        except OSError as error:
            answer, problem = b"", reason(error)
        by_name = dict(_owned(answer, {_INSTALLED + name for name in names}))
        if problem:
            reading.warnings.append(f"cannot read all of {printable(directory)}: {printable(problem)}")
    return Ownership(by_name, tuple(reading.warnings))


def _holds_database(reading: DatabaseReader, directory: str) -> bool:
    files = (os.path.join(directory, name) for name in _FILES if name in reading.entries(directory))
    return any(os.path.isfile(file) and os.path.getsize(file) for file in files)


def _queried(directory: str) -> tuple[bytes, str]:
    """Return what rpm prints, and the first problem that it reports, if any. Raises ToolFailed, OSError."""
    # The directory is named since Debian's rpm looks elsewhere; HOME is not, since it can have settings.
    argv = ["rpm", "--dbpath", directory, "--query", "--all", "--queryformat", _FORMAT]
    with os.fdopen(os.memfd_create("magicpak"), "rb") as messages:  # no pipe: they would come between the answers
        done = run(argv, timeout=SECONDS, env={"LC_ALL": "C"}, stderr=messages.fileno(), kept=_ANSWER_KEPT)
        messages.seek(0)
        lines = os.fsdecode(messages.read(_MESSAGES_READ)).splitlines()
    errors = [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
    return done.output, next(iter(errors), f"rpm {describe_exit(done.returncode)}" if done.returncode else "")


def _owned(answer: bytes, sought: set[bytes]) -> Iterator[tuple[bytes, Package]]:
    """Yield the names of files that are among `sought`, which have their state in front, and whose they are."""
    for part in answer.split(_BEGIN):
        head, *files = part.split(b"\n")
        name, _, build = os.fsdecode(head).partition("\t")
        version, _, architecture = build.partition("\t")
        package = Package("rpm", name, version, architecture)
        for file in sought.intersection(files) if version else ():
            yield file[1:], package
