"""unshare(2), mount(2) and similar calls with the kernel's names; each raises an OSError that names what was tried.

Sources: linux/sched.h, linux/mount.h, linux/fs.h, linux/if.h, linux/sockios.h, linux/capability.h.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct

from magicpak.process.prctl import PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, prctl

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x01
MS_NOSUID = 0x02
MS_NODEV = 0x04
MS_NOEXEC = 0x08
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000

CAP_SYS_CHROOT = 18

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_IFREQ = struct.Struct("16sh22x")
_MNT_DETACH = 2
_CAPABILITY_VERSION_3 = 0x20080522
_WORD = 32  # bits of the words that the sets of capabilities are made of

_libc = ctypes.CDLL(None, use_errno=True)
_mount, _unshare, _sethostname = _libc.mount, _libc.unshare, _libc.sethostname
_pivot_root, _umount2, _capget, _capset = _libc.pivot_root, _libc.umount2, _libc.capget, _libc.capset
_mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_unshare.argtypes = (ctypes.c_int,)
_sethostname.argtypes = (ctypes.c_char_p, ctypes.c_size_t)
_pivot_root.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
_umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_capget.argtypes = _capset.argtypes = (ctypes.c_char_p, ctypes.c_char_p)


def unshare(flags: int) -> None:
    """Give this process new namespaces; a PID namespace (CLONE_NEWPID) is for its next child."""
    _check(_unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """Mount a file system of the type `kind` at `target`, or do what MS_BIND, MS_REMOUNT or MS_PRIVATE say."""
    parts = (os.fsencode(source), os.fsencode(target), kind.encode())
    _check(_mount(*parts, flags, options.encode()), f"mount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make the mount point `new` the root of this mount namespace, and mount the root that it had at `old`."""
    _check(_pivot_root(os.fsencode(new), os.fsencode(old)), "pivot_root")


def detach(target: str) -> None:
    """Unmount all that is mounted at `target` and below, as soon as nothing is open there (umount2(2), MNT_DETACH)."""
    _check(_umount2(os.fsencode(target), _MNT_DETACH), f"umount {target}")


def set_host_name(name: str) -> None:
    """Set the host's name, as all of this namespace see it."""
    _check(_sethostname(name.encode(), len(name)), "sethostname")


def start_loopback() -> None:
    """Set the interface `lo` up, which gives it 127.0.0.1 and ::1 (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
        request = fcntl.ioctl(end, _SIOCGIFFLAGS, _IFREQ.pack(b"lo", 0))
        flags = _IFREQ.unpack(request)[1]
        fcntl.ioctl(end, _SIOCSIFFLAGS, _IFREQ.pack(b"lo", flags | _IFF_UP))


def drop_capability(number: int) -> None:
    """Remove a capability from those that this process and its children can ever have (capabilities(7))."""
    try:
        prctl(PR_CAPBSET_DROP, number)
    except OSError as error:
        if error.errno != errno.EPERM:  # EPERM: it may not drop capabilities, and has few then
            raise


def clear_inheritable_capabilities() -> None:
    """Empty the set from which root gets capabilities that are not in the bounding set (capabilities(7))."""
    _change_capabilities(permitted=0, inheritable=-1)


def give_up_capability(number: int) -> None:
    """Remove a capability for good from this process and its children, whatever else they may do.

    Where the bounding set cannot be changed, no program gets more rights than this process has (no_new_privs).
    """
    try:
        prctl(PR_CAPBSET_DROP, number)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        prctl(PR_SET_NO_NEW_PRIVS, 1)
    _change_capabilities(permitted=1 << number, inheritable=1 << number)


def _change_capabilities(*, permitted: int, inheritable: int) -> None:
    """Remove the sets of capabilities, given by their bits; what is not permitted is not effective either."""
    header = struct.pack("@Ii", _CAPABILITY_VERSION_3, 0)
    data = ctypes.create_string_buffer(2 * 3 * _WORD // 8)
    _check(_capget(header, data), "capget")
    kept = [~permitted, ~permitted, ~inheritable] * 2
    words = struct.unpack("@6I", data.raw)
    left = [word & (mask >> (_WORD * (index // 3))) for index, (word, mask) in enumerate(zip(words, kept, strict=True))]
    _check(_capset(header, struct.pack("@6I", *left)), "capset")


def _check(result: int, tried: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), tried)
