"""The examples: each is built as its README says, from images of this machine, and does what it is for."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

import transcripts
from dockerfiles import ROOT, Workshop, archive_of, docker, printed, ran, size

EXAMPLE = ROOT / "example"
IMAGES = pytest.mark.needs("builder", "debootstrap", "docker", "root")
SCRIPTS = ["ci-script", "missing-library"]
SIZES = dict(re.findall(r"^\| \[([\w-]+)\]\(.*\| ([\d.]+) MB \|$", (EXAMPLE / "README.md").read_text(), re.MULTILINE))


def built(name: str, shop: Workshop, images: Mapping[str, str], path: Path, **arguments: str) -> str:
    """Return the image of an example, built in a copy of it, which is as large as the table says."""
    if not path.exists():
        shutil.copytree(EXAMPLE / name, path)
    image = shop.built(path, **{"MAGICPAK": images["debian"], **arguments})
    assert size(image) == pytest.approx(float(SIZES[name]), rel=0.1, abs=1)
    return image


def test_each_example_is_in_the_table_and_has_a_page_with_its_sizes() -> None:
    pages = {path.parent.name: path.read_text() for path in EXAMPLE.glob("*/README.md")}
    table = (EXAMPLE / "README.md").read_text()
    assert pages.keys() == {path.name for path in EXAMPLE.iterdir() if path.is_dir()}
    assert pages.keys() == set(re.findall(r"^\| \[([\w-]+)\]", table, re.MULTILINE))
    assert pages.keys() - SIZES.keys() == set(SCRIPTS)
    for name, after in SIZES.items():
        ((before,),) = [re.findall(rf"^\| \[{name}\].*\| ([\d.]+) MB \| {after} MB \|$", table, re.MULTILINE)]
        assert f"Before: {before} MB. After: {after} MB." in pages[name], name


@pytest.mark.needs("root", "chroot", "mount", "compiler", "ptrace", "busybox")
@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_without_docker_prints_what_it_shows(name: str, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / name, tmp_path / "here")
    steps = list(transcripts.steps((EXAMPLE / name / "README.md").read_text()))
    done = transcripts.run(steps, tmp_path / "here", tmp_path / "bin")
    assert [transcripts.as_promised(*both) for both in zip(steps, done, strict=False)] == steps


@IMAGES
def test_clang_format(shop: Workshop, images: Mapping[str, str], tmp_path: Path) -> None:
    """On the image for C, which has its libraries already."""
    image = built("clang-format", shop, images, tmp_path / "here", MAGICPAK=images["cc"])
    assert printed(image, stdin=b"int main(  ){ }") == "int main() {}"


@IMAGES
def test_patchelf(shop: Workshop, images: Mapping[str, str], tmp_path: Path) -> None:
    image = built("patchelf", shop, images, tmp_path / "here")
    assert (
        printed(image, "/bin/patchelf", "--print-needed", "/lib/x86_64-linux-gnu/libm.so.6").split()[0] == "libc.so.6"
    )


@IMAGES
def test_jq(shop: Workshop, images: Mapping[str, str], tmp_path: Path) -> None:
    assert printed(built("jq", shop, images, tmp_path / "here"), ".answer", stdin=b'{"answer": 42}') == "42\n"


@IMAGES
def test_curl_trusts_an_authority_and_finds_a_host_by_its_name(
    shop: Workshop, images: Mapping[str, str], tmp_path: Path
) -> None:
    here = tmp_path / "here"
    shutil.copytree(EXAMPLE / "curl", here)
    options = [
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "key",
        "-out",
        "authorities/own.crt",
        "-subj",
        "/CN=localhost",
    ]
    names = ["-days", "2", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(["openssl", "req", "-x509", *options, *names], cwd=here, check=True, capture_output=True)
    image = built("curl", shop, images, here)
    stage = shop.built(here, "--target", "build", MAGICPAK=images["debian"])
    server = shop.started(stage, "sleep", "600", options=["--network=none"])
    for file in ("key", "authorities/own.crt"):
        assert docker("cp", str(here / file), f"{server}:/").code == 0
    serving = ["openssl", "s_server", "-accept", "4433", "-key", "/key", "-cert", "/own.crt", "-www"]
    assert docker("exec", "--detach", server, *serving).code == 0
    command = ["--silent", "--fail", "--retry", "10", "--retry-connrefused", "https://localhost:4433/"]
    assert "s_server" in printed(image, *command, options=[f"--network=container:{server}"])


@IMAGES
def test_nginx_serves_a_page_as_a_user_that_is_not_root(
    shop: Workshop, images: Mapping[str, str], tmp_path: Path
) -> None:
    server = shop.started(built("nginx", shop, images, tmp_path / "here"), options=["--network=none"])
    asking = "for i in 1 2 3 4 5 6 7 8 9; do busybox wget -q -O - http://localhost:8080/ && break; sleep 1; done"
    page = printed(images["debian"], "sh", "-c", asking, options=[f"--network=container:{server}"])
    users = {line.split()[1] for line in docker("top", server, "-o", "pid,uid").stdout.splitlines()[1:]}
    assert page == "<h1>It is served</h1>\n"
    assert users == {"65534"}


@IMAGES
def test_python_with_extensions_in_c(shop: Workshop, images: Mapping[str, str], tmp_path: Path) -> None:
    image = built("python", shop, images, tmp_path / "here")
    feed = b"<feed><entry><day>2025-01-01</day><title>Another</title></entry></feed>"
    assert printed(image, stdin=feed) == '[["2025-01-01", "Another"]]\n'


@IMAGES
def test_node(shop: Workshop, images: Mapping[str, str], tmp_path: Path) -> None:
    assert printed(built("node", shop, images, tmp_path / "here"), "bundle") == "Hello, bundle! 1e6e\n"


@IMAGES
def test_a_script_with_the_tools_that_it_calls(shop: Workshop, images: Mapping[str, str], tmp_path: Path) -> None:
    image = built("script", shop, images, tmp_path / "here")
    assert printed(image, stdin=b"a b, a c; a b\n") == "3 a\n2 b\n1 c\n"


@IMAGES
def test_several_executables_on_a_base_image_with_links_into_usr(
    shop: Workshop, images: Mapping[str, str], tmp_path: Path
) -> None:
    """The base image is what distroless is: links into /usr, a file, and no program."""
    links = {name: f"usr/{name}" for name in ("bin", "lib", "lib64")}
    base = shop.imported(archive_of(tmp_path / "tar", {"usr/lib/of-the-base": b'"kept"'}, links))
    image = built("several", shop, images, tmp_path / "here", BASE=base)
    assert printed(image, "jq", "-r", ".", "/lib/of-the-base") == "kept\n"
    assert printed(image, "sqlite3", ":memory:", "select 6 * 7") == "42\n"
    assert printed(image, "xz", "--version").startswith("xz (XZ Utils)")


@IMAGES
def test_rust_in_several_stages(shop: Workshop, images: Mapping[str, str], tmp_path: Path) -> None:
    """With Debian's Rust on the image for C, which has what it needs to link."""
    (tmp_path / "Dockerfile").write_text(
        f"FROM {images['cc']}\nRUN apt-get update && apt-get install -y --no-install-recommends cargo\n"
    )
    rust = shop.built(tmp_path)
    image = built("rust", shop, images, tmp_path / "here", RUST=rust)
    assert printed(image, "1", "2", "39") == "42\n"
    assert ran(image, "one").code == 1
