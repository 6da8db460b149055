"""Paths of the command line: where they lead on the host, or in the tree of `--root`, and their place in the bundle."""

import os
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.path import ROOT, BundlePath
from magicpak.errors import reason
from magicpak.files.view import HOST

if TYPE_CHECKING:
    from magicpak.files.source import SourceView


class Location(NamedTuple):
    """A real path of the host, or inside the tree of `--root`, and the place in the bundle that it has.

    What opens files of such a tree needs their paths on the host, which only `SourceView.physical` knows.
    """

    host: BundlePath
    bundle: BundlePath

    def joined(self, name: str) -> "Location":
        """Return the location of `name`, one component that is not a link, in this directory."""
        host = self.host.joined(name)
        return Location(host, host if self.bundle == self.host else self.bundle.joined(name))


HOST_ROOT = Location(ROOT, ROOT)


class CliPath(NamedTuple):
    """A path of the command line, relative to `start`: the host's root, or the current directory."""

    start: Location
    path: str

    @property
    def on_host(self) -> str:
        """Its absolute path on the host, or inside the tree of `--root`, links unresolved."""
        return f"{self.start.host.rstrip('/')}/{self.path.lstrip('/')}".rstrip("/") or "/"

    @property
    def in_bundle(self) -> BundlePath:
        """Its path in the bundle, links unresolved."""
        return BundlePath(self.path)

    def joined(self, name: str) -> "CliPath":
        """Return the path of `name`, which may have several components, in this directory."""
        return CliPath(self.start, f"{self.path.rstrip('/')}/{name}") if name else self


def parse_cli_path(text: str, files: "SourceView" = HOST) -> CliPath:
    """Return what `text` means in `files`.

    A relative path has the same path below the bundle's root, an absolute one and one that climbs out of the current
    directory its absolute path. What comes before `..` is resolved as the kernel does it. Raises FileNotFoundError,
    with `text` as its name, for a relative path in a current directory that was removed.
    """
    try:
        path = _absolute(text, files)
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, reason(error), text) from None
    normal = os.path.normpath(text)
    if text.startswith("/") or normal == ".." or normal.startswith("../"):
        return CliPath(HOST_ROOT, path)
    here = BundlePath(files.current_directory())
    if here == ROOT or not path.is_under(here):
        return CliPath(HOST_ROOT, path)
    return CliPath(Location(here, ROOT), path[len(here) :] or "/")


def _absolute(text: str, files: "SourceView") -> BundlePath:
    path = text if text.startswith("/") else os.path.join(files.current_directory(), text)
    if ".." in path.split("/"):
        path = os.path.join(files.real(os.path.dirname(path)), os.path.basename(path))
    return BundlePath(path)
