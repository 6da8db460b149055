"""What upx packs for every machine is looked into with upx, and found as it was before."""

import os
import subprocess
from pathlib import Path

import pytest

from magicpak.elf import unpack
from magicpak.elf.cache import ElfCache, ElfFile
from magicpak.elf.facts import DF_1_PIE, ElfTarget, FileType
from magicpak.elf.reader import read_path
from support.elf_files import AARCH64, I386, PPC, X86_64, make_elf

ARM, ARM_BIG = ElfTarget(32, little=True, machine=40), ElfTarget(32, little=False, machine=40)
MIPS, MIPS_LITTLE = ElfTarget(32, little=False, machine=8), ElfTarget(32, little=True, machine=8)
PPC64, PPC64_LITTLE = ElfTarget(64, little=False, machine=21), ElfTarget(64, little=True, machine=21)
MACHINES = [X86_64, I386, AARCH64, ARM, ARM_BIG, MIPS, MIPS_LITTLE, PPC, PPC64, PPC64_LITTLE]

pytestmark = pytest.mark.needs("upx")


def program(kind: ElfTarget = X86_64, file_type: int = FileType.EXEC) -> bytes:
    return make_elf(
        kind=kind,
        type=file_type,
        flags=0x5000400 if kind.machine == ARM.machine else 0,  # the ABI, which upx asks for
        interpreter="/lib/ld.so",
        needed=["libone.so", "libtwo.so"],
        runpath="$ORIGIN/lib",
        flags_1=DF_1_PIE if file_type == FileType.DYN else 0,
        code=bytes(40_000),
    )


def packed(directory: Path, data: bytes, *options: str) -> str:
    """Return the path of what upx makes of the program `data`, which is beside it."""
    (directory / "program").write_bytes(data)
    (directory / "program").chmod(0o755)
    arguments = ["upx", "-q", *options, "-o", str(directory / "packed"), str(directory / "program")]
    subprocess.run(arguments, check=True, capture_output=True)
    return str(directory / "packed")


@pytest.mark.parametrize("kind", MACHINES, ids=str)
@pytest.mark.parametrize("file_type", [FileType.EXEC, FileType.DYN])
def test_the_facts_of_a_packed_program_are_those_of_what_is_inside(
    kind: ElfTarget, file_type: int, tmp_path: Path
) -> None:
    path = packed(tmp_path, program(kind, file_type), "--lzma")
    own = read_path(path)
    assert (own.packed, own.interpreter, own.needed) == (True, None, ())
    inside = read_path(str(tmp_path / "program"))
    assert ElfCache().get(path).facts == inside._replace(packed=True)


@pytest.mark.parametrize("options", [["-1"], ["--best"], ["--lzma"], ["--force-execve"]])
def test_however_it_was_packed(options: list[str], tmp_path: Path) -> None:
    path = packed(tmp_path, program(I386), *options)
    inside = read_path(str(tmp_path / "program"))
    assert (read_path(path).packed, ElfCache().get(path).facts) == (True, inside._replace(packed=True))


def test_a_file_is_unpacked_once_whatever_its_path_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path, program())
    upx = tmp_path / "upx"
    upx.write_text('#!/bin/sh\necho "$*, $UPX" >> "$0.log"\nexec upx "$@"\n')
    upx.chmod(0o755)
    (tmp_path / "link").symlink_to("packed")
    (tmp_path / "same").hardlink_to(path)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("UPX", "--best")
    before = Path(path).read_bytes()
    cache = ElfCache(upx=str(upx))
    files = [cache.get(str(tmp_path / name)) for name in ("packed", "link", "same", "packed")]
    assert files == files[:1] * 4
    assert files[0].facts.needed == ("libone.so", "libtwo.so")
    [line] = (tmp_path / "upx.log").read_text().splitlines()
    assert (line.startswith("-d -o "), line.endswith("/packed, ")) == (True, True)
    assert (os.listdir(tmp_path / "tmp"), Path(path).read_bytes()) == ([], before)


def unpacked_by(directory: Path, body: str, timeout: float = 60) -> ElfFile:
    """Return what is known of a packed program where upx is the script `body`, with its arguments `$in` and `$out`."""
    path = packed(directory, program())
    upx = directory / "upx"
    upx.write_text(f"#!/bin/sh\nout=$3; in=$4\n{body}\n")
    upx.chmod(0o755)
    file = ElfCache(upx=str(upx), upx_timeout=timeout).get(path)
    if file.unpack_error is None:
        return file
    assert file.facts == read_path(path)
    return file._replace(unpack_error=file.unpack_error.replace(str(upx), "UPX"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("exit 3", "UPX -d exited with code 3"),
        ("kill -9 $$", "UPX -d was killed by SIGKILL"),
        (
            'echo "upx: $in: CantUnpackException: need a newer version"; exit 1',
            "UPX -d reports CantUnpackException: need a newer version",
        ),
        ("exit 0", "UPX -d exited with code 0"),
        (
            'echo "upx: $in: NotPackedException: not packed by UPX"; exit 2',
            "UPX -d reports NotPackedException: not packed by UPX",
        ),
        ('echo text > "$out"', "what upx unpacks is not an ELF file"),
        (': > "$out"', "what upx unpacks is empty"),
        ('mkdir "$out"', "what upx unpacks is a directory"),
        ("sleep 60", "UPX did not finish within 0.5 seconds"),
    ],
)
def test_why_upx_unpacks_nothing_is_said(body: str, expected: str, tmp_path: Path) -> None:
    assert unpacked_by(tmp_path, body, 0.5 if "sleep" in body else 60).unpack_error == expected


@pytest.mark.parametrize("data", [b"x", b"data of its own, UPX! too" * 4_000, b"UPX!"])
def test_data_of_its_own_may_follow(data: bytes, tmp_path: Path) -> None:
    path = packed(tmp_path, program())
    with open(path, "ab") as file:
        file.write(data)
    assert ElfCache().get(path).facts == read_path(str(tmp_path / "program"))._replace(packed=True)


def test_a_program_for_another_machine_is_not_what_was_packed(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(program(I386))
    file = unpacked_by(tmp_path, f'cp {tmp_path}/other "$out"')
    assert file.unpack_error == "what upx unpacks is for another machine"


def test_a_warning_of_upx_is_not_a_failure(tmp_path: Path) -> None:
    assert unpacked_by(tmp_path, 'upx "$@"; exit 2').facts.needed == ("libone.so", "libtwo.so")


def test_upx_writes_no_more_than_a_program_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "_MAX_SIZE", 1 << 20)
    file = unpacked_by(tmp_path, 'exec cat /dev/zero > "$out"')
    assert file.unpack_error == "UPX -d was killed by SIGXFSZ"
    monkeypatch.setattr(unpack, "_MAX_SIZE", 1 << 10)
    file = ElfCache().get(str(tmp_path / "packed"))
    assert file.unpack_error == "it is larger than anything that upx packs"


def test_without_upx_or_a_place_for_the_copy_the_file_itself_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path, program())
    assert ElfCache(upx="no-such-upx").get(path) == ElfFile(
        read_path(path), ElfCache().get(path).inode, 0o755, "no-such-upx: no such program"
    )
    monkeypatch.setattr(os, "mkdir", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    assert ElfCache().get(path).unpack_error == "cannot create a directory for temporary files"
