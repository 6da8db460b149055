"""What others' libraries find wrong with a record: the official schema of CycloneDX, and the rules of SPDX."""

import json
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document


def problems(path: Path) -> list[str]:
    """Return what is wrong with the record at `path`, whose end says its form."""
    if path.name.endswith(".cdx.json"):
        problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(path.read_text())
        return [] if problem is None else [str(problem)]
    document = parse_file(str(path))
    return [each.validation_message for each in validate_full_spdx_document(document)]


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
