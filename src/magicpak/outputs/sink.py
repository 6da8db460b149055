"""Where the bytes of an archive go: a descriptor, by way of gzip where it is compressed."""

import os
import select
from collections.abc import Callable
from typing import TypeAlias

from magicpak.outputs.copy import CHUNK
from magicpak.process.signals import raise_if_interrupted

Write = Callable[[bytes], None]
"""Takes the next bytes. Raises OSError."""


class Sink:
    """Writes to a descriptor, in few and large pieces, also where the reader is slow and the descriptor does not block.

    A signal that is deferred raises Interrupted.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Take `data`."""
        self._pending.append(data)
        self._size += len(data)
        if self._size >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write everything that was taken."""
        data = memoryview(b"".join(self._pending))
        self._pending.clear()
        self._size = 0
        while data:
            raise_if_interrupted()
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                select.select((), (self._descriptor,), ())


class HashSink:
    """Computes the SHA-256 of what goes to `sink`, and its size."""

    def __init__(self, sink: "AnySink") -> None:
        from hashlib import sha256

        self._sink = sink
        self._hash = sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        """The digest of what was written so far, as the OCI image specification writes it (descriptor.md)."""
        return f"sha256:{self._hash.hexdigest()}"

    def write(self, data: bytes) -> None:
        """Take `data`."""
        self._hash.update(data)
        self.size += len(data)
        self._sink.write(data)

    def flush(self) -> None:
        """Write everything that was taken."""
        self._sink.flush()


class GzipSink:
    """Compresses what goes to `sink`, with neither a name nor a time in the header (RFC 1952)."""

    def __init__(self, sink: "AnySink") -> None:
        from zlib import DEFLATED, compressobj

        self._sink = sink
        self._gzip = compressobj(_LEVEL, DEFLATED, _GZIP_WINDOW)

    def write(self, data: bytes) -> None:
        """Take `data`."""
        self._sink.write(self._gzip.compress(data))

    def flush(self) -> None:
        """Write everything that was taken, and the end."""
        self._sink.write(self._gzip.flush())
        self._sink.flush()


AnySink: TypeAlias = Sink | HashSink | GzipSink
_LEVEL = 6  # what gzip(1) and docker build take
_GZIP_WINDOW = 16 + 15  # deflateInit2 of zlib.h: the largest window, in a gzip file
