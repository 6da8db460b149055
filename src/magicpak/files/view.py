"""What is seen of the files below one root: the host as it is, or a view with a root of its own.

`os.readlink` and `os.path.realpath` are called here and in `tracing/procfs` only.
"""

import errno
import os
from typing import Protocol

OPEN_TO_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

KERNEL_FILE_SYSTEMS = ("/proc", "/sys")
KERNEL_DIRECTORIES = (*KERNEL_FILE_SYSTEMS, "/dev")
"""What a container finds there is the kernel's, whatever its image has."""
RUNTIME_DIRECTORIES = (*KERNEL_DIRECTORIES, "/run")
"""What is filled when a system runs."""


class FileView(Protocol):
    """All that a loader looks at goes through this; paths are absolute, and links are followed."""

    def open(self, path: str) -> int:
        """Return a descriptor for reading what `path` leads to; nothing blocks. Raises OSError."""

    def is_directory(self, path: str) -> bool:
        """Return whether `path` leads to a directory."""

    def has_capabilities(self, path: str) -> bool:
        """Return whether `path` leads to a file with capabilities(7) of its own."""

    def current_directory(self) -> str:
        """Return what a relative path begins at. Raises OSError."""


class HostView:
    """The files of the host, as this process sees them."""

    def open(self, path: str) -> int:
        """Return a descriptor for reading what `path` leads to. Raises OSError."""
        return os.open(path, OPEN_TO_READ)

    def is_directory(self, path: str) -> bool:
        """Return whether `path` leads to a directory."""
        return os.path.isdir(path)

    def has_capabilities(self, path: str) -> bool:
        """Return whether `path` leads to a file with capabilities of its own."""
        return has_capabilities(path)

    def current_directory(self) -> str:
        """Return that of this process. Raises OSError."""
        return os.getcwd()


def read_file(view: FileView, path: str, most: int = -1) -> bytes:
    """Return the first `most` bytes of what `path` leads to, or all of it. Raises OSError."""
    descriptor = view.open(path)
    try:
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            return file.read(most) or b""
    finally:
        os.close(descriptor)


def has_capabilities(path: str) -> bool:
    """Return whether the file at `path` of the host has capabilities."""
    try:
        return bool(os.getxattr(path, "security.capability"))
    except OSError:
        return False


def real_path(path: str) -> str:
    """Return the absolute path of the host that `path` leads to, as far as it leads anywhere."""
    return os.path.realpath(path)


def link_text(path: str) -> str:
    """Return the text of the link at `path` of the host. Raises OSError."""
    return os.readlink(path)


def link_target(path: str) -> str | None:
    """Return the text of the link at `path` of the host, None for what is not a link. Raises OSError for nothing."""
    try:
        return os.readlink(path)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise


def is_below(path: str, directories: tuple[str, ...]) -> bool:
    """Return whether `path`, which is normalised, is one of `directories` or below one."""
    return path.startswith(directories) and any(path == each or path.startswith(f"{each}/") for each in directories)
