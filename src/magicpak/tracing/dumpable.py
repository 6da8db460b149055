"""Keeps a process that changes its user open to us, where we are root without CAP_SYS_PTRACE, as in `docker build`.

The kernel closes such a process to everybody by taking its dumpable flag (prctl(2), PR_SET_DUMPABLE). Nobody but the
process can set that again: so we let it do so, as its next call, in front of what it would do anyway. One that has a
seccomp filter of its own is left alone: that may kill it for a call that it would not have made.
"""

import os
from contextlib import suppress

from magicpak.process.prctl import PR_SET_DUMPABLE
from magicpak.tracing import ptrace
from magicpak.tracing.recorder import OnExit
from magicpak.tracing.registers import SyscallReader

_CAP_SYS_PTRACE = 19  # linux/capability.h


def is_needed() -> bool:
    """Return whether we can have processes of other users, but may not look into them."""
    if os.geteuid() != 0:
        return False
    try:
        with open("/proc/self/status", encoding="utf-8") as file:
            found = next((line.split()[1] for line in file if line.startswith("CapEff:")), "0")
    except OSError:
        return False
    return not int(found, 16) >> _CAP_SYS_PTRACE & 1


def let_set(reader: SyscallReader, tid: int) -> OnExit:
    """Let a thread, which is stopped at the end of a call, make this call next; return what puts all back at its end.

    Meanwhile it takes no signal: a handler would find registers that are not the program's. Raises OSError.
    """
    mask = ptrace.get_signal_mask(tid)
    ptrace.set_signal_mask(tid, b"\xff" * len(mask))
    registers = reader.prctl_next(tid, PR_SET_DUMPABLE, 1, 0, 0, 0)

    def put_back(_result: int) -> None:
        with suppress(ProcessLookupError):
            ptrace.set_registers(tid, registers)
            ptrace.set_signal_mask(tid, mask)

    return put_back
