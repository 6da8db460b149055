"""Names of machines for messages; the only importer of pyelftools, which costs 65 ms and is thus imported late."""

from magicpak.elf.facts import ElfTarget

# What people call the machines that Linux distributions are made for; pyelftools has the names of elf.h for the rest.
_SPOKEN = {
    3: "i386",
    8: "MIPS",
    20: "PowerPC",
    21: "PowerPC64",
    22: "S/390",
    40: "ARM",
    62: "x86-64",
    183: "AArch64",
    243: "RISC-V",
    258: "LoongArch",
}


def machine_name(kind: ElfTarget) -> str:
    """Return `kind` in words, such as `x86-64 (64-bit)`, `S/390 (64-bit, big-endian)`, `EM_SPARCV9 (64-bit, ...)`.

    Two kinds that differ never have the same name.
    """
    order = "" if kind.little else ", big-endian"
    return f"{_SPOKEN.get(kind.machine) or _name_in_elf_h(kind.machine)} ({kind.bits}-bit{order})"


def _name_in_elf_h(machine: int) -> str:
    from elftools.elf.enums import ENUM_E_MACHINE  # see the top

    names = sorted(name for name, number in ENUM_E_MACHINE.items() if number == machine and name.startswith("EM_"))
    return names[0] if names else f"machine {machine:#x}"
