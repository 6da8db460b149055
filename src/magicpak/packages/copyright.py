"""The terms of packages as files: where they are, and what Debian's say in its machine-readable format 1.0.

Sources: Debian's Policy, 12.5 (copyright files), and copyright-format 1.0. Fedora, SUSE and Alpine have the texts of
licences in directories (Fedora's packaging guidelines, License Text).
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from magicpak.files.view import HOST, read_file
from magicpak.packages.database import Package

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

COMMON = "/usr/share/common-licenses"
"""The texts that Debian's copyright files refer to."""

MAX_COPYRIGHT = 1 << 22
"""Bytes of one file: the longest of Debian has 2 MB."""

MAX_LICENCES = 1000
"""Licences of one package that count: that of ffmpeg has 30."""

_FORMAT = re.compile(
    r"^Format(?:-Specification)?:.*(?:copyright-format|dep5|dep-5|CopyrightFormat)", re.IGNORECASE | re.MULTILINE
)
_LICENCE = re.compile(r"^License:[ \t]*(.*)$", re.IGNORECASE | re.MULTILINE)
_FILES = re.compile(r"^Files:", re.IGNORECASE | re.MULTILINE)
_REFERENCE = re.compile(rf"{COMMON}/([A-Za-z0-9.+-]*[A-Za-z0-9+])")


class Terms(NamedTuple):
    """What a copyright file says: the licences that its files are under, where a program can read that.

    `common` are the names of the texts below COMMON that it refers to.
    """

    licences: tuple[str, ...] = ()
    common: tuple[str, ...] = ()
    is_readable: bool = True


def licence_path(package: Package) -> str:
    """Return the file of Debian, or the directory of others, that has the terms of `package`."""
    if package.manager == "dpkg":
        return f"/usr/share/doc/{package.name}/copyright"
    return f"/usr/share/licenses/{package.name}"


def terms_of(package: Package, files: "SourceView" = HOST) -> Terms:
    """Return what the copyright file of `package` says, in `files`; one that cannot be read says nothing."""
    if not package.is_file_name:
        return Terms(is_readable=False)
    try:
        content = read_file(files, licence_path(package), MAX_COPYRIGHT)
    except OSError:
        return Terms(is_readable=False)
    text = content.decode(errors="replace").replace("\r\n", "\n")
    licences = islice(dict.fromkeys(_licences(text)), MAX_LICENCES)
    return Terms(tuple(licences), tuple(dict.fromkeys(_REFERENCE.findall(text))))


def _licences(text: str) -> Iterator[str]:
    """Yield the licences that files are under; those of paragraphs of their own are texts for them."""
    head, *paragraphs = re.split(r"\n(?:[ \t]*\n)+", text.lstrip("\n"))
    if not _FORMAT.search(head):
        return
    of_files = [each for each in paragraphs if _FILES.search(each)]
    for paragraph in of_files or [head]:
        for licence in _LICENCE.findall(paragraph):
            if name := licence.strip():
                yield name
