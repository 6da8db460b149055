"""What is wrong with a record by the official schemas of CycloneDX and SPDX, and by the rules of SPDX."""

import json
from pathlib import Path
from typing import Any

import jsonschema
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

_Schema = dict[str, Any]

_TEXT: _Schema = {"type": "string"}


def _one_of(*values: str) -> _Schema:
    return {"enum": list(values)}


def _array(items: _Schema, least: int = 0) -> _Schema:
    return {"type": "array", "items": items, "minItems": least}


def _object(required: str, more: str = "", **others: _Schema) -> _Schema:
    """Return the schema of an object of texts and of `others`, of which those that are `required` must be there."""
    properties = dict.fromkeys([*required.split(), *more.split()], _TEXT) | others
    return {"type": "object", "properties": properties, "required": required.split(), "additionalProperties": False}


_COMMON = "comment copyrightText licenseComments licenseConcluded"
_SUM = _object("algorithm checksumValue", algorithm=_one_of("SHA1", "SHA256", "SHA512", "MD5"))
_PURPOSE = _one_of("APPLICATION", "CONTAINER", "LIBRARY", "FILE", "OTHER")
_REFERENCE = _object(
    "referenceCategory referenceLocator referenceType", referenceCategory=_one_of("PACKAGE-MANAGER", "SECURITY")
)
_RELATIONSHIP = _one_of("DESCRIBES", "CONTAINS", "DEPENDS_ON", "STATIC_LINK")

SPDX_SCHEMA = _object(
    "SPDXID creationInfo dataLicense name spdxVersion",
    "documentNamespace comment",
    creationInfo=_object("created creators", creators=_array(_TEXT, 1)),
    packages=_array(
        _object(
            "SPDXID downloadLocation name",
            f"{_COMMON} description homepage licenseDeclared originator sourceInfo summary supplier versionInfo",
            externalRefs=_array(_REFERENCE),
            filesAnalyzed={"type": "boolean"},
            packageVerificationCode=_object("packageVerificationCodeValue"),
            primaryPackagePurpose=_PURPOSE,
        )
    ),
    files=_array(_object("SPDXID checksums fileName", _COMMON, checksums=_array(_SUM, 1))),
    hasExtractedLicensingInfos=_array(_object("extractedText licenseId", "name comment")),
    relationships=_array(
        _object("spdxElementId relatedSpdxElement relationshipType", "comment", relationshipType=_RELATIONSHIP)
    ),
)
"""The official JSON schema of SPDX 2.3 (spdx-schema.json, 2022) for what records can have; the rest is left out."""


def problems(path: Path) -> list[str]:
    """Return what is wrong with the record at `path`, whose end says its form."""
    if path.name.endswith(".cdx.json"):
        problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(path.read_text())
        return [] if problem is None else [str(problem)]
    against_schema = jsonschema.Draft7Validator(SPDX_SCHEMA).iter_errors(json.loads(path.read_text()))
    against_rules = validate_full_spdx_document(parse_file(str(path)))
    return [*(each.message for each in against_schema), *(each.validation_message for each in against_rules)]


def loaded(path: Path) -> Any:
    """Return what is in the valid record at `path`."""
    assert problems(path) == []
    return json.loads(path.read_text())


def files_of_cyclonedx(record: Any) -> dict[str, str]:
    """Return the SHA-256 of each file in a record."""
    components = [each for component in record["components"] for each in (component, *component.get("components", ()))]
    return {each["name"]: each["hashes"][0]["content"] for each in components if each["type"] == "file"}


def packages_of_cyclonedx(record: Any) -> dict[str, Any]:
    """Return the packages of a record by their names."""
    return {each["name"]: each for each in record["components"] if each["type"] == "library"}
