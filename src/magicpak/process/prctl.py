"""prctl(2) with the kernel's names. Sources: linux/prctl.h, linux/seccomp.h."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2

_prctl = ctypes.CDLL(None, use_errno=True).prctl
_prctl.restype, _prctl.argtypes = ctypes.c_int, (ctypes.c_int, *[ctypes.c_ulong] * 4)


def prctl(option: int, first: int = 0, second: int = 0) -> None:
    """Set an attribute of this process. Raises OSError."""
    if _prctl(option, first, second, 0, 0) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def die_with_parent(parent: int, by: int = signal.SIGKILL) -> None:
    """Have this process get the signal `by` when its parent, the process `parent`, ends; end if it has ended already.

    The kernel forgets it when the process changes its user. Raises OSError.
    """
    prctl(PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        os._exit(0)
