"""Makes small ELF files without a compiler, of any class and byte order, and bends single fields of them.

What `make_elf` makes is loadable: headers, strings and code stand in a first PT_LOAD, the dynamic section in a second
one, a 64 KiB page further on, so that addresses and offsets differ as in the files of a real linker.
"""

import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

from magicpak.elf.facts import ElfTarget, FileType

X86_64 = ElfTarget(64, little=True, machine=62)
I386 = ElfTarget(32, little=True, machine=3)
AARCH64 = ElfTarget(64, little=True, machine=183)
S390X = ElfTarget(64, little=False, machine=22)
PPC = ElfTarget(32, little=False, machine=20)

KIND, INTERPRETER = {
    "x86_64": (X86_64, "/lib64/ld-linux-x86-64.so.2"),
    "aarch64": (AARCH64, "/lib/ld-linux-aarch64.so.1"),
}[os.uname().machine]
"""Those of programs for glibc on this machine."""

X86_64_EXIT_0 = bytes.fromhex("31ff b83c000000 0f05")  # xor edi, edi; mov eax, SYS_exit; syscall

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_PHDR, PT_GNU_STACK = 1, 2, 3, 6, 0x6474E551
PF_X, PF_W, PF_R = 1, 2, 4
DT_NULL, DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT = 0, 1, 4, 5, 6, 10, 11
DT_SONAME, DT_RPATH, DT_RUNPATH = 14, 15, 29
DT_FLAGS_1, DT_AUXILIARY, DT_FILTER = 0x6FFFFFFB, 0x7FFFFFFD, 0x7FFFFFFF
DT_AUDIT, DT_DEPAUDIT = 0x6FFFFEFC, 0x6FFFFEFB

Text = str | bytes

BIG_PAGE = 0x10000
MAX_SEGMENTS = 6  # as many program headers as make_elf ever writes
EXEC_BASE = 0x400000

# The structures of elf.h: names and struct codes in the order of the file; A is an address of the class.
_EHDR = (
    "e_ident:16s e_type:H e_machine:H e_version:I e_entry:A e_phoff:A e_shoff:A e_flags:I "
    "e_ehsize:H e_phentsize:H e_phnum:H e_shentsize:H e_shnum:H e_shstrndx:H"
)
_PHDR = {
    32: "p_type:I p_offset:A p_vaddr:A p_paddr:A p_filesz:A p_memsz:A p_flags:I p_align:A",
    64: "p_type:I p_flags:I p_offset:A p_vaddr:A p_paddr:A p_filesz:A p_memsz:A p_align:A",
}
_DYN = "d_tag:A d_val:A"
_SYMBOL = {
    32: "st_name:I st_value:A st_size:A st_info:B st_other:B st_shndx:H",
    64: "st_name:I st_info:B st_other:B st_shndx:H st_value:A st_size:A",
}


class Structure:
    """One structure in one class and byte order: fields to bytes and back."""

    def __init__(self, fields: str, kind: ElfTarget) -> None:
        pairs = [field.split(":") for field in fields.split()]
        codes = "".join(code for _, code in pairs).replace("A", "Q" if kind.bits == 64 else "I")
        self._names = [name for name, _ in pairs]
        self._struct = struct.Struct(("<" if kind.little else ">") + codes)
        self.size = self._struct.size

    def pack(self, **fields: int | bytes) -> bytes:
        """Return the structure; fields that are not given are 0."""
        assert set(fields) <= set(self._names), fields
        return self._struct.pack(*(fields.get(name, 0) for name in self._names))

    def unpack(self, data: bytes, offset: int = 0) -> dict[str, int]:
        return dict(zip(self._names, self._struct.unpack_from(data, offset), strict=True))


def header(kind: ElfTarget) -> Structure:
    return Structure(_EHDR, kind)


def program_header(kind: ElfTarget) -> Structure:
    return Structure(_PHDR[kind.bits], kind)


def dynamic_entry(kind: ElfTarget) -> Structure:
    return Structure(_DYN, kind)


class _Part(NamedTuple):
    offset: int
    size: int


class _Bytes:
    """The growing file, after room for its headers."""

    def __init__(self, room: int) -> None:
        self.data = bytearray(room)

    def add(self, data: bytes) -> _Part:
        self.data.extend(bytes(-len(self.data) % 16))
        self.data.extend(data)
        return _Part(len(self.data) - len(data), len(data))


def make_elf(
    *,
    kind: ElfTarget = X86_64,
    type: int = FileType.DYN,  # noqa: A002  # the names of ELF itself
    flags: int = 0,
    entry: int | None = None,
    interpreter: Text | None = None,
    dynamic: bool = True,
    needed: Sequence[Text] = (),
    soname: Text | None = None,
    rpath: Text | None = None,
    runpath: Text | None = None,
    flags_1: int = 0,
    auxiliary: Sequence[Text] = (),
    filter: Sequence[Text] = (),  # noqa: A002
    first: Sequence[tuple[int, int | Text]] = (),
    more: Sequence[tuple[int, int | Text]] = (),
    code: bytes = b"",
    imports: Sequence[Text] = (),
) -> bytes:
    """Return the bytes of an ELF file.

    Args:
        kind: Class, byte order and machine.
        type: e_type; an ET_EXEC stands at 0x400000, anything else at 0.
        flags: e_flags.
        entry: e_entry; None for the address of `code`, 0 without code.
        interpreter: The path in PT_INTERP; None for no PT_INTERP.
        dynamic: Whether there is a dynamic section, which all of the following except `code` are parts of.
        needed: DT_NEEDED, one each, before all other entries but `first`.
        soname: DT_SONAME.
        rpath: DT_RPATH.
        runpath: DT_RUNPATH.
        flags_1: DT_FLAGS_1, unless 0.
        auxiliary: DT_AUXILIARY, one each.
        filter: DT_FILTER, one each.
        first: Any entries, before those above; a text becomes its offset in the string table.
        more: Any further entries, after those above.
        code: Machine code.
        imports: The names of undefined symbols.
    """
    ehdr, phdr = header(kind), program_header(kind)
    base = EXEC_BASE if type == FileType.EXEC else 0
    file = _Bytes(ehdr.size + MAX_SEGMENTS * phdr.size)
    segments: list[tuple[int, int, _Part, int]] = [(PT_GNU_STACK, PF_R | PF_W, _Part(0, 0), 0)]
    if interpreter is not None:
        segments.insert(0, (PT_PHDR, PF_R, _Part(ehdr.size, MAX_SEGMENTS * phdr.size), base))
        segments.insert(1, (PT_INTERP, PF_R, file.add(os.fsencode(interpreter) + b"\0"), base))
    code_part = file.add(code)
    texts: list[tuple[int, int | Text]] = [*first, *((DT_NEEDED, each) for each in needed)]
    texts += [
        (tag, each) for tag, each in ((DT_SONAME, soname), (DT_RPATH, rpath), (DT_RUNPATH, runpath)) if each is not None
    ]
    texts += [(DT_AUXILIARY, each) for each in auxiliary] + [(DT_FILTER, each) for each in filter]
    entries = [*texts, *([(DT_FLAGS_1, flags_1)] if flags_1 else []), *more]
    section = _add_dynamic(file, kind, base, entries, imports) if dynamic else None
    end = section.offset if section else len(file.data)
    segments.append((PT_LOAD, PF_R | PF_X, _Part(0, end), base))
    if section:
        segments.append((PT_LOAD, PF_R | PF_W, section, base + BIG_PAGE))
        segments.append((PT_DYNAMIC, PF_R | PF_W, section, base + BIG_PAGE))
    head = ehdr.pack(
        e_ident=bytes((0x7F, *b"ELF", kind.bits // 32, 1 if kind.little else 2, 1)),
        e_type=type,
        e_machine=kind.machine,
        e_version=1,
        e_entry=entry if entry is not None else base + code_part.offset if code else 0,
        e_phoff=ehdr.size,
        e_flags=flags,
        e_ehsize=ehdr.size,
        e_phentsize=phdr.size,
        e_phnum=len(segments),
    )
    head += b"".join(_program_header(phdr, *segment) for segment in segments)
    return head + bytes(file.data[len(head) :])


def _program_header(form: Structure, segment_type: int, flags: int, part: _Part, base: int) -> bytes:
    address = base + part.offset
    return form.pack(
        p_type=segment_type,
        p_flags=flags,
        p_offset=part.offset,
        p_vaddr=address,
        p_paddr=address,
        p_filesz=part.size,
        p_memsz=part.size,
        p_align=BIG_PAGE if segment_type == PT_LOAD else 16,
    )


def _add_dynamic(
    file: _Bytes, kind: ElfTarget, base: int, entries: Sequence[tuple[int, int | Text]], imports: Sequence[Text]
) -> _Part:
    """Add what a loader requires beside `entries` (symbols, in a hash table of one empty bucket), and all entries."""
    strings = bytearray(1)
    numbers: list[tuple[int, int]] = []
    for tag, value in entries:
        number = value if isinstance(value, int) else len(strings)
        numbers.append((tag, number))
        if not isinstance(value, int):
            strings += os.fsencode(value) + b"\0"
    order = "<" if kind.little else ">"
    symbol = Structure(_SYMBOL[kind.bits], kind)
    undefined = b""
    for name in imports:
        undefined += symbol.pack(st_name=len(strings), st_info=0x12)  # STB_GLOBAL, STT_FUNC
        strings += os.fsencode(name) + b"\0"
    symbols = file.add(bytes(symbol.size) + undefined)
    chains = bytes(4 * (1 + len(imports)))
    hashes = file.add(struct.pack(order + "3I", 1, 1 + len(imports), 0) + chains)
    table = file.add(bytes(strings))
    required = {
        DT_HASH: base + hashes.offset,
        DT_STRTAB: base + table.offset,
        DT_SYMTAB: base + symbols.offset,
        DT_STRSZ: table.size,
        DT_SYMENT: symbol.size,
    }
    given = {tag for tag, _ in numbers}  # so that `more` can give another DT_STRTAB
    numbers += [pair for pair in required.items() if pair[0] not in given]
    form = dynamic_entry(kind)
    return file.add(b"".join(form.pack(d_tag=tag, d_val=value) for tag, value in [*numbers, (DT_NULL, 0)]))


def segments_of(elf: bytes, kind: ElfTarget = X86_64) -> list[dict[str, int]]:
    """Return the program headers of `elf`, each as its fields."""
    ehdr, phdr = header(kind).unpack(elf), program_header(kind)
    return [phdr.unpack(elf, ehdr["e_phoff"] + index * phdr.size) for index in range(ehdr["e_phnum"])]


def with_header(elf: bytes, kind: ElfTarget = X86_64, **fields: int) -> bytes:
    """Return `elf` with other values in fields of its ELF header: `with_header(elf, e_phnum=65535)`."""
    form = header(kind)
    return form.pack(**{**form.unpack(elf), **fields}) + elf[form.size :]


def with_segment(elf: bytes, segment_type: int, kind: ElfTarget = X86_64, **fields: int) -> bytes:
    """Return `elf` with other values in fields of its last program header of `segment_type`."""
    form = program_header(kind)
    types = [segment["p_type"] for segment in segments_of(elf, kind)]
    index = len(types) - 1 - types[::-1].index(segment_type)
    start = header(kind).unpack(elf)["e_phoff"] + index * form.size
    return elf[:start] + form.pack(**{**form.unpack(elf, start), **fields}) + elf[start + form.size :]
