"""A path inside the bundle, which cannot lead out of it, and the way along one with links."""

import posixpath
from typing import Self

MOST_LINKS = 40  # as many as the kernel follows on one way, path_resolution(7)


class BundlePath(str):
    """An absolute, normalised path with the bundle's root as `/`.

    Made from any text: a relative path stands below the root, and `..` stops at the root, as it does for the kernel
    (path_resolution(7)). A NUL byte is refused with ValueError.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Normalise `text`."""
        if "\0" in text:
            message = "a path cannot hold a NUL byte"
            raise ValueError(message)
        return super().__new__(cls, posixpath.normpath("/" + text.lstrip("/")))

    @property
    def parent(self) -> "BundlePath":
        """The directory that holds this path; the root's is the root."""
        return str.__new__(BundlePath, self.rpartition("/")[0] or "/")

    @property
    def name(self) -> str:
        """The last component; empty for the root."""
        return self.rpartition("/")[2]

    @property
    def parts(self) -> tuple[str, ...]:
        """The components from the root on; empty for the root. Sorting by them puts a directory before its contents."""
        return tuple(self[1:].split("/")) if len(self) > 1 else ()

    def joined(self, name: str) -> "BundlePath":
        """Return the path of `name`, one component that is neither `.` nor `..`, in this directory; not checked."""
        return str.__new__(BundlePath, f"/{name}" if len(self) == 1 else f"{self}/{name}")

    def is_under(self, directory: str) -> bool:
        """Tell whether this is `directory` or stands somewhere below it."""
        return directory in (self, "/") or self.startswith(directory + "/")


ROOT = BundlePath("/")


class PathWalk:
    """A path that is followed name by name, as the kernel follows it (path_resolution(7)).

    `at` is how far it has come, with the links on the way resolved. `real` is the same as seen from outside, for a
    start that stands elsewhere: with a `real` of `/srv`, the way to `x` ends at the `real` `/srv/x`.
    """

    __slots__ = ("_ahead", "_links", "_root", "at", "real")

    def __init__(self, path: str, at: BundlePath = ROOT, real: BundlePath = ROOT, root: BundlePath = ROOT) -> None:
        """Start for `path` at the directory `at`, which is really `real`; neither has a link on its way.

        `root` is what a process has for its root (chroot(2)): links to an absolute path begin there, `..` stops there.
        `path` still begins at `at`, so that it leads through `root` to what is below.
        """
        self.at = at
        self.real = real
        self._root = root
        self._ahead = _names(path)
        self._links = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing comes after `at`, not even a slash."""
        return not self._ahead

    @property
    def ahead(self) -> str:
        """What comes after `at`, links as they are."""
        return "/".join(reversed(self._ahead))

    def step(self) -> bool:
        """Go on to the next name; False at the end."""
        while self._ahead:
            name = self._ahead.pop()
            if name == "..":
                if self.real != self._root:
                    self.at, self.real = self.at.parent, self.real.parent
            elif name not in ("", "."):
                self.at, self.real = self.at.joined(name), self.real.joined(name)
                return True
        return False

    def follow(self, target: str) -> bool:
        """Go on through a link that stands at `at`; False where the kernel would give up, for a loop of links."""
        self._links += 1
        if target.startswith("/"):
            self.at = self.real = self._root
        else:
            self.at, self.real = self.at.parent, self.real.parent
        self._ahead += _names(target)
        return self._links <= MOST_LINKS


def _names(path: str) -> list[str]:
    return path.split("/")[::-1]
