"""The files that stand beside magicpak's modules come along, in whichever form it is installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

from magicpak import resources
from standalone import building

ROOT = Path(__file__).parent.parent.parent
FILES = {
    path
    for path in building.APPLICATION.rglob("*")
    if path.is_file() and path.suffix not in {".py", ".pyc"} and path.name != "py.typed"
}


def test_they_can_be_read() -> None:
    assert FILES
    for path in FILES:
        assert resources.read(str(path.relative_to(building.APPLICATION))) == path.read_bytes()


def test_the_standalone_executable_has_them() -> None:
    assert set(building.SHIPPED) == FILES


def test_the_wheel_has_them(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {str(path.relative_to(building.SOURCE)) for path in FILES} - names == set()
