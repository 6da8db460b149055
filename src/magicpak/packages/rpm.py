"""The packages of Fedora, SUSE and their kin, by rpm(8), which is asked once for all that it knows.

To ask it who owns some files takes it far longer: it then reads each package that has a file of the same name.
"""

import os
from collections.abc import Iterator

from magicpak.display import shown
from magicpak.errors import MagicpakError, reason
from magicpak.packages.package import Found, Package
from magicpak.processes import Running

SECONDS = 60.0

DIRECTORIES = ("usr/lib/sysimage/rpm", "var/lib/rpm")
"""Where the database is; one of them is a link to the other on many systems."""

_FILES = ("rpmdb.sqlite", "Packages.db", "Packages")
"""The databases of rpm's back ends: sqlite, ndb, bdb. The package `rpm` of Debian leaves the directory empty."""

_OUTPUT_KEPT = 1 << 28
_MESSAGES_READ = 1 << 16

_BEGIN, _INSTALLED = b"\f", b"0"
_FORMAT = r"\f%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n[%{FILESTATES}%{FILENAMES}\n]"
"""A line for a package, and one for each of its files, behind its state: 0, unless it has been left out or replaced by
that of another package (rpmfiles.h, rpmfileState)."""


def found(names: frozenset[bytes], root: str) -> Found:
    """Return the packages that own `names`, by the database below `root`."""
    directory = _database(root)
    if directory is None:
        return Found({})
    try:
        output, problem = _asked(directory)
    except MagicpakError as error:
        return Found({}, (f"cannot read {shown(directory)}: {error.message}",))
    except OSError as error:
        return Found({}, (f"cannot read {shown(directory)}: {reason(error)}",))
    by_name = dict(_owned(output, {_INSTALLED + name for name in names}))
    return Found(by_name, (f"cannot read all of {shown(directory)}: {shown(problem)}",) if problem else ())


def _database(root: str) -> str | None:
    """Return the directory that holds a database."""
    directories = (os.path.join(root, directory) for directory in DIRECTORIES)
    return next(
        (each for each in directories if any(os.path.isfile(os.path.join(each, name)) for name in _FILES)), None
    )


def _asked(directory: str) -> tuple[bytes, str]:
    """Return what rpm answers, and its first word of trouble, if any. Raises ToolFailed, OSError."""
    # The directory is named since Debian's rpm looks elsewhere; HOME is not, since it can have settings.
    command = ["rpm", "--dbpath", directory, "--query", "--all", "--queryformat", _FORMAT]
    messages = os.memfd_create("magicpak")  # no pipe: its words would come between those of the answer
    running = Running(command, env={"LC_ALL": "C"}, stderr=messages)
    try:
        running.start()
        ran = running.finish(timeout=SECONDS, kept=_OUTPUT_KEPT)
        said = os.pread(messages, _MESSAGES_READ, 0)
    finally:
        os.close(messages)
        try:
            running.end()
        finally:
            running.end()  # a signal handler may have raised at the first instruction of the other
    errors = [line for line in os.fsdecode(said).splitlines() if line.startswith("error:")]
    if ran.returncode and not errors:
        errors.append(f"rpm ends with {ran.returncode}")
    return ran.output, next(iter(errors), "")


def _owned(answer: bytes, sought: set[bytes]) -> Iterator[tuple[bytes, Package]]:
    """Yield the names of files that are among `sought`, which have their state in front, and whose they are."""
    for part in answer.split(_BEGIN):
        head, *files = part.split(b"\n")
        name, _, build = os.fsdecode(head).partition("\t")
        version, _, architecture = build.partition("\t")
        package = Package("rpm", name, version, architecture)
        for file in sought.intersection(files) if version else ():
            yield file[1:], package
