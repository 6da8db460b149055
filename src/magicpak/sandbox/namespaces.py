"""The sandboxes in which a bundle can be tested: namespaces, as `docker run` makes them, and a bare chroot."""

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
        """Move there, and mount and write what a container has beside its image."""
        capabilities = user.capabilities_to_drop()
        devices = container_fs.opened_devices()
        tool = _opened(self._tool)
        _change_root(self._at)
        container_fs.mount_proc()
        container_fs.mount_sys()
        container_fs.mount_dev(devices)
        container_fs.close(list(devices.values()))
        container_fs.write_files(self._files)
        if self._tool and self._tool.at:
            container_fs.put_file(self._tool.at, tool)
        user.drop_privileges(self._run_as, capabilities)
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
        user.drop_privileges(self._run_as, capabilities)
        return _first(self._tool, tool, executable)


def _opened(tool: LentTool | None) -> int:
    """Return a descriptor of the lent tool, while the host's files are in sight; -1 where there is none."""
    return os.open(tool.source, os.O_PATH | os.O_CLOEXEC) if tool else -1


def _first(tool: LentTool | None, descriptor: int, executable: str) -> str | int:
    """Return what is executed first: the lent tool, by its `descriptor`, or else `executable`."""
    return descriptor if tool and tool.is_first else executable


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
