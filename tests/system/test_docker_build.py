"""Bundles in images: COPY onto nothing, onto a merged /usr, and onto real directories, as Dockerfiles do it."""

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from support.run_magicpak import quickly

pytestmark = pytest.mark.needs("docker")

Build = Callable[..., str]
MERGED = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64"}
BASE_FILE = "usr/lib/of-the-base"


def docker(*arguments: str, stdin: bytes = b"") -> str:
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


def base_of(links: dict[str, str], *files: str) -> bytes:
    """Return a tar archive with links to directories and files, a base image without any program."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        directories = {parent for path in (*files, *(f"{end}/x" for end in links.values())) for parent in above(path)}
        for directory in sorted(directories):
            info = tarfile.TarInfo(directory)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info)
        for name, target in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
        for file in files:
            archive.addfile(tarfile.TarInfo(file))
    return data.getvalue()


def above(path: str) -> list[str]:
    return [str(parent) for parent in Path(path).parents if str(parent) != "."]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Builds an image that holds a bundle of /bin/ls; what it makes is gone after the test.

    Takes the line with COPY, the base image as a tar archive (None: scratch) and options of magicpak.
    """
    made: list[str] = []

    def name() -> str:
        made.append(f"magicpak-test-{uuid4().hex}")
        return made[-1]

    def building(copy: str, base: bytes | None, *options: str) -> str:
        assert quickly(*options, "/bin/ls", tmp_path / "bundle") == 0
        base_name = "scratch"
        if base is not None:
            base_name = name()
            docker("import", "-", base_name, stdin=base)
        (tmp_path / "Dockerfile").write_text(f'FROM {base_name}\n{copy}\nCMD ["/bin/ls", "/bin/ls"]\n')
        image = name()
        docker("build", "--quiet", "--tag", image, str(tmp_path))
        return image

    yield building
    for image in reversed(made):
        subprocess.run(["docker", "rmi", "--force", image], capture_output=True, timeout=120, check=False)


def ran(image: str, *command: str) -> str:
    return docker("run", "--rm", "--network", "none", image, *command)


def test_a_bundle_alone_is_an_image_that_runs(build: Build) -> None:
    image = build("COPY bundle /.", None)
    assert ran(image) == "/bin/ls\n"


@pytest.mark.skipif(not os.path.islink("/lib"), reason="needs a host with a merged /usr")
def test_a_bundle_copied_onto_a_merged_usr_leaves_its_links_and_files(build: Build) -> None:
    image = build("COPY bundle /.", base_of(MERGED, BASE_FILE))
    assert ran(image) == "/bin/ls\n"
    links = ran(image, "/bin/ls", "-l", *(f"/{name}" for name in MERGED)).splitlines()
    assert [line.partition(" /")[2] for line in links] == [f"{name} -> {end}" for name, end in MERGED.items()]
    assert ran(image, "/bin/ls", "/lib/of-the-base", f"/{BASE_FILE}") == f"/lib/of-the-base\n/{BASE_FILE}\n"


def test_a_bundle_of_directories_copied_onto_directories_leaves_their_files(build: Build) -> None:
    image = build("COPY bundle /.", base_of({}, "lib/of-the-base", "bin/of-the-base"), "--layout", "directories")
    assert ran(image) == "/bin/ls\n"
    files = ["/bin/of-the-base", "/lib/of-the-base"]
    assert ran(image, "/bin/ls", *files).split() == files


def test_a_bundle_of_directories_copied_into_a_merged_usr_leaves_its_files(build: Build) -> None:
    image = build("COPY bundle /usr", base_of(MERGED, BASE_FILE), "--layout", "directories")
    assert ran(image) == "/bin/ls\n"
    assert ran(image, "/bin/ls", f"/{BASE_FILE}", "/usr/bin/ls").split() == ["/usr/bin/ls", f"/{BASE_FILE}"]
