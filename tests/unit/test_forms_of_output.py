"""What OUTPUT is to be, told by its name or by `--format`."""

from pathlib import Path

import pytest

from magicpak.bundle.platform import Platform
from magicpak.elf.facts import ElfFacts, ElfTarget
from magicpak.elf.platform import platform_of
from magicpak.errors import InvalidUsage
from magicpak.ldso.machines import MACHINES
from magicpak.outputs.form import Destined, Format, destined


@pytest.mark.parametrize(
    ("output", "format_"),
    [
        ("bundle", Format.DIR),
        ("/bundle/.", Format.DIR),
        ("bundle.tar/", Format.DIR),
        (".tar", Format.DIR),
        ("tar", Format.DIR),
        ("bundle.tar", Format.TAR),
        ("/no.where/bundle.tar.gz", Format.TAR),
        ("bundle.tgz", Format.TAR),
        ("app.oci.tar", Format.OCI),
        ("app.oci.tgz", Format.OCI),
        ("app.docker.tar", Format.DOCKER),
        ("app.docker.tar.gz", Format.DOCKER),
        ("image.tar", Format.DOCKER),
        ("/no.where/image.tar.gz", Format.DOCKER),
        ("my-image.tar", Format.TAR),
        ("image.oci.tar", Format.OCI),
        ("oci.tar", Format.TAR),
        ("./oci:bundle", Format.DIR),
        ("docker:bundle", Format.DIR),
    ],
)
def test_the_name_tells_the_form(output: str, format_: Format) -> None:
    assert destined(output, None) == Destined(output, format_, output)


def test_what_is_a_directory_already_is_one_whatever_its_name(tmp_path: Path) -> None:
    directory = tmp_path / "bundle.tar"
    directory.mkdir()
    assert destined(str(directory), None).format is Format.DIR
    assert destined(str(directory), Format.TAR).format is Format.TAR


def test_the_option_rules_over_the_name() -> None:
    assert destined("image.tar", Format.DOCKER) == Destined("image.tar", Format.DOCKER, "image.tar")
    assert destined("image.tar", Format.DIR) == Destined("image.tar", Format.DIR, "image.tar")
    assert destined("oci:x", Format.TAR) == Destined("oci:x", Format.TAR, "oci:x")


def test_a_layout_has_a_directory_and_perhaps_a_tag() -> None:
    assert destined("oci:/a/b", None) == Destined("oci:/a/b", Format.OCI, "/a/b", layout=True)
    assert destined("oci:b:v1.0", Format.OCI) == Destined("oci:b:v1.0", Format.OCI, "b", layout=True, tag="v1.0")
    with pytest.raises(InvalidUsage, match=r"^-v is not a tag of an image$"):
        destined("oci:b:-v", None)


def test_only_the_name_of_a_file_compresses_it() -> None:
    outputs = ["a.tar", "a.tar.gz", "a.tgz", "a.docker.tgz", "oci:a.tgz", "a.gz"]
    assert [each for each in outputs if destined(each, None).compressed] == ["a.tar.gz", "a.tgz", "a.docker.tgz"]


def test_stdout_needs_a_form_that_is_a_stream() -> None:
    assert destined("-", Format.TAR) == Destined("-", Format.TAR, None)
    with pytest.raises(InvalidUsage, match="needs --format"):
        destined("-", None)
    with pytest.raises(InvalidUsage, match="--format dir cannot"):
        destined("-", Format.DIR)


def test_each_machine_that_has_a_loader_has_a_platform() -> None:
    assert [platform_of(ElfFacts(machine.kind, 2, 0, 0)) for machine in MACHINES if machine.name != "armhf"] == [
        Platform(name) for name in ("amd64", "amd64", "386", "arm64", "riscv64", "ppc64le", "s390x")
    ]


@pytest.mark.parametrize(("flags", "variant"), [(0x5000400, "v7"), (0x5000200, "v5")])
def test_arm_has_a_variant_by_how_numbers_are_passed(flags: int, variant: str) -> None:
    assert platform_of(ElfFacts(ElfTarget(32, little=True, machine=40), 2, flags, 0)) == Platform("arm", variant)


def test_a_machine_without_a_name_has_no_platform() -> None:
    assert platform_of(ElfFacts(ElfTarget(32, little=False, machine=4), 2, 0, 0)) is None
