"""Looks into programs that upx has packed: upx itself unpacks a private copy."""

import mmap
import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager

from magicpak.elf.errors import ElfError
from magicpak.elf.facts import ElfFacts
from magicpak.elf.packed import MAGIC, TRAILER, is_trailer
from magicpak.elf.reader import read_path
from magicpak.errors import MagicpakError, reason
from magicpak.process.child import describe_exit, run
from magicpak.process.exec import find_program
from magicpak.process.tempdirs import private_directory
from magicpak.text import printable

_MAX_SIZE = 1 << 30  # bytes; upx itself refuses more than 768 MiB (UPX_RSIZE_MAX)
_PIECE = 1 << 20  # bytes that are copied at once
_MAX_MAGICS = 1 << 12  # letters of the magic that are tried; upx writes three, and there can be more in data
_EXIT_WARN = 2  # upx(1): it has done what it was asked for
_EXCEPTION = re.compile(rb": (\w*Exception\b[^\n]{,400})")
_OPTIONS = "UPX"  # the variable with options for every run: those for packing are out of place here


class UnpackError(Exception):
    """What is inside is not known; its str says why, in words that are safe to print."""


def unpacked_facts(descriptor: int, facts: ElfFacts, upx: str, timeout: float) -> ElfFacts:
    """Return what is inside the packed program that is open as `descriptor`, and whose own facts are `facts`.

    `upx` is a path or a name, `timeout` the seconds that it may take. Raises UnpackError.
    """
    if find_program(upx) is None:
        raise UnpackError(f"{printable(upx)}: no such program")
    try:
        with private_directory() as directory:
            packed, unpacked = os.path.join(directory, "packed"), os.path.join(directory, "unpacked")
            _copy(descriptor, packed)
            _cut(packed)
            _unpack(packed, unpacked, upx, timeout)
            inside = read_path(unpacked)
    except ElfError as error:
        raise UnpackError(f"what upx unpacks {error}") from None
    except OSError as error:
        raise UnpackError(f"it cannot be unpacked: {reason(error)}") from None
    except MagicpakError as error:
        raise UnpackError(error.message) from None
    if inside.kind != facts.kind:
        raise UnpackError("what upx unpacks is for another machine")
    return inside._replace(packed=True)


def _copy(descriptor: int, target: str) -> None:
    size = os.fstat(descriptor).st_size
    if size > _MAX_SIZE:
        raise UnpackError("it is larger than anything that upx packs")
    with open(target, "xb") as file:
        offset = 0
        while offset < size and (data := os.pread(descriptor, _PIECE, offset)):
            offset += file.write(data)


def _cut(path: str) -> None:
    """Remove what follows upx's own data: it is the program's own, and with it upx does not know its file."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        end = _end(data)
    if end is not None:
        os.truncate(path, end)


def _end(data: mmap.mmap) -> int | None:
    """Return where upx's own data end in a file; None where that is not found."""
    start = len(data)
    for _ in range(_MAX_MAGICS):
        start = data.rfind(MAGIC, 0, start)
        if start < 0:
            return None
        if is_trailer(data[start : start + TRAILER]):
            return start + TRAILER
    return None


def _unpack(packed: str, unpacked: str, upx: str, timeout: float) -> None:
    env = {name: value for name, value in os.environ.items() if name != _OPTIONS}
    with _limited_files():
        done = run([upx, "-d", "-o", unpacked, packed], timeout=timeout, env=env)
    if done.returncode not in (0, _EXIT_WARN) or not os.path.exists(unpacked):
        said = _EXCEPTION.search(done.output)
        why = f"reports {printable(os.fsdecode(said[1]))}" if said else describe_exit(done.returncode)
        raise UnpackError(f"{printable(upx)} -d {why}")


@contextmanager
def _limited_files() -> Iterator[None]:
    """Let no file become larger than `_MAX_SIZE` that we write, or a program that is started meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = _MAX_SIZE if soft == resource.RLIM_INFINITY else min(soft, _MAX_SIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
