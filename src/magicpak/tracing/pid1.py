"""Process 1 of a namespace that has crashed: under a tracer the kernel lets nothing kill it, and it crashes for ever.

Without one, a fault ends process 1 like any other (kernel/signal.c, force_sig_info_to_task: SIGNAL_UNKILLABLE stays set
for a process that is traced). A tracer must end it itself.
"""

import signal

from magicpak.tracing import ptrace

FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS})
"""The signals that the kernel sends to a thread for what it has done itself."""


def is_beyond_help(tid: int, number: int) -> bool:
    """Tell whether the thread, about to get the fault `number`, is of a process 1 that does not handle it.

    Raises OSError: ESRCH where it was killed meanwhile.
    """
    if ptrace.get_signal_code(tid) <= 0:  # somebody has sent it: process 1 ignores that, traced or not
        return False
    try:
        with open(f"/proc/{tid}/status", encoding="utf-8", errors="replace") as file:
            fields = dict(line.split(":", 1) for line in file)
    except OSError:
        return False
    is_first = fields.get("NSpid", "").split()[-1:] == ["1"]
    return is_first and not int(fields["SigCgt"], 16) >> (number - 1) & 1
