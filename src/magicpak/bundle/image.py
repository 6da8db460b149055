"""The image that a bundle is laid onto, as far as a new image takes it over."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class BaseLayer(NamedTuple):
    """A layer as it is stored at `path` of the host, with its digest and size, and its digest without compression."""

    path: str
    digest: str
    size: int
    diff_id: str
    compressed: bool


class BaseImage(NamedTuple):
    """The config of an image, as it is in JSON, and its layers, the lowest first."""

    config: Mapping[str, Any]
    layers: Sequence[BaseLayer]
