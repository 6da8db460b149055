"""Which links to directories stay links in the layout of real directories: those within what is included whole.

As a real directory, a link within a tree is one more copy of what the tree has already, with further links in it:
where directories link to each other, as packages in node_modules do, that would have no end in practice.
"""

import stat

from magicpak.bundle.path import ROOT, BundlePath, PathWalk
from magicpak.files.cli_path import Location
from magicpak.files.host import Host


class TreeLinks:
    """Knows the trees that are included whole, by their roots; `host` has their links."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._places: dict[BundlePath, set[BundlePath]] = {}
        self._above: set[BundlePath] = set()

    def add_root(self, root: Location) -> None:
        """Record that everything in the directory `root` is included."""
        self._places.setdefault(root.host, set()).add(root.bundle)
        path = root.bundle
        while path not in self._above:
            self._above.add(path)
            path = path.parent

    def stays(self, link: Location) -> bool:
        """Return whether `link`, in a tree, leads to the same directory in the bundle as on the host.

        Then each component on its way is in a tree, or a directory above one, and the directory is in a tree. Raises
        CannotRead.
        """
        walk = PathWalk(link.host.name, link.bundle.parent, link.host.parent)
        while walk.step():
            status = self._host.status(walk.real)
            if status is None or self._host.is_off_limits(walk.real):
                return False
            is_link = stat.S_ISLNK(status.st_mode)
            if not self._is_within(walk) and (is_link or walk.at not in self._above):
                return False
            if is_link and not walk.follow(self._host.target(walk.real)):
                return False
        end = self._host.status(walk.real)
        return end is not None and stat.S_ISDIR(end.st_mode) and self._is_within(walk)

    def _is_within(self, walk: PathWalk) -> bool:
        """Return whether a tree has what is at `walk.real` of the host at `walk.at`."""
        root, below = walk.real, ""
        while True:
            if walk.at.endswith(below) and BundlePath(walk.at.removesuffix(below)) in self._places.get(root, ()):
                return True
            if root == ROOT:
                return False
            below = f"/{root.name}{below}"
            root = root.parent
