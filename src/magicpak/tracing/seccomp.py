"""The seccomp filter that stops a process for the calls that are watched and lets all others through.

Sources: seccomp(2), linux/filter.h, linux/seccomp.h. The kernel remembers which numbers are let through whatever their
arguments, so that the length of the filter costs other calls nothing.
"""

import errno
import itertools
import struct

from magicpak.tracing.machines import Abi, SyscallMachine
from magicpak.tracing.ptrace import CLONE_UNTRACED
from magicpak.tracing.syscalls import CALLS, Call

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
"""BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JSET|BPF_K, BPF_RET|BPF_K"""
_JUMP = 0x05
_ALLOW, _TRACE, _ERRNO = 0x7FFF0000, 0x7FF00000, 0x00050000
OURS = 0x6D70
"""What comes with our verdict, to tell it from one of a filter of the program's own (SECCOMP_RET_DATA)."""
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
PROT_EXEC, MAP_ANONYMOUS, SYS_BIND, SYS_CONNECT = 4, 0x20, 2, 3

_Instruction = tuple[int, int, int, int]
_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter


def filter_for(machine: SyscallMachine) -> bytes:
    """Return the filter as an array of `struct sock_filter`; calls of an unknown ABI are let through."""
    program: list[_Instruction] = [(_LOAD, 0, 0, _ARCH)]
    for arch in dict.fromkeys(abi.arch for abi in machine.abis):
        block: list[_Instruction] = [(_LOAD, 0, 0, _NUMBER)]
        for abi in machine.abis:
            block += _calls_of(abi) if abi.arch == arch else []
        block.append((_RETURN, 0, 0, _ALLOW))
        program += [(_EQUAL, 1, 0, arch), (_JUMP, 0, 0, len(block)), *block]
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(itertools.starmap(_INSTRUCTION.pack, program))


def _calls_of(abi: Abi) -> list[_Instruction]:
    """Return what ends for the calls of `abi` that are watched and goes on after it for all others."""
    result: list[_Instruction] = []
    for number, name in abi.calls.items():
        verdict = _verdict(CALLS[name], abi)
        result += [(_EQUAL, 0, len(verdict), number | abi.bit), *verdict]
    return result


def _verdict(call: Call, abi: Abi) -> list[_Instruction]:
    trace, allow = (_RETURN, 0, 0, _TRACE | OURS), (_RETURN, 0, 0, _ALLOW)
    if call.kind == "refuse":
        return [(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    if call.kind == "clone":
        return [_argument(0), (_ANY_BIT, 0, 1, CLONE_UNTRACED), trace, allow]
    if call.kind == "socketcall":
        return [_argument(0), (_EQUAL, 1, 0, SYS_BIND), (_EQUAL, 0, 1, SYS_CONNECT), trace, allow]
    if call.kind == "map" and not is_old_mmap(call, abi):
        is_code = [_argument(2), (_ANY_BIT, 0, 3, PROT_EXEC)]
        return [*is_code, _argument(3), (_ANY_BIT, 1, 0, MAP_ANONYMOUS), trace, allow]
    return [trace]


def _argument(index: int) -> _Instruction:
    """Load the lower half of an argument; all machines here are little-endian."""
    return _LOAD, 0, 0, _ARGUMENTS + 8 * index


def is_old_mmap(call: Call, abi: Abi) -> bool:
    """Return whether the call takes its arguments from a structure in memory, as i386's first mmap(2) does."""
    return call.name == "mmap" and abi.name == "i386"
