"""Archives and images of magicpak, given to docker: ADD against COPY, docker load, docker run."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from support.docker_images import docker, printed
from support.run_magicpak import command, done, environment

pytestmark = pytest.mark.needs("docker", "root")

BUSYBOX = "/bin/busybox"
EPOCH = {"SOURCE_DATE_EPOCH": "1600000000"}  # /tmp, which is above the data, is always changing
HIDDEN = " ".join(f"! -path '/{name}*'" for name in ("proc", "sys", "dev", "etc"))
LISTED = f"find / -xdev {HIDDEN} -exec stat -c '%n %f %u:%g %s %h %Y %N' {{}} +"


@pytest.fixture
def name() -> Iterator[str]:
    """A name for an image, which is removed at the end."""
    made = f"magicpak-test-{uuid4().hex}"
    yield made
    docker("rmi", "--force", made, f"{made}-stage")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory with what archives can lose."""
    top = tmp_path / "data"
    (top / ("long" * 60)).mkdir(parents=True)
    (top / ("long" * 60) / "file").write_bytes(b"x" * 1000)
    (top / os.fsdecode(b"bytes \xff")).write_bytes(b"y")
    (top / "first").write_bytes(b"z" * 100_000)
    (top / "second").hardlink_to(top / "first")
    (top / "link").symlink_to("first")
    os.mkfifo(top / "pipe", 0o620)
    os.chown(top / "first", 3_000_000, 12)
    os.setxattr(top / "first", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    (top / "first").chmod(0o751)
    os.utime(top / "first", (1, 1_500_000_000))
    (top / ("long" * 60)).chmod(0o2700)
    return top


def built(dockerfile: str, context: Path, name: str) -> None:
    """Build an image."""
    (context / "Dockerfile").write_text(dockerfile)
    result = docker("build", "--no-cache", "--quiet", "--tag", name, str(context))
    assert result.code == 0, result.stderr


def stage(bundle: Path, name: str) -> str:
    """Return the name of an image with `bundle` as its root; COPY would give what is in a context to root."""
    tar = ["tar", "--xattrs", "--xattrs-include=*", "--format=posix", "-C", str(bundle), "-c", "."]
    archive = subprocess.run(tar, capture_output=True, check=True).stdout
    assert docker("import", "-", f"{name}-stage", stdin=archive).code == 0
    return f"{name}-stage"


def listed(image: str) -> list[str]:
    """Return what an image has, a line for each path but those that Docker makes itself."""
    made_by_docker = ("/ ", "/.dockerenv ", "/proc ", "/sys ", "/dev ", "/etc ")
    lines = printed(image, BUSYBOX, "sh", "-c", LISTED, options=["--entrypoint="]).splitlines()
    return sorted(line for line in lines if not line.startswith(made_by_docker))


@pytest.mark.needs("busybox")
def test_add_of_an_archive_gives_what_copy_of_a_directory_gives(tmp_path: Path, data: Path, name: str) -> None:
    context = tmp_path / "context"
    context.mkdir()
    for output in ("bundle", "bundle.tar", "bundle.tar.gz"):
        done("--no-hints", BUSYBOX, "-i", data, output, cwd=context, env=EPOCH)
    found = []
    for line in (f"COPY --from={stage(context / 'bundle', name)} / /", "ADD bundle.tar /", "ADD bundle.tar.gz /"):
        built(f"FROM scratch\n{line}\n", context, name)
        found.append(listed(name))
    assert found[1] == found[0]
    assert found[2] == found[0]
    assert any(" 3000000:12 " in line for line in found[0])


@pytest.mark.needs("busybox")
def test_a_loaded_image_runs_as_its_config_says(tmp_path: Path, name: str) -> None:
    options = ["--cmd", "sh -c 'pwd; id -u; echo $A'", "--env", "A=b c", "--user", "1234", "--workdir", "/srv/x"]
    words = command(BUSYBOX, "--tag", name, *options, "--format", "docker", "-")
    ran = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, check=True)
    loaded = docker("load", stdin=ran.stdout)
    assert (loaded.code, loaded.stdout) == (0, f"Loaded image: {name}:latest\n")
    assert printed(name) == "/srv/x\n1234\nb c\n"


@pytest.mark.needs("busybox")
def test_a_loaded_image_has_what_a_built_one_has(tmp_path: Path, data: Path, name: str) -> None:
    done("--no-hints", BUSYBOX, "-i", data, "bundle", cwd=tmp_path, env=EPOCH)
    copied = f"COPY --from={stage(tmp_path / 'bundle', name)} / /"
    built(f'FROM scratch\n{copied}\nENTRYPOINT ["{BUSYBOX}"]\n', tmp_path, name)
    by_docker, config = listed(name), inspected(name)
    docker("rmi", "--force", name)
    done("--no-hints", BUSYBOX, "-i", data, "--tag", name, "b.docker.tar.gz", cwd=tmp_path, env=EPOCH)
    with (tmp_path / "b.docker.tar.gz").open("rb") as archive:
        assert docker("load", stdin=archive.read()).code == 0
    assert (listed(name), inspected(name)) == (by_docker, config)


def inspected(image: str) -> dict[str, object]:
    """Return the parts of an image's config that say how it is run."""
    (found,) = json.loads(docker("inspect", image).stdout)
    keys = ("Entrypoint", "Cmd", "Env", "User", "Labels", "ExposedPorts", "StopSignal", "Volumes")
    return {**{key: found["Config"].get(key) for key in keys}, "on": (found["Architecture"], found["Os"])}
