"""The images with magicpak: what is in them, and that they work as Dockerfiles use them."""

import re
import shutil
from pathlib import Path

import pytest

from magicpak import __version__
from support.bake import Targets
from support.docker_images import ROOT, Workshop, archive_of, docker, printed, ran
from support.run_magicpak import compiled

pytestmark = pytest.mark.needs("builder", "debootstrap", "docker", "root")

VERSION = f"magicpak {__version__}\n"
BAKE = (ROOT / "docker-bake.hcl").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
FAKE_APK = """#!/bin/sh
echo apk "$@" >> /calls
mkdir -p /bin && echo '#!/bin/sh' > /bin/busybox.static && chmod 755 /bin/busybox.static
"""


@pytest.mark.parametrize("target", ["debian", "cc", "rust", "haskell"])
def test_an_image_has_magicpak_and_its_tools_and_no_leftovers_of_apt(target: str, images: Targets) -> None:
    tools = "magicpak --version; readlink /usr/local/bin/magicpak; upx --version | head -n 1; busybox echo busybox"
    left = "find /var/lib/apt/lists /var/cache/apt /etc/apt/sources.list.d /tmp /var/log/apt -mindepth 1 2>/dev/null"
    documents = "find /usr/share/doc/upx-ucl /usr/share/doc/busybox-static -type f"
    told = printed(images[target], "sh", "-c", f"{tools}; {left}; {documents}").splitlines()
    assert told[:2] == [VERSION.strip(), "/magicpak"]
    assert re.fullmatch(r"upx \d.*", told[2])
    assert told[3:] == ["busybox", "/usr/share/doc/upx-ucl/copyright", "/usr/share/doc/busybox-static/copyright"]


def test_the_image_for_c_has_compilers(images: Targets) -> None:
    source = b"#include <stdio.h>\nint main(void) { puts(VERSION); }\n"
    building = 'cat > a.c; for cc in cc clang; do $cc -DVERSION="\\"$cc\\"" -o $cc.out a.c && ./$cc.out; done; make -v'
    assert printed(images["cc"], "sh", "-c", building, stdin=source).startswith("cc\nclang\nGNU Make")


@pytest.mark.parametrize("target", ["debian", "cc", "rust", "haskell"])
def test_an_image_is_labelled(target: str, images: Targets) -> None:
    told = docker(
        "inspect", "--format", "{{range $name, $is := .Config.Labels}}{{$name}}={{$is}}\n{{end}}", images[target]
    )
    labels = dict(
        line.split("=", 1) for line in told.stdout.splitlines() if line.startswith("org.opencontainers.image.")
    )
    description = labels.pop("org.opencontainers.image.description")
    assert labels == {
        "org.opencontainers.image.title": f"magicpak/{target}",
        "org.opencontainers.image.version": "1.2.3",
        "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
    }
    assert description.startswith("magicpak")


def test_a_dockerfile_from_the_image_packs_and_tests(images: Targets, shop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {images['debian']}\n"
        "RUN magicpak --compress --test --test-command 'perl -e \"print 6 * 7\"' --test-stdout 42"
        " /usr/bin/perl /bundle\n"
        'FROM scratch\nCOPY --from=0 /bundle /.\nENTRYPOINT ["/usr/bin/perl", "-e"]\n'
    )
    assert printed(shop.built(tmp_path), "print 'packed'") == "packed"


def test_the_executable_can_be_copied_out_of_the_image(
    base: str, images: Targets, shop: Workshop, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {base}\nCOPY --from={images['debian']} /magicpak /usr/local/bin/\nRUN magicpak /bin/echo /bundle\n"
        "FROM scratch\nCOPY --from=0 /bundle /.\n"
    )
    assert printed(shop.built(tmp_path), "/bin/echo", "copied") == "copied\n"


def test_a_base_image_that_lacks_a_tool_fails_the_build_and_names_it(base: str, context: Path) -> None:
    script = (context / "images" / "add-packages").read_bytes()
    result = ran(base, "sh", "-s", "tini", "no-such-package", stdin=script, options=["--network=bridge"])
    assert result.code == 1
    assert result.stderr.endswith("error: the archive of this base image lacks no-such-package: choose another one\n")


def test_the_image_of_alpine_asks_apk_for_static_tools(
    base: str, images: Targets, shop: Workshop, tmp_path: Path
) -> None:
    """On Debian with a script for apk, which records its calls: no image of Alpine can be made here."""
    (tmp_path / "apk").write_text(FAKE_APK)
    (tmp_path / "apk").chmod(0o755)
    (tmp_path / "Dockerfile").write_text(f"FROM {base}\nCOPY apk /usr/local/bin/\n")
    image = images.build("alpine", ALPINE=shop.built(tmp_path))
    told = printed(image, "sh", "-c", "cat /calls; readlink /usr/local/bin/busybox; magicpak --version")
    assert told == f"apk add --no-cache busybox-static upx\n/bin/busybox.static\n{VERSION}"


@pytest.mark.needs("busybox", "musl")
def test_the_executable_works_in_an_image_of_busybox_and_musl_alone(
    context: Path, shop: Workshop, tmp_path: Path
) -> None:
    hello = compiled(tmp_path / "hello", '#include <stdio.h>\nint main(void) { puts("hello"); }\n', compiler="musl-gcc")
    (loader,) = re.findall(r"/lib/ld-musl-\w+\.so\.1", hello.read_bytes().decode(errors="replace"))
    (magicpak,) = (context / "dist").iterdir()
    busybox = Path(str(shutil.which("busybox")))
    files = {"magicpak": magicpak, "bin/busybox": busybox, "hello": hello, loader[1:]: Path(loader)}
    archive = archive_of(tmp_path / "tar", {name: path.read_bytes() for name, path in files.items()})
    image = shop.imported(archive)
    trying = "mkdir /tmp && /magicpak --test --test-stdout hello /hello /bundle && chroot /bundle /hello"
    result = ran(image, "/bin/busybox", "sh", "-c", trying)
    assert (result.code, result.stdout) == (0, "hello\n"), result.stderr


def test_the_bake_file_and_the_dockerfile_have_the_same_targets_and_base_images() -> None:
    variables = dict(re.findall(r'variable "(\w+)" \{ default = "(.*)" \}', BAKE))
    targets = re.findall(r'  target   = "(\w+)"\n  tags     = tags\("(\w+)", ', BAKE)
    assert variables.pop("VERSION") == __version__
    assert dict(re.findall(r"^ARG (\w+)=(.+)$", DOCKERFILE, re.MULTILINE)) == variables
    assert targets == [(name, name) for name in re.findall(r" AS (\w+)$", DOCKERFILE, re.MULTILINE)[1:]]
    assert 'platforms = ["linux/amd64", "linux/arm64"]' in BAKE


def test_nothing_in_the_dockerfiles_is_known_to_one_builder_alone() -> None:
    files = [ROOT / "Dockerfile", *(ROOT / "example").glob("*/Dockerfile")]
    odd = re.compile(r"<<|^#\s*(syntax|check)=|--(mount|link|chmod|security|network|exclude|parents)\b", re.MULTILINE)
    assert {
        str(file.relative_to(ROOT)): odd.findall(file.read_text()) for file in files if odd.search(file.read_text())
    } == {}
