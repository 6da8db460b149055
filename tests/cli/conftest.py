"""Small programs and trees for the tests of the command line."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.elf_files import X86_64_EXIT_0, make_elf
from support.run_magicpak import executable


@pytest.fixture(scope="session")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static program that does nothing, with success."""
    return executable(tmp_path_factory.mktemp("static") / "static", make_elf(type=2, dynamic=False, code=X86_64_EXIT_0))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """An empty directory, by its real path, for the run's current directory."""
    here = Path(os.path.realpath(tmp_path)) / "here"
    here.mkdir()
    return here


@pytest.fixture
def prog(here: Path, static: Path) -> Path:
    """That program, as `prog` in the current directory."""
    return executable(here / "prog", static.read_bytes())


@pytest.fixture
def public() -> Iterator[Path]:
    """An empty directory that an ordinary user may enter and write to."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o777)
        yield Path(os.path.realpath(path))
