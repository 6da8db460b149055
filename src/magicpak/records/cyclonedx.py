"""A record as CycloneDX 1.6 in JSON (ECMA-424)."""

from collections.abc import Iterator
from typing import Any

from magicpak import __version__
from magicpak.packages.database import Package
from magicpak.packages.details import PackageDetails
from magicpak.records.licence_expressions import LicenceExpression
from magicpak.records.model import ROOT, Record, RecordedFile, RecordedPackage
from magicpak.records.wording import MADE, Maintainer, page, utf8, with_uuid
from magicpak.text import timestamp

_Json = dict[str, Any]


def cyclonedx(record: Record) -> bytes:
    """Return the document; its serial number is that of its content."""
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "",
        "version": 1,
        "metadata": {
            "timestamp": timestamp(record.created),
            "tools": {"components": [{"type": "application", "name": "magicpak", "version": __version__}]},
            "component": {
                "type": "container" if record.is_image else "application",
                "bom-ref": ROOT,
                "name": utf8(record.name),
                **({"version": utf8(record.version)} if record.version else {}),
            },
        },
        "components": list(_components(record)),
        "dependencies": [{"ref": ref, "dependsOn": others} for ref, others in _depends(record).items()],
    }
    return with_uuid(document, "serialNumber", "urn:uuid:")


def _depends(record: Record) -> dict[str, list[str]]:
    """Return what needs what; files need the modules in them."""
    depends = {ref: [*others] for ref, others in record.depends.items()}
    for file in (*record.files, *(file for package in record.packages for file in package.files)):
        if file.modules:
            depends.setdefault(file.ref, []).extend(file.modules)
    return depends


def _components(record: Record) -> Iterator[_Json]:
    yield from (_package(each) for each in record.packages)
    for module in record.modules:
        version = {"version": utf8(module.version)} if module.version else {}
        yield {"type": "library", "bom-ref": module.ref, "name": utf8(module.name), **version, "purl": module.ref}
    yield from map(_file, record.files)
    if record.distribution.id:
        yield {
            "type": "operating-system",
            "bom-ref": f"os:{record.distribution.qualified}",
            "name": record.distribution.id,
            **({"version": record.distribution.version} if record.distribution.version else {}),
            **({"description": record.distribution.name} if record.distribution.name else {}),
        }


def _package(recorded: RecordedPackage) -> _Json:
    package, ref, details, licence, files = recorded
    component: _Json = {"type": "library", "bom-ref": ref}
    if details.supplier:
        component["supplier"] = _supplier(Maintainer.of(details.supplier))
    component |= {"name": utf8(package.name), "version": utf8(package.version)}
    if licences := _licences(licence):
        component["licenses"] = licences
    component["purl"] = ref
    if details.homepage and page(details.homepage):
        component["externalReferences"] = [{"type": "website", "url": details.homepage}]
    if properties := _properties(package, details):
        component["properties"] = [{"name": name, "value": utf8(value)} for name, value in properties.items() if value]
    if files:
        component["components"] = list(map(_file, files))
    return component


def _properties(package: Package, details: PackageDetails) -> dict[str, str]:
    """Return what CycloneDX has no field for: the source package, for which distributions publish advisories.

    Scanners read it by names of their own: these are those of syft and grype, which have it from their databases only
    where a package and its source differ.
    """
    source, version = details.source, details.source_version
    if not source:
        return {}
    own = {"magicpak:source:name": source, "magicpak:source:version": version}
    if (source, version) == (package.name, package.version):
        return own
    kind = {"syft:package:metadataType": f"{package.manager}-db-entry"}
    match package.manager:
        case "dpkg":
            return {**own, **kind, "syft:metadata:source": source, "syft:metadata:sourceVersion": version}
        case "apk":
            return {**own, **kind, "syft:metadata:originPackage": source}
        case _:
            return {**own, **kind, "syft:metadata:sourceRpm": f"{source}-{version}.src.rpm"}


def _licences(licence: LicenceExpression) -> list[_Json]:
    expression, named, elsewhere = licence
    if elsewhere:
        return [{"license": {"name": utf8(elsewhere)}}]
    if not licence.is_single:
        return [{"expression": expression}] if expression else []
    return [{"license": {"name": utf8(named[expression])} if expression in named else {"id": expression}}]


def _supplier(maintainer: Maintainer) -> _Json:
    name, address = maintainer
    return {"name": name, **({"contact": [{"name": name, "email": address}]} if address else {})}


def _file(file: RecordedFile) -> _Json:
    made = {"description": MADE} if file.is_made else {}
    return {
        "type": "file",
        "bom-ref": file.ref,
        "name": utf8(file.path),
        **made,
        "hashes": [{"alg": "SHA-256", "content": file.sha256}],
    }
