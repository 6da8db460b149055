"""A tar archive whose sources are not what the plan says, or change while they are read."""

import os
from pathlib import Path

import pytest

from magicpak.bundle.entry import Attributes, Copy
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item
from magicpak.errors import CannotRead, SourceChanged
from magicpak.outputs.archive import TarOutput
from magicpak.outputs.form import destined


def plan_of(path: Path) -> BundlePlan:
    status = path.stat()
    attributes = Attributes(0o644, mtime_ns=status.st_mtime_ns)
    entry = Copy(str(path), status.st_size, (status.st_dev, status.st_ino), attributes)
    return BundlePlan({(at := BundlePath("/file")): Item(at, entry, Because("a test"))})


@pytest.mark.parametrize("size", [100, 3_000_000])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("longer", "changed in size"),
        ("shorter", "changed in size"),
        ("touched", "was written to"),
        ("replaced", "was replaced"),
        ("removed", "vanished"),
        ("linked", "became a symbolic link"),
    ],
)
def test_a_source_that_is_not_what_was_planned_fails_the_run(
    tmp_path: Path, size: int, change: str, message: str
) -> None:
    source, other = tmp_path / "source", tmp_path / "other"
    for each in (source, other):
        each.write_bytes(b"x" * size)
    plan = plan_of(source)
    match change:
        case "longer" | "shorter":
            os.truncate(source, size + 1 if change == "longer" else size - 1)
        case "touched":
            os.utime(source, ns=(1, 1))
        case "replaced":
            other.rename(source)
        case "removed":
            source.unlink()
        case "linked":
            source.unlink()
            source.symlink_to("other")
    output = tmp_path / "out" / "b.tar"
    with pytest.raises(SourceChanged, match=message):
        TarOutput(destined(str(output), None), None).write(plan)
    assert not output.parent.exists()


@pytest.mark.parametrize(("size", "message"), [(100, "changed in size"), (3_000_000, "became shorter")])
def test_a_source_that_shrinks_while_it_is_read_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, message: str
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * size)
    plan = plan_of(source)
    read = os.read

    def shrinking(descriptor: int, count: int) -> bytes:
        os.truncate(source, size // 2)
        return read(descriptor, count)

    monkeypatch.setattr(os, "read", shrinking)
    with pytest.raises(SourceChanged, match=message):
        TarOutput(destined(str(tmp_path / "b.tar"), None), None).write(plan)
    assert os.listdir(tmp_path) == ["source"]


def test_a_source_that_is_written_to_while_it_is_read_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 3_000_000)
    plan = plan_of(source)
    read = os.read

    def touching(descriptor: int, count: int) -> bytes:
        os.utime(source, ns=(1, 1))
        return read(descriptor, count)

    monkeypatch.setattr(os, "read", touching)
    with pytest.raises(SourceChanged, match="was written to"):
        TarOutput(destined(str(tmp_path / "b.tar"), None), None).write(plan)
    assert os.listdir(tmp_path) == ["source"]


def test_a_source_that_cannot_be_read_fails_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    plan = plan_of(source)

    def failing(_descriptor: int, _count: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", failing)
    with pytest.raises(CannotRead):
        TarOutput(destined(str(tmp_path / "b.tar"), None), None).write(plan)
    assert os.listdir(tmp_path) == ["source"]
