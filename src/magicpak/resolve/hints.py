"""Where a library that the loader does not find could come from, for the hint of a message."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING

from magicpak.elf.facts import ElfTarget
from magicpak.errors import MagicpakError
from magicpak.files.view import HOST, KERNEL_DIRECTORIES, is_below
from magicpak.process.child import run
from magicpak.process.exec import find_program
from magicpak.text import printable

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

SECONDS = 5.0
"""How long all the looking of one run may take."""

SECONDS_FOR_WALK = 2.0
"""How much of it the search of the disk may take."""

ENTRIES = 200_000
"""How many directory entries the search of the disk may see."""

SEARCH_ROOTS = ("/usr/local", "/opt", "/srv", "/usr/lib", "/usr/lib64", "/lib", "/lib64")

_SUFFIXES = ("", "t64", "v5")
"""What Debian appends to a library's package when its ABI changes and its SONAME does not: the transitions to 64-bit
times (Debian 13) and to GCC 5's C++ library (Debian 9)."""

_ARCHITECTURES: Mapping[tuple[int, int, bool], tuple[str, ...]] = {
    (3, 32, True): ("i386",),
    (8, 32, True): ("mipsel",),
    (8, 64, True): ("mips64el",),
    (15, 32, False): ("hppa",),
    (20, 32, False): ("powerpc",),
    (21, 64, False): ("ppc64",),
    (21, 64, True): ("ppc64el",),
    (22, 64, False): ("s390x",),
    (40, 32, True): ("armhf", "armel"),
    (42, 32, True): ("sh4",),
    (43, 64, False): ("sparc64",),
    (62, 32, True): ("x32",),
    (62, 64, True): ("amd64",),
    (183, 64, True): ("arm64",),
    (243, 64, True): ("riscv64",),
    (258, 64, True): ("loong64",),
}
"""e_machine (elf.h), class in bits and byte order, and Debian's names for it (`dpkg-architecture -L`)."""


def hints_for(
    names: Sequence[str],
    kind: ElfTarget | None,
    *,
    matches: Callable[[str], bool] = lambda _path: True,
    search_roots: Sequence[str] | None = None,
    files: "SourceView" = HOST,
) -> dict[str, str]:
    """Return a one-line hint for each of the missing libraries `names` that one is known for, in their order.

    A library that is somewhere on the disk gets its directory, any other one the Debian package that holds it. It makes
    no request, takes at most SECONDS, and never fails: an error means no hint.

    Args:
        names: the names as DT_NEEDED has them; one with a slash is a path and gets no hint.
        kind: for which machine the libraries must be; None where Debian has no packages of such.
        matches: whether the file at a path, of the right name, is of the right kind; an error from it means no.
        search_roots: the directories to search; None means SEARCH_ROOTS and the current directory.
        files: where these directories are.
    """
    start = monotonic()
    wanted = [name for name in dict.fromkeys(names) if name and "/" not in name]
    roots = _default_roots(files) if search_roots is None else search_roots
    directories = _directories_of(set(wanted), roots, files, matches, start + SECONDS_FOR_WALK)
    hints = {name: _library_path_hint(directory) for name, directory in directories.items()}
    if kind is not None:
        hints |= _install_hints([name for name in wanted if name not in hints], kind, start + SECONDS)
    return {name: hints[name] for name in wanted if name in hints}


def package_names(name: str) -> tuple[str, ...]:
    """Return the names that Debian may give the package of the library `name`, the likeliest first.

    Debian Policy 8.1: `libfoo.so.1` is in `libfoo1`, `libfoo2.so.1` in `libfoo2-1`, `libfoo-3.so` in `libfoo-3`; a
    hyphen before the first digit is often left out. A dynamic loader is part of libc6.
    """
    import re

    if name.startswith("ld-linux"):
        return ("libc6",)
    if not re.fullmatch(r"lib[\w.+-]+\.so(\.[\w.+-]+)?", name, re.ASCII):
        return ()
    package = re.sub(r"(\d)\.so\.", r"\1-", name)
    package = re.sub(r"\.so(\.|$)", "", package).replace("_", "-").lower()
    stems = dict.fromkeys((package, re.sub(r"(?<=[a-z])-(?=\d)", "", package, count=1)))
    return tuple(stem + suffix for stem in stems for suffix in _SUFFIXES)


def _default_roots(files: "SourceView") -> list[str]:
    try:
        here = files.current_directory()
    except OSError:  # it has been removed
        here = "/"
    # Below `/` are also the disks of other systems, and of containers: what is found there is of no use here.
    return [*SEARCH_ROOTS] if here == "/" else [here, *SEARCH_ROOTS]


def _directories_of(
    names: set[str], roots: Sequence[str], files: "SourceView", matches: Callable[[str], bool], until: float
) -> dict[str, str]:
    found: dict[str, str] = {}
    for directory, name in _entries(roots, files, until) if names else ():
        # A colon or a semicolon separates directories in LD_LIBRARY_PATH (ld.so(8)), and nothing escapes it.
        if name not in names or name in found or ":" in directory or ";" in directory:
            continue
        if _is_match(os.path.join(directory, name), files, matches):
            found[name] = directory
        if len(found) == len(names):
            break
    return found


def _entries(roots: Sequence[str], files: "SourceView", until: float) -> Iterator[tuple[str, str]]:
    """Yield the directory and the name of all that is not a directory: shallow before deep, names in order."""
    queue = deque(roots)
    seen: set[tuple[int, int]] = set()
    left = ENTRIES
    while queue and left and monotonic() < until:
        directory = queue.popleft()
        try:
            status = files.status(directory)
            identity = (status.st_dev, status.st_ino)
            if identity in seen or is_below(directory, KERNEL_DIRECTORIES):
                continue
            seen.add(identity)
            with os.scandir(files.physical(files.real(directory))) as scan:
                entries = sorted(islice(scan, left), key=lambda entry: entry.name)
        except OSError:
            continue
        left -= len(entries)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                queue.append(os.path.join(directory, entry.name))
            else:
                yield directory, entry.name


def _is_match(path: str, files: "SourceView", matches: Callable[[str], bool]) -> bool:
    try:
        return files.is_file(path) and matches(path)
    except (OSError, MagicpakError):
        return False


def _library_path_hint(directory: str) -> str:
    import shlex

    path = printable(shlex.quote(directory))
    return f"found in {printable(directory)}: add it to LD_LIBRARY_PATH (LD_LIBRARY_PATH={path} magicpak …)"


def _install_hints(names: Sequence[str], kind: ElfTarget, until: float) -> dict[str, str]:
    candidates = {name: found for name in names if (found := package_names(name))}
    names_of_kind = _ARCHITECTURES.get((kind.machine, kind.bits, kind.little))
    native = _answer(["dpkg", "--print-architecture"], until) if candidates else []
    if not native or names_of_kind is None:
        return {}
    if native[0] in names_of_kind:
        before, architecture = "", ""
    else:
        foreign = _answer(["dpkg", "--print-foreign-architectures"], until)
        enabled = [name for name in names_of_kind if name in foreign]
        architecture = [*enabled, *names_of_kind][0]
        before = "" if enabled else f"dpkg --add-architecture {architecture} && apt-get update && "
    # The names come first: apt-file is exact, but reads all of Debian's list of files, which takes seconds.
    packages = _known_by_name(candidates, until)
    if not before:  # of an architecture that is not enabled there is no list
        packages |= _known_by_file([name for name in candidates if name not in packages], architecture, until)
    after = f":{architecture}" if architecture else ""
    return {name: f"{before}apt-get install {package}{after}" for name, package in packages.items()}


def _known_by_name(candidates: Mapping[str, tuple[str, ...]], until: float) -> dict[str, str]:
    """Return for each library the first of its candidates that apt knows."""
    every = [package for packages in candidates.values() for package in packages]
    prefix = os.path.commonprefix(every)  # noqa: RUF071 - of names, not of paths
    known = set(_answer(["apt-cache", "pkgnames", prefix], until))
    first = {name: next(filter(known.__contains__, packages), None) for name, packages in candidates.items()}
    return {name: package for name, package in first.items() if package is not None}


def _known_by_file(names: Sequence[str], architecture: str, until: float) -> dict[str, str]:
    """Return for each library the package in which apt-file has it, the one nearest to /usr/lib before others."""
    import re

    if not names:
        return {}
    pattern = "/(" + "|".join(map(re.escape, names)) + ")$"
    of_architecture = ["--architecture", architecture] if architecture else []
    lines = _answer(["apt-file", *of_architecture, "search", "--regexp", pattern], until)
    hits = [match.groups() for line in lines if (match := re.fullmatch(r"(\S+): ((?:/usr)?/lib/\S+)", line))]
    wanted, packages = set(names), dict[str, str]()
    for package, path in sorted(hits, key=lambda hit: (hit[1].count("/"), hit)):
        if os.path.basename(path) in wanted and "/debug/" not in path:
            packages.setdefault(os.path.basename(path), package)
    return packages


def _answer(command: Sequence[str], until: float) -> list[str]:
    """Return the lines that `command` prints; none if it is not there, fails, or takes too long."""
    seconds = until - monotonic()
    if seconds <= 0 or find_program(command[0]) is None:
        return []
    try:
        ran = run(command, timeout=seconds, env={**os.environ, "LC_ALL": "C"})
    except (OSError, MagicpakError):
        return []
    return ran.output.decode("utf-8", "replace").splitlines() if ran.returncode == 0 else []
