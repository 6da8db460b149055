"""`$PLATFORM` on this host, where the loader takes LD_LIBRARY_PATH from the environment."""

import os
import struct

from magicpak.files.view import read_host_file
from magicpak.ldso.machines import Machine

_AT_PLATFORM = 15  # linux/auxvec.h
_MAX_AUXV = 1 << 12
_MAX_NAME = 64
_MAX_CPUINFO = 1 << 14  # the first processor takes two KiB
_INTEL = "GenuineIntel"
_BY_FLAGS = {
    "xeon_phi": {"avx512cd", "avx512er", "avx512pf"},
    "haswell": {"avx2", "fma", "bmi1", "bmi2", "abm", "movbe", "popcnt"},
}
"""The names that glibc gives to processors of Intel's, by what they have (sysdeps/x86/cpu-features.c)."""


def host_platform(machine: Machine) -> tuple[str, ...]:
    """Return the value of `$PLATFORM` for programs of `machine` on this host; empty where it has none.

    It is AT_PLATFORM (getauxval(3)), for which glibc has more names on x86-64. For programs of another kind than this
    process, the most common one stands for it.
    """
    own = _at_platform()
    name = own if own in machine.platforms else next(iter(machine.platforms), None)
    if name == "x86_64":
        name = _name_of_processor() or name
    return (name,) if name is not None else ()


def _at_platform() -> str | None:
    """Return AT_PLATFORM of this process: its auxiliary vector has the address of the text."""
    word = struct.calcsize("@P")
    try:
        vector = read_host_file("/proc/self/auxv", _MAX_AUXV)
        pairs = struct.iter_unpack("@NN", vector[: len(vector) // (2 * word) * 2 * word])
        address = next((value for number, value in pairs if number == _AT_PLATFORM), None)
        if address is None:
            return None
        memory = os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(memory, _MAX_NAME, address).partition(b"\0")[0].decode("ascii")
        finally:
            os.close(memory)
    except (OSError, UnicodeDecodeError):
        return None


def _name_of_processor() -> str | None:
    """Return the name that glibc gives to this x86-64 processor, if it has one."""
    try:
        lines = read_host_file("/proc/cpuinfo", _MAX_CPUINFO).decode("ascii", "replace").splitlines()
    except OSError:
        return None
    fields = dict(reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]))
    flags = set(fields.get("flags", "").split())
    names = (name for name, needed in _BY_FLAGS.items() if needed <= flags)
    return next(names, None) if fields.get("vendor_id") == _INTEL else None
