"""Who answers where a library is."""

from enum import Enum


class Resolver(Enum):
    """How libraries are found: `--resolver`."""

    AUTO = "auto"
    DLOPEN = "dlopen"
    NOLOAD = "noload"
    STATIC = "static"
