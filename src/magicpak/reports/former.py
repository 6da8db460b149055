"""A JSON report as it is compared with another: read from a file of somebody else's, or made from a document."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from magicpak.errors import ReportNotComparable, reason
from magicpak.files.view import read_host_file
from magicpak.reports.document import SCHEMA_VERSION, Document
from magicpak.reports.plain import plain

MAX_REPORT = 1 << 26
"""Bytes of a report that is read: one of a hundred thousand paths has 40 million; parsed, it may have 25 times that."""

_MAX_NUMBER = 1 << 63  # of bytes, and of files

PackageKey = tuple[str, str, str]
"""Manager, name and architecture of a package."""

Kind = TypeVar("Kind", str, int, list[Any], dict[str, Any])


class PackageFacts(NamedTuple):
    """What is compared of a package: its version, and the bytes of its files in the bundle."""

    version: str
    size: int


class ReportFacts(NamedTuple):
    """What is compared of a report.

    The sizes of files are by their paths. Packages are None where they were not looked up. Libraries are those that a
    loader loads, by DT_SONAME. `size` counts hard links once. `path` is the file of the report.
    """

    magicpak: str
    size: int
    files: Mapping[str, int]
    libraries: frozenset[str]
    packages: Mapping[PackageKey, PackageFacts] | None
    path: str = ""


def read_report(path: str) -> ReportFacts:
    """Return what is in the JSON report at `path`. Raises ReportNotComparable."""
    try:
        data = read_host_file(path, MAX_REPORT + 1)
    except OSError as error:
        raise ReportNotComparable(path, f"cannot be read: {reason(error)}") from None
    if len(data) > MAX_REPORT:
        raise ReportNotComparable(path, f"is larger than {MAX_REPORT >> 20} MiB")
    try:
        report = json.loads(data)
    except (ValueError, RecursionError):
        raise ReportNotComparable(path, "is not JSON") from None
    try:
        version = _field(report, "schema_version", int)
        if version > SCHEMA_VERSION:
            why = f"was written by a newer magicpak (schema_version {version}, this one knows {SCHEMA_VERSION})"
            raise ReportNotComparable(path, why)
        return _facts(report)._replace(path=path)
    except _FieldError as error:
        raise ReportNotComparable(path, f"is not a JSON report of magicpak: {error}") from None


def facts_of(document: Document) -> ReportFacts:
    """Return what is in the JSON report of `document`."""
    return _facts(plain(document))


class _FieldError(Exception):
    """A field is not what it is in a report; the str says which."""


def _field(record: object, name: str, kind: type[Kind]) -> Kind:
    """Return the field `name` of `record`, which is of `kind`; a number is a size. Raises _FieldError."""
    value = record.get(name) if isinstance(record, dict) else None
    if (
        not isinstance(value, kind)
        or isinstance(value, bool)
        or (isinstance(value, int) and not 0 <= value < _MAX_NUMBER)
    ):
        raise _FieldError(f"{name} is missing or invalid")
    return value


def _facts(report: object) -> ReportFacts:
    entries = _field(report, "entries", list)
    return ReportFacts(
        _field(report, "magicpak", str),
        _field(_field(report, "totals", dict), "size", int),
        {
            _field(each, "path", str): _field(each, "size", int)
            for each in entries
            if _field(each, "type", str) == "file"
        },
        frozenset(_libraries(_field(report, "processes", list))),
        _packages(report),
    )


def _libraries(processes: list[Any]) -> Iterator[str]:
    for process in processes:
        for each in _field(process, "objects", list):
            if _is_none(each, "soname") or _is_none(each, "path"):
                continue
            yield _field(each, "soname", str)


def _packages(report: object) -> dict[PackageKey, PackageFacts] | None:
    if _is_none(report, "packages"):
        return None
    found: dict[PackageKey, PackageFacts] = {}
    for each in _field(report, "packages", list):
        key = _field(each, "manager", str), _field(each, "name", str), _field(each, "architecture", str)
        version, size = _field(each, "version", str), _field(each, "size", int)
        if key in found:  # RPM installs several versions of one package
            version, size = f"{found[key].version}, {version}", found[key].size + size
        found[key] = PackageFacts(version, size)
    return found


def _is_none(record: object, name: str) -> bool:
    return isinstance(record, dict) and name in record and record[name] is None
