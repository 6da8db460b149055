"""What a loader sees of files: the host as it is, or another world that has a root of its own."""

import os
from typing import Protocol

OPEN_TO_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class FileView(Protocol):
    """All that a loader looks at goes through this; paths are absolute, links are followed."""

    def open(self, path: str) -> int:
        """Return a descriptor for reading what `path` leads to; nothing blocks. Raises OSError."""

    def is_directory(self, path: str) -> bool:
        """Tell whether `path` leads to a directory."""

    def has_capabilities(self, path: str) -> bool:
        """Tell whether `path` leads to a file with capabilities(7) of its own."""

    def current_directory(self) -> str:
        """Return what a relative path begins at. Raises OSError."""


class HostView:
    """The files of the host, as this process sees them."""

    def open(self, path: str) -> int:
        """Return a descriptor for reading what `path` leads to. Raises OSError."""
        return os.open(path, OPEN_TO_READ)

    def is_directory(self, path: str) -> bool:
        """Tell whether `path` leads to a directory."""
        return os.path.isdir(path)

    def has_capabilities(self, path: str) -> bool:
        """Tell whether `path` leads to a file with capabilities of its own."""
        return has_capabilities(path)

    def current_directory(self) -> str:
        """Return that of this process."""
        return os.getcwd()


def has_capabilities(path: str) -> bool:
    """Tell whether the file at `path` of the host has capabilities."""
    try:
        return bool(os.getxattr(path, "security.capability"))
    except OSError:
        return False


def content(disk: FileView, path: str, most: int = -1) -> bytes:
    """Return the first `most` bytes of what `path` leads to, or all of it. Raises OSError."""
    descriptor = disk.open(path)
    try:
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            return file.read(most) or b""
    finally:
        os.close(descriptor)
