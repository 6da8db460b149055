"""The images that several tests start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.bake import Targets, project
from support.docker_images import Workshop, debian


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
def images(shop: Workshop, base: str, context: Path) -> Targets:
    """The images with magicpak, by target."""
    return Targets(shop, base, context)
