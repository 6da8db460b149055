"""The file systems that the kernel makes, wherever they are mounted. Sources: statfs(2), linux/magic.h."""

import ctypes
import os
import struct

_KERNELS = frozenset(
    {
        0x0027E0EB,  # cgroup
        0x00001CD1,  # devpts
        0x00009FA0,  # proc
        0x00009FA2,  # usbdevfs
        0x07655821,  # resctrl
        0x42494E4D,  # binfmt_misc
        0x43415D53,  # smackfs
        0x5A3C69F0,  # apparmorfs
        0x6165676C,  # pstore
        0x62656570,  # configfs
        0x62656572,  # sysfs
        0x63677270,  # cgroup2
        0x64626720,  # debugfs
        0x65735543,  # fusectl
        0x67596969,  # rpc_pipefs
        0x6C6F6F70,  # binder
        0x6E667364,  # nfsd
        0x6E736673,  # nsfs
        0x73636673,  # securityfs
        0x74726163,  # tracefs
        0x19800202,  # mqueue
        0xABBA1974,  # xenfs
        0xCAFE4A11,  # bpf
        0xDE5E81E4,  # efivarfs
        0xF97CFF8C,  # selinuxfs
    }
)
_SIZE = 256  # bytes, more than any struct statfs has

_statfs = ctypes.CDLL(None, use_errno=True).statfs
_statfs.argtypes = (ctypes.c_char_p, ctypes.c_char_p)


def is_kernels(path: str) -> bool:
    """Return whether what `path` leads to is on a file system that the kernel makes; False where that is unknown."""
    status = ctypes.create_string_buffer(_SIZE)
    if _statfs(os.fsencode(path), status) < 0:
        return False
    first, second = struct.unpack_from("=2I", status.raw)  # f_type is a word of 32 bits, or of 64 in either order
    return (first or second) in _KERNELS
