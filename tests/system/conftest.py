"""The images that several tests start from."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dockerfiles import Workshop, debian, project

TARGETS = ("debian", "cc", "rust", "haskell")


@pytest.fixture(scope="session")
def shop() -> Iterator[Workshop]:
    """Makes images that live as long as the tests."""
    shop = Workshop()
    yield shop
    shop.clear()


@pytest.fixture(scope="session")
def base(shop: Workshop) -> str:
    """An image of Debian."""
    return shop.imported(debian())


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that images with magicpak are built in."""
    return project(tmp_path_factory.mktemp("project") / "here")


@pytest.fixture(scope="session")
def images(shop: Workshop, base: str, context: Path) -> Mapping[str, str]:
    """The images with magicpak, by target: the same Debian stands for each base image, which only differ by that."""
    bases = {"DEBIAN": base, "RUST": base, "HASKELL": base}
    return {target: shop.built(context, "--target", target, VERSION="1.2.3", **bases) for target in TARGETS}
