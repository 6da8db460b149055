"""`--test` in a RUN step of a docker build, where a bare chroot is all that is allowed."""

import json
import os
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from support.run_magicpak import SECONDS, RunResult, command, environment, magicpak, program_included

pytestmark = pytest.mark.needs("docker", "busybox", "ptrace")

# What the build stage holds: busybox, and Python with what magicpak imports, which magicpak finds by watching it.
MAGICPAK = """
import difflib, importlib, json, pkgutil, sqlite3
import click, elftools.elf.elffile, structlog, wcmatch.fnmatch, wcmatch.glob
import magicpak
for module in pkgutil.walk_packages(magicpak.__path__, "magicpak."):
    importlib.import_module(module.name)
"""
IMPORTED_LATER = f"{sysconfig.get_path('stdlib')}/*.py"
BUSYBOX = "/bin/busybox"

DATE = "/usr/bin/date"
ZONE = "/usr/share/zoneinfo/Asia/Tokyo"
DATE_TRIED = [
    "--dynamic", "--dynamic-env=TZ=Asia/Tokyo", "--dynamic-arg=-d@0", "--dynamic-arg=+%H %Z", DATE,
    "--test", "--test-env=TZ=Asia/Tokyo", "--test-command=date -d @0 '+%H %Z' | cat", "--test-stdout=09 JST",
]  # fmt: skip
QUERY = "import json, sqlite3; print(json.dumps(sqlite3.connect(':memory:').execute('select 6 * 7').fetchall()))"
MODULE = os.path.join(sysconfig.get_path("stdlib"), "json/decoder.py")
PYTHON_TRIED = [
    "--dynamic", "--dynamic-arg=-c", f"--dynamic-arg={QUERY}", sys.executable,
    "--test", f"--test-command={shlex.join([sys.executable, '-c', QUERY])}", "--test-stdout=[[42]]",
]  # fmt: skip


def docker(*arguments: str) -> RunResult:
    ran = subprocess.run(["docker", *arguments], capture_output=True, timeout=SECONDS, check=False)
    return RunResult(ran.returncode, os.fsdecode(ran.stdout), os.fsdecode(ran.stderr))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of an image with magicpak, busybox and the programs to be tried."""
    path = tmp_path_factory.mktemp("stage")
    name = f"magicpak-test-{uuid4().hex}"
    words = f"{BUSYBOX} true && TZ=Asia/Tokyo {DATE} && {shlex.join([sys.executable, '-c', MAGICPAK])}"
    options = ["--dynamic-command", words, f"--include={IMPORTED_LATER}", *program_included(), "--mkdir=/tmp"]
    made = magicpak("--dynamic", *options, BUSYBOX, DATE, sys.executable, path / "root")
    assert made.code == 0, made.stderr
    subprocess.run(["tar", "--create", "--directory", path / "root", "--file", path / "tar", "."], check=True)
    imported = docker("import", str(path / "tar"), name)
    assert imported.code == 0, imported.stderr
    yield name
    docker("image", "prune", "--force", "--filter", f"label=stage={name}")
    docker("rmi", "--force", name)


def built(stage: str, path: Path, *steps: Sequence[str]) -> RunResult:
    """Build an image in which magicpak runs with the options of each of `steps`."""
    lines = [f"FROM {stage}", f"LABEL stage={stage}", f"ENV PYTHONPATH={environment()['PYTHONPATH']}"]
    for number, step in enumerate(steps):
        lines.append(f"RUN {json.dumps(command(*step, f'/bundle{number}'))}")
    (path / "Dockerfile").write_text("\n".join(lines))
    return docker("build", "--force-rm", "--no-cache", "--network=none", str(path))


def test_what_works_passes(stage: str, tmp_path: Path) -> None:
    result = built(stage, tmp_path, DATE_TRIED, PYTHON_TRIED)
    said = result.stdout + result.stderr
    assert result.code == 0, said
    assert said.count("testing the bundle in a bare chroot") == 2


@pytest.mark.parametrize(("tried", "gone"), [(DATE_TRIED, ZONE), (PYTHON_TRIED, MODULE)], ids=["date", "Python"])
def test_what_lacks_a_file_fails_the_build_and_names_it(
    tried: Sequence[str], gone: str, stage: str, tmp_path: Path
) -> None:
    gone = os.path.realpath(gone)
    result = built(stage, tmp_path, [*tried, "--exclude", gone])
    said = result.stdout + result.stderr
    assert result.code != 0, said
    hints = [line.partition("hint: ")[2] for line in said.splitlines() if "hint: " in line]
    assert hints[0].startswith(f"{gone} "), said
    assert hints[0].endswith(f"is excluded by --exclude {gone}")
    assert "code: 8" in said
