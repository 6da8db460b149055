"""What is seen of the files below one root: the host as it is, or a view with a root of its own.

`os.readlink` and `os.path.realpath` are called here and in `tracing/procfs` only.
"""

import errno
import os
import stat
from collections.abc import Iterator
from typing import Protocol

_OPEN_TO_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_READ_SIZE = 1 << 16  # bytes at a time: Python takes the memory before it knows how much there is

_NOT_REGULAR = "not a regular file"

KERNEL_FILE_SYSTEMS = ("/proc", "/sys")
KERNEL_DIRECTORIES = (*KERNEL_FILE_SYSTEMS, "/dev")
"""What a container finds there is the kernel's, whatever its image has."""
STATE_DIRECTORIES = ("/run", "/var/run")
"""Where programs keep files while a system runs (FHS 3.0); a container finds there what its image has."""
RUNTIME_DIRECTORIES = (*KERNEL_DIRECTORIES, *STATE_DIRECTORIES)
"""What is filled when a system runs."""
SYSTEMD_MARKER = "/run/systemd/system"
"""The directory by which programs know that systemd runs the machine, sd_booted(3): it is false of a container."""


class FileView(Protocol):
    """All that a loader looks at goes through this; paths are absolute, and links are followed."""

    def open(self, path: str, /) -> int:
        """Return a descriptor of what `path` leads to, as `open_file` does. Raises OSError."""

    def is_directory(self, path: str, /) -> bool:
        """Return whether `path` leads to a directory."""

    def has_capabilities(self, path: str, /) -> bool:
        """Return whether `path` leads to a file with capabilities(7) of its own."""

    def current_directory(self) -> str:
        """Return what a relative path begins at. Raises OSError."""


def open_file(path: str, flags: int = 0) -> int:
    """Return a descriptor of the file at `path` of the host, opened with `flags` besides; nothing blocks.

    It can read a regular file or a directory. Of a named pipe or device it only shows what that is (O_PATH), since to
    open one would have side effects. Raises OSError.
    """
    mode = os.stat(path, follow_symlinks=not flags & os.O_NOFOLLOW).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return os.open(path, os.O_PATH | os.O_CLOEXEC | flags)
    return os.open(path, _OPEN_TO_READ | flags)


def open_regular(path: str) -> int:
    """Return a descriptor of what was a regular file at `path` of the host a moment ago. Raises OSError, for a link."""
    return os.open(path, _OPEN_TO_READ | os.O_NOFOLLOW)


def read_host_file(path: str, most: int) -> bytes:
    """Return the first `most` bytes of the regular file at `path` of the host. Raises OSError."""
    return read_file(HOST, path, most)


def read_file(view: FileView, path: str, most: int) -> bytes:
    """Return the first `most` bytes of the regular file that `path` leads to. Raises OSError.

    There is no reading without a limit: a file without an end, or of a hole only, would take all memory.
    """
    descriptor = view.open(path)
    try:
        status = os.fstat(descriptor)  # after: the path may have come to name another file
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):  # of a directory, the kernel says it
            raise OSError(_NOT_REGULAR)
        size = status.st_size
        parts = [os.read(descriptor, min(most, size + 1))]
        left = most - len(parts[0])
        while len(parts[0]) > size and left > 0 and (part := os.read(descriptor, min(left, _READ_SIZE))):
            parts.append(part)  # of what has no size, or grows
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def file_pieces(view: FileView, path: str, most: int) -> Iterator[bytes]:
    """Yield the first `most` bytes of the regular file that `path` leads to, piece by piece. Raises OSError."""
    descriptor = view.open(path)
    try:
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise OSError(_NOT_REGULAR)
        while most > 0 and (piece := os.read(descriptor, min(most, _READ_SIZE))):
            most -= len(piece)
            yield piece
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


class HostView:
    """The files of the host, as this process sees them: the `SourceView` in which each path is its own."""

    is_this_system = True
    own_program = "/proc/self/exe"
    open = staticmethod(open_file)
    real = staticmethod(real_path)
    status = staticmethod(os.stat)
    link_status = staticmethod(os.lstat)
    link_text = staticmethod(link_text)
    names = staticmethod(os.listdir)
    exists = staticmethod(os.path.exists)
    is_file = staticmethod(os.path.isfile)
    is_directory = staticmethod(os.path.isdir)
    has_capabilities = staticmethod(has_capabilities)
    current_directory = staticmethod(os.getcwd)

    def physical(self, place: str) -> str:
        """Return `place`."""
        return place

    def inside(self, path: str) -> str | None:
        """Return `path`."""
        return path

    def is_executable(self, path: str) -> bool:
        """Return whether `path` leads to a file that this process may execute."""
        return os.path.isfile(path) and os.access(path, os.X_OK)

    def program(self, path_or_name: str, search_path: str | None = None) -> str | None:
        """Return the path of a program as execvp(3) finds it, in `search_path` or else in PATH."""
        from magicpak.process.exec import find_program

        return find_program(path_or_name, search_path)

    def glob(self, pattern: str, directory: str) -> Iterator[str]:
        """Yield what `pattern` of `--include` matches below `directory`."""
        from magicpak.bundle.globs import glob_paths

        return glob_paths(pattern, directory)


HOST = HostView()
