"""The root directory of the program: the bundle below a layer that takes all changes, or a copy of it."""

import os
from typing import NamedTuple, Protocol

from magicpak.errors import OverlayUnavailable
from magicpak.sandbox.kernel import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, MS_REMOUNT, mount

_MODE = 0o755  # of the root directory, as in an image
_KEPT_FLAGS = MS_RDONLY | MS_NOSUID | MS_NOEXEC  # which a user namespace may not take away (mount_namespaces(7))


class RootFs(Protocol):
    """Makes a root directory that is a mount point, in a mount namespace of its own."""

    def hold(self) -> None:
        """Do what must be done before the namespace is made. Raises OSError."""
        ...

    def mount(self) -> str:
        """Mount it, and return its absolute path. Raises OSError, OverlayUnavailable."""
        ...


class Overlay(NamedTuple):
    """The directory with the descriptor `bundle` below an empty layer in memory; `base` is an empty directory.

    In a `user_namespace` the layer's own notes are attributes of users (overlayfs.rst, `userxattr`).
    """

    bundle: int
    base: str
    user_namespace: bool = False

    def hold(self) -> None:
        """Go into the bundle: the current directory is carried into a new mount namespace, a descriptor is not."""
        os.fchdir(self.bundle)

    def mount(self) -> str:
        """Mount the layers in `base`. Raises OverlayUnavailable where the kernel or the file system has no overlays."""
        mount("tmpfs", self.base, "tmpfs", MS_NODEV | MS_NOSUID, "mode=755")
        for name in ("bundle", "changes", "work", "root"):
            os.mkdir(os.path.join(self.base, name), _MODE)
        os.chmod(os.path.join(self.base, "changes"), _MODE)  # whatever the umask: it is the mode of the root
        mount(".", os.path.join(self.base, "bundle"), "", MS_BIND | MS_REC)
        os.chdir(self.base)  # names relative to it hold neither comma nor colon
        try:
            notes = ",userxattr" if self.user_namespace else ""
            mount("overlay", "root", "overlay", MS_NODEV, f"lowerdir=bundle,upperdir=changes,workdir=work{notes}")
        except OSError as error:
            raise OverlayUnavailable.by(error) from None
        return os.path.join(self.base, "root")


class CopiedRoot(NamedTuple):
    """A copy of the bundle at `path`, which exists for the program alone."""

    path: str

    def hold(self) -> None:
        """Do nothing."""

    def mount(self) -> str:
        """Make it a mount point without devices."""
        mount(self.path, self.path, "", MS_BIND | MS_REC)
        restricted = os.statvfs(self.path).f_flag & _KEPT_FLAGS
        mount(self.path, self.path, "", MS_BIND | MS_REMOUNT | MS_NODEV | restricted)
        return self.path
