import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magicpak.bundle.path import MAX_LINKS, ROOT, BundlePath, PathWalk

PARTS = st.sampled_from(["", ".", "..", "a", "b", "c.d", "..e", "\udcff", "x y", "-", "\n"])
PATHS = st.lists(PARTS, max_size=8).map("/".join)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "/"),
        ("/", "/"),
        ("//", "/"),
        (".", "/"),
        ("..", "/"),
        ("/../..", "/"),
        ("../../etc/passwd", "/etc/passwd"),
        ("bin/x", "/bin/x"),
        ("./bin//x/", "/bin/x"),
        ("/a/../../b/./c", "/b/c"),
        ("/a/...", "/a/..."),
        ("//etc", "/etc"),
        ("/\udcff", "/\udcff"),
    ],
)
def test_any_text_becomes_an_absolute_path_that_stays_inside(text: str, path: str) -> None:
    assert BundlePath(text) == path


def test_a_nul_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        BundlePath("a\0b")


@given(PATHS)
def test_a_path_is_absolute_normal_and_equal_to_itself_made_again(text: str) -> None:
    path = BundlePath(text)
    assert path.startswith("/")
    assert not {"", ".", ".."} & set(path.parts)
    assert path == "/" or not path.endswith("/")
    assert BundlePath(path) == path
    assert "/" + "/".join(path.parts) == path


@given(PATHS, PATHS)
def test_a_path_below_another_begins_with_its_parts(text: str, other: str) -> None:
    path, directory = BundlePath(text), BundlePath(other)
    assert path.is_under(directory) == (path.parts[: len(directory.parts)] == directory.parts)


@given(PATHS)
def test_parent_and_name_together_are_the_path(text: str) -> None:
    path = BundlePath(text)
    assert isinstance(path.parent, BundlePath)
    if path == ROOT:
        assert (path.parent, path.name, path.parts) == (ROOT, "", ())
    else:
        assert path.parent.joined(path.name) == path
        assert path.parent.parts == path.parts[:-1]


def walked(text: str, links: dict[str, str]) -> tuple[list[str], str | None]:
    """Follow `text` through `links`; return what was passed, and the end, None if there are too many links."""
    way, passed = PathWalk(text), []
    while way.step():
        passed.append(str(way.at))
        if way.at in links and not way.follow(links[way.at]):
            return passed, None
    return passed, str(way.at)


@pytest.mark.parametrize(
    ("text", "links", "passed", "end"),
    [
        ("/usr/bin/x", {}, ["/usr", "/usr/bin", "/usr/bin/x"], "/usr/bin/x"),
        ("/lib/x", {"/lib": "usr/lib"}, ["/lib", "/usr", "/usr/lib", "/usr/lib/x"], "/usr/lib/x"),
        ("/a/x", {"/a": "/b/c"}, ["/a", "/b", "/b/c", "/b/c/x"], "/b/c/x"),
        ("/a/../x", {"/a": "b/c"}, ["/a", "/b", "/b/c", "/b/x"], "/b/x"),
        ("/../../x", {}, ["/x"], "/x"),
        ("/a", {"/a": ".."}, ["/a"], "/"),
        ("/a", {"/a": "/"}, ["/a"], "/"),
    ],
)
def test_a_way_goes_through_links_as_the_kernel_does(
    text: str, links: dict[str, str], passed: list[str], end: str
) -> None:
    assert walked(text, links) == (passed, end)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("/jail/x", "/jail/x"),
        ("/jail/../../x", "/jail/x"),
        ("/jail/up/x", "/jail/x"),
        ("/jail/absolute/x", "/jail/usr/x"),
        ("/jail/usr/../../x", "/jail/x"),
        ("/outside/../x", "/x"),
        ("/outside/absolute", "/jail/usr"),
    ],
)
def test_a_way_in_another_root_directory_does_not_lead_out_of_it(text: str, end: str) -> None:
    links = {"/jail/up": "../../..", "/jail/absolute": "/usr", "/outside/absolute": "/usr"}
    way = PathWalk(text, root=BundlePath("/jail"))
    while way.step():
        if way.real in links:
            assert way.follow(links[way.real])
    assert (way.at, way.real) == (end, end)


def test_a_way_in_a_circle_ends_after_as_many_links_as_the_kernel_follows() -> None:
    assert walked("/a", {"/a": "/b", "/b": "a"}) == (["/a", "/b"] * (MAX_LINKS // 2) + ["/a"], None)


def test_a_way_is_over_unless_something_follows_a_slash_too() -> None:
    assert [(way.step(), way.is_over) for way in (PathWalk("/a"), PathWalk("/a/"), PathWalk("/a/b"))] == [
        (True, True),
        (True, False),
        (True, False),
    ]


NAMES = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "..", "."]), min_size=1, max_size=5).map("/".join)


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["a", "b", "d/c", "d/e/a"]), st.tuples(st.booleans(), NAMES)), NAMES)
def test_a_way_ends_where_the_kernel_ends(links: dict[str, tuple[bool, str]], text: str) -> None:
    with tempfile.TemporaryDirectory() as made:
        compare_ways(Path(os.path.realpath(made)), links, text)


def compare_ways(root: Path, links: dict[str, tuple[bool, str]], text: str) -> None:
    (root / "d/e").mkdir(parents=True)
    for name, (is_absolute, target) in links.items():
        (root / name).symlink_to(f"{root}/{target}" if is_absolute else target)
    if not (root / text).exists():
        return
    way = PathWalk(text, ROOT, BundlePath(str(root)))
    while way.step():
        if os.path.islink(way.real):
            assert way.follow(os.readlink(way.real))
    assert way.real == os.path.realpath(root / text)
