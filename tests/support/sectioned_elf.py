"""ELF files with sections that have names, and with one segment in which all of the file is mapped."""

import struct
from collections.abc import Mapping

from magicpak.elf.facts import ElfTarget

BASE = 0x400000
"""The address of the first byte of the file."""


def sectioned_elf(kind: ElfTarget, contents: Mapping[str, bytes]) -> tuple[bytes, dict[str, int]]:
    """Return the file, and the address of the content of each section."""
    order, wide = "<" if kind.little else ">", kind.bits == 64
    word = "Q" if wide else "I"
    header, segment, section = (64, 56, 64) if wide else (52, 32, 40)
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*contents, ".shstrtab"))
    body, places = b"", dict[str, int]()
    for name, content in {**contents, ".shstrtab": names}.items():
        body += bytes(-len(body) % 16)
        places[name] = header + segment + len(body)
        body += content
    body += bytes(-len(body) % 16)
    end = header + segment + len(body)
    total = end + section * (len(places) + 1)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if kind.little else 2, 1]) + bytes(9)
    sizes = (header, segment, 1, section, len(places) + 1, len(places))
    head = ident + struct.pack(f"{order}HHI3{word}I6H", 2, kind.machine, 1, BASE, header, end, 0, *sizes)
    fields = (0, BASE, BASE, total, total)
    load = struct.pack(f"{order}II6Q", 1, 6, *fields, 1) if wide else struct.pack(f"{order}8I", 1, *fields, 6, 1)
    table = bytes(section)
    at = 1
    for name, place in places.items():
        size = len(names) if name == ".shstrtab" else len(contents[name])
        table += struct.pack(f"{order}II4{word}II2{word}", at, 1, 0, BASE + place, place, size, 0, 0, 1, 0)
        at += len(name) + 1
    return head + load + body + table, {name: BASE + place for name, place in places.items()}
