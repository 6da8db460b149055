"""What can be at one path of the bundle, and how links to directories are treated."""

from enum import Enum
from typing import NamedTuple, TypeAlias

HostPath: TypeAlias = str
"""A path of the host, at which a file can be opened; with `--root`, it is not the path inside the tree."""


class Layout(Enum):
    """Whether links to directories are kept (`host`), or each path gets directories of its own (`directories`)."""

    HOST = "host"
    DIRECTORIES = "directories"


class Attributes(NamedTuple):
    """Permission bits (with set-user-ID, set-group-ID, sticky), owner, and time of change in ns since the epoch.

    `mtime_ns` is None where the host has no time to give: such a thing is as young as the youngest file of the plan.
    """

    mode: int
    uid: int = 0
    gid: int = 0
    mtime_ns: int | None = None


class Directory(NamedTuple):
    """A directory; `source` is the directory of the host whose extended attributes it takes, if any.

    One that is `implied` only holds something else: any other directory for the same path takes its place.
    """

    attributes: Attributes
    source: HostPath | None = None
    implied: bool = False


class Copy(NamedTuple):
    """A regular file with the bytes of `source`, a path on the host that is not a symbolic link.

    `size` in bytes and `inode` (device, inode number) are what the file was when the plan was made. Two copies of one
    inode become hard links of each other. `extended` is the path of the host whose extended attributes it takes; None
    for `source`. `stripped` and `compressed` are the bytes that `--strip` and `--compress` have removed.
    """

    source: HostPath
    size: int
    inode: tuple[int, int]
    attributes: Attributes
    extended: HostPath | None = None
    stripped: int = 0
    compressed: int = 0


class Link(NamedTuple):
    """A symbolic link with `target` as its text.

    `source` is its path on the host; None where its end on the host says nothing about the bundle: a link that is
    followed in another root directory, and one that led to nothing before a program was run.
    """

    target: str
    attributes: Attributes
    source: HostPath | None = None


class Fifo(NamedTuple):
    """A named pipe."""

    attributes: Attributes


class Content(NamedTuple):
    """A regular file that magicpak makes itself."""

    data: bytes
    attributes: Attributes


Entry: TypeAlias = Directory | Copy | Link | Fifo | Content
