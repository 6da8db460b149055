"""How libraries are found, which the command line imports alone: the loaders cost far more to import."""

from enum import Enum


class Resolver(Enum):
    """How libraries are found: `--resolver`."""

    AUTO = "auto"
    DLOPEN = "dlopen"
    NOLOAD = "noload"
    STATIC = "static"
