"""The packages of Fedora, SUSE and their relatives, by one run of rpm(8) that prints its whole database.

To query the owners of some files takes it far longer: it then reads each package that has a file of the same name.
"""

import os
import stat
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from magicpak.errors import MagicpakError, reason
from magicpak.packages.database import DatabaseReader, InstalledPackages, Ownership, Package, PathNames, all_names
from magicpak.process.child import describe_exit, run
from magicpak.text import printable

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

SECONDS = 60.0

DIRECTORIES = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
"""Where the database may be; on many systems one is a link to the other."""

_FILES = ("rpmdb.sqlite", "Packages.db", "Packages")
"""The files of rpm's database back ends: sqlite, ndb, bdb. Debian's package `rpm` leaves the directory empty."""

_ERROR = "error: "
_ANSWER_KEPT = 1 << 28
_MESSAGES_READ = 1 << 16

_OPERATORS = frozenset({"and", "or", "if", "else", "unless", "with", "without", "<", "<=", "=", ">=", ">"})
"""The words of an expression between names (rpm's documentation of boolean dependencies)."""

_BEGIN, _INSTALLED = b"\f", b"0"
_FORMAT = r"\f%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n[%{FILESTATES}%{FILENAMES}\n]"
"""A line for a package, then one for each of its files: its state, then its path. The state is 0 unless the file is not
installed, or is replaced by another package (rpmfiles.h, rpmfileState)."""


_CONTENTS = r"\f%{NAME}\n[-%{REQUIRENAME}\n][+%{PROVIDENAME}\n][%{FILESTATES}%{FILENAMES}\n]"
"""A line for a package, then what it needs, what it provides, and its files as above; each has a sign in front."""


def installed(files: "SourceView") -> InstalledPackages:
    """Return the installed packages by the database in `files`."""
    reader = DatabaseReader(files)
    needs: dict[str, list[list[str]]] = {}
    provided: dict[str, str] = {}
    contents: dict[str, list[str]] = {}
    for part in answer(files, reader, _CONTENTS).split(_BEGIN)[1:]:
        name, *lines = os.fsdecode(part).split("\n")
        by_sign: dict[str, list[str]] = {}
        for line in lines:
            by_sign.setdefault(line[:1], []).append(line[1:])
        needs[name] = [_alternatives(each) for each in by_sign.get("-", ()) if not each.startswith("rpmlib(")]
        contents[name] = by_sign.get(os.fsdecode(_INSTALLED), [])
        provided |= dict.fromkeys((*contents[name], *by_sign.get("+", ())), name)
    return InstalledPackages(
        needs, {**provided, **{name: name for name in needs}}, lambda name: contents.get(name, []), reader.warnings
    )


def _alternatives(need: str) -> list[str]:
    """Return the names in a need, which can be an expression such as `(a or b)` or `(a if b)`: the first come first."""
    if not need.startswith("("):
        return [need]
    words = need.replace("(", " ").replace(")", " ").split()
    return [word for word in words if word not in _OPERATORS]


def query(paths: Collection[PathNames], files: "SourceView") -> Ownership:
    """Return the packages that own the names of `paths`, by the database in `files`."""
    names = all_names(paths)
    reader = DatabaseReader(files)
    by_name = dict(_owners(answer(files, reader, _FORMAT), {_INSTALLED + name for name in names}))
    return Ownership(by_name, tuple(reader.warnings))


def answer(files: "SourceView", reader: DatabaseReader, form: str) -> bytes:
    """Return all packages of the database in `files` in the format `form`; nothing where there is no database.

    What goes wrong is a warning of `reader`.
    """
    directory = next((each for each in DIRECTORIES if _holds_database(files, reader, each)), None)
    if directory is None:
        return b""
    if _has_links(files, directory):
        reader.warnings.append(f"cannot read {printable(directory)}: rpm would follow its links out of the tree")
        return b""
    try:
        answer, problem = _queried(files.physical(files.real(directory)), form)
    except MagicpakError as error:
        answer, problem = b"", error.message
    except OSError as error:
        answer, problem = b"", reason(error)
    if problem:
        reader.warnings.append(f"cannot read all of {printable(directory)}: {printable(problem)}")
    return answer


def _holds_database(files: "SourceView", reader: DatabaseReader, directory: str) -> bool:
    paths = (f"{directory}/{name}" for name in _FILES if name in reader.entries(directory))
    return any(files.is_file(path) and files.status(path).st_size for path in paths)


def _has_links(files: "SourceView", directory: str) -> bool:
    """Return whether `directory` has links that rpm, which sees the host alone, would follow elsewhere than `files`."""
    paths = (f"{directory}/{name}" for name in (() if files.is_this_system else files.names(directory)))
    return any(stat.S_ISLNK(files.link_status(path).st_mode) for path in paths)


def _queried(directory: str, form: str) -> tuple[bytes, str]:
    """Return what the host's rpm prints of the database in `directory` of the host.

    Also returns the first problem that it reports, if any. Raises ToolFailed, OSError.
    """
    # The directory is named since Debian's rpm looks elsewhere; HOME is not, since it can have settings.
    argv = ["rpm", "--dbpath", directory, "--query", "--all", "--queryformat", form]
    with os.fdopen(os.memfd_create("magicpak"), "rb") as messages:  # no pipe: they would come between the answers
        done = run(argv, timeout=SECONDS, env={"LC_ALL": "C"}, stderr=messages.fileno(), kept=_ANSWER_KEPT)
        messages.seek(0)
        lines = os.fsdecode(messages.read(_MESSAGES_READ)).splitlines()
    errors = [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
    return done.output, next(iter(errors), f"rpm {describe_exit(done.returncode)}" if done.returncode else "")


def _owners(answer: bytes, names: set[bytes]) -> Iterator[tuple[bytes, Package]]:
    """Yield each of `names` that is in `answer`, and its package; `names` have the state of a file in front."""
    for part in answer.split(_BEGIN):
        head, *files = part.split(b"\n")
        name, _, build = os.fsdecode(head).partition("\t")
        version, _, architecture = build.partition("\t")
        package = Package("rpm", name, version, architecture)
        for file in names.intersection(files) if version else ():
            yield file[1:], package
