"""The platform that a bundle is for."""

from typing import NamedTuple


class Platform(NamedTuple):
    """An architecture in the words of container images (GOARCH), and its variant where there are several."""

    architecture: str
    variant: str | None = None
