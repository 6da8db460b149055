"""The paths that a run has used with success, as a tree: what lies below one directory is found without the rest."""

from collections import defaultdict

from magicpak.bundle.path import ROOT, BundlePath


class UsedPaths:
    """The paths that were added, and the directories on the way to them."""

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

    def below(self, directory: str) -> list[str]:
        """Return what lies below `directory`, each directory before its contents."""
        places = list(self._inside.get(BundlePath(directory), ()))
        for place in places:
            places += self._inside.get(place, ())
        return [str(place) for place in places]
