"""`--dynamic` in a RUN step of a docker build, where ptrace(2) is allowed, but mounts and namespaces are not."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from support.run_magicpak import SECONDS, RunResult, command, environment, magicpak, program_included

pytestmark = pytest.mark.needs("docker")

# What the build stage holds: Python with what magicpak imports, which magicpak finds by watching it.
MAGICPAK = """
import importlib, json, pkgutil, sqlite3, ssl
import click, elftools.elf.elffile, structlog, wcmatch.fnmatch, wcmatch.glob
import magicpak
for module in pkgutil.walk_packages(magicpak.__path__, "magicpak."):
    importlib.import_module(module.name)
"""
IMPORTED_LATER = f"{sysconfig.get_path('stdlib')}/*.py"
PROGRAM = """
import json, sqlite3, ssl
print(json.dumps(sqlite3.connect(":memory:").execute("select 6 * 7").fetchall()), ssl.OPENSSL_VERSION)
"""
DOCKERFILE = """
FROM {image}-stage
LABEL image={image}
ENV PYTHONPATH={path}
RUN {magicpak}
FROM scratch
COPY --from=0 /bundle /.
CMD {program}
"""


def docker(*arguments: str) -> RunResult:
    ran = subprocess.run(["docker", *arguments], capture_output=True, timeout=SECONDS, check=False)
    return RunResult(ran.returncode, os.fsdecode(ran.stdout), os.fsdecode(ran.stderr))


@pytest.fixture
def image() -> Iterator[str]:
    """The name of an image to be made; `NAME-stage` is another one, on which it is built in steps labelled by NAME."""
    name = f"magicpak-test-{uuid4().hex}"
    yield name
    docker("rmi", "--force", name)
    docker("image", "prune", "--force", "--filter", f"label=image={name}")
    docker("rmi", "--force", f"{name}-stage")


def test_a_program_is_watched_in_a_run_step(image: str, tmp_path: Path) -> None:
    watched = [sys.executable, "--dynamic", "--dynamic-arg=-c"]
    stage, archive, build = tmp_path / "stage", tmp_path / "stage.tar", tmp_path / "build"
    made = magicpak(
        *watched, f"--dynamic-arg={MAGICPAK}", f"--include={IMPORTED_LATER}", *program_included(), "--mkdir=/tmp", stage
    )
    assert made.code == 0, made.stderr
    subprocess.run(["tar", "--create", "--directory", stage, "--file", archive, "."], check=True)
    imported = docker("import", str(archive), f"{image}-stage")
    assert imported.code == 0, imported.stderr
    program = [sys.executable, "-c", PROGRAM]
    run = command(*watched, f"--dynamic-arg={PROGRAM}", "/bundle")
    build.mkdir()
    words = {"magicpak": json.dumps(run), "program": json.dumps(program), "path": environment()["PYTHONPATH"]}
    (build / "Dockerfile").write_text(DOCKERFILE.format(image=image, **words))
    built = docker("build", "--force-rm", "--network=none", "--tag", image, str(build))
    assert built.code == 0, built.stdout + built.stderr
    on_the_host = subprocess.run(program, capture_output=True, check=True)
    assert docker("run", "--rm", "--network=none", image) == RunResult(0, os.fsdecode(on_the_host.stdout), "")
