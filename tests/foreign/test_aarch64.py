"""The standalone executable for aarch64, in a Debian of that machine, by qemu-user: not part of the checks.

It takes five minutes at first: pytest tests/foreign
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from magicpak import __version__
from standalone import building
from standalone.__main__ import cache
from standalone.toolchain import MACHINES
from support.run_magicpak import RunResult, tree

pytestmark = pytest.mark.needs("arm64", "builder", "chroot", "debootstrap", "root")

QEMU, MAGICPAK, HELPER, LOADER = "/qemu", "/magicpak", "/helper", "/lib/ld-linux-aarch64.so.1"
LIBRARIES = ["libc.so.6", "libpcre2-8.so.0", "libselinux.so.1"]


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a Debian for arm64 of which nothing has been run, with qemu and magicpak in it."""
    root = tmp_path_factory.mktemp("debian") / "root"
    subprocess.run(["debootstrap", "--foreign", "--arch=arm64", "--variant=minbase", "trixie", root], check=True)
    shutil.copy(building.executable(MACHINES["aarch64"], cache()), f"{root}{MAGICPAK}")
    shutil.copy(str(shutil.which("qemu-aarch64-static")), f"{root}{QEMU}")
    return root


def run(root: Path, *words: str, stdin: bytes = b"") -> RunResult:
    def enter() -> None:
        os.chroot(root)
        os.chdir("/")

    ran = subprocess.run([QEMU, *words], input=stdin, capture_output=True, preexec_fn=enter, check=False, timeout=120)
    return RunResult(ran.returncode, os.fsdecode(ran.stdout), os.fsdecode(ran.stderr))


def test_it_starts(debian: Path) -> None:
    assert run(debian, MAGICPAK, "--version") == RunResult(0, f"magicpak {__version__}\n", "")


def test_a_bundle_that_it_makes_works_alone(debian: Path) -> None:
    assert run(debian, MAGICPAK, "/bin/ls", "/bundle") == RunResult(0, "", "")
    files = {Path(name).name for name in tree(debian / "bundle")}
    assert {"ls", *LIBRARIES} <= files
    shutil.copy(f"{debian}{QEMU}", f"{debian}/bundle{QEMU}")
    assert run(debian / "bundle", "/bin/ls", "/bin/ls") == RunResult(0, "/bin/ls\n", "")


def test_its_helper_asks_the_loader(debian: Path, tmp_path: Path) -> None:
    """By hand: qemu-user runs no other programs of its machine without the help of the kernel (binfmt_misc)."""
    parts = building.parts_of(MACHINES["aarch64"], cache())
    shutil.copy(building.build_helper(parts, tmp_path), f"{debian}{HELPER}")
    questions = "".join(f"D{name}\0" for name in [*LIBRARIES, "libno.so"]).encode()
    answers = run(debian, LOADER, HELPER, stdin=questions).stdout.split("\0")[2:-1]
    found = [f"=/lib/aarch64-linux-gnu/{name}" for name in LIBRARIES]
    assert answers == [*found, "!libno.so: cannot open shared object file: No such file or directory"]
