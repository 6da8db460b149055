"""What the databases of package managers say of packages beside their files: where they come from, and their terms."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from magicpak.files.view import HOST
from magicpak.packages import apk, dpkg, rpm
from magicpak.packages.database import DatabaseReader, Package

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

MAX_PARAGRAPH = 1 << 24
"""Bytes of what is kept of one package: one of dpkg has 40 KB, one of apk has 50 bytes for each file of the package."""


class PackageDetails(NamedTuple):
    """What is known of a package; what its database does not say is empty.

    `source` is the package that it was built from, `supplier` who packs it, such as `Name <address>`, `licence` its
    licence in the words of its manager, and `paragraph` what dpkg or apk has of it, as it is.
    """

    source: str = ""
    source_version: str = ""
    supplier: str = ""
    licence: str = ""
    homepage: str = ""
    paragraph: bytes = b""


class AllDetails(NamedTuple):
    """What is known of those of some packages that a database has, and a warning for each part that is unreadable."""

    by_package: Mapping[Package, PackageDetails]
    warnings: tuple[str, ...]


def package_details(packages: Collection[Package], files: "SourceView" = HOST) -> AllDetails:
    """Return what the databases in `files` say of `packages`."""
    found: dict[Package, PackageDetails] = {}
    reader = DatabaseReader(files)
    for manager, details in _DETAILS.items():
        wanted = {each for each in packages if each.manager == manager}
        if wanted:
            for package, known in details(reader, files, frozenset(each.name for each in wanted)):
                if package in wanted:
                    found.setdefault(package, known)
    return AllDetails(found, tuple(reader.warnings))


_Details = Iterator[tuple[Package, PackageDetails]]


def _of_dpkg(reader: DatabaseReader, _files: "SourceView", names: frozenset[str]) -> _Details:
    """Yield what dpkg, or a distroless image, has of packages with `names`, perhaps of several architectures."""
    paragraphs = reader.paragraphs(f"{dpkg.DIRECTORY}/status")
    alone = f"{dpkg.DIRECTORY}/status.d"
    paths = (f"{alone}/{each}" for each in sorted(reader.entries(alone)) if not each.endswith(".md5sums"))
    wanted = re.compile(rb"^Package:[ \t]*(\S+)", re.MULTILINE)
    for paragraph in (*_kept(paragraphs, wanted, names), *_kept(map(reader.content, paths), wanted, names)):
        fields = _fields_of_dpkg(paragraph)
        name, version = fields.get("package", ""), fields.get("version", "")
        source, _, its_version = fields.get("source", name).partition("(")
        yield (
            Package("dpkg", name, version, fields.get("architecture", "")),
            PackageDetails(
                source.strip(),
                its_version.rstrip(") ") or version,
                fields.get("maintainer", ""),
                "",
                fields.get("homepage", ""),
                paragraph,
            ),
        )


def _kept(paragraphs: Iterator[bytes], wanted: re.Pattern[bytes], names: frozenset[str]) -> Iterator[bytes]:
    """Yield those of `paragraphs` that are of packages with `names`."""
    for paragraph in paragraphs:
        name = wanted.search(paragraph) if len(paragraph) <= MAX_PARAGRAPH else None
        if name is not None and os.fsdecode(name[1]) in names:
            yield paragraph.strip(b"\n")


def _fields_of_dpkg(paragraph: bytes) -> dict[str, str]:
    """Return the first line of each field by its name in small letters (deb-control(5))."""
    lines = (line.partition(":") for line in os.fsdecode(paragraph).split("\n") if line[:1] not in " \t#")
    return {name.lower(): value.strip() for name, _, value in lines}


def _of_apk(reader: DatabaseReader, _files: "SourceView", names: frozenset[str]) -> _Details:
    wanted = re.compile(rb"^P:(.*)$", re.MULTILINE)
    for path in apk.DATABASES:
        for paragraph in _kept((each for each in reader.content(path).split(b"\n\n")), wanted, names):
            head = os.fsdecode(paragraph.partition(b"\nF:")[0])
            fields = {line[0]: line[2:] for line in head.split("\n") if line[1:2] == ":"}
            name, version = fields.get("P", ""), fields.get("V", "")
            yield (
                Package("apk", name, version, fields.get("A", "")),
                PackageDetails(
                    fields.get("o", name),
                    version,
                    fields.get("m", ""),
                    fields.get("L", ""),
                    fields.get("U", ""),
                    paragraph,
                ),
            )


_FORMAT = (
    r"\f%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\t%|PACKAGER?{%{PACKAGER}}:{%{VENDOR}}|"
    r"\t%{LICENSE}\t%{URL}"
)
_SOURCE = re.compile(r"(.+)-([^-]+-[^-]+)\.(?:no)?src\.rpm")
"""The file name of a source package: NAME-VERSION-RELEASE.src.rpm."""


def _of_rpm(reader: DatabaseReader, files: "SourceView", names: frozenset[str]) -> _Details:
    for part in os.fsdecode(rpm.answer(files, reader, _FORMAT)).split("\f")[1:]:
        name, version, architecture, file, supplier, licence, homepage = [
            "" if each == "(none)" else each for each in (*part.split("\t"), *[""] * 7)[:7]
        ]
        if name in names:
            source = _SOURCE.fullmatch(file)
            built_from = (source[1], source[2]) if source else ("", "")
            yield (
                Package("rpm", name, version, architecture),
                PackageDetails(*built_from, supplier, licence, homepage),
            )


_DETAILS: Mapping[str, Callable[[DatabaseReader, "SourceView", frozenset[str]], _Details]] = {
    "dpkg": _of_dpkg,
    "apk": _of_apk,
    "rpm": _of_rpm,
}
