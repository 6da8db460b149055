"""A package, and what one database of packages answers."""

from collections.abc import Mapping
from typing import NamedTuple


class Package(NamedTuple):
    """A package as its manager names it."""

    manager: str
    """`dpkg`, `apk` or `rpm`."""

    name: str
    version: str
    architecture: str
    """Empty where the manager does not say."""


class Ownership(NamedTuple):
    """The package that owns what stands at each of some names, and one line for each thing that could not be read.

    The names are those of the database, which may lead through links.
    """

    by_name: Mapping[bytes, Package]
    warnings: tuple[str, ...] = ()
