"""The blobs of an OCI image layout: files that are named for what is in them (image-layout.md)."""

import os
from typing import NamedTuple

from magicpak.outputs.sink import HashSink, Sink

BLOBS = ("blobs", "blobs/sha256")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_UNNAMED = "blobs/sha256/unnamed"


class Blob(NamedTuple):
    """What a descriptor says of a blob."""

    digest: str
    size: int

    @property
    def path(self) -> str:
        """Its path in the layout."""
        return f"blobs/{self.digest.replace(':', '/')}"


class BlobFile:
    """A blob that is written in the layout with the descriptor `root`, and named when it is whole."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._target = os.open(_UNNAMED, _NEW_FILE, 0o666, dir_fd=root)
        self.sink = HashSink(Sink(self._target))

    def close(self) -> Blob:
        """Name the blob, and return what it is. Raises OSError."""
        try:
            self.sink.flush()
        finally:
            os.close(self._target)
        blob = Blob(self.sink.digest, self.sink.size)
        os.rename(_UNNAMED, blob.path, src_dir_fd=self._root, dst_dir_fd=self._root)
        return blob


def write_file(root: int, path: str, data: bytes) -> None:
    """Write a file of the layout with the descriptor `root`. Raises OSError."""
    target = os.open(path, _NEW_FILE, 0o666, dir_fd=root)
    try:
        sink = Sink(target)
        sink.write(data)
        sink.flush()
    finally:
        os.close(target)


def write_blob(root: int, data: bytes) -> Blob:
    """Write `data` as a blob of the layout with the descriptor `root`. Raises OSError."""
    file = BlobFile(root)
    file.sink.write(data)
    return file.close()
