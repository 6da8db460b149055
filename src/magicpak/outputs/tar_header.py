"""The header of a member of a tar archive: ustar, and pax records before it for what ustar has no room for (pax(1))."""

from collections.abc import Mapping
from enum import Enum
from struct import Struct
from typing import NamedTuple
from zlib import adler32

BLOCK = 512
END = bytes(2 * BLOCK)
"""What ends an archive."""

_HEADER = Struct("100s 48s 8s c 100s 88s 155s 12x")
_NUMBERS = b"%07o\0%07o\0%07o\0%011o\0%011o\0"
_CONSTANT = b"ustar\x0000" + bytes(64) + b"0000000\0" * 2
"""The magic and the version; no names of user and group, which would count for more than their numbers; no device."""
_CONSTANT_SUM = sum(_CONSTANT) + sum(b" " * 8)  # the checksum counts itself as spaces
_NAME, _PREFIX = 100, 155
_ID_MAX = 0o7777777
_NUMBER_MAX = 0o77777777777
_NS = 1_000_000_000
_PAX = b"x"
_ATTRIBUTE = b"SCHILY.xattr."
_PAX_NAME = b"PaxHeader/"


class Kind(bytes, Enum):
    """The typeflag of a member."""

    FILE = b"0"
    HARD_LINK = b"1"
    LINK = b"2"
    DIRECTORY = b"5"
    FIFO = b"6"


class Member(NamedTuple):
    """A member of an archive.

    `name` is relative to the archive's root, `link` the name of the first member of a hard link or the text of a
    symbolic link. `mtime_ns` is in ns since the epoch. `extended` has extended attributes by their names, without `=`.
    """

    name: bytes
    kind: Kind
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size: int = 0
    link: bytes = b""
    extended: Mapping[str, bytes] = {}


def header(member: Member) -> bytes:
    """Return the blocks before the bytes of `member`."""
    name, kind, mode, uid, gid, mtime_ns, size, link, extended = member
    if kind is Kind.DIRECTORY:
        name += b"/"
    prefix, short = (b"", name) if len(name) <= _NAME else _split(name)
    seconds, ns = divmod(mtime_ns, _NS)
    large = uid > _ID_MAX or gid > _ID_MAX or size > _NUMBER_MAX or not 0 <= seconds <= _NUMBER_MAX
    pax = b""
    if ns or large or extended or not short or len(link) > _NAME:
        pax = _pax_header(member, b"" if short else name)
    if large:
        uid, gid = _fitting(uid, _ID_MAX), _fitting(gid, _ID_MAX)
        size, seconds = _fitting(size, _NUMBER_MAX), _fitting(seconds, _NUMBER_MAX)
    numbers = _NUMBERS % (mode & 0o7777, uid, gid, size, seconds)
    return pax + _ustar(short or name[:_NAME], kind, numbers, link[:_NAME], prefix)


def padding(size: int) -> bytes:
    """Return what fills the last block of `size` bytes."""
    return bytes(-size % BLOCK)


def _ustar(name: bytes, kind: bytes, numbers: bytes, link: bytes = b"", prefix: bytes = b"") -> bytes:
    """Return a header with its checksum; each field fits, and `numbers` are those of _NUMBERS."""
    checksum = _sum(name, numbers) + _sum(link, prefix) + ord(kind) + _CONSTANT_SUM
    return _HEADER.pack(name, numbers, b"%06o\0 " % checksum, kind, link, _CONSTANT, prefix)


def _sum(first: bytes, second: bytes) -> int:
    """Return the sum of at most 256 bytes, faster than `sum`: less 1, the lower half of their Adler-32 (RFC 1950)."""
    return (adler32(second, adler32(first)) & 0xFFFF) - 1


def _split(name: bytes) -> tuple[bytes, bytes]:
    """Return the long `name` as the two parts that ustar joins with a slash; they are empty where there are none."""
    cut = name.find(b"/", len(name) - _NAME - 1)
    if 0 < cut <= _PREFIX and cut < len(name) - 1:
        return name[:cut], name[cut + 1 :]
    return b"", b""


def _fitting(number: int, most: int) -> int:
    """Return `number`, or 0 where only a pax record can have it."""
    return number if 0 <= number <= most else 0


def _pax_header(member: Member, long_name: bytes) -> bytes:
    """Return a header with the records of what ustar cannot have, and of the name if it is such a one."""
    records = _records(member, long_name)
    short = _PAX_NAME + member.name.rpartition(b"/")[2][: _NAME - len(_PAX_NAME)]
    numbers = _NUMBERS % (0o644, 0, 0, len(records), 0)
    return _ustar(short, _PAX, numbers) + records + padding(len(records))


def _records(member: Member, long_name: bytes) -> bytes:
    """Return the records. Names are bytes, as Linux has them, and have no hdrcharset, of which GNU tar would warn."""
    _, _, _, uid, gid, mtime_ns, size, link, extended = member
    records = _record(b"path", long_name) if long_name else b""
    if len(link) > _NAME:
        records += _record(b"linkpath", link)
    if uid > _ID_MAX:
        records += _record(b"uid", b"%d" % uid)
    if gid > _ID_MAX:
        records += _record(b"gid", b"%d" % gid)
    if size > _NUMBER_MAX:
        records += _record(b"size", b"%d" % size)
    if mtime_ns % _NS or not 0 <= mtime_ns // _NS <= _NUMBER_MAX:
        records += _record(b"mtime", _decimal(mtime_ns))
    for attribute, value in extended.items():
        records += _record(_ATTRIBUTE + attribute.encode("utf-8", "surrogateescape"), value)
    return records


def _decimal(ns: int) -> bytes:
    """Return a time as seconds with a fraction, as pax(1) writes one."""
    text = b"%d.%09d" % divmod(abs(ns), _NS)
    return b"-" * (ns < 0) + text.rstrip(b"0").rstrip(b".")


def _record(key: bytes, value: bytes) -> bytes:
    """Return `LENGTH KEY=VALUE` and a newline; the length counts its own digits."""
    text = b" %b=%b\n" % (key, value)
    length = len(text) + len(b"%d" % len(text))
    return b"%d%b" % (len(text) + len(b"%d" % length), text)
