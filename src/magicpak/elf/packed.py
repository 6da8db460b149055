"""How a program is recognised that upx has packed.

It has neither PT_INTERP nor a dynamic section: it unpacks itself into memory, and opens its interpreter by itself. A
shared library keeps its dynamic section, and so all that the loader reads of it.

Sources: p_unix.h, p_lx_elf.cpp, p_lx_exc.cpp and packhead.cpp of upx, whose format has been the same since 1.2.
"""

import os
import struct

MAGIC = b"UPX!"  # in this order on every machine
_SEARCHED = 512  # bytes after the program headers: there can be notes, and one header more than e_phnum says
_ALIGNMENT = 4
_SIZES = "8x4x2I2I"  # l_info from its magic on; p_info: p_filesize, p_blocksize; first b_info: sz_unc, sz_cpr
_HEADER, TRAILER = 32, 36  # bytes: PackHeader, and with the offset of p_info behind it
_CHECKED = 251  # a PackHeader ends in the sum of its bytes modulo this


def is_packed(descriptor: int, head: bytes, end: int, *, little: bool) -> bool:
    """Return whether upx has packed the program that is open as `descriptor`.

    `head` is its start, `end` where its program headers end. The magic alone is in other files, too. Raises OSError.
    """
    return _has_loader_info(head[: end + _SEARCHED], end, "<" if little else ">") or _has_trailer(descriptor)


def _has_loader_info(head: bytes, end: int, order: str) -> bool:
    """Return whether `head` has l_info, p_info and a first block behind `end`, as what is unpacked in memory has."""
    sizes = struct.Struct(order + _SIZES)
    start = head.find(MAGIC, end)
    while 0 <= start <= len(head) - sizes.size:
        file, block, unpacked, packed = sizes.unpack_from(head, start)
        if not start % _ALIGNMENT and block and 0 < packed <= unpacked <= max(file, block):
            return True
        start = head.find(MAGIC, start + 1)
    return False


def _has_trailer(descriptor: int) -> bool:
    """Return whether the file ends as upx ends it: what is unpacked into a file (--force-execve) has nothing else."""
    return is_trailer(os.pread(descriptor, TRAILER, max(os.fstat(descriptor).st_size - TRAILER, 0)))


def is_trailer(data: bytes) -> bool:
    """Return whether `data` is what upx writes last."""
    if len(data) < TRAILER or not data.startswith(MAGIC):
        return False
    checksum = data[_HEADER - 1]
    return sum(data[len(MAGIC) : _HEADER - 1]) % _CHECKED == checksum
