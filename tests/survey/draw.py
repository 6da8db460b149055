"""Draws scripts at random from the packages of a Debian."""

import json
import random
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from survey.tree import DebianTree

BATCH = 50
"""Packages that are downloaded at once: one call of apt-get takes two seconds."""

MAX_PACKAGE = 30_000_000
"""Bytes of a package that is downloaded."""


class Drawn(NamedTuple):
    """A script and its package."""

    package: str
    path: str
    line: str


def draw(tree: DebianTree, seed: int, kept: Path) -> Iterator[list[Drawn]]:
    """Yield scripts in batches, the same ones for the same `seed` and indices: of each package one program, drawn too.

    What the packages have is kept in the file `kept`: each is downloaded once.
    """
    contents = tree.contents()
    chance = random.Random(seed)
    packages = sorted(contents)
    chance.shuffle(packages)
    pairs = [(package, chance.choice(sorted(contents[package]))) for package in packages]
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        if batch[0][0] not in known:
            known |= first_lines(tree, batch)
            kept.write_text(json.dumps(known, indent=1), encoding="utf-8")
        yield [Drawn(package, path, known[package]) for package, path in batch if known[package] is not None]


def first_lines(tree: DebianTree, pairs: Sequence[tuple[str, str]]) -> dict[str, str | None]:
    """Return by package what the first line of its program says, of `pairs` of both; None for what is not a script."""
    archives = tree.root / "var" / "cache" / "apt" / "archives"
    sizes = sizes_of(tree, [package for package, _ in pairs])
    small = [package for package, _ in pairs if sizes.get(package, MAX_PACKAGE) < MAX_PACKAGE]
    tree.chroot("sh", "-c", 'cd /var/cache/apt/archives; apt-get -q download "$@"', "sh", *small)
    found: dict[str, str | None] = dict.fromkeys(package for package, _ in pairs)
    for package, path in pairs:
        for archive in sorted(archives.glob(f"{package}_*.deb")):
            found[package] = first_line(archive, path)
            if found[package] is None:
                archive.unlink()
    return found


def sizes_of(tree: DebianTree, packages: Sequence[str]) -> dict[str, int]:
    """Return the bytes of those of `packages` that can be downloaded."""
    sizes: dict[str, int] = {}
    name = ""
    for line in tree.chroot("apt-cache", "show", "--no-all-versions", *packages).stdout.splitlines():
        key, _, value = line.partition(": ")
        if key == "Package":
            name = value
        elif key == "Size":
            sizes[name] = int(value)
    return sizes


def first_line(archive: Path, path: str) -> str | None:
    """Return what follows `#!` in the file at `path` of the package `archive`; None if it is not a script."""
    with tempfile.TemporaryFile() as data:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", archive], stdout=data, check=True)
        data.seek(0)
        with tarfile.open(fileobj=data) as members:
            try:
                member = members.extractfile(f".{path}")
            except KeyError:  # a link to a file of another package
                return None
            head = member.read(256) if member else b""
    return head[2:].partition(b"\n")[0].decode(errors="replace").strip() if head.startswith(b"#!") else None
