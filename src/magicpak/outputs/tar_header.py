"""The header of a member of a tar archive: ustar, and pax records before it for what ustar has no room for (pax(1))."""

from collections.abc import Iterator, Mapping
from enum import Enum
from struct import Struct
from typing import NamedTuple

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


class Kind(Enum):
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


class _Ustar(NamedTuple):
    """The fields of a header that differ between members; each fits into its field."""

    name: bytes
    kind: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    seconds: int = 0
    size: int = 0
    link: bytes = b""
    prefix: bytes = b""

    def block(self) -> bytes:
        """Return the header with its checksum."""
        name, kind, mode, uid, gid, seconds, size, link, prefix = self
        numbers = _NUMBERS % (mode, uid, gid, size, seconds)
        checksum = b"%06o\0 " % (sum(name) + sum(numbers) + sum(kind) + sum(link) + sum(prefix) + _CONSTANT_SUM)
        return _HEADER.pack(name, numbers, checksum, kind, link, _CONSTANT, prefix)


def header(member: Member) -> bytes:
    """Return the blocks before the bytes of `member`."""
    name, kind, mode, uid, gid, mtime_ns, size, link, extended = member
    if kind is Kind.DIRECTORY:
        name += b"/"
    prefix, short = _split(name)
    seconds, ns = divmod(mtime_ns, _NS)
    fits = short and not ns and uid <= _ID_MAX >= gid and size <= _NUMBER_MAX and 0 <= seconds <= _NUMBER_MAX
    pax = b"" if fits and not extended and len(link) <= _NAME else _pax_header(member, b"" if short else name)
    ustar = _Ustar(
        short or name[:_NAME],
        kind.value,
        mode & 0o7777,
        _fitting(uid, _ID_MAX),
        _fitting(gid, _ID_MAX),
        _fitting(seconds, _NUMBER_MAX),
        _fitting(size, _NUMBER_MAX),
        link[:_NAME],
        prefix,
    )
    return pax + ustar.block()


def padding(size: int) -> bytes:
    """Return what fills the last block of `size` bytes."""
    return bytes(-size % BLOCK)


def _split(name: bytes) -> tuple[bytes, bytes]:
    """Return `name` as the two parts that ustar joins with a slash; the second is empty where that is not possible."""
    if len(name) <= _NAME:
        return b"", name
    cut = name.find(b"/", len(name) - _NAME - 1)
    if 0 < cut <= _PREFIX and cut < len(name) - 1:
        return name[:cut], name[cut + 1 :]
    return b"", b""


def _fitting(number: int, most: int) -> int:
    """Return `number`, or 0 where only a pax record can have it."""
    return number if 0 <= number <= most else 0


def _pax_header(member: Member, long_name: bytes) -> bytes:
    """Return a header with the records of what ustar cannot have, and of the name if it is such a one."""
    records = b"".join(_record(key, value) for key, value in _records(member, long_name))
    short = _PAX_NAME + member.name.rpartition(b"/")[2][: _NAME - len(_PAX_NAME)]
    return _Ustar(short, _PAX, size=len(records)).block() + records + padding(len(records))


def _records(member: Member, long_name: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the records. Names are bytes, as Linux has them, and have no hdrcharset, of which GNU tar would warn."""
    long_link = member.link if len(member.link) > _NAME else b""
    if long_name:
        yield b"path", long_name
    if long_link:
        yield b"linkpath", long_link
    numbers = ((b"uid", member.uid, _ID_MAX), (b"gid", member.gid, _ID_MAX), (b"size", member.size, _NUMBER_MAX))
    for key, number, most in numbers:
        if number > most:
            yield key, b"%d" % number
    if member.mtime_ns % _NS or not 0 <= member.mtime_ns // _NS <= _NUMBER_MAX:
        yield b"mtime", _decimal(member.mtime_ns)
    for attribute, value in member.extended.items():
        yield _ATTRIBUTE + attribute.encode("utf-8", "surrogateescape"), value


def _decimal(ns: int) -> bytes:
    """Return a time as seconds with a fraction, as pax(1) writes one."""
    seconds, fraction = divmod(abs(ns), _NS)
    text = f"{'-' if ns < 0 else ''}{seconds}.{fraction:09d}"
    return text.rstrip("0").rstrip(".").encode()


def _record(key: bytes, value: bytes) -> bytes:
    """Return `LENGTH KEY=VALUE` and a newline; the length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)
