"""What `--with` adds about the finished bundle: the records of the packages in it, and their licences."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from magicpak.files.cli_path import HOST_ROOT, CliPath
from magicpak.needs.found import NeedFiles
from magicpak.packages.copyright import COMMON, licence_path, terms_of
from magicpak.packages.database import Package
from magicpak.packages.os_release import PATHS
from magicpak.packages.subset import HeldFile, subset
from magicpak.text import count_noun, list_names

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

RECORDS, LICENCES = OF_BUNDLE = ("package_records", "licences")
"""The values of the field `of_bundle` of rows."""

_NAMED = 3


def system_names(files: "SourceView") -> NeedFiles:
    """Return the file by which scanners know the distribution, with the link that leads to it."""
    found = next(filter(files.is_file, PATHS), None)
    return NeedFiles(trees=[CliPath(HOST_ROOT, found)] if found else [])


def package_records(held: Mapping[Package, Sequence[HeldFile]], files: "SourceView") -> NeedFiles:
    """Return a database of the packages `held`, with their files."""
    made = subset(held, files)
    rpm = ["rpm's database of a part of its packages cannot be made: scanners of the image will not see them"]
    return NeedFiles(made=made.files, warnings=[*made.warnings, *(rpm if made.others else ())])


def licences(packages: Collection[Package], files: "SourceView") -> NeedFiles:
    """Return the terms of `packages`, and the texts that they refer to."""
    found, missing = dict[str, None](), list[str]()
    for package in sorted(packages):
        path = licence_path(package)
        if not package.is_file_name or not files.exists(path):
            missing.append(package.name)
            continue
        texts = [f"{COMMON}/{name}" for name in terms_of(package, files).common] if package.manager == "dpkg" else []
        found |= dict.fromkeys([path, *filter(files.is_file, texts)])
    lines = [f"{count_noun(len(missing), 'package')} without a file of its licence on this host: "] if missing else []
    return NeedFiles(
        trees=[CliPath(HOST_ROOT, path) for path in found],
        warnings=[line + list_names(missing, _NAMED) for line in lines],
    )
