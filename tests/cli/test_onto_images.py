"""Images as bases: read from layouts and archives, and what an image on an image is."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.run_magicpak import RunResult, done, executable, magicpak, tree

Members = Mapping[str, bytes | str | None]
"""Paths with bytes, the target of a link after `-> ` or of a hard link after `=> `, or None for a directory."""


def layer(members: Members) -> bytes:
    """Return a tar archive."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, what in members.items():
            member = tarfile.TarInfo(name)
            member.mode = 0o755
            if what is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(what, str):
                member.type = tarfile.SYMTYPE if what.startswith("-> ") else tarfile.LNKTYPE
                member.linkname = what[3:]
            data = what if isinstance(what, bytes) else b""
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


class HandmadeImage:
    """An OCI image layout."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "blobs" / "sha256").mkdir(parents=True)

    def blob(self, data: bytes) -> dict[str, Any]:
        name = hashlib.sha256(data).hexdigest()
        (self.path / "blobs" / "sha256" / name).write_bytes(data)
        return {"digest": f"sha256:{name}", "size": len(data)}

    def image(self, *layers: bytes, config: object = None, diff_ids: list[str] | None = None) -> dict[str, Any]:
        """Write an image, its layers compressed, and return its descriptor."""
        own = diff_ids or [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers]
        document = {"rootfs": {"type": "layers", "diff_ids": own}, "config": config}
        described = [self.blob(gzip.compress(each, mtime=0)) for each in layers]
        manifest = {"config": self.blob(json.dumps(document).encode()), "layers": described}
        return self.blob(json.dumps(manifest).encode())

    def stored(self, layer: bytes) -> dict[str, Any]:
        """Write an image with a layer as it is, and return its descriptor."""
        config = self.blob(json.dumps({"rootfs": {"diff_ids": ["sha256:0"]}}).encode())
        return self.blob(json.dumps({"config": config, "layers": [self.blob(layer)]}).encode())

    def index(self, *manifests: dict[str, Any]) -> str:
        """Write the index, and return the name of the base."""
        (self.path / "index.json").write_text(json.dumps({"manifests": manifests}))
        return f"oci:{self.path}"


@pytest.fixture
def layout(here: Path) -> HandmadeImage:
    return HandmadeImage(here / "layout")


def delta(here: Path, base: str, *more: str) -> set[str]:
    """Return what the bundle of `prog` with `more` has on `base`, directories aside."""
    done("prog", "out", "--onto", base, *more, cwd=here)
    return {name for name, node in tree(here / "out").items() if node.kind != "directory"}


def test_layers_are_on_each_other_with_what_they_delete(here: Path, prog: Path, layout: HandmadeImage) -> None:
    for name in ("a", "b", "c", "d/e", "d/f"):
        executable(here / "in" / name, name.encode())
    own = prog.read_bytes()
    lower = {"prog": own, "in": None, "in/a": b"a", "in/b": b"b", "in/d": None, "in/d/e": b"e", "in/c": "=> in/a"}
    upper = {"in/.wh.b": b"", "in/d/.wh..wh..opq": b"", "in/d/f": b"d/f", "in/c": b"c"}
    base = layout.index(layout.image(layer(lower), layer(upper)))
    assert delta(here, base, "--include", "in") == {"in/b", "in/d/e"}


@pytest.mark.usefixtures("prog")
def test_a_member_goes_through_the_links_of_the_image(here: Path, layout: HandmadeImage) -> None:
    executable(here / "in" / "x", b"x")
    base = layout.index(layout.image(layer({"real": None, "in": "-> real"}), layer({"in/x": b"x"})))
    assert delta(here, base, "--include", "in/x") == {"prog"}


def test_the_image_for_the_platform_of_the_program_is_taken(here: Path, prog: Path, layout: HandmadeImage) -> None:
    def described(architecture: str, *layers: bytes) -> dict[str, Any]:
        return {**layout.image(*layers), "platform": {"os": "linux", "architecture": architecture}}

    with_prog = layer({"prog": prog.read_bytes()})
    base = layout.index(described("arm64", layer({})), described("amd64", with_prog), described("s390x"))
    assert delta(here, base) == set()


@pytest.mark.usefixtures("prog")
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda made: made.image(layer({"../x": b""})), "has the path ../x, which leads out of the image"),
        (lambda made: made.image(layer({"x": "=> y"})), "has /x, a hard link to y, which is not there"),
        (lambda made: made.image(layer({}), diff_ids=["sha256:0"]), "without compression, not sha256:0"),
        (lambda made: made.image(layer({}), diff_ids=["a", "b"]), "another number of layers than its manifest"),
        (lambda made: made.image(b"\x1f\x8b" + b"x" * 100), "is damaged"),
        (lambda made: made.blob(b"[]"), "is not a sound image: its JSON files are not those of an image"),
        (lambda _made: {"digest": "sha256:" + "0" * 64}, "it has no blobs/sha256/0000"),
        (lambda _made: {"digest": "sha256:../../x"}, "is not a digest"),
        (lambda made: made.stored(b"\x28\xb5\x2f\xfdxxxx"), "compressed by zstd, which is not supported"),
    ],
)
def test_what_is_no_sound_image_is_refused(
    here: Path, layout: HandmadeImage, spoil: Callable[[HandmadeImage], dict[str, Any]], said: str
) -> None:
    manifest = spoil(layout)
    if said.endswith("is not supported"):
        zstd = layout.blob(b"\x28\xb5\x2f\xfdxxxx")
        document = {"rootfs": {"diff_ids": ["sha256:0"]}}
        manifest = layout.blob(
            json.dumps({"config": layout.blob(json.dumps(document).encode()), "layers": [zstd]}).encode()
        )
    ran = magicpak("prog", "out", "--onto", layout.index(manifest), cwd=here)
    assert (ran.code, said in ran.stderr, ran.stdout) == (1, True, ""), ran.stderr
    assert not (here / "out").exists()


@pytest.mark.parametrize("filling", [b"7", b"\0"])
def test_a_header_that_claims_gigabytes_takes_no_memory(here: Path, layout: HandmadeImage, filling: bytes) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 32
    bomb = gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + filling * (1 << 25))
    ran = magicpak("/bin/true", "out", "--onto", layout.index(layout.stored(bomb)), cwd=here)
    assert (ran.code, "has more than 8.4 MB where an image has less" in ran.stderr) == (1, True), ran.stderr


def unpacked(archive: Path, to: Path) -> Mapping[str, Any]:
    """Unpack an image for docker load, and return its config."""
    with tarfile.open(archive) as members:
        members.extractall(to)
    path = json.loads((to / "manifest.json").read_text())[0]["Config"]
    found: Mapping[str, Any] = json.loads((to / path).read_text())
    return found


@pytest.mark.usefixtures("prog")
def test_an_image_on_an_image_has_its_layers_and_its_config(here: Path) -> None:
    more = ["--env", "A=1", "--env", "B=2", "--user", "7", "--cmd", "x", "--label", "l=1", "--expose", "80"]
    done("prog", "one.docker.tar", *more, cwd=here)
    done("/bin/cat", "two.docker.tar", "--onto", "one.docker.tar", "--env", "B=3", "--label", "m=2", cwd=here)
    one, two = (unpacked(here / f"{name}.docker.tar", here / name) for name in ("one", "two"))
    first = one["rootfs"]["diff_ids"]
    assert two["rootfs"]["diff_ids"][: len(first)] == first
    assert (len(two["rootfs"]["diff_ids"]), len(two["history"])) == (2, 2)
    path = one["config"]["Env"][0]
    assert two["config"] == {
        "Env": [path, "A=1", "B=3"],
        "User": "7",
        "Entrypoint": ["/bin/cat"],
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"l": "1", "m": "2"},
        "WorkingDir": "/",
    }
    done("/bin/cat", "again.docker.tar", "--onto", "one.docker.tar", "--env", "B=3", "--label", "m=2", cwd=here)
    assert (here / "again.docker.tar").read_bytes() == (here / "two.docker.tar").read_bytes()


def test_a_directory_is_the_first_layer_of_an_image(here: Path, prog: Path) -> None:
    executable(here / "base" / "own", b"own")
    ran = magicpak("-v", "prog", "out.docker.tar", "--onto", "base", cwd=here)
    assert (ran.code, "wrote 1 file, " in ran.stderr) == (0, True)
    unpacked(here / "out.docker.tar", here / "out")
    layers = json.loads((here / "out" / "manifest.json").read_text())[0]["Layers"]
    names = []
    for each in layers:
        with tarfile.open(here / "out" / each) as archive:
            names.append(archive.getnames())
    assert names == [["own"], [prog.name]]


@pytest.mark.usefixtures("prog")
def test_a_file_that_is_no_image_is_refused(here: Path) -> None:
    done("prog", "files.tar", cwd=here)
    assert magicpak("prog", "out", "--onto", "files.tar", cwd=here) == RunResult(
        1,
        "",
        "error: --onto files.tar is not an image: it has neither index.json nor manifest.json\n"
        "hint: a base is a directory, oci:DIR[:TAG], or what docker save writes\n",
    )
