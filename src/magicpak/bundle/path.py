"""A path inside the bundle, which cannot lead out of it, and how paths with links are followed."""

import errno
import posixpath
from collections.abc import Callable
from typing import NamedTuple, Self

MAX_LINKS = 40  # as many as the kernel follows in one path, path_resolution(7)


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
        """Return the path of `name`, one component that is neither `.` nor `..`, in this directory; unchecked."""
        return str.__new__(BundlePath, f"/{name}" if len(self) == 1 else f"{self}/{name}")

    def is_under(self, directory: str) -> bool:
        """Return whether this is `directory` or something below it."""
        return directory in (self, "/") or self.startswith(directory + "/")


ROOT = BundlePath("/")


class PathWalk:
    """A path that is followed component by component, as the kernel does it (path_resolution(7)).

    `at` is how far the walk has come, with the links on the way resolved. `real` is the same as seen from outside, for
    a start that is elsewhere: with a `real` of `/srv`, a walk along `x` ends at the `real` `/srv/x`. Neither start has
    a link on its way. `root` is the root directory of a process (chroot(2)): links to an absolute path begin there, and
    `..` stops there. The path itself still begins at `at`, so that it leads through `root` to what is below.
    """

    __slots__ = ("_ahead", "_links", "_root", "at", "real")

    def __init__(self, path: str, at: BundlePath = ROOT, real: BundlePath = ROOT, root: BundlePath = ROOT) -> None:
        self.at = at
        self.real = real
        self._root = root
        self._ahead = _reversed_names(path)
        self._links = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing comes after `at`, not even a slash."""
        return not self._ahead

    @property
    def ahead(self) -> str:
        """What comes after `at`, links unresolved."""
        return "/".join(reversed(self._ahead))

    def step(self) -> bool:
        """Go to the next component; return False at the end."""
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
        """Follow the link at `at`, whose text is `target`; return False for a loop, where the kernel gives up."""
        self._links += 1
        if target.startswith("/"):
            self.at = self.real = self._root
        else:
            self.at, self.real = self.at.parent, self.real.parent
        self._ahead += _reversed_names(target)
        return self._links <= MAX_LINKS


LinkTarget = Callable[[BundlePath], str | None]
"""Returns the text of the link at a path without links on its way, None for what is not a link. May raise OSError."""


class Resolution(NamedTuple):
    """Where a path leads.

    `place` is its end with all links resolved, or where the walk stopped: at the link that closes a loop (`error` is
    ELOOP), or where `target` raised `error`, ENOENT for instance; `ahead` is what would come after it. `passed` are all
    places on the way, `links` those of them that are links.
    """

    place: BundlePath
    passed: list[BundlePath]
    links: list[BundlePath]
    error: int = 0
    ahead: str = ""

    @property
    def missing(self) -> BundlePath:
        """The place where the walk stopped, with what would come after it."""
        return BundlePath(f"{self.place}/{self.ahead}")


def resolve(path: str, target: LinkTarget, start: BundlePath = ROOT, root: BundlePath = ROOT) -> Resolution:
    """Return where `path`, taken from the directory `start`, leads for a process with the root directory `root`."""
    walk = PathWalk(path, start, start, root)
    passed: list[BundlePath] = []
    links: list[BundlePath] = []
    while walk.step():
        place = walk.at
        passed.append(place)
        try:
            text = target(place)
        except OSError as error:
            return Resolution(place, passed, links, error.errno or errno.EIO, walk.ahead)
        if text is not None:
            links.append(place)
            ahead = walk.ahead
            if not walk.follow(text):
                return Resolution(place, passed, links, errno.ELOOP, ahead)
    return Resolution(walk.at, passed, links)


def _reversed_names(path: str) -> list[str]:
    return path.split("/")[::-1]
