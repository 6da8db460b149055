"""ptrace(2) and process_vm_readv(2) with the kernel's names; each function raises OSError.

Sources: linux/ptrace.h, linux/elf.h, sched.h.
"""

import ctypes
import errno
import os
import struct
from typing import NamedTuple

PTRACE_PEEKDATA = 2
PTRACE_POKEDATA = 5
PTRACE_CONT = 7
PTRACE_SYSCALL = 24
PTRACE_SETOPTIONS = 0x4200
PTRACE_GETEVENTMSG = 0x4201
PTRACE_GETSIGINFO = 0x4202
PTRACE_GETREGSET = 0x4204
PTRACE_SETREGSET = 0x4205
PTRACE_SEIZE = 0x4206
PTRACE_LISTEN = 0x4208
PTRACE_GETSIGMASK = 0x420A
PTRACE_SETSIGMASK = 0x420B
PTRACE_GET_SYSCALL_INFO = 0x420E

PTRACE_O_TRACESYSGOOD = 0x01
PTRACE_O_TRACEFORK = 0x02
PTRACE_O_TRACEVFORK = 0x04
PTRACE_O_TRACECLONE = 0x08
PTRACE_O_TRACEEXEC = 0x10
PTRACE_O_TRACESECCOMP = 0x80
PTRACE_O_EXITKILL = 0x100000

PTRACE_EVENT_FORK = 1
PTRACE_EVENT_VFORK = 2
PTRACE_EVENT_CLONE = 3
PTRACE_EVENT_EXEC = 4
PTRACE_EVENT_SECCOMP = 7
PTRACE_EVENT_STOP = 128

PTRACE_SYSCALL_INFO_ENTRY = 1
PTRACE_SYSCALL_INFO_EXIT = 2

NT_PRSTATUS = 1
NT_ARM_SYSTEM_CALL = 0x404

CLONE_UNTRACED = 0x00800000
WALL = 0x40000000
"""__WALL of waitpid(2): children by fork(2) and by clone(2) alike."""

_LONGEST_REGISTERS = 512
_WORD = 8
_SIGINFO = 128

_libc = ctypes.CDLL(None, use_errno=True)
_pointer = ctypes.c_void_p
_ptrace = _libc.ptrace
_ptrace.restype = ctypes.c_long
_read = _libc.process_vm_readv
_read.restype = ctypes.c_ssize_t
# The two have no argtypes, which take half a microsecond of each call: what is no C int is an object of its C type.
_NONE, _ONE = ctypes.c_ulong(0), ctypes.c_ulong(1)


class _Iovec(ctypes.Structure):
    _fields_ = (("base", _pointer), ("length", ctypes.c_size_t))


class SyscallStop(NamedTuple):
    """What a thread that is stopped at a system call is about to do: `struct ptrace_syscall_info`.

    `op` is PTRACE_SYSCALL_INFO_ENTRY, _EXIT or _SECCOMP, `arch` an AUDIT_ARCH_ number. At an exit `number` is the
    result and there are no arguments. `data` is what the filter that stopped it has returned beside its verdict.
    """

    op: int
    arch: int
    instruction: int
    number: int
    arguments: tuple[int, ...] = ()
    data: int = 0


_ENTRY = struct.Struct("=B3xIQQQ6QI")
_EXIT = struct.Struct("=B3xIQQq")
_info = ctypes.create_string_buffer(88)
_info_size, _info_place = _pointer(88), ctypes.byref(_info)
_message = ctypes.c_ulong()
_message_place = ctypes.byref(_message)


def ptrace(request: int, pid: int, address: int = 0, data: int = 0) -> int:
    """Make a request about the thread `pid`."""
    result: int = _ptrace(request, pid, _pointer(address), _pointer(data))
    if result < 0:
        raise _error()
    return result


def resume(request: int, pid: int, number: int) -> None:
    """Let a thread go on by PTRACE_CONT or PTRACE_SYSCALL, with the signal `number`, 0 for none."""
    if _ptrace(request, pid, None, _pointer(number) if number else None) < 0:
        raise _error()


def get_syscall_info(pid: int) -> SyscallStop:
    """Return what the thread is stopped at (PTRACE_GET_SYSCALL_INFO, from Linux 5.3 on)."""
    if _ptrace(PTRACE_GET_SYSCALL_INFO, pid, _info_size, _info_place) < 0:
        raise _error()
    if _info[0] == b"\x02":
        op, arch, instruction, _, result = _EXIT.unpack_from(_info)
        return SyscallStop(op, arch, instruction, result)
    fields = _ENTRY.unpack_from(_info)
    return SyscallStop(fields[0], fields[1], fields[2], fields[4], fields[5:11], fields[11])


def get_event_message(pid: int) -> int:
    """Return the number that belongs to the event at which the thread is stopped (PTRACE_GETEVENTMSG)."""
    if _ptrace(PTRACE_GETEVENTMSG, pid, None, _message_place) < 0:
        raise _error()
    return _message.value


def get_registers(pid: int) -> bytes:
    """Return the general registers; their length tells of which kind the process is (PTRACE_GETREGSET)."""
    buffer = ctypes.create_string_buffer(_LONGEST_REGISTERS)
    vector = _Iovec(ctypes.addressof(buffer), _LONGEST_REGISTERS)
    ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, ctypes.addressof(vector))
    return buffer.raw[: vector.length]


def set_registers(pid: int, registers: bytes, kind: int = NT_PRSTATUS) -> None:
    """Set the registers of one kind (PTRACE_SETREGSET)."""
    buffer = ctypes.create_string_buffer(registers, len(registers))
    vector = _Iovec(ctypes.addressof(buffer), len(registers))
    ptrace(PTRACE_SETREGSET, pid, kind, ctypes.addressof(vector))


def get_signal_code(pid: int) -> int:
    """Return the `si_code` of the signal at which the thread is stopped, above 0 for the kernel's (sigaction(2))."""
    buffer = ctypes.create_string_buffer(_SIGINFO)
    ptrace(PTRACE_GETSIGINFO, pid, 0, ctypes.addressof(buffer))
    code: int = struct.unpack_from("=8xi", buffer)[0]
    return code


def get_signal_mask(pid: int) -> bytes:
    """Return the signals that the thread blocks, as a `sigset_t` of the kernel's (PTRACE_GETSIGMASK)."""
    buffer = ctypes.create_string_buffer(_WORD)
    ptrace(PTRACE_GETSIGMASK, pid, _WORD, ctypes.addressof(buffer))
    return buffer.raw


def set_signal_mask(pid: int, mask: bytes) -> None:
    """Set the signals that the thread blocks (PTRACE_SETSIGMASK)."""
    buffer = ctypes.create_string_buffer(mask, len(mask))
    ptrace(PTRACE_SETSIGMASK, pid, len(mask), ctypes.addressof(buffer))


class Window:
    """A buffer of `size` bytes through which the memory of other processes is read (process_vm_readv(2))."""

    def __init__(self, size: int) -> None:
        self._buffer = ctypes.create_string_buffer(size + 1)
        self._local = _Iovec(ctypes.addressof(self._buffer), size)
        self._remote = _Iovec(0, 0)
        self._local_place, self._remote_place = ctypes.byref(self._local), ctypes.byref(self._remote)

    def fill(self, pid: int, address: int, length: int) -> int:
        """Read up to `length` bytes, and return how many there were; after them stands a NUL. Raises OSError."""
        remote = self._remote
        remote.base = address
        remote.length = length
        count: int = _read(pid, self._local_place, _ONE, self._remote_place, _ONE, _NONE)
        if count <= 0:
            raise _error()
        self._buffer[count] = b"\0"
        return count

    def text(self, pid: int, address: int, length: int) -> tuple[bytes, bool]:
        """Return the text at `address` up to the first NUL, and whether `length` bytes have one. Raises OSError."""
        count = self.fill(pid, address, length)
        text = self._buffer.value
        return (text, True) if len(text) < count else (text[:count], False)

    def bytes(self, count: int) -> bytes:
        """Return the first `count` bytes of what was read."""
        return self._buffer.raw[:count]


def peek_memory(pid: int, address: int) -> bytes:
    """Return the eight bytes at an address that is a multiple of eight, of a thread that is stopped (PTRACE_PEEKDATA).

    The kernel allows it for some processes for which it refuses process_vm_readv(2). EIO where it does not.
    """
    ctypes.set_errno(0)
    word = _ptrace(PTRACE_PEEKDATA, pid, _pointer(address), None)
    if word == -1 and ctypes.get_errno():
        raise _error()
    return struct.pack("=q", word)


def poke_memory(pid: int, address: int, word: int) -> None:
    """Write eight bytes into the memory of a thread that is stopped, also where it is read-only (PTRACE_POKEDATA)."""
    ptrace(PTRACE_POKEDATA, pid, address, word)


def set_file_user(user: int, group: int) -> None:
    """Set the user and group that we are for files, /proc/PID among them (setfsuid(2), which reports no error)."""
    _libc.setfsgid(group)
    _libc.setfsuid(user)


def _error() -> OSError:
    number = ctypes.get_errno() or errno.EIO
    return OSError(number, os.strerror(number))
