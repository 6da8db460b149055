"""A path inside the bundle, which cannot lead out of it."""

import posixpath


class BundlePath(str):
    """An absolute, normalised path with the bundle's root as `/`.

    Made from any text: a relative path stands below the root, and `..` stops at the root, as it does for the kernel
    (path_resolution(7)). A NUL byte is refused with ValueError.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> "BundlePath":
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
        return self == directory or directory == "/" or self.startswith(directory + "/")


ROOT = BundlePath("/")
