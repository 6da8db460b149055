"""Download the pinned files once: sources from Debian's archive with apt, wheels with pip."""

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from standalone.commands import output_of, run
from standalone.pins import DEBIAN, Source


class WrongContentError(Exception):
    """A download is not the pinned file."""


def source(pinned: Source, cache: Path) -> Path:
    """Return the path of the file of `pinned` in `cache`, downloaded if it is not there.

    Raises WrongContentError, and CommandFailedError if apt fails.
    """
    kept = cache / pinned.file
    if not kept.exists():
        with tempfile.TemporaryDirectory() as directory:
            _download(pinned.package, Path(directory))
            found = Path(directory, pinned.file)
            if not found.exists():
                message = f"{pinned.file} is not available: the archive has a different version of {pinned.package}"
                raise WrongContentError(message)
            _check(found, pinned.sha256)
            cache.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, part := kept.with_name(f"{kept.name}.part"))
            part.rename(kept)
    _check(kept, pinned.sha256)
    return kept


def wheels(requirements: Path, target: Path) -> Path:
    """Install the wheels that `requirements` pins by hash into `target`, unless it exists; return `target`."""
    if not target.exists():
        part = target.with_name(f"{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        with tempfile.TemporaryDirectory() as directory:  # Debian's pip may not be installed; venv has one
            run([sys.executable, "-m", "venv", directory])
            pip = [f"{directory}/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            pinned = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"]
            run([*pip, *pinned, "--target", str(part), "--requirement", str(requirements)])
        part.rename(target)
    return target


def _download(package: str, directory: Path) -> None:
    """Download a source package with apt, with a separate sources.list: /etc/apt is not changed."""
    format_ = ["--format", "$(REPO_URI)", "Component: main"]
    uris = output_of(["apt-get", "indextargets", *format_]).split()
    mirror = next((uri for uri in uris if uri.rstrip("/").endswith("/debian")), "http://deb.debian.org/debian")
    directory.chmod(0o755)  # apt reads it as a user of its own
    (directory / "lists").mkdir()
    (directory / "sources.list").write_text(f"deb-src {mirror} {DEBIAN} main\n")
    settings = {
        "Dir::Etc::SourceList": directory / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": directory / "lists",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "--quiet", "--quiet", *(f"-o{name}={value}" for name, value in settings.items())]
    run([*apt, "update"])
    run([*apt, "source", "--download-only", "--tar-only", package], cwd=directory)


def _check(file: Path, sha256: str) -> None:
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != sha256:
        message = f"{file.name} has the SHA-256 {found}, not {sha256}"
        raise WrongContentError(message)
