"""The packages of Debian and its relatives, by the database of dpkg(1), and those of distroless images.

dpkg has a list of files for each package, `info/NAME.list`, or `info/NAME:ARCHITECTURE.list` for one that can be
installed for several architectures; the file `status` has a paragraph for each.

Distroless images have Debian's packages without dpkg: a file `status.d/NAME` with the paragraph of each, and
`status.d/NAME.md5sums` with its files, but not its links and configuration files (PACKAGE_METADATA.md of
GoogleContainerTools/distroless).
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from magicpak.packages.database import DatabaseReader, InstalledPackages, Ownership, Package, PathNames, all_names
from magicpak.text import count_noun, list_names, printable

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

DIRECTORY = "/var/lib/dpkg"

_LIST, _SUMS = ".list", ".md5sums"
_SUM_LENGTH = len("d41d8cd98f00b204e9800998ecf8427e  ")
_NAME = re.compile(rb"^Package:[ \t]*(\S+)", re.MULTILINE)
_FIELD = re.compile(rb"^(Package|Version|Architecture|Status):(.*)$", re.MULTILINE)

_NEEDS = re.compile(rb"^(?:Pre-)?Depends:(.*(?:\n[ \t].*)*)", re.MULTILINE)
_PROVIDES = re.compile(rb"^Provides:(.*(?:\n[ \t].*)*)", re.MULTILINE)

_WITHOUT_FILES = ("not-installed", "config-files")
"""The last word of the status of a package that has at most configuration files left (dpkg(1))."""

FEW_NAMES = 6
"""To search a list for one name takes about a sixth of the time that it takes to cut it into lines."""


class Diversion(NamedTuple):
    """Where dpkg puts the file of some name for all packages but `by` (dpkg-divert(1))."""

    to: bytes
    by: str
    """The name of a package, or `:` for the administrator."""


def query(paths: Collection[PathNames], files: "SourceView") -> Ownership:
    """Return the packages that own the names of `paths`, by the database of dpkg in `files`."""
    reader = DatabaseReader(files)
    status = f"{DIRECTORY}/status"
    diversions, lists = _diversions(reader), _lists(reader)
    lists_of: dict[bytes, list[str]] = {}
    packages: dict[str, Package | None] = {}
    left = list(paths)
    while left:
        found = _lists_of(left, lists, diversions, _named_in_list)
        for name, some in found.items():
            lists_of.setdefault(name, []).extend(some)
        packages |= _packages_with(reader, status, {each for some in found.values() for each in some})
        # A package that is removed can still have the list of its settings: those may have come to another package.
        left = [names for names in left if found[names[0]] and not any(map(packages.get, lists_of[names[0]]))]
    if unknown := sorted({each for some in lists_of.values() for each in some} - packages.keys()):
        count = count_noun(len(unknown), "package")
        reader.warnings.append(f"{printable(status)} has no version of {count} with files: {list_names(unknown)}")
    return Ownership(_owners(lists_of, packages), tuple(reader.warnings))


def installed(files: "SourceView") -> InstalledPackages:
    """Return the installed packages by the database in `files`; `files` takes NAME, or NAME:ARCHITECTURE first."""
    reader = DatabaseReader(files)
    needs: dict[str, list[list[str]]] = {}
    provided: dict[str, str] = {}
    for paragraph in reader.paragraphs(f"{DIRECTORY}/status"):
        name = _NAME.search(paragraph)
        if name is None or not any(_packages([paragraph]).values()):
            continue
        package = os.fsdecode(name[1])
        needs.setdefault(package, []).extend(_relations(paragraph, _NEEDS))
        provided |= {each: package for names in _relations(paragraph, _PROVIDES) for each in names}
    diversions = _diversions(reader)

    @cache
    def lists_of() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for each in _list_names(reader):
            found.setdefault(each.partition(":")[0], []).append(each)
        return found

    def files_of(package: str) -> list[str]:
        name = package.partition(":")[0]
        lists = lists_of().get(name)
        if not lists:
            return []
        path = f"{DIRECTORY}/info/{package if package in lists else lists[0]}{_LIST}"
        paths = (each for each in reader.content(path).split(b"\n") if each)
        return [os.fsdecode(_diverted(each, name, diversions)) for each in paths]

    return InstalledPackages(needs, {**provided, **{name: name for name in needs}}, files_of, reader.warnings)


def _relations(paragraph: bytes, field: re.Pattern[bytes]) -> list[list[str]]:
    """Return the names in fields such as `a (>= 1), b:any | c`, those of alternatives together (deb-control(5))."""
    text = os.fsdecode(b",".join(re.sub(rb"\n[ \t]", b" ", each) for each in field.findall(paragraph)))
    relations = ([re.split(r"[ (:\[]", each.strip())[0] for each in part.split("|")] for part in text.split(","))
    return [names for names in relations if names[0]]


def _diverted(path: bytes, package: str, diversions: Mapping[bytes, Diversion]) -> bytes:
    """Return where the file `path` of `package` is."""
    diversion = diversions.get(path)
    return diversion.to if diversion is not None and diversion.by != package else path


def query_distroless(paths: Collection[PathNames], files: "SourceView") -> Ownership:
    """Return the packages that own the names of `paths`, by the database of a distroless image in `files`."""
    reader = DatabaseReader(files)
    directory = f"{DIRECTORY}/status.d"
    lists_of = _lists_of(paths, _sums(reader, directory), {}, _named_in_sums)
    packages: dict[str, Package | None] = {}
    for each in sorted({each for some in lists_of.values() for each in some}):
        path = os.path.join(directory, each)
        packages[each] = next(iter(_packages([reader.content(path)]).values()), None)
        if packages[each] is None:
            reader.warnings.append(f"{printable(path)} describes no package")
    return Ownership(_owners(lists_of, packages), tuple(reader.warnings))


def _lists_of(
    paths: Collection[PathNames],
    lists: Iterator[tuple[str, bytes]],
    diversions: Mapping[bytes, Diversion],
    named_in: Callable[[bytes, set[bytes]], set[bytes]],
) -> dict[bytes, list[str]]:
    """Return for each name of `paths` the `lists` that have the file at that name, in their order.

    Where the own name of each path is in a list, the rest is not read. `named_in` returns which of some names a list
    has.
    """
    lists_of: dict[bytes, list[str]] = {name: [] for name in all_names(paths)}
    unowned = {names[0] for names in paths}
    candidates = {*lists_of, *(name for name, diversion in diversions.items() if diversion.to in lists_of)}
    for each, content in lists:
        for name in named_in(content, candidates):
            diversion = diversions.get(name)
            is_diverted = diversion is not None and diversion.by != each.partition(":")[0]
            place = diversion.to if diversion and is_diverted else name
            if place in lists_of:
                lists_of[place].append(each)
                unowned.discard(place)
        if not unowned:
            break
    return lists_of


def _named_in_list(content: bytes, names: set[bytes]) -> set[bytes]:
    """Return which of `names` a list has: few are searched for in it, for many it is cut into lines."""
    if len(names) > FEW_NAMES:
        return names.intersection(content.split(b"\n"))
    text = b"\n%s\n" % content
    return {name for name in names if b"\n%s\n" % name in text and b"\n" not in name}


def _named_in_sums(content: bytes, names: set[bytes]) -> set[bytes]:
    return names.intersection(b"/" + line[_SUM_LENGTH:].removeprefix(b"./") for line in content.split(b"\n"))


def _owners(lists_of: Mapping[bytes, Iterable[str]], packages: Mapping[str, Package | None]) -> dict[bytes, Package]:
    """Return for each name the first installed package that has it in its list, if any."""
    owners = {name: next(filter(None, map(packages.get, lists)), None) for name, lists in lists_of.items()}
    return {name: package for name, package in owners.items() if package}


def _packages(paragraphs: Iterable[bytes]) -> dict[str, Package | None]:
    """Return each package by NAME and by NAME:ARCHITECTURE; None for one that is not installed."""
    packages: dict[str, Package | None] = {}
    for paragraph in paragraphs:
        fields = {name: os.fsdecode(value.strip(b" \t")) for name, value in _FIELD.findall(paragraph)}
        name, version, architecture = (fields.get(field, "") for field in (b"Package", b"Version", b"Architecture"))
        is_installed = fields.get(b"Status", "").rpartition(" ")[2] not in _WITHOUT_FILES
        if not name or (is_installed and not version):
            continue
        package = Package("dpkg", name, version, architecture) if is_installed else None
        packages[f"{name}:{architecture}"] = package
        packages[name] = packages.get(name) or package
    return packages


def _packages_with(reader: DatabaseReader, status: str, lists: Collection[str]) -> dict[str, Package | None]:
    """Return the packages that have `lists`, by NAME and by NAME:ARCHITECTURE, as the file `status` has them."""
    names = {os.fsencode(each.partition(":")[0]) for each in lists}
    return _packages(
        paragraph
        for paragraph in (reader.paragraphs(status) if names else ())
        if (name := _NAME.search(paragraph)) and name[1] in names
    )


def _lists(reader: DatabaseReader) -> Iterator[tuple[str, bytes]]:
    """Yield the names of the lists and what is in them."""
    for each in _list_names(reader):
        yield each, reader.content(f"{DIRECTORY}/info/{each}{_LIST}")


def _list_names(reader: DatabaseReader) -> list[str]:
    """Return the names of the lists in order; of those of one package the native architecture's is first."""
    native = os.fsdecode(reader.content(f"{DIRECTORY}/arch").partition(b"\n")[0])

    def order(each: str) -> tuple[str, bool, str]:
        name, _, architecture = each.partition(":")
        return name, architecture != native, architecture

    return sorted(reader.entries(f"{DIRECTORY}/info", _LIST), key=order)


def _sums(reader: DatabaseReader, directory: str) -> Iterator[tuple[str, bytes]]:
    """Yield the names of the lists of sums and what is in them."""
    for each in sorted(reader.entries(directory, _SUMS)):
        yield each, reader.content(os.path.join(directory, each + _SUMS))


def _diversions(reader: DatabaseReader) -> dict[bytes, Diversion]:
    lines = iter(reader.content(f"{DIRECTORY}/diversions").split(b"\n"))
    return {name: Diversion(to, os.fsdecode(by)) for name, to, by in zip(lines, lines, lines, strict=False)}
