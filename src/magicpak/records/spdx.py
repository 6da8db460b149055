"""A record as SPDX 2.3 in JSON (the SPDX specification, ISO/IEC 5962)."""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha1
from typing import Any

from magicpak import __version__
from magicpak.records.model import ROOT, Record, RecordedFile, RecordedPackage
from magicpak.records.wording import MADE, Maintainer, page, utf8, with_uuid
from magicpak.text import timestamp

_Json = dict[str, Any]

_DOCUMENT, _UNKNOWN = "SPDXRef-DOCUMENT", "NOASSERTION"
_NAMESPACE = "https://spdx.org/spdxdocs"
"""What a namespace begins with that is nobody's page (clause 6.5)."""

_NOT_IN_ID = re.compile(r"[^A-Za-z0-9.-]+")
_ID_SHOWN = 60  # characters of a name that an id repeats; a number makes it unique


def spdx(record: Record) -> bytes:
    """Return the document; its namespace has a hash of its content."""
    ids = _Ids()
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": utf8(record.name),
        "documentNamespace": "",
        "creationInfo": {"created": timestamp(record.created), "creators": [f"Tool: magicpak-{__version__}"]},
        "packages": list(_packages(record, ids)),
        "files": [_file(file, ids) for file in _all_files(record)],
        "hasExtractedLicensingInfos": list(_named_licences(record)),
        "relationships": list(_relationships(record, ids)),
    }
    name = _NOT_IN_ID.sub("-", record.name)
    return with_uuid(document, "documentNamespace", f"{_NAMESPACE}/{name}-")


class _Ids:
    """The identifiers of the elements of a document, by the `ref`s of the record."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, ref: str) -> str:
        if ref not in self._known:
            name = _NOT_IN_ID.sub("-", ref.partition("?")[0])[-_ID_SHOWN:].strip("-.")
            self._known[ref] = f"SPDXRef-{len(self._known)}-{name}"
        return self._known[ref]


def _all_files(record: Record) -> Iterator[RecordedFile]:
    for package in record.packages:
        yield from package.files
    yield from record.files


def _packages(record: Record, ids: _Ids) -> Iterator[_Json]:
    purpose = "CONTAINER" if record.is_image else "APPLICATION"
    yield _element(ids.of(ROOT), record.name, record.version, primaryPackagePurpose=purpose, **_sums(record.files))
    yield from (_package(each, ids) for each in record.packages)
    for module in record.modules:
        yield _element(ids.of(module.ref), module.name, module.version, externalRefs=[_package_url(module.ref)])
    if record.distribution.id:
        system, version = record.distribution.id, record.distribution.version
        # Without a purpose: the two editions of the schema spell that of an operating system differently.
        yield _element(ids.of(_system(record)), system, version)


def _element(identifier: str, name: str, version: str, **more: Any) -> _Json:  # noqa: ANN401 - what JSON has
    """Return what all packages have."""
    return {
        "SPDXID": identifier,
        "name": utf8(name),
        **({"versionInfo": utf8(version)} if version else {}),
        "downloadLocation": _UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": _UNKNOWN,
        "copyrightText": _UNKNOWN,
        **more,
    }


def _package(recorded: RecordedPackage, ids: _Ids) -> _Json:
    package, ref, details, licence, files = recorded
    element = _element(ids.of(ref), package.name, package.version, externalRefs=[_package_url(ref)])
    if details.supplier:
        name, address = Maintainer.of(details.supplier)
        element["supplier"] = f"Organization: {name}{f' ({address})' if address else ''}"
    if page(details.homepage):
        element["homepage"] = details.homepage
    if details.source:
        element["sourceInfo"] = utf8(f"built from the source package {details.source} {details.source_version}".strip())
    if licence.expression:
        element["licenseDeclared"] = licence.expression
    if licence.elsewhere:
        element["licenseComments"] = utf8(licence.elsewhere)
    return element | _sums(files)


def _sums(files: Sequence[RecordedFile]) -> _Json:
    """Return what a package says of `files` that it contains (clause 7.9)."""
    if not files:
        return {}
    sums = "".join(sorted(file.sha1 for file in files))
    code = sha1(sums.encode(), usedforsecurity=False).hexdigest()
    return {"filesAnalyzed": True, "packageVerificationCode": {"packageVerificationCodeValue": code}}


def _package_url(ref: str) -> _Json:
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": ref}


def _file(file: RecordedFile, ids: _Ids) -> _Json:
    return {
        "SPDXID": ids.of(file.ref),
        "fileName": utf8(f".{file.path}"),
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": file.sha1},
            {"algorithm": "SHA256", "checksumValue": file.sha256},
        ],
        "licenseConcluded": _UNKNOWN,
        "copyrightText": _UNKNOWN,
        **({"comment": MADE} if file.is_made else {}),
    }


def _named_licences(record: Record) -> Iterator[_Json]:
    """Yield the licences that SPDX does not list, each with the packages that have it."""
    packages: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for each in record.packages:
        for ref, name in each.licence.named.items():
            names[ref] = name
            packages.setdefault(ref, []).append(each.package.name)
    for ref, name in sorted(names.items()):
        text = f"{name}, as in the copyright file or the database of {', '.join(packages[ref])}"
        yield {"licenseId": ref, "name": utf8(name), "extractedText": utf8(text)}


def _relationships(record: Record, ids: _Ids) -> Iterator[_Json]:
    yield _relationship(_DOCUMENT, "DESCRIBES", ids.of(ROOT))
    for package in record.packages:
        yield _relationship(ids.of(ROOT), "CONTAINS", ids.of(package.ref))
        for file in package.files:
            yield _relationship(ids.of(package.ref), "CONTAINS", ids.of(file.ref))
    for file in record.files:
        yield _relationship(ids.of(ROOT), "CONTAINS", ids.of(file.ref))
    for file in _all_files(record):
        for module in file.modules:
            yield _relationship(ids.of(file.ref), "STATIC_LINK", ids.of(module))
    for ref, others in record.depends.items():
        for other in others:
            yield _relationship(ids.of(ref), "DEPENDS_ON", ids.of(other))
    if record.distribution.id:
        yield _relationship(ids.of(ROOT), "CONTAINS", ids.of(_system(record)))


def _relationship(first: str, kind: str, second: str) -> _Json:
    return {"spdxElementId": first, "relationshipType": kind, "relatedSpdxElement": second}


def _system(record: Record) -> str:
    return f"os:{record.distribution.qualified}"
