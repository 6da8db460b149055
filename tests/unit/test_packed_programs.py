"""How a packed program is told from every other file, on bytes as the versions of upx lay them out."""

import struct
from pathlib import Path

import pytest

from magicpak.elf.facts import ElfTarget, FileType
from magicpak.elf.reader import read_path
from support.elf_files import AARCH64, I386, PPC, S390X, X86_64, header, make_elf, program_header, with_header

LOADER_INFO = b"\x45\xec\xcd\x1c" + b"UPX!" + b"\xd8\x0a\x0e\x16"
MACHINES = [X86_64, I386, AARCH64, PPC, S390X]


def stub(kind: ElfTarget, file_type: int = FileType.EXEC) -> bytes:
    return make_elf(kind=kind, type=file_type, dynamic=False, code=bytes(4096))


def sizes(
    kind: ElfTarget, *, file: int = 482_448, block: int = 200_640, unpacked: int = 792, packed: int = 228
) -> bytes:
    """Return p_info, and b_info of the first block."""
    return struct.pack(f"{'<' if kind.little else '>'}5I", 0, file, block, unpacked, packed) + bytes((2, 0, 0, 0))


def with_bytes(elf: bytes, kind: ElfTarget, data: bytes, distance: int = 0) -> bytes:
    """Return `elf` with `data` at `distance` bytes behind its program headers."""
    count = struct.unpack_from(("<" if kind.little else ">") + "H", elf, 44 if kind.bits == 32 else 56)[0]
    start = header(kind).size + count * program_header(kind).size + distance
    return elf[:start] + data + elf[start + len(data) :]


def trailer(*, checksum: int | None = None) -> bytes:
    """Return the end of a packed file: PackHeader, and the offset of p_info."""
    fields = bytes.fromhex("0d0a0208 c0e84446 d04a5d36 5c5e0300 0b040100 5c5e0300 000000")
    return b"UPX!" + fields + bytes((sum(fields) % 251 if checksum is None else checksum, 0x80, 0, 0, 0))


def is_packed(directory: Path, data: bytes) -> bool:
    (directory / "file").write_bytes(data)
    return read_path(str(directory / "file")).packed


@pytest.mark.parametrize("kind", MACHINES, ids=str)
@pytest.mark.parametrize("distance", [0, 32, 56, 400])
def test_what_unpacks_itself_in_memory_is_known_by_what_stands_behind_its_headers(
    kind: ElfTarget, distance: int, tmp_path: Path
) -> None:
    """Older versions write one program header more than they count, and some have a note there."""
    for file_type in (FileType.EXEC, FileType.DYN):
        data = with_bytes(stub(kind, file_type), kind, LOADER_INFO + sizes(kind), distance)
        assert (is_packed(tmp_path, data), is_packed(tmp_path, data + b"data of its own")) == (True, True)


def test_what_unpacks_itself_into_a_file_is_known_by_its_end(tmp_path: Path) -> None:
    assert is_packed(tmp_path, stub(I386) + trailer())
    assert not is_packed(tmp_path, stub(I386) + trailer(checksum=7))
    assert not is_packed(tmp_path, stub(I386) + trailer()[:-1])
    assert not is_packed(tmp_path, stub(I386) + trailer() + b"\0")


@pytest.mark.parametrize(
    "data",
    [
        LOADER_INFO + bytes(24),
        LOADER_INFO + sizes(X86_64, block=0),
        LOADER_INFO + sizes(X86_64, packed=0),
        LOADER_INFO + sizes(X86_64, packed=793),
        LOADER_INFO + sizes(X86_64, unpacked=482_449),
        LOADER_INFO + sizes(S390X),
        b"\0" + LOADER_INFO + sizes(X86_64),
        bytes(512) + LOADER_INFO + sizes(X86_64),
        LOADER_INFO.replace(b"UPX!", b"UPX?") + sizes(X86_64),
    ],
)
def test_the_letters_alone_do_not_make_a_packed_program(data: bytes, tmp_path: Path) -> None:
    assert not is_packed(tmp_path, with_bytes(stub(X86_64), X86_64, data))


def test_the_letters_may_stand_before_what_counts(tmp_path: Path) -> None:
    data = b"UPX!" * 3 + LOADER_INFO + sizes(X86_64)
    assert is_packed(tmp_path, with_bytes(stub(X86_64), X86_64, data))


def test_what_the_kernel_or_the_loader_reads_counts_before_anything_that_upx_writes(tmp_path: Path) -> None:
    """A packed library keeps its dynamic section."""
    packed = LOADER_INFO + sizes(X86_64)
    library = make_elf(needed=["libc.so.6"], code=bytes(4096))
    program = make_elf(dynamic=False, interpreter="/lib64/ld-linux-x86-64.so.2", code=bytes(4096))
    assert not is_packed(tmp_path, with_bytes(library, X86_64, packed, 400) + trailer())
    assert not is_packed(tmp_path, with_bytes(program, X86_64, packed, 400) + trailer())
    relocatable = with_header(stub(X86_64), e_type=FileType.REL)
    assert not is_packed(tmp_path, with_bytes(relocatable, X86_64, packed) + trailer())


def test_a_file_that_ends_in_its_headers_is_not_packed(tmp_path: Path) -> None:
    data = with_bytes(stub(X86_64), X86_64, LOADER_INFO + sizes(X86_64))
    end = data.index(b"UPX!")
    assert [is_packed(tmp_path, data[: end + size]) for size in (0, 4, 20, 27)] == [False] * 4
