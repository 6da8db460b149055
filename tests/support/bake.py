"""Builds the images with magicpak for tests."""

import os
import shutil
from pathlib import Path
from threading import Lock

from standalone import building
from standalone.__main__ import cache
from standalone.toolchain import MACHINES
from support.docker_images import ROOT, Workshop


class Targets:
    """The images with magicpak, by target, each built when it is first asked for, by whichever thread.

    The same Debian stands for each base image, which only differ by that. Never are two built at once: the classic
    builder builds those that stand before, too, or finds them built.
    """

    def __init__(self, shop: Workshop, base: str, context: Path) -> None:
        self._shop, self._base, self._context = shop, base, context
        self._built: dict[str, str] = {}
        self._building = Lock()

    def __getitem__(self, target: str) -> str:
        if target not in self._built:
            with self._building:
                if target not in self._built:
                    self._built[target] = self.build(target)
        return self._built[target]

    def build(self, target: str, **bases: str) -> str:
        """Return the name of a new image; `bases` are images that stand for others than the same Debian does."""
        bases = {"DEBIAN": self._base, "RUST": self._base, "HASKELL": self._base, **bases}
        return self._shop.built(self._context, "--target", target, VERSION="1.2.3", **bases)


def project(target: Path) -> Path:
    """Return `target`, filled with the files that the images are built from, the executable among them."""
    machine = MACHINES[os.uname().machine]
    (target / "dist").mkdir(parents=True)
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(ROOT / name, target)
    shutil.copytree(ROOT / "images", target / "images")
    shutil.copy(building.executable(machine, cache()), target / "dist" / building.name_of(machine))
    return target
