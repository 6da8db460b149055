"""An image as a base: an OCI image layout, or an archive of one, or what docker save writes."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from magicpak.base.base import Base
from magicpak.base.compare import FileComparer
from magicpak.base.layers import LayerStack
from magicpak.base.tar_stream import TarStream, unpack_file
from magicpak.bundle.image import BaseImage, BaseLayer
from magicpak.bundle.plan import Because
from magicpak.bundle.platform import Platform
from magicpak.errors import MagicpakError
from magicpak.files.view import read_host_file
from magicpak.text import list_names, printable

_MAX_JSON = 4 << 20  # bytes: the specification lets registries refuse more
_MAX_LAYERS = 1000
_MAX_INDEXES = 3
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_REF = "org.opencontainers.image.ref.name"

PrivateDirectory = Callable[[], str]
"""Returns the path of a new private directory, which outlives the base."""

Files = Callable[[str], str]
"""Returns the path on the host of a file of a layout. Raises MagicpakError for none."""


class _ImageParts(NamedTuple):
    """The config of an image, and the archives of its layers, by their names and, where they have one, digests."""

    config: Mapping[str, Any]
    layers: list[tuple[str, str | None]]


def layout_base(
    name: str, directory: str, tag: str | None, platform: Platform | None, private: PrivateDirectory
) -> Base:
    """Return the base in the OCI image layout at `directory`. Raises MagicpakError."""

    def path_of(file: str) -> str:
        return os.path.join(directory, file)

    return _base(name, _ImageReader(name, path_of, tag, platform), private)


def archive_base(name: str, platform: Platform | None, private: PrivateDirectory) -> Base:
    """Return the base in the archive at the path `name`, whose files are unpacked first. Raises MagicpakError."""
    directory = private()
    paths: dict[str, str] = {}
    links: dict[str, str] = {}
    for member, data in TarStream(name, name).members():
        file = os.path.normpath(member.name)
        if data is not None:
            paths[file] = os.path.join(directory, str(len(paths)))
            unpack_file(data, paths[file], member.size)
        elif member.issym():  # docker before 25 writes an equal layer once
            links[file] = os.path.normpath(os.path.join(os.path.dirname(file), member.linkname))

    def path_of(file: str) -> str:
        return paths.get(links.get(file, file), "")

    return _base(name, _ImageReader(name, path_of, None, platform), private)


def _base(name: str, reader: "_ImageReader", private: PrivateDirectory) -> Base:
    parts = reader.parts()
    diff_ids = parts.config.get("rootfs", {}).get("diff_ids")
    if not isinstance(diff_ids, list) or len(diff_ids) != len(parts.layers) or len(diff_ids) > _MAX_LAYERS:
        raise reader.damaged("its config has another number of layers than its manifest")
    stack = LayerStack(private(), Because(f"in the base {name}"))
    layers = []
    for (file, digest), diff_id in zip(parts.layers, diff_ids, strict=True):
        path = reader.path(file)
        found, size, compressed = _blob(path)
        if digest not in {None, found}:
            raise reader.damaged(f"{file} has the digest {found}")
        unpacked = stack.apply(path, f"{name}: {file}")
        if unpacked != diff_id:
            raise reader.damaged(f"{file} has the digest {unpacked} without compression, not {diff_id}")
        layers.append(BaseLayer(path, found, size, unpacked, compressed))
    return Base(name, stack.plan, FileComparer(), image=BaseImage(parts.config, tuple(layers)))


def _blob(path: str) -> tuple[str, int, bool]:
    """Return the digest and size of a file, and whether it is compressed."""
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return f"sha256:{digest}", os.fstat(file.fileno()).st_size, compressed


class _ImageReader:
    """Reads what an image says of itself; `tag` selects one of several, otherwise `platform`."""

    def __init__(self, name: str, path_of: Files, tag: str | None, platform: Platform | None) -> None:
        self._name = name
        self._path_of = path_of
        self._tag = tag
        self._platform = platform

    def damaged(self, why: str) -> MagicpakError:
        """Return the failure for something that no image has."""
        return MagicpakError(f"--onto {printable(self._name)} is not a sound image: {printable(why)}")

    def path(self, file: str) -> str:
        """Return the path on the host of a file of the layout. Raises MagicpakError."""
        path = self._path_of(file)
        if not path or not os.path.isfile(path):
            raise self.damaged(f"it has no {file}")
        return path

    def parts(self) -> _ImageParts:
        """Return the parts of the image. Raises MagicpakError."""
        try:
            if os.path.isfile(self._path_of("index.json")):
                return self._oci()
            if os.path.isfile(self._path_of("manifest.json")):
                return self._docker()
        except ValueError as error:
            raise self.damaged(str(error)) from None
        except (KeyError, TypeError, AttributeError, RecursionError):
            raise self.damaged("its JSON files are not those of an image") from None
        message = f"--onto {printable(self._name)} is not an image: it has neither index.json nor manifest.json"
        raise MagicpakError(message, hints=["a base is a directory, oci:DIR[:TAG], or what docker save writes"])

    def _oci(self) -> _ImageParts:
        document = self._json(self.path("index.json"))
        manifests = document["manifests"]
        if self._tag is not None:
            manifests = [each for each in manifests if each.get("annotations", {}).get(_REF) == self._tag]
        for _ in range(_MAX_INDEXES):
            document = self._json_blob(self._chosen(manifests)["digest"])
            if "manifests" not in document:
                config = self._json_blob(document["config"]["digest"])
                return _ImageParts(
                    config, [(_blob_path(each["digest"]), each["digest"]) for each in document["layers"]]
                )
            manifests = document["manifests"]
        raise self.damaged("an index in an index")

    def _docker(self) -> _ImageParts:
        images = self._json(self.path("manifest.json"))
        if len(images) != 1:
            names = [str(name) for each in images for name in each.get("RepoTags") or ()]
            raise MagicpakError(f"--onto {printable(self._name)} has several images: {list_names(names, 3)}")
        config = self._json(self.path(os.path.normpath(images[0]["Config"])))
        return _ImageParts(config, [(os.path.normpath(layer), None) for layer in images[0]["Layers"]])

    def _chosen(self, manifests: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the one for our platform, or the only one that is an image."""
        images = [each for each in manifests if each.get("platform", {}).get("os") != "unknown"]
        architecture = self._platform.architecture if self._platform is not None else None
        fitting = [each for each in images if each.get("platform", {}).get("architecture") == architecture]
        found = fitting if len(images) > 1 else images
        if not found:
            what = f"tag {self._tag}" if not manifests and self._tag is not None else f"architecture {architecture}"
            raise MagicpakError(f"--onto {printable(self._name)} has no image of the {printable(what)}")
        return found[-1]

    def _json_blob(self, digest: str) -> dict[str, Any]:
        path = self.path(_blob_path(digest))
        if _blob(path)[0] != digest:
            raise self.damaged(f"{digest} has another digest")
        found: dict[str, Any] = self._json(path)
        return found

    def _json(self, path: str) -> Any:  # noqa: ANN401 - whatever somebody has written
        data = read_host_file(path, _MAX_JSON + 1)
        if len(data) > _MAX_JSON:
            raise self.damaged(f"{path} is too large")
        return json.loads(data)


def _blob_path(digest: str) -> str:
    match = _DIGEST.fullmatch(digest)
    if match is None:
        message = f"{digest} is not a digest"
        raise ValueError(message)
    return f"blobs/sha256/{match[1]}"
