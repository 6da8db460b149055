"""Reads a tar archive, plain or by gzip, from its beginning to its end, within bounds of time and memory."""

import gzip
import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO, Protocol

from magicpak.errors import MagicpakError, reason
from magicpak.process.signals import raise_if_interrupted
from magicpak.text import format_size, printable

CHUNK = 1 << 20
MAX_SIZE = 1 << 36
"""Bytes of what one archive unpacks to: 64 GiB."""
_MAX_HEADER = 8 << 20  # bytes between the files of two members: a header, and the records that belong to it
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class _ByteSource(Protocol):
    def read(self, size: int, /) -> bytes: ...


class TarStream:
    """The members of the archive at `path` of the host, which messages call `name`.

    `digest` is, at the end, the SHA-256 of the archive without compression.
    """

    def __init__(self, path: str, name: str) -> None:
        self._path = path
        self._name = name
        self._left = 0
        self._total = 0
        self._hash = hashlib.sha256()
        self._source: _ByteSource | None = None

    @property
    def digest(self) -> str:
        """The digest of what was read so far, as the OCI image specification writes it (descriptor.md)."""
        return f"sha256:{self._hash.hexdigest()}"

    def members(self) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
        """Yield the members, each with what has its bytes, if it is a file: to be read before the next one.

        Raises MagicpakError.
        """
        try:
            with open(self._path, "rb") as file:
                self._source = _decompressed(file, self._name)
                self._left = _MAX_HEADER
                with tarfile.open(fileobj=self, mode="r|", bufsize=1 << 16, errorlevel=2) as archive:  # type: ignore[call-overload]
                    while (member := archive.next()) is not None:
                        archive.members = []
                        raise_if_interrupted()
                        self._left = member.size + _MAX_HEADER
                        yield member, archive.extractfile(member) if member.isreg() else None
                self._left = MAX_SIZE
                while self.read(CHUNK):  # what comes after the end counts for the digest
                    raise_if_interrupted()
        except OSError as error:
            raise MagicpakError(f"cannot read {printable(self._name)}: {reason(error)}") from None
        except (tarfile.TarError, EOFError, zlib.error, ValueError, KeyError) as error:
            raise MagicpakError(f"{printable(self._name)} is damaged: {error}") from None

    def read(self, size: int) -> bytes:
        """Return the next bytes for tarfile. Raises MagicpakError for more than a sound archive has."""
        assert self._source is not None  # noqa: S101 - for the type checker
        data = self._source.read(size)
        self._hash.update(data)
        self._left -= len(data)
        self._total += len(data)
        if self._left < 0 or self._total > MAX_SIZE:
            most = format_size(MAX_SIZE if self._total > MAX_SIZE else _MAX_HEADER)
            raise MagicpakError(f"{printable(self._name)} has more than {most} where an image has less")
        return data


def _decompressed(file: BinaryIO, name: str) -> _ByteSource:
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(_ZSTD):
        message = f"{printable(name)} is compressed by zstd, which is not supported"
        hint = "copy the image with another compression: skopeo copy --dest-compress-format gzip, or docker save"
        raise MagicpakError(message, hints=[hint])
    return gzip.GzipFile(fileobj=file) if magic.startswith(_GZIP) else file


def unpack_file(source: IO[bytes], path: str, size: int) -> None:
    """Write `size` bytes of `source` to the new file `path`. Raises MagicpakError where there is no room."""
    try:
        with open(path, "xb", buffering=0) as file:
            while size > 0 and (data := source.read(min(CHUNK, size))):
                file.write(data)
                size -= len(data)
    except OSError as error:
        message = f"cannot unpack the base to {printable(os.path.dirname(path))}: {reason(error)}"
        raise MagicpakError(message, hints=["set TMPDIR to a directory with room for the image"]) from None
    if size:
        message = "unexpected end of data"
        raise tarfile.ReadError(message)
