"""What a header says is what Python's own reader of archives understands, which shares no code with the writer."""

import io
import os
import tarfile

import pytest

from magicpak.outputs.tar_header import BLOCK, END, Kind, Member, header

NS = 1_000_000_000
LINUX_NAME = b"n" * 255
PLAIN = Member(b"usr/bin/app", Kind.FILE, 0o4755, 1000, 100, 1_700_000_000 * NS)


def read(member: Member) -> tarfile.TarInfo:
    """Return what an archive with only the header of `member` has."""
    with tarfile.open(fileobj=io.BytesIO(header(member) + END), errors="surrogateescape") as archive:
        found = archive.next()
    assert found is not None
    return found


def test_a_plain_member_has_one_block_with_all_of_it() -> None:
    found = read(PLAIN)
    assert (found.name, found.type, found.mode, found.uid, found.gid) == ("usr/bin/app", b"0", 0o4755, 1000, 100)
    assert (found.mtime, found.uname, found.gname, found.pax_headers) == (1_700_000_000, "", "", {})
    assert len(header(PLAIN)) == BLOCK


@pytest.mark.parametrize(
    "name",
    [
        b"n" * 100,
        b"d" * 155 + b"/" + b"n" * 100,
        b"d" * 156 + b"/" + b"n" * 100,
        b"n" * 101,
        LINUX_NAME,
        LINUX_NAME + b"/" + LINUX_NAME,
        b"d/" * 150 + b"n",
        "ü".encode() * 150,
        b"\xff\xfe",
        b"\xff" * 200 + b"/x",
        b"line\nbreak" * 20,
    ],
)
@pytest.mark.parametrize("kind", [Kind.FILE, Kind.DIRECTORY])
def test_a_name_is_kept_whatever_its_length_and_bytes(name: bytes, kind: Kind) -> None:
    assert os.fsencode(read(PLAIN._replace(name=name, kind=kind)).name) == name


@pytest.mark.parametrize("link", [b"t", b"t" * 100, b"t" * 101, b"\xff" * 300, b"../" * 1000 + b"t"])
@pytest.mark.parametrize("kind", [Kind.LINK, Kind.HARD_LINK])
def test_a_link_keeps_its_target(link: bytes, kind: Kind) -> None:
    found = read(PLAIN._replace(kind=kind, link=link))
    assert (os.fsencode(found.linkname), found.type) == (link, kind.value)


@pytest.mark.parametrize("number", [0, 0o7777777, 0o7777777 + 1, 2**32 - 2])
def test_an_owner_is_kept_however_large_its_number(number: int) -> None:
    found = read(PLAIN._replace(uid=number, gid=number))
    assert (found.uid, found.gid) == (number, number)


@pytest.mark.parametrize(("size", "blocks"), [(8 * 1024**3 - 1, 1), (8 * 1024**3, 3), (2**62, 3)])
def test_a_size_is_kept_beyond_8_gib(size: int, blocks: int) -> None:
    member = PLAIN._replace(size=size)
    assert tarfile.TarInfo.frombuf(header(member)[-BLOCK:], "utf-8", "strict").size == (size if blocks == 1 else 0)
    assert len(header(member)) == blocks * BLOCK
    assert (b" size=%d\n" % size in header(member)) == (blocks > 1)


@pytest.mark.parametrize(
    ("ns", "written"),
    [
        (0, None),
        (7 * NS, None),
        (0o77777777777 * NS, None),
        (1, b"0.000000001"),
        (1_700_000_000 * NS + 120_000_000, b"1700000000.12"),
        (-1, b"-0.000000001"),
        (-2 * NS, b"-2"),
        (-3 * NS // 2, b"-1.5"),
        ((0o77777777777 + 1) * NS, b"8589934592"),
    ],
)
def test_a_time_has_a_record_only_where_whole_seconds_are_not_enough(ns: int, written: bytes | None) -> None:
    made = header(PLAIN._replace(mtime_ns=ns))
    assert len(made) == (BLOCK if written is None else 3 * BLOCK)
    assert written is None or b" mtime=%b\n" % written in made
    assert read(PLAIN._replace(mtime_ns=ns)).mtime == pytest.approx(ns / NS)


def test_extended_attributes_keep_their_bytes() -> None:
    values = {"security.capability": b"\1\0\0\2\0 \0\0\0\n=", "user.leer": b"", "user.lang": b"x" * 997}
    made = header(PLAIN._replace(extended=values))
    for name, value in values.items():
        assert b" SCHILY.xattr.%b=%b\n" % (name.encode(), value) in made
    assert set(read(PLAIN._replace(extended=values)).pax_headers) == {f"SCHILY.xattr.{name}" for name in values}


@pytest.mark.parametrize("length", range(80, 100))
def test_the_length_of_a_record_counts_its_own_digits(length: int) -> None:
    value = b"v" * length
    record = b" SCHILY.xattr.user.a=%b\n" % value
    whole = header(PLAIN._replace(extended={"user.a": value}))
    at = whole.index(record)
    digits = whole[BLOCK:at]
    assert int(digits) == len(digits) + len(record)
