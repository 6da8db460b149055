"""A bundle as a container image: an OCI image layout, as a directory or in an archive, also for docker load."""

import os
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

from magicpak.bundle.image import BaseImage, BaseLayer
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan, Item
from magicpak.bundle.platform import Platform
from magicpak.errors import OutputNotUsable, SourceChanged, reason
from magicpak.outputs.blob import BLOBS, BlobFile, write_blob, write_file
from magicpak.outputs.copy import CHUNK
from magicpak.outputs.destination import destination_for
from magicpak.outputs.directory import inspect_copy, write_whole
from magicpak.outputs.file_place import FilePlace
from magicpak.outputs.form import Destined, Format
from magicpak.outputs.image_config import ImageSettings, Layer, config, docker_manifest, index, manifest
from magicpak.outputs.layers import split
from magicpak.outputs.metadata import MetadataWriter, TimePolicy
from magicpak.outputs.output import Inspect, WriteResult
from magicpak.outputs.sink import AnySink, GzipSink, HashSink
from magicpak.outputs.tar import TarWriter
from magicpak.outputs.tar_header import END, Kind, Member, header, padding
from magicpak.process.signals import deferred, raise_if_interrupted
from magicpak.process.tempdirs import DIRECTORY, private_directory
from magicpak.text import printable

_NS = 1_000_000_000
_WHITEOUT = ".wh."  # in a layer, such a name deletes a file of a lower one (layer.md)
_LAYOUT = ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')


class ImageDescription(NamedTuple):
    """What an image says of itself, what it runs on, and the paths in its first layer, if it has two.

    Below come the layers of another image, `base`, or one layer with the items `below`.
    """

    settings: ImageSettings
    platform: Platform
    lower: Collection[BundlePath] = ()
    base: BaseImage | None = None
    below: Sequence[Item] = ()


Describe = Callable[[], ImageDescription]


class ImageOutput:
    """An image: a layout at a new or empty directory, or an archive of one.

    `describe` is called when the plan is there. `source_date_epoch` is the latest time
    of a file, in seconds since the epoch.
    """

    def __init__(self, destined: Destined, describe: Describe, source_date_epoch: int | None) -> None:
        self._destined = destined
        self._describe = describe
        self._source_date_epoch = source_date_epoch
        self._tars: list[TarWriter] = []

    def check(self) -> None:
        """Raise OutputNotUsable if it could not be written now, without changing anything."""
        if self._destined.layout:
            destination_for(self._destined.path or "")
        else:
            self._place.check()

    @property
    def copied(self) -> int:
        """The bytes that are copied so far; any thread may look."""
        return sum(tar.copied for tar in tuple(self._tars))

    @property
    def _place(self) -> FilePlace:
        return FilePlace(self._destined.name, self._destined.path)

    def write(self, plan: BundlePlan, inspect: Inspect | None = None) -> WriteResult:
        """Write all of `plan`, after `inspect` has seen it as a directory; see `Output`."""
        items = tuple(plan)
        self._refuse_whiteouts(items)
        if inspect is not None:
            inspect_copy(plan, inspect, self._source_date_epoch)
        times = TimePolicy.of(items, self._source_date_epoch)
        if self._destined.layout:
            with deferred():
                fill = partial(self._write_layout, items, times)
                write_whole(self._destined.path or "", MetadataWriter(times), fill)
        else:
            self._place.write(lambda sink: self._write_archive(items, times, sink))
        files, size = sum(tar.files for tar in self._tars), sum(tar.size for tar in self._tars)
        return WriteResult(files, size, tuple(line for tar in self._tars for line in tar.warnings))

    def _refuse_whiteouts(self, items: Sequence[Item]) -> None:
        for item in items:
            if item.path.name.startswith(_WHITEOUT):
                why = f"cannot have {printable(item.path)}: in an image, a name that begins with {_WHITEOUT} deletes"
                raise OutputNotUsable(self._destined.name, why, "--exclude it, or write a directory")

    def _write_archive(self, items: Sequence[Item], times: TimePolicy, sink: AnySink) -> None:
        """Write a layout to a private directory, since a digest comes before what it is of; then the archive."""
        with private_directory() as directory:
            root = os.open(directory, DIRECTORY)
            try:
                try:
                    with deferred():
                        self._write_layout(items, times, root)
                except OSError as error:
                    why = f"cannot be written: {printable(directory)}: {reason(error)}"
                    hint = "set TMPDIR to a directory with room for the image"
                    raise OutputNotUsable(self._destined.name, why, hint) from error
                whole = GzipSink(sink) if self._destined.compressed else sink
                _pack(root, whole)
                whole.flush()
            finally:
                os.close(root)

    def _write_layout(self, items: Sequence[Item], times: TimePolicy, root: int) -> None:
        """Write a layout with one image into the directory `root`. Raises OSError and MagicpakError."""
        settings, platform, lower, base, below = self._describe()
        for directory in BLOBS:
            os.mkdir(directory, dir_fd=root)
        layers = [_copy_layer(layer, root) for layer in base.layers] if base is not None else []
        if below:
            layers.append(self._write_layer(below, root, []))
        layers += [self._write_layer(layer, root, self._tars) for layer in split(items, lower)] if items else []
        created = times.default // _NS
        config_blob = write_blob(root, config(settings, platform, layers, created, base))
        manifest_blob = write_blob(root, manifest(config_blob, layers))
        name = settings.tag
        tag = self._destined.tag or (name and name.rpartition(":")[2])
        write_file(root, *_LAYOUT)
        write_file(root, "index.json", index(manifest_blob, platform, tag, name))
        if self._destined.format is Format.DOCKER:
            write_file(root, "manifest.json", docker_manifest(config_blob, layers, name))

    def _write_layer(self, items: Sequence[Item], root: int, tars: list[TarWriter]) -> Layer:
        """Write a layer, for a registry compressed, for docker load as it is, and add its writer to `tars`.

        Raises OSError and MagicpakError.

        What has no time is as young as the youngest file of the layer, which another layer does not change.
        """
        compressed = self._destined.format is Format.OCI
        file = BlobFile(root)
        whole = HashSink(GzipSink(file.sink) if compressed else file.sink)
        tars.append(TarWriter(whole.write, TimePolicy.of(items, self._source_date_epoch)))
        tars[-1].write(items)
        whole.flush()
        return Layer(file.close(), whole.digest, compressed)


def _copy_layer(layer: BaseLayer, root: int) -> Layer:
    """Copy a layer of another image as it is. Raises OSError, and SourceChanged where it has changed."""
    file = BlobFile(root)
    with open(layer.path, "rb", buffering=0) as source:
        while data := source.read(CHUNK):
            raise_if_interrupted()
            file.sink.write(data)
    blob = file.close()
    if blob.digest != layer.digest:
        raise SourceChanged(layer.path, "was written to")
    return Layer(blob, layer.diff_id, layer.compressed)


def _pack(root: int, sink: AnySink) -> None:
    """Write the layout in the directory `root` as an archive. Raises OSError and Interrupted."""
    directory = os.open(BLOBS[-1], DIRECTORY, dir_fd=root)
    try:
        blobs = [f"{BLOBS[-1]}/{name}" for name in os.listdir(directory)]
    finally:
        os.close(directory)
    own = [name for name in os.listdir(root) if name not in BLOBS]
    for name in sorted([*own, *BLOBS, *blobs]):
        encoded = name.encode()
        if name in BLOBS:
            sink.write(header(Member(encoded, Kind.DIRECTORY, 0o755, 0, 0, 0)))
            continue
        source = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=root)
        try:
            size = os.fstat(source).st_size
            sink.write(header(Member(encoded, Kind.FILE, 0o644, 0, 0, 0, size)))
            while data := os.read(source, CHUNK):
                sink.write(data)
        finally:
            os.close(source)
        sink.write(padding(size))
    sink.write(END)
