"""One row for each architecture: what is special about its glibc loader."""

from typing import NamedTuple

from magicpak.elf.facts import ElfFacts, ElfTarget

_ELF, _LIBC6 = 0x0001, 0x0003
_RISCV_FLOAT_ABI = 0x0006


class Machine(NamedTuple):
    """What is built into the glibc of one architecture (its sysdeps/*/dl-machine.h, dl-hwcaps.c and dl-cache.h)."""

    name: str
    kind: ElfTarget
    interpreter: str
    """The path of glibc's loader in its ABI."""
    cache_flags: int
    """The flags of its libraries in ld.so.cache."""
    directories: tuple[str, ...]
    """The default directories of upstream's glibc, for a loader that does not contain its own."""
    platforms: tuple[str, ...]
    """The values of `$PLATFORM`, that of any processor first (AT_PLATFORM, see getauxval(3))."""
    hwcaps: tuple[str, ...] = ()
    """The directories below glibc-hwcaps/, the least demanding first."""
    legacy_hwcaps: tuple[str, ...] = ()
    """The directories that glibc up to 2.36 searches besides tls/, in the order in which they nest."""
    flags_mask: int = 0
    """The bits of e_flags that must be the same in all objects of a process."""
    alien_cache_flags: tuple[int, ...] = ()
    """Other flags in ld.so.cache that this loader accepts."""

    def accepts(self, program: ElfFacts, library: ElfFacts) -> bool:
        """Return whether the loader of `program` accepts `library`; it skips one for another machine."""
        return program.kind == library.kind and not (program.flags ^ library.flags) & self.flags_mask


_LIB = ("/lib", "/usr/lib")
_LIB64 = ("/lib64", "/usr/lib64")
_X86_64, _I386, _ARM, _AARCH64, _RISCV, _PPC64, _S390 = 62, 3, 40, 183, 243, 21, 22
_X86_PLATFORMS = ("x86_64", "haswell", "xeon_phi")
_X86_HWCAPS = ("x86-64-v2", "x86-64-v3", "x86-64-v4")
_X86_LEGACY_HWCAPS = ("haswell", "xeon_phi", "avx512_1", "x86_64")

MACHINES = (
    Machine(
        "x86_64",
        ElfTarget(64, little=True, machine=_X86_64),
        "/lib64/ld-linux-x86-64.so.2",
        0x0300 | _LIBC6,
        _LIB64,
        _X86_PLATFORMS,
        _X86_HWCAPS,
        _X86_LEGACY_HWCAPS,
    ),
    Machine(
        "x32",
        ElfTarget(32, little=True, machine=_X86_64),
        "/libx32/ld-linux-x32.so.2",
        0x0800 | _LIBC6,
        ("/libx32", "/usr/libx32"),
        _X86_PLATFORMS,
        _X86_HWCAPS,
        _X86_LEGACY_HWCAPS,
    ),
    Machine(
        "i386",
        ElfTarget(32, little=True, machine=_I386),
        "/lib/ld-linux.so.2",
        _LIBC6,
        _LIB,
        ("i686", "i586", "i486", "i386"),
        (),
        ("i586", "i686", "sse2"),
        alien_cache_flags=(_ELF,),
    ),
    Machine(
        "aarch64",
        ElfTarget(64, little=True, machine=_AARCH64),
        "/lib/ld-linux-aarch64.so.1",
        0x0A00 | _LIBC6,
        _LIB64,
        ("aarch64",),
        (),
        ("atomics",),
    ),
    Machine(
        "armhf",
        ElfTarget(32, little=True, machine=_ARM),
        "/lib/ld-linux-armhf.so.3",
        0x0900 | _LIBC6,
        _LIB,
        ("v7l", "v6l", "v8l"),
        (),
        ("v7l", "v6l", "v8l", "vfp", "neon"),
        alien_cache_flags=(_LIBC6,),
    ),
    Machine(
        "riscv64",
        ElfTarget(64, little=True, machine=_RISCV),
        "/lib/ld-linux-riscv64-lp64d.so.1",
        0x1000 | _LIBC6,
        ("/lib64/lp64d", "/usr/lib64/lp64d"),
        (),
        flags_mask=_RISCV_FLOAT_ABI,
    ),
    Machine(
        "ppc64le",
        ElfTarget(64, little=True, machine=_PPC64),
        "/lib64/ld64.so.2",
        0x0500 | _LIBC6,
        _LIB64,
        ("power8", "power9", "power10", "power11"),
        ("power9", "power10", "power11"),
        ("power8", "power9", "power10", "altivec", "vsx"),
    ),
    Machine(
        "s390x",
        ElfTarget(64, little=False, machine=_S390),
        "/lib/ld64.so.1",
        0x0400 | _LIBC6,
        _LIB64,
        ("z900", "z990", "z9-109", "z10", "z196", "zEC12", "z13", "z14", "z15", "z16", "z17"),
        ("z13", "z14", "z15", "z16", "z17"),
        ("z13", "z14", "z15", "z16", "vx"),
    ),
)

_BY_KIND = {machine.kind: machine for machine in MACHINES}


def machine_of(kind: ElfTarget) -> Machine | None:
    """Return the row for `kind`; None for an unknown architecture."""
    return _BY_KIND.get(kind)
