"""What a stopped thread is about to do, and how to change that: PTRACE_GET_SYSCALL_INFO, or else its registers."""

import errno

from magicpak.tracing import memory, ptrace
from magicpak.tracing.machines import Abi, Registers, SyscallMachine
from magicpak.tracing.ptrace import PTRACE_SYSCALL_INFO_ENTRY, PTRACE_SYSCALL_INFO_EXIT, SyscallStop
from magicpak.tracing.syscalls import CALLS, Call


class SyscallReader:
    """Reads system call stops of one architecture, in the way that the kernel offers."""

    def __init__(self, machine: SyscallMachine) -> None:
        self._machine = machine
        self._arches = {abi.name: abi.arch for abi in machine.abis}
        self._has_info = True
        self.calls: dict[tuple[int, int], tuple[Call, Abi]] = {
            (abi.arch, number | abi.bit): (CALLS[name], abi)
            for abi in machine.abis
            for number, name in abi.calls.items()
        }
        """The calls that are watched, by what is in a SyscallStop: arch and number."""

    def read(self, tid: int, *, ending: bool) -> SyscallStop:
        """Return what `tid` is stopped at; `ending` is whether a call ends there, for a kernel that does not say so.

        Raises OSError: ESRCH where the thread was killed meanwhile.
        """
        if self._has_info:
            try:
                return ptrace.get_syscall_info(tid)
            except OSError as error:
                if error.errno == errno.ESRCH:
                    raise
                self._has_info = False
        row, words = self._registers(tid)
        instruction = words[row.instruction]
        if ending:
            result = words[row.result]
            signed = result - (1 << row.bits) if result >> (row.bits - 1) else result
            return SyscallStop(PTRACE_SYSCALL_INFO_EXIT, self._arches[row.abi], instruction, signed)
        arguments = tuple(words[index] for index in row.arguments)
        number, data = words[row.number], ptrace.get_event_message(tid)
        return SyscallStop(PTRACE_SYSCALL_INFO_ENTRY, self._arches[row.abi], instruction, number, arguments, data)

    def set_argument(self, tid: int, index: int, value: int) -> None:
        """Set an argument of the call that begins. Raises OSError."""
        row, words = self._registers(tid)
        _set(tid, row, words, row.arguments[index], value)

    def refuse(self, tid: int) -> None:
        """Let the call that begins do nothing. Raises OSError."""
        if self._machine.system_call_set:
            ptrace.set_registers(tid, b"\xff\xff\xff\xff", ptrace.NT_ARM_SYSTEM_CALL)
        else:
            row, words = self._registers(tid)
            _set(tid, row, words, row.number, -1)

    def set_result(self, tid: int, value: int) -> None:
        """Set the result of the call that ends. Raises OSError."""
        row, words = self._registers(tid)
        _set(tid, row, words, row.result, value)

    def prctl_next(self, tid: int, *arguments: int) -> bytes:
        """Let the thread, at the end of a call, make a call of prctl(2) next; return the registers that it had.

        Raises OSError.
        """
        row, words = self._registers(tid)
        before = row.layout.pack(*words)
        for index, value in zip(row.arguments, arguments, strict=False):
            words[index] = value
        words[row.caller] = row.prctl
        _set(tid, row, words, row.instruction, words[row.instruction] - row.length)
        return before

    def _registers(self, tid: int) -> tuple[Registers, list[int]]:
        """Return the thread's registers and where in them is what. Raises OSError, for those of an unknown kind too."""
        data = ptrace.get_registers(tid)
        for row in self._machine.registers:
            if row.layout.size == len(data):
                words = list(row.layout.unpack(data))
                before = words[row.instruction] - len(row.made_by)
                if not row.made_by or _code_at(tid, before, len(row.made_by)) == row.made_by:
                    return row, words
        raise OSError(errno.EIO, "registers of an unknown kind")


def _code_at(tid: int, address: int, length: int) -> bytes | None:
    try:
        return memory.bytes_at(tid, address, length)
    except memory.Unreadable:
        return None


def _set(tid: int, row: Registers, words: list[int], index: int, value: int) -> None:
    words[index] = value & ((1 << row.bits) - 1)
    ptrace.set_registers(tid, row.layout.pack(*words))
