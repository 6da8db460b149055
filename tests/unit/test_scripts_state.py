"""Which directories that scripts name are included empty."""

from pathlib import Path

import pytest

from magicpak.scripts.sources import Sources
from magicpak.scripts.state import is_state


@pytest.mark.parametrize("path", ["/var/lib", "/var/log/", "/var/cache"])
def test_directories_of_state_are(path: str) -> None:
    assert Path(path).is_dir()
    assert is_state(path, Sources())


@pytest.mark.parametrize(
    "path", ["/var", "/var/lib/../log", "/var/lib/no-such-thing", "/usr/share", "/tmp", "/var/libs"]
)
def test_other_paths_are_not(path: str) -> None:
    assert not is_state(path, Sources())
