"""What is seen through the host's view, and through that of a directory as root, whose links lead nowhere else."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from magicpak.bundle.globs import glob_paths
from magicpak.files.directory import DirectoryView
from magicpak.files.view import HOST, read_file

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

LINKS = {
    "absolute": "/etc/file",
    "relative": "../etc/file",
    "above": "../../../../../../etc/file",
    "through": "/directory/file",
    "loop": "loop",
    "outside": "/etc/hostname-of-the-host",
    "directory": "/etc",
}
WAYS = [
    "/etc/file",
    "/links/absolute",
    "links/relative",
    "/links/above",
    "/links/through",
    "/links/directory/../etc/file",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with one file, and links to it that would lead out for the kernel."""
    root = Path(os.path.realpath(tmp_path)) / "root"
    for name in ("etc", "links"):
        (root / name).mkdir(parents=True)
    (root / "etc/file").write_text("inside")
    (root / "etc/file").chmod(0o755)
    (root / "directory").symlink_to("/etc")
    for name, target in LINKS.items():
        (root / "links" / name).symlink_to(target)
    return root


@pytest.mark.parametrize("path", WAYS)
def test_all_ways_lead_to_the_file_inside(root: Path, path: str) -> None:
    view: SourceView = DirectoryView(str(root))
    assert read_file(view, path, 100) == b"inside"
    assert (view.real(path), view.physical(view.real(path))) == ("/etc/file", f"{root}/etc/file")
    assert os.path.samestat(view.status(path), (root / "etc/file").stat())
    assert (view.exists(path), view.is_file(path), view.is_executable(path), view.is_directory(path)) == (
        *(True, True, True),
        False,
    )


def test_a_link_is_seen_at_its_own_path(root: Path) -> None:
    view = DirectoryView(str(root))
    for name, target in LINKS.items():
        path = f"/links/directory/../links/{name}"
        assert view.link_text(path) == target
        assert os.path.samestat(view.link_status(path), (root / "links" / name).lstat())
    assert os.path.samestat(view.link_status("/links/directory/"), (root / "etc").stat())


@pytest.mark.parametrize(
    "path", ["/links/outside", "/links/loop", "/none", "/etc/file/x", "/links/none/../../etc/file", "a\0b"]
)
def test_what_leads_nowhere_is_nothing(root: Path, path: str) -> None:
    view = DirectoryView(str(root))
    assert not any((view.exists(path), view.is_file(path), view.is_executable(path)))
    with pytest.raises((OSError, ValueError)):
        view.status(path)
    with pytest.raises((OSError, ValueError)):
        view.open(path)


def _error(look: Callable[[str], object], path: str) -> int | None:
    try:
        look(path)
    except OSError as error:
        return error.errno
    return None


def test_errors_are_those_of_the_kernel(root: Path) -> None:
    view = DirectoryView(str(root))
    for path in ("/none/x", "/etc/file/x", "/links/loop", "/links/loop/x"):
        assert _error(view.status, path) == _error(os.stat, f"{root}{path}")


def test_paths_of_the_host_are_told_from_those_inside(root: Path) -> None:
    view = DirectoryView(f"{root}/")
    assert [view.inside(path) for path in (f"{root}/etc/file", str(root), "/etc/file", f"{root}x/file")] == [
        *("/etc/file", "/"),
        *(None, None),
    ]
    assert (view.physical("/"), view.physical("/etc")) == (str(root), f"{root}/etc")
    assert (HOST.inside("/x"), HOST.physical("/x")) == ("/x", "/x")
    everything = DirectoryView("/")
    assert (everything.inside("/x"), everything.inside("/"), everything.physical("/"), everything.real("/x/..")) == (
        *("/x", "/", "/"),
        "/",
    )


def test_a_program_is_looked_for_inside(root: Path) -> None:
    view = DirectoryView(str(root))
    assert view.program("file", "/none:/directory") == "/directory/file"
    assert view.program("file", "etc") == "/etc/file"
    assert view.program("/links/absolute") == "/links/absolute"
    assert (view.program("sh", "/bin"), view.program("file", "/links/outside"), view.program("")) == (None, None, None)


PATTERNS = (
    "* ** */ **/ a/** a/**/ **/x a/**/b **/** *** a** x/**/**/* ? la/** */.. */../b */./x [ab] [a/b] [ab [!a]* */*"
    " **/a/** a//* ./* ../* **/. la/* */x/** a/*/ */b/x/f dangling/* x/* *.h .h* **/.h/* *\\*"
)


@pytest.mark.parametrize("pattern", PATTERNS.split())
def test_a_pattern_matches_in_a_view_what_it_matches_on_the_host(tmp_path: Path, pattern: str) -> None:
    for directory in ("a/b/x", "b/.h/x", ".hid/b"):
        (tmp_path / directory).mkdir(parents=True)
    for file in ("x", "a/x", "a/b/x/f", "b/.h/y", "ab", "[ab", "b\\s", ".h"):
        (tmp_path / file).touch()
    for link, target in {
        "la": "a",
        "a/self": "../a",
        "dangling": "nowhere",
        "loop": "loop",
        "b/lost": "../x/y",
    }.items():
        (tmp_path / link).symlink_to(target)
    expected = {each.rstrip("/") for each in glob_paths(pattern, str(tmp_path))}
    assert {each.rstrip("/") for each in DirectoryView("/").glob(pattern, str(tmp_path))} == expected


def test_a_pattern_follows_links_inside_alone(root: Path) -> None:
    view = DirectoryView(str(root))
    assert sorted(view.glob("*/file", "/")) == ["directory/file", "etc/file"]
    assert sorted(view.glob("link?/directory/*", "/")) == ["links/directory/file"]
    assert list(view.glob("../*/passwd", "/")) == []


def test_a_tree_of_many_directories_is_looked_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "/".join("d" * 40)
    deep.mkdir(parents=True)
    for number in range(50):
        (deep / f"{number}").touch()
    counted = 0

    def readlink(path: str) -> str:
        nonlocal counted
        counted += 1
        return os_readlink(path)

    os_readlink = os.readlink
    monkeypatch.setattr(os, "readlink", readlink)
    view = DirectoryView(str(tmp_path))
    inside = "/" + "/".join("d" * 40)
    assert all(view.is_file(f"{inside}/{number}") for number in range(50))
    assert counted <= 40 + 50
