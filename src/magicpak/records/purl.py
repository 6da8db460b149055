"""Package URLs: names of packages that scanners look up.

Source: the purl specification (package-url/purl-spec): PURL-SPECIFICATION.rst, and PURL-TYPES.rst for each type.
"""

from collections.abc import Mapping

from magicpak.packages.database import Package
from magicpak.packages.os_release import OsRelease

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_~:")
"""What is not percent-encoded."""

_TYPES = {"dpkg": ("deb", "debian"), "apk": ("apk", "alpine"), "rpm": ("rpm", "")}
"""The type for each manager, and the namespace where the distribution is unknown."""


def package_url(kind: str, name: str, version: str, qualifiers: Mapping[str, str] | None = None) -> str:
    """Return a package URL of the type `kind`; slashes in `name` part its namespace."""
    path = "/".join(map(encoded, filter(None, name.split("/"))))
    given = [(key, value) for key, value in sorted((qualifiers or {}).items()) if value]
    query = "&".join(f"{key}={encoded(value)}" for key, value in given)
    return f"pkg:{kind}/{path}{f'@{encoded(version)}' if version else ''}{f'?{query}' if query else ''}"


def package_url_of(package: Package, distribution: OsRelease) -> str:
    """Return the package URL of a package of `distribution`.

    Debian's and Alpine's names are in small letters; an epoch is part of Debian's versions, and apart from rpm's.
    """
    kind, default = _TYPES[package.manager]
    name, version, qualifiers = package.name, package.version, {"arch": package.architecture}
    if kind == "rpm":
        epoch, colon, rest = version.partition(":")
        if colon:
            version, qualifiers["epoch"] = rest, epoch
    else:
        name = name.lower()
    qualifiers["distro"] = distribution.qualified
    namespace = (distribution.id or default).lower()
    return package_url(kind, f"{namespace}/{name}", version, qualifiers)


def encoded(text: str, more: bytes = b"") -> str:
    """Return `text` percent-encoded, without the bytes of `more`."""
    plain = _PLAIN.union(more)
    data = text.encode("utf-8", "surrogateescape")
    return text if plain.issuperset(data) else "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in data)
