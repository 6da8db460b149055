"""The sandboxes in which a bundle can be tested: namespaces, as `docker run` makes them, and a bare chroot."""

import errno
import os
import shutil
from typing import NamedTuple

from magicpak.process.prctl import PR_SET_DUMPABLE, prctl
from magicpak.sandbox import container_fs, kernel, user
from magicpak.sandbox.rootfs import RootFs
from magicpak.sandbox.user import RunAs

_NAMESPACES = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS


class LentTool(NamedTuple):
    """A program of the host that is lent to the run: its path, and its path in the sandbox; None for nowhere.

    `is_first` is whether the run begins with it.
    """

    source: str
    at: str | None
    is_first: bool


class Namespaces:
    """Mount, process, IPC, host name and, without network, network namespaces; as in a container there is a /proc.

    An ordinary user needs a user namespace too, in which there is no user but `run_as`. `network` is whether the host's
    network is used.
    """

    has_own_root = True

    def __init__(
        self, root: RootFs, run_as: RunAs, tool: LentTool | None, *, network: bool, user_namespace: bool
    ) -> None:
        self._root, self._run_as, self._tool = root, run_as, tool
        self._network, self._user_namespace = network, user_namespace
        self._at = ""
        self._files: dict[str, bytes] = {}

    def prepare(self) -> None:
        """Make the namespaces and the root directory."""
        self._files = container_fs.network_files(with_network=self._network)
        user, group = os.geteuid(), os.getegid()
        self._root.hold()
        flags = _NAMESPACES | (0 if self._network else kernel.CLONE_NEWNET)
        kernel.unshare(flags | (kernel.CLONE_NEWUSER if self._user_namespace else 0))
        if self._user_namespace:
            prctl(PR_SET_DUMPABLE, 1)  # else the files of /proc/self are root's
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"{self._run_as.uid} {user} 1")
            _write("/proc/self/gid_map", f"{self._run_as.gid} {group} 1")
        kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
        if not self._network:
            kernel.start_loopback()
        kernel.set_host_name(container_fs.HOST_NAME)
        self._at = self._root.mount()

    def enter(self, executable: str) -> str | int:
        """Move there, mount and write what a container has beside its image, and unmount everything else."""
        capabilities = user.capabilities_to_drop()
        kernel.unshare(kernel.CLONE_NEWNS)  # who has prepared this keeps its root
        devices = container_fs.opened_devices()
        tool = _opened(self._tool)
        old_root = _pivot_root(self._at)
        container_fs.mount_proc()  # in a user namespace, it must still see the host's
        container_fs.mount_sys()
        container_fs.mount_dev(devices)
        container_fs.close(list(devices.values()))
        container_fs.write_files(self._files)
        if self._tool and self._tool.at:
            container_fs.put_file(self._tool.at, tool)
        if old_root is not None:
            _unmount(old_root)
        user.drop_privileges(self._run_as, capabilities, can_leave=old_root is None or _is_below_another())
        return _first(self._tool, tool, executable)


class BareChroot:
    """Another root directory, with devices as far as they can be made: what a RUN step of `docker build` allows.

    `path` is a copy of the bundle that exists for the run alone.
    """

    has_own_root = True

    def __init__(self, path: str, run_as: RunAs, tool: LentTool | None) -> None:
        self._path, self._run_as, self._tool = path, run_as, tool

    def prepare(self) -> None:
        """Copy the lent tool into the copy of the bundle."""
        if self._tool and self._tool.at:
            at = self._path + self._tool.at
            os.mkdir(os.path.dirname(at), 0o755)
            shutil.copyfile(self._tool.source, at)
            os.chmod(at, 0o755)  # noqa: S103 - for all users

    def enter(self, executable: str) -> str | int:
        """Move there."""
        capabilities = user.capabilities_to_drop()
        files, numbers = container_fs.network_files(with_network=True), container_fs.device_numbers()
        tool = _opened(self._tool)
        _change_root(self._path)
        container_fs.write_files(files)
        container_fs.make_devices(numbers)
        user.drop_privileges(self._run_as, capabilities, can_leave=True)
        return _first(self._tool, tool, executable)


def _opened(tool: LentTool | None) -> int:
    """Return a descriptor of the lent tool, while the host's files are in sight; -1 where there is none."""
    return os.open(tool.source, os.O_PATH | os.O_CLOEXEC) if tool else -1


def _first(tool: LentTool | None, descriptor: int, executable: str) -> str | int:
    """Return what is executed first: the lent tool, by its `descriptor`, or else `executable`."""
    return descriptor if tool and tool.is_first else executable


def _pivot_root(path: str) -> int | None:
    """Make the mount point `path` the root directory; return a descriptor of the old one, which lies on top of it.

    It is None where our own root directory is not a mount point, or is the initial one (pivot_root(2)): then only this
    process has another root directory.
    """
    old = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    os.chdir(path)
    try:
        kernel.pivot_root(".", ".")
    except OSError as error:
        os.close(old)
        if error.errno != errno.EINVAL:
            raise
        _change_root(path)
        return None
    os.chdir("/")
    return old


def _unmount(old_root: int) -> None:
    """Unmount the root directory that `_pivot_root` has returned."""
    os.fchdir(old_root)
    kernel.detach(".")
    os.close(old_root)
    os.chdir("/")


def _is_below_another() -> bool:
    """Return whether the root directory is mounted below another, into which `..` leads a process outside of it.

    It is where magicpak has been started by chroot(2) in a mount point: that mount has given way to ours, and what it
    is mounted on remains. /proc must be there, as a directory to change the root to and come back from.
    """
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    _change_root("/proc")
    os.fchdir(root)
    above = os.stat("..")
    is_below = not os.path.samestat(above, os.fstat(root))
    os.chroot(".")
    os.close(root)
    return is_below


def _change_root(path: str) -> None:
    try:
        os.chroot(path)
    except OSError as error:
        error.filename = f"chroot {path}"
        raise
    os.chdir("/")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
