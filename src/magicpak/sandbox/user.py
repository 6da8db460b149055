"""The user as whom the program runs, with the rights that Docker gives a container by default."""

import os
import signal
import stat
from contextlib import suppress
from typing import NamedTuple

from magicpak.process.prctl import PR_SET_PDEATHSIG, prctl
from magicpak.sandbox.kernel import CAP_SYS_CHROOT, clear_inheritable_capabilities, drop_capability, give_up_capability

# CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD,
# AUDIT_WRITE, SETFCAP: what Docker's documentation of `docker run --cap-add` lists as kept by default.
_KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31})
_LAST_CAPABILITY = "/proc/sys/kernel/cap_last_cap"
_MOST_CAPABILITIES = 64  # bits of the kernel's sets
_UMASK = 0o022


class RunAs(NamedTuple):
    """A user, a group, and further groups, by their numbers."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()


def capabilities_to_drop() -> list[int]:
    """Return the capabilities that a container lacks, by /proc, while that is the host's."""
    try:
        with open(_LAST_CAPABILITY, "rb") as file:
            last = int(file.read())
    except (OSError, ValueError):
        last = _MOST_CAPABILITIES - 1
    return [number for number in range(last + 1) if number not in _KEPT_CAPABILITIES]


def drop_privileges(run_as: RunAs, capabilities: list[int], *, can_leave: bool) -> None:
    """Become `run_as` for good, without `capabilities`, to be killed with our starter.

    `can_leave` is whether another chroot(2) would lead out of the root directory; then it is given up. Raises OSError.
    """
    os.umask(_UMASK)
    for number in capabilities:
        drop_capability(number)
    clear_inheritable_capabilities()
    if can_leave:
        give_up_capability(CAP_SYS_CHROOT)
    for stream in (0, 1, 2):
        if stat.S_ISFIFO(os.fstat(stream).st_mode):
            os.fchown(stream, run_as.uid, run_as.gid)  # else /dev/stdout could not be opened
    with suppress(PermissionError):  # in a user namespace of an ordinary user, whose groups stay
        os.setgroups([run_as.gid, *run_as.groups])
    os.setresgid(run_as.gid, run_as.gid, run_as.gid)
    os.setresuid(run_as.uid, run_as.uid, run_as.uid)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # last: a change of the user takes it back
