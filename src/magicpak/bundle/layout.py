"""How links to directories are treated."""

from enum import Enum


class Layout(Enum):
    """Whether links to directories are kept (`host`) or each path gets directories of its own (`directories`)."""

    HOST = "host"
    DIRECTORIES = "directories"
