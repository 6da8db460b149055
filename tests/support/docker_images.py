"""Builds images for tests, and removes them: no image is pulled, base images are made by debootstrap.

All that is made carries the label `magicpak-test`. What a killed run has left behind goes with
`docker image prune --all --force --filter label=magicpak-test`.
"""

import datetime as dt
import fcntl
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from support.run_magicpak import RunResult

ROOT = Path(__file__).parent.parent.parent
SECONDS = 600
LABEL = "magicpak-test"
SUITE = "bookworm"
# What an image of Debian lacks, too: debian:bookworm-slim is as large as what is left.
_NOT_IN_IMAGES = ("var/cache/apt/*", "var/lib/apt/lists/*", "var/log/*", "usr/share/man/*", "usr/share/locale/*")
# What it sets for apt and dpkg, too: small lists, and no waiting for the disk after each file.
_SETTINGS = {
    "etc/apt/apt.conf.d/docker": """Acquire::Languages "none";
Acquire::GzipIndexes "true";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
""",
    "etc/dpkg/dpkg.cfg.d/docker": "force-unsafe-io\n",
}
_OF_DOC = ("-path", "usr/share/doc/*", "-not", "-name", "copyright", "-type", "f", "-delete")


def docker(*arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> RunResult:
    ran = subprocess.run(
        ["docker", *arguments],
        input=stdin,
        capture_output=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, "DOCKER_BUILDKIT": "0", **(env or {})},
    )
    return RunResult(ran.returncode, os.fsdecode(ran.stdout), os.fsdecode(ran.stderr))


class Workshop:
    """Makes images and containers, which are gone after `clear`."""

    def __init__(self) -> None:
        self._own = f"{LABEL}={uuid4().hex}"
        self._images: list[str] = []
        self._containers: list[str] = []

    def imported(self, archive: Path) -> str:
        """Return the name of an image with the files of a tar archive."""
        name = self._name()
        done = docker("import", "--change", f"LABEL {self._own}", str(archive), name)
        assert done.code == 0, done.stderr
        return name

    def built(self, context: Path, *options: str, **arguments: str) -> str:
        """Return the name of the image that is built in `context`; the arguments are those of the Dockerfile."""
        name = self._name()
        result = self.building(context, "--tag", name, *options, **arguments)
        assert result.code == 0, result.stdout + result.stderr
        return name

    def building(self, context: Path, *options: str, **arguments: str) -> RunResult:
        """Build an image, and return how that ended and what was said."""
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        return docker("build", "--force-rm", "--label", self._own, *given, *options, str(context))

    def started(self, image: str, *command: str, options: Sequence[str] = ()) -> str:
        """Return the name of a container that goes on running, and is ended by `clear`."""
        name = f"{LABEL}-{uuid4().hex}"
        self._containers.append(name)
        done = docker("run", "--detach", "--label", self._own, "--name", name, *options, image, *command)
        assert done.code == 0, done.stderr
        return name

    def clear(self) -> None:
        """Remove all of it, and what the builder has left of the stages before."""
        if self._containers:
            docker("rm", "--force", "--volumes", *self._containers)
        if self._images:
            docker("rmi", "--force", *reversed(self._images))
        docker("image", "prune", "--force", "--filter", f"label={self._own}")

    def _name(self) -> str:
        self._images.append(f"{LABEL}-{uuid4().hex}")
        return self._images[-1]


def ran(image: str, *command: str, options: Sequence[str] = (), stdin: bytes = b"") -> RunResult:
    """Run a container of `image` without a network, unless the options say otherwise, and return how it ended."""
    network = () if any(option.startswith("--network") for option in options) else ("--network=none",)
    return docker("run", "--rm", "--interactive", *network, *options, image, *command, stdin=stdin)


def printed(image: str, *command: str, options: Sequence[str] = (), stdin: bytes = b"") -> str:
    """Return what a container prints, which must end well."""
    result = ran(image, *command, options=options, stdin=stdin)
    assert result.code == 0, result
    return result.stdout


def size(image: str, without: str | None = None) -> float:
    """Return the size of an image in megabytes, without the layers in whose command `without` occurs."""
    shown = docker("history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", image)
    assert shown.code == 0, shown.stderr
    layers = [line.split(" ", 1) for line in shown.stdout.splitlines() if line[:1].isdigit()]
    return sum(int(bytes_) for bytes_, command in layers if without is None or without not in command) / 1e6


def debian() -> Path:
    """Return a tar archive with a fresh Debian like that of Docker's image, made once a week."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(base, "magicpak-tests")
    cache.mkdir(parents=True, exist_ok=True)
    year, week, _ = dt.datetime.now(tz=dt.UTC).isocalendar()
    archive = cache / f"{SUITE}-slim-{year}-W{week:02}.tar"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            for old in cache.glob(f"{SUITE}-*.tar"):
                old.unlink()
            with tempfile.TemporaryDirectory(dir=cache) as directory:
                _debootstrapped(Path(directory)).rename(archive)
    return archive


def _debootstrapped(directory: Path) -> Path:
    root, archive = directory / "root", directory / "tar"
    subprocess.run(["debootstrap", "--variant=minbase", SUITE, root], check=True, stdout=subprocess.DEVNULL)
    for pattern in _NOT_IN_IMAGES:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    subprocess.run(["find", "usr/share/doc", *_OF_DOC], cwd=root, check=True)
    for name, text in _SETTINGS.items():
        (root / name).write_text(text)
    subprocess.run(["tar", "--create", "--numeric-owner", "--directory", root, "--file", archive, "."], check=True)
    return archive


def archive_of(path: Path, files: Mapping[str, bytes] | None = None, links: Mapping[str, str] | None = None) -> Path:
    """Write a tar archive of executable files and links, with the directories above them; return `path`."""
    with tarfile.open(path, mode="w") as archive:
        paths = [*(files or {}), *(f"{end}/x" for end in (links or {}).values())]
        for directory in sorted({str(parent) for each in paths for parent in Path(each).parents} - {"."}):
            _add(archive, directory, tarfile.DIRTYPE)
        for name, target in (links or {}).items():
            _add(archive, name, tarfile.SYMTYPE, target=target)
        for name, data in (files or {}).items():
            _add(archive, name, tarfile.REGTYPE, data)
    return path


def _add(archive: tarfile.TarFile, name: str, kind: bytes, data: bytes = b"", target: str = "") -> None:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.size = kind, 0o755, target, len(data)
    archive.addfile(info, io.BytesIO(data))
