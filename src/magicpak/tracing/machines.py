"""One row for each architecture: the numbers of its system calls, and where its registers are."""

import struct
from collections.abc import Mapping
from typing import NamedTuple


class Abi(NamedTuple):
    """One way to make system calls: its AUDIT_ARCH_ number (linux/audit.h), its calls, the size of its pointers.

    `bit` is set in the numbers of its calls alone, and not part of the numbers in `calls`. `mask` is what counts of an
    argument, None for all of it.
    """

    name: str
    arch: int
    calls: Mapping[int, str]
    pointer: int
    bit: int = 0
    mask: int | None = None


class Registers(NamedTuple):
    """Where PTRACE_GETREGSET has what matters for calls of `abi`, as indices into the words of `layout`.

    `number` is the register from which a tracer reads the call's number, `caller` the one from which the kernel does.
    The instruction that makes a call has `length` bytes; `made_by` are these bytes, where registers of that size serve
    two ABIs. `prctl` is the number of prctl(2).
    """

    abi: str
    layout: struct.Struct
    number: int
    caller: int
    arguments: tuple[int, ...]
    result: int
    instruction: int
    length: int
    prctl: int
    made_by: bytes = b""

    @property
    def bits(self) -> int:
        """The width of a register."""
        return 64 if self.layout.format.endswith("Q") else 32


class SyscallMachine(NamedTuple):
    """One architecture: the ways in which its programs make system calls, and their registers.

    `system_call_set` is whether a call's number is changed by a register set of its own (NT_ARM_SYSTEM_CALL).
    """

    name: str
    abis: tuple[Abi, ...]
    registers: tuple[Registers, ...]
    system_call_set: bool = False


def _calls(text: str) -> dict[int, str]:
    return {int(number): name for name, number in (word.split("=") for word in text.split())}


_SINCE_5_1 = """
io_uring_setup=425 open_tree=428 move_mount=429 clone3=435 openat2=437 faccessat2=439 fchmodat2=452 setxattrat=463
getxattrat=464 listxattrat=465 removexattrat=466 open_tree_attr=467 file_getattr=468 file_setattr=469
"""  # the same numbers everywhere

_X86_64 = _calls(f"""
open=2 stat=4 lstat=6 mmap=9 access=21 connect=42 bind=49 clone=56 execve=59 truncate=76 ftruncate=77 getdents=78
chdir=80 fchdir=81 rename=82 mkdir=83 rmdir=84 creat=85 link=86 unlink=87 symlink=88 readlink=89 chmod=90 fchmod=91
chown=92 fchown=93 lchown=94 setuid=105 setgid=106 setreuid=113 setregid=114 setresuid=117 setresgid=119 utime=132
mknod=133 statfs=137 pivot_root=155 chroot=161 mount=165 umount2=166 setxattr=188 lsetxattr=189 fsetxattr=190
getxattr=191 lgetxattr=192 listxattr=194 llistxattr=195 removexattr=197 lremovexattr=198 fremovexattr=199
sched_setaffinity=203 sched_getaffinity=204 getdents64=217 utimes=235 inotify_add_watch=254 openat=257 mkdirat=258
mknodat=259 fchownat=260 futimesat=261 newfstatat=262 unlinkat=263 renameat=264 linkat=265 symlinkat=266
readlinkat=267 fchmodat=268 faccessat=269 utimensat=280 fallocate=285 name_to_handle_at=303 open_by_handle_at=304
setns=308 renameat2=316 execveat=322 statx=332 {_SINCE_5_1}
""")

_I386 = _calls(f"""
open=5 creat=8 link=9 unlink=10 execve=11 chdir=12 mknod=14 chmod=15 lchown=16 oldstat=18 mount=21 umount=22 setuid=23
utime=30 setgid=46 umount2=52 access=33 rename=38 mkdir=39 rmdir=40 chroot=61 setreuid=70 setregid=71 symlink=83
oldlstat=84 readlink=85 readdir=89 mmap=90 truncate=92 ftruncate=93 fchmod=94 fchown=95 statfs=99 socketcall=102
stat=106 lstat=107 clone=120 fchdir=133 getdents=141 setresuid=164 setresgid=170 chown=182 mmap2=192 truncate64=193
ftruncate64=194 stat64=195 lstat64=196 lchown32=198 setreuid32=203 setregid32=204 fchown32=207 setresuid32=208
setresgid32=210 chown32=212 setuid32=213 setgid32=214 pivot_root=217 getdents64=220 setxattr=226 lsetxattr=227
fsetxattr=228 getxattr=229 lgetxattr=230 listxattr=232 llistxattr=233 removexattr=235 lremovexattr=236
fremovexattr=237 sched_setaffinity=241 sched_getaffinity=242 statfs64=268 utimes=271 inotify_add_watch=292 openat=295
mkdirat=296 mknodat=297 fchownat=298 futimesat=299 fstatat64=300 unlinkat=301 renameat=302 linkat=303 symlinkat=304
readlinkat=305 fchmodat=306 faccessat=307 utimensat=320 fallocate=324 name_to_handle_at=341 open_by_handle_at=342
setns=346 renameat2=353 execveat=358 bind=361 connect=362 statx=383 utimensat_time64=412 {_SINCE_5_1}
""")

_AARCH64 = _calls(f"""
setxattr=5 lsetxattr=6 fsetxattr=7 getxattr=8 lgetxattr=9 listxattr=11 llistxattr=12 removexattr=14 lremovexattr=15
fremovexattr=16 inotify_add_watch=27 mknodat=33 mkdirat=34 unlinkat=35 symlinkat=36 linkat=37 renameat=38 umount2=39
mount=40 pivot_root=41 statfs=43 truncate=45 ftruncate=46 fallocate=47 faccessat=48 chdir=49 fchdir=50 chroot=51
fchmod=52 fchmodat=53 fchownat=54 fchown=55 openat=56 getdents64=61 readlinkat=78 newfstatat=79 utimensat=88
sched_setaffinity=122 sched_getaffinity=123 setregid=143 setgid=144 setreuid=145 setuid=146 setresuid=147
setresgid=149 bind=200 connect=203 clone=220 execve=221 mmap=222 name_to_handle_at=264 open_by_handle_at=265 setns=268
renameat2=276 execveat=281 statx=291 {_SINCE_5_1}
""")

_OF_X32 = {520: "execve", 545: "execveat"}  # those that read pointers from memory have numbers of their own
_X32 = {**{number: name for number, name in _X86_64.items() if name not in _OF_X32.values()}, **_OF_X32}

_ARCH_X86_64, _ARCH_I386, _ARCH_AARCH64 = 0xC000003E, 0x40000003, 0xC00000B7

MACHINES = (
    SyscallMachine(
        "x86_64",
        (
            Abi("x86_64", _ARCH_X86_64, _X86_64, 8),
            Abi("x32", _ARCH_X86_64, _X32, 4, bit=0x40000000),
            Abi("i386", _ARCH_I386, _I386, 4, mask=(1 << 32) - 1),
        ),
        (
            Registers(
                "i386", struct.Struct("=27Q"), 15, 10, (5, 11, 12, 13, 14, 4), 10, 16, 2, 172, made_by=b"\xcd\x80"
            ),
            Registers("x86_64", struct.Struct("=27Q"), 15, 10, (14, 13, 12, 7, 9, 8), 10, 16, 2, 157),
            Registers("i386", struct.Struct("=17I"), 11, 6, (0, 1, 2, 3, 4, 5), 6, 12, 2, 172),
        ),
    ),
    SyscallMachine(
        "aarch64",
        (Abi("aarch64", _ARCH_AARCH64, _AARCH64, 8),),
        (Registers("aarch64", struct.Struct("=34Q"), 8, 8, (0, 1, 2, 3, 4, 5), 0, 32, 4, 167),),
        system_call_set=True,
    ),
)


def machine_named(name: str) -> SyscallMachine | None:
    """Return the row for what uname(2) calls the machine; None where there is none."""
    return next((machine for machine in MACHINES if machine.name == name), None)
