"""Paths that a run has used with success, as a tree: what lies below one directory is found without the rest."""

from collections import defaultdict

from magicpak.bundle.path import ROOT, BundlePath


class UsedPaths:
    """The paths that were added and not yet taken, and the directories on the way to them."""

    def __init__(self) -> None:
        self._known = {ROOT}
        self._inside = defaultdict[BundlePath, list[BundlePath]](list)

    def add(self, path: str) -> None:
        """Add `path`, which is absolute; the name that was used may have `.`, `..` and empty components."""
        place = BundlePath(path)
        while place not in self._known:
            self._known.add(place)
            self._inside[place.parent].append(place)
            place = place.parent

    def take_below(self, directory: str) -> list[str]:
        """Remove what lies below `directory`, and return it, each directory before its contents."""
        places = self._inside.pop(BundlePath(directory), [])
        for place in places:
            places += self._inside.pop(place, ())
        self._known.difference_update(places)
        return [str(place) for place in places]
