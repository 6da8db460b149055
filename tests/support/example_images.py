"""Builds the images of the examples for tests, in the background."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from support.bake import Targets
from support.docker_images import ROOT, Workshop, archive_of

EXAMPLE = ROOT / "example"


class Examples:
    """The images of the examples `names`: as many as there are processors are built at a time, the first ones first."""

    def __init__(self, names: Iterable[str], shop: Workshop, images: Targets, directory: Path) -> None:
        self._shop, self._images, self._directory = shop, images, directory
        self._pool = ThreadPoolExecutor(os.cpu_count())
        assert images["debian"]  # most wait for this one
        self._ordered: dict[str, Future[str]] = {name: self._pool.submit(self._build, name) for name in names}

    def __getitem__(self, name: str) -> str:
        """Return an image as soon as it is built."""
        return self._ordered[name].result()

    def directory(self, name: str) -> Path:
        """Return the directory that an image is built in."""
        return self._directory / name

    def close(self) -> None:
        """Wait for what is being built, and build no more."""
        self._pool.shutdown(cancel_futures=True)

    def _build(self, name: str) -> str:
        shutil.copytree(EXAMPLE / name, self.directory(name))
        return self._shop.built(self.directory(name), **{"MAGICPAK": self._images["debian"], **self._arguments(name)})

    def _arguments(self, name: str) -> Mapping[str, str]:
        """Return what an example is built with, beside the image of Debian."""
        match name:
            case "clang-format":  # on the image for C, which has its libraries already
                return {"MAGICPAK": self._images["cc"]}
            case "curl":
                make_authority(self.directory(name))
            case "several":
                return {"BASE": self._bare()}
            case "rust":
                return {"RUST": self._rust()}
        return {}

    def _bare(self) -> str:
        """Return an image that is what distroless is: links into /usr, a file, and no program."""
        links = {name: f"usr/{name}" for name in ("bin", "lib", "lib64")}
        return self._shop.imported(archive_of(self._directory / "bare", {"usr/lib/of-the-base": b'"kept"'}, links))

    def _rust(self) -> str:
        """Return Debian's Rust on the image for C, which has what it needs to link."""
        context = self._directory / "rust-of-debian"
        context.mkdir()
        installing = "apt-get update && apt-get install -y --no-install-recommends cargo"
        (context / "Dockerfile").write_text(f"FROM {self._images['cc']}\nRUN {installing}\n")
        return self._shop.built(context)


def make_authority(here: Path) -> None:
    """Write an authority for localhost, `authorities/own.crt`, and its `key`."""
    words = "req -x509 -newkey rsa:2048 -nodes -keyout key -out authorities/own.crt -subj /CN=localhost -days 2"
    command = ["openssl", *words.split(), "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, cwd=here, check=True, capture_output=True)
