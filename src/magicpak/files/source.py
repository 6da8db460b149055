"""Where everything is looked up of which a bundle is made: the host, or the tree of `--root`."""

import os
from collections.abc import Iterator
from typing import Protocol

from magicpak.bundle.entry import HostPath
from magicpak.files.view import FileView


class SourceView(FileView, Protocol):
    """The files of which a bundle is made: those of the host, or of the tree that `--root` takes for its root.

    All paths are those inside, as a process with that root directory sees them (chroot(2)); links lead nowhere else.
    Paths of the host are only what `physical` returns, and what `inside` takes.
    """

    is_this_system: bool
    """Whether the programs and the package manager of this system are those here."""

    own_program: str
    """The path of a program for this root's own machine."""

    def physical(self, place: str, /) -> HostPath:
        """Return the path of the host of what is at `place`, on the way to which there is no link."""

    def inside(self, path: HostPath, /) -> str | None:
        """Return the path inside of what is at `path` of the host, which has no links; None where it is outside."""

    def real(self, path: str, /) -> str:
        """Return the absolute path that `path` leads to, as far as it leads anywhere."""

    def status(self, path: str, /) -> os.stat_result:
        """Return the status of what `path` leads to. Raises OSError."""

    def link_status(self, path: str, /) -> os.stat_result:
        """Return the status of what is at `path`, not following a link. Raises OSError."""

    def link_text(self, path: str, /) -> str:
        """Return the text of the link at `path`. Raises OSError."""

    def names(self, path: str, /) -> list[str]:
        """Return the names in the directory that `path` leads to. Raises OSError."""

    def exists(self, path: str, /) -> bool:
        """Return whether `path` leads to anything."""

    def is_file(self, path: str, /) -> bool:
        """Return whether `path` leads to a regular file."""

    def is_executable(self, path: str, /) -> bool:
        """Return whether `path` leads to a file that can be executed."""

    def program(self, path_or_name: str, search_path: str | None = None, /) -> str | None:
        """Return the path of a program as execvp(3) finds it, in `search_path` or else in PATH."""

    def glob(self, pattern: str, directory: str, /) -> Iterator[str]:
        """Yield what `pattern` of `--include` matches below `directory`, as `glob_paths` does."""
