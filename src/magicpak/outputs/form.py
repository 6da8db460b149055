"""What OUTPUT is to be: the form of the bundle, and where it goes."""

import os
import re
from enum import Enum
from typing import NamedTuple

from magicpak.errors import InvalidUsage
from magicpak.text import printable


class Format(Enum):
    """The form in which a bundle is written: `--format`."""

    DIR = "dir"
    TAR = "tar"
    OCI = "oci"
    DOCKER = "docker"

    @property
    def is_image(self) -> bool:
        """Whether it has a config beside the files."""
        return self in (Format.OCI, Format.DOCKER)


STDOUT = "-"
_OCI = "oci:"
_IMAGES = {".oci": Format.OCI, ".docker": Format.DOCKER}
_IMAGE = "image"  # image.tar is for docker load, which takes nothing else
_COMPRESSED = (".tar.gz", ".tgz")

# The annotation org.opencontainers.image.ref.name, in the grammar of the OCI image specification (annotations.md).
_TAG = r"[A-Za-z0-9]+(?:(?:--|[-._:@+/])[A-Za-z0-9]+)*"


class Destined(NamedTuple):
    """The form of a bundle, and the path at which it is written; None for stdout.

    `name` is OUTPUT as the user wrote it. A `layout` is an image as a directory; `tag` is its tag there, if it has one.
    """

    name: str
    format: Format
    path: str | None
    layout: bool = False
    tag: str | None = None

    @property
    def compressed(self) -> bool:
        """Whether it is a file that is compressed as a whole."""
        return self.path is not None and not self.layout and self.path.endswith(_COMPRESSED)


def destined(output: str, form: Format | None) -> Destined:
    """Return what `output` is to be, in the form that is asked for or, without one, told by its name.

    What is a directory already, or ends with a slash, is one whatever its name. Raises InvalidUsage.
    """
    if output == STDOUT:
        return _stdout(form)
    if output.startswith(_OCI) and form in (None, Format.OCI):
        return _layout(output)
    return Destined(output, form or _told_by(output), output)


def _stdout(form: Format | None) -> Destined:
    if form is None:
        message = "OUTPUT - is stdout, which needs --format tar, oci or docker"
        raise InvalidUsage(message, hints=["./- is a directory of that name"])
    if form is Format.DIR:
        message = "--format dir cannot be written to stdout"
        raise InvalidUsage(message, hints=["--format tar writes an archive"])
    return Destined(STDOUT, form, None)


def _layout(output: str) -> Destined:
    path, _, tag = output.removeprefix(_OCI).partition(":")
    if tag and not re.fullmatch(_TAG, tag, re.ASCII):
        message = f"{printable(tag)} is not a tag of an image"
        raise InvalidUsage(message, hints=["OUTPUT is oci:DIR or oci:DIR:TAG; DIR has no colon"])
    return Destined(output, Format.OCI, path, layout=True, tag=tag or None)


def _told_by(output: str) -> Format:
    """Return the form that a path has by its name."""
    name = os.path.basename(output)
    stem = next((name.removesuffix(end) for end in (".tar", *_COMPRESSED) if name.endswith(end)), None)
    if not stem or output.endswith("/") or os.path.isdir(output):
        return Format.DIR
    if stem == _IMAGE:
        return Format.DOCKER
    return next((form for end, form in _IMAGES.items() if stem.endswith(end)), Format.TAR)
