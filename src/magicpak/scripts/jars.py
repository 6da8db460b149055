"""The class paths of jar files: other jar files, which Java opens with them (JAR File Specification, "Class-Path")."""

import os
import re
import struct
import zlib
from collections.abc import Iterator

from magicpak.scripts.sources import Sources

MAX_MANIFEST = 1 << 18
"""Bytes of a manifest."""

_MANIFEST = b"META-INF/MANIFEST.MF"
_END, _ENTRY, _LOCAL = b"PK\5\6", b"PK\1\2", b"PK\3\4"
_OFFSET_IN_END = 16
_OF_ENTRY = struct.Struct("<4s6H3I5H2I")
_OF_LOCAL = struct.Struct("<4s5H3I2H")
"""The headers of a zip file (APPNOTE.TXT of PKWARE, 4.3)."""
_DEFLATED = 8
_CONTINUED = re.compile(rb"\r?\n ")
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")
_CLASS_PATH = re.compile(rb"^Class-Path:([^\r\n]*)", re.MULTILINE | re.IGNORECASE)


def class_path(jar: str, sources: Sources) -> Iterator[str]:
    """Yield the existing files and directories that the manifest of the jar file at the path `jar` names."""
    match = _CLASS_PATH.search(_CONTINUED.sub(b"", _manifest(sources.binary(jar))))
    for name in match[1].split() if match else ():
        path = os.path.normpath(os.path.join(os.path.dirname(jar), _unquoted(name)))
        if sources.is_file(path) or sources.is_directory(path):
            yield path


def _unquoted(url: bytes) -> str:
    return os.fsdecode(_ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), url.removeprefix(b"file:")))


def _manifest(data: bytes) -> bytes:
    """Return the manifest of the jar file `data`; nothing where there is none."""
    end = data.rfind(_END)
    try:
        (directory,) = struct.unpack_from("<I", data, end + _OFFSET_IN_END) if end >= 0 else (len(data),)
        entry = data.find(_MANIFEST, directory) - _OF_ENTRY.size
        if entry < directory or not data.startswith(_ENTRY, entry):
            return b""
        fields = _OF_ENTRY.unpack_from(data, entry)
        method, packed, local = fields[4], fields[8], fields[-1]
        *_, name, extra = _OF_LOCAL.unpack_from(data, local)
    except struct.error:
        return b""
    if not data.startswith(_LOCAL, local):
        return b""
    start = local + _OF_LOCAL.size + name + extra
    return _unpacked(data[start : start + min(packed, MAX_MANIFEST)], method)


def _unpacked(data: bytes, method: int) -> bytes:
    if method != _DEFLATED:
        return data
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, MAX_MANIFEST)
    except zlib.error:
        return b""
