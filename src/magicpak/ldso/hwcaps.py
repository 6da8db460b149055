"""Variants of a library for certain processors, in subdirectories of where it is found (see hwcaps in ld.so(8))."""

import itertools

from magicpak.files.view import FileView
from magicpak.ldso.machines import Machine

_HWCAPS = "glibc-hwcaps"


class HwcapsDirectories:
    """Knows the subdirectories of each search directory that the loader looks into on some processor."""

    def __init__(self, machine: Machine, files: FileView, *, legacy: bool) -> None:
        """Take the architecture, where directories are, and whether the loader still looks into tls/ and the like."""
        self._machine = machine
        self._is_directory = files.is_directory
        self._legacy = ("tls", *machine.legacy_hwcaps) if legacy else ()
        self._subdirectories: dict[str, list[str]] = {}

    def baseline_first(self, directory: str, name: str) -> list[str]:
        """Return the paths where `name` can be in `directory`: for any processor first, then the least demanding."""
        known = self._subdirectories.get(directory)
        if known is None:
            known = self._subdirectories[directory] = self._existing(directory)
        base = directory if directory != "/" else ""
        return [f"{base}/{name}", *(f"{subdirectory}/{name}" for subdirectory in known)]

    def _existing(self, directory: str) -> list[str]:
        found = []
        if self._machine.hwcaps and self._is_directory(f"{directory}/{_HWCAPS}"):
            found = [f"{directory}/{_HWCAPS}/{level}" for level in self._machine.hwcaps]
        present = [name for name in self._legacy if self._is_directory(f"{directory}/{name}")]
        nested = [
            "/".join((directory, *combination))
            for length in range(1, len(self._legacy) + 1 if present else 1)
            for combination in itertools.combinations(self._legacy, length)
            if combination[0] in present
        ]
        return [path for path in nested + found if self._is_directory(path)]
