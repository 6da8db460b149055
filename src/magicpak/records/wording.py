"""How both forms of a record say the same things: times, names, addresses."""

import json
import os
import re
from hashlib import sha256
from typing import Any, NamedTuple

_ADDRESS = re.compile(r"[A-Za-z0-9._%+=~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PAGE = re.compile(r"(?:https?|ftp)://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._~:/?#@!$&'*+,;=%-]*)?")


MADE = "made by magicpak"
"""What is said of a file that no host has."""


class Maintainer(NamedTuple):
    """Who packs a package: a name, and an address of electronic mail, empty if unknown."""

    name: str
    address: str = ""

    @classmethod
    def of(cls, text: str) -> "Maintainer":
        """Return the one that `text` names, such as `Name <address>`."""
        name, _, rest = text.strip().partition("<")
        address = rest.partition(">")[0]
        return cls(utf8(name.strip() or address), address if _ADDRESS.fullmatch(address) else "")


def page(text: str) -> str:
    """Return the address of a page in `text`, empty if it is none."""
    return text if _PAGE.fullmatch(text) else ""


def utf8(text: str) -> str:
    """Return `text` as UTF-8 can have it, undecodable bytes as backslash escapes."""
    return os.fsencode(text).decode(errors="backslashreplace")


def with_uuid(document: dict[str, Any], field: str, prefix: str) -> bytes:
    """Return `document` as JSON, in whose empty `field` comes `prefix` and a UUID that is a hash of the document.

    The UUID has version 8 of RFC 9562.
    """
    text = f"{json.dumps(document, ensure_ascii=False)}\n"
    digits = sha256(text.encode()).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    uuid = f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
    return text.replace(f'"{field}": ""', f'"{field}": "{prefix}{uuid}"', 1).encode()
