"""The packages of trees that tests make, by the paths of their roots."""

from collections.abc import Iterable, Sequence

from magicpak.files.directory import DirectoryView
from magicpak.packages import contents
from magicpak.packages import owners as of_view
from magicpak.packages.contents import PackageContents
from magicpak.packages.owners import FileOwners


def owners(paths: Iterable[str], root: str) -> FileOwners:
    """Return the owners of `paths` below `root`."""
    return of_view.owners(paths, DirectoryView(root))


def package_contents(names: Sequence[str], root: str, *, dependencies: bool = False) -> PackageContents:
    """Return what the packages `names` below `root` consist of."""
    return contents.package_contents(names, DirectoryView(root), dependencies=dependencies)
