"""The class paths in the manifests of jar files."""

import zipfile
from pathlib import Path

import pytest

from magicpak.scripts.jars import MAX_MANIFEST, class_path
from magicpak.scripts.sources import Sources


def jar(path: Path, manifest: str, method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a/B.class", "x" * 1000)
        archive.writestr("META-INF/MANIFEST.MF", manifest)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_files_that_a_manifest_names_are_found_from_where_it_is(tmp_path: Path, method: int) -> None:
    for name in ("long-name.jar", "b c.jar", "classes"):
        (tmp_path / name).mkdir()
    jar(
        tmp_path / "x.jar",
        f"A: b\r\nClass-Path: long-\r\n name.jar b%20c.jar no.jar\r\n  {tmp_path}/classes/\r\n",
        method,
    )
    found = [Path(each).name for each in class_path(f"{tmp_path}/x.jar", Sources())]
    assert found == ["long-name.jar", "b c.jar", "classes"]


@pytest.mark.parametrize("cut", [0, 10, 60, 500, 1050])
def test_a_file_that_is_cut_off_has_none(tmp_path: Path, cut: int) -> None:
    jar(tmp_path / "x.jar", "Class-Path: x.jar\n")
    data = (tmp_path / "x.jar").read_bytes()
    for damaged in (data[:cut], data[:cut] + b"\xff" * 40 + data[cut + 40 :], data[-cut:]):
        (tmp_path / "y.jar").write_bytes(damaged)
        assert list(class_path(f"{tmp_path}/y.jar", Sources())) in ([], [f"{tmp_path}/x.jar"])


def test_a_manifest_that_unpacks_to_more_is_cut(tmp_path: Path) -> None:
    jar(tmp_path / "x.jar", "A: " + "b" * 4 * MAX_MANIFEST + "\nClass-Path: x.jar\n")
    assert list(class_path(f"{tmp_path}/x.jar", Sources())) == []
