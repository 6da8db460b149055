"""What a container has beside its image: /proc, /sys, /dev, and the network files in /etc.

All is made with the bundle as root directory, so that no link of the bundle leads out of it. It is described by the OCI
runtime specification (config-linux, "Default Filesystems" and "Default Devices") and by Docker's documentation of
`docker run`.
"""

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress

from magicpak.files.view import read_host_file
from magicpak.sandbox.kernel import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    mount,
)

HOST_NAME = "magicpak"
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}
_HIDDEN_FILES = ("/proc/kcore", "/proc/keys", "/proc/timer_list")
_HIDDEN_DIRECTORIES = ("/proc/acpi", "/proc/scsi")
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_QUIET = MS_NOSUID | MS_NOEXEC | MS_NODEV
_RESOLVER = "/etc/resolv.conf"
_MAX_RESOLVER = 1 << 16  # bytes; resolv.conf(5) has a few lines
_ALL_MAY_WRITE = 0o666


def opened_devices() -> dict[str, int]:
    """Return descriptors of those of DEVICES that the host has, from which they can be mounted elsewhere."""
    found = {}
    for name in DEVICES:
        with suppress(OSError):
            found[name] = os.open(f"/dev/{name}", os.O_PATH | os.O_CLOEXEC)
    return found


def network_files(*, with_network: bool) -> dict[str, bytes]:
    """Return what Docker puts into each container, by path: names of hosts, and its resolver configuration."""
    hosts = f"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t{HOST_NAME}\n"
    files = {"/etc/hosts": hosts.encode(), "/etc/hostname": f"{HOST_NAME}\n".encode(), _RESOLVER: b""}
    if with_network:
        with suppress(OSError):
            files[_RESOLVER] = read_host_file(_RESOLVER, _MAX_RESOLVER)
    return files


def write_files(files: Mapping[str, bytes]) -> None:
    """Write files over what is there, and a link /etc/mtab where nothing is; skip what cannot be written."""
    for path, data in files.items():
        with suppress(OSError):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with suppress(FileNotFoundError):
                os.unlink(path)
            with open(path, "xb") as file:
                file.write(data)
            os.chmod(path, 0o644)
    with suppress(OSError):
        os.symlink("/proc/mounts", "/etc/mtab")


def mount_proc() -> None:
    """Mount /proc; what changes the host's kernel is read-only, and what reveals too much of it is hidden."""
    _make_directory("/proc")
    mount("proc", "/proc", "proc", _QUIET)
    for path in filter(os.path.exists, _READ_ONLY):
        mount(path, path, "", MS_BIND | MS_REC)
        mount(path, path, "", MS_BIND | MS_REMOUNT | MS_RDONLY | _QUIET)
    for path in filter(os.path.exists, _HIDDEN_DIRECTORIES):
        mount("tmpfs", path, "tmpfs", _QUIET | MS_RDONLY)


def mount_sys() -> None:
    """Mount /sys read-only, where the kernel lets us; few programs look there."""
    _make_directory("/sys")
    with suppress(OSError):
        mount("sysfs", "/sys", "sysfs", _QUIET | MS_RDONLY)


def mount_dev(devices: Mapping[str, int]) -> None:
    """Mount a /dev with `devices`, which are descriptors, and where no others can be made; /proc must be there."""
    _make_directory("/dev")
    mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for name, descriptor in devices.items():
        _put(f"/dev/{name}", descriptor)
    for name, target in _LINKS.items():
        os.symlink(target, f"/dev/{name}")
    os.mkdir("/dev/pts", 0o755)
    with suppress(OSError):
        mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
    os.mkdir("/dev/shm", 0o1777)  # noqa: S108 - the container's own
    mount("tmpfs", "/dev/shm", "tmpfs", _QUIET, "mode=1777,size=64m")  # noqa: S108
    for path in filter(os.path.exists, _HIDDEN_FILES):
        with suppress(OSError):
            mount("/dev/null", path, "", MS_BIND)


def device_numbers() -> dict[str, int]:
    """Return the numbers of those of DEVICES that the host has."""
    found = {}
    for name in DEVICES:
        with suppress(OSError):
            found[name] = os.stat(f"/dev/{name}").st_rdev
    return found


def make_devices(numbers: Mapping[str, int]) -> None:
    """Make in /dev the devices with `numbers`, as far as they can be used; without a /dev/null, make it a file.

    A container may make devices, but on some file systems it cannot open them.
    """
    with suppress(OSError):
        _make_directory("/dev")
        for name, number in numbers.items():
            _make_device(f"/dev/{name}", number)
        with suppress(FileExistsError), open("/dev/null", "xb") as file:
            os.fchmod(file.fileno(), _ALL_MAY_WRITE)


def _make_device(path: str, number: int) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | _ALL_MAY_WRITE, number)
    except OSError:
        return
    os.chmod(path, _ALL_MAY_WRITE)  # whatever the umask
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError as error:
        if error.errno != errno.ENXIO:  # there is no terminal, as there need not be
            os.unlink(path)


def put_file(path: str, descriptor: int) -> None:
    """Mount the file with the descriptor at the new path `path`, in a new directory; /proc must be there."""
    os.mkdir(os.path.dirname(path), 0o755)
    _put(path, descriptor)


def close(descriptors: Sequence[int]) -> None:
    """Close what is no longer needed."""
    for descriptor in descriptors:
        os.close(descriptor)


def _put(path: str, descriptor: int) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755))
    mount(f"/proc/self/fd/{descriptor}", path, "", MS_BIND)


def _make_directory(path: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(path, 0o755)
