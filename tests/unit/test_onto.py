"""A plan laid onto a base: the base's layout, what is left out, what is in the way."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magicpak.bundle.entry import Attributes, Content, Copy, Directory, Entry, Link
from magicpak.bundle.laid import Laid
from magicpak.bundle.onto import lay
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item

A = Attributes(0o755)
Tree = Mapping[str, str | None]
"""Paths with what is there: a directory (None), the text of a link after `-> `, or else the bytes of a file."""


def is_same(wanted: Entry, base: Entry) -> bool:
    return isinstance(wanted, Content) and isinstance(base, Content) and wanted.data == base.data


def entry(what: str | None) -> Entry:
    if what is None:
        return Directory(A)
    return Link(what[3:], A) if what.startswith("-> ") else Content(what.encode(), A)


def plan(tree: Tree) -> BundlePlan:
    """Return a plan of `tree`, with the directories above what it has."""
    whole: dict[str, str | None] = {}
    for path, what in tree.items():
        parts = BundlePath(path).parts
        for count in range(1, len(parts)):
            whole.setdefault("/" + "/".join(parts[:count]), None)
        whole[path] = what
    return BundlePlan().adding(Item(BundlePath(path), entry(what), Because("because")) for path, what in whole.items())


def shown(items: Iterable[Item]) -> dict[str, str | None]:
    """Return what is at each path, without directories that hold something."""
    found: dict[str, str | None] = {}
    for item in items:
        match item.entry:
            case Link(target=target):
                found[item.path] = f"-> {target}"
            case Content(data=data):
                found[item.path] = data.decode()
            case _:
                found[item.path] = None
    holders = {BundlePath(path).parent for path in found}
    return {path: what for path, what in found.items() if what is not None or path not in holders}


def laid(tree: Tree, base: Tree) -> Laid:
    return lay(plan(tree), plan(base), is_same)


MERGED = {"/lib": "-> usr/lib", "/usr/lib/libc": "c", "/usr/bin/prog": "p"}


@pytest.mark.parametrize(
    ("tree", "base", "delta"),
    [
        pytest.param({"/a": "1", "/d/b": "2"}, {"/a": "1"}, {"/d/b": "2"}, id="same bytes are left out"),
        pytest.param(MERGED, MERGED, {}, id="nothing is new"),
        pytest.param(
            {"/lib/x": "1", "/lib/y": "2"},
            {"/lib": "-> usr/lib", "/usr/lib/x": "1"},
            {"/usr/lib/y": "2"},
            id="a directory of the plan is a link in the base",
        ),
        pytest.param(
            {"/lib": "-> usr/lib", "/usr/lib/new": "1", "/usr/lib/d/deep": "2"},
            {"/lib/own": "3"},
            {
                "/usr/lib/new": "1",
                "/usr/lib/d/deep": "2",
                "/lib/new": "-> ../usr/lib/new",
                "/lib/d": "-> ../usr/lib/d",
            },
            id="a link of the plan is a directory in the base",
        ),
        pytest.param(
            MERGED,
            {"/lib/libc": "c"},
            {"/usr/lib/libc": "-> ../../lib/libc", "/usr/bin/prog": "p"},
            id="the base has a file by another name",
        ),
        pytest.param(
            {"/lib/a": "-> ../usr/lib/b", "/usr/lib/b": "1"},
            {"/lib": "-> opt/deep/lib", "/opt/deep/lib/own": "2"},
            {"/opt/deep/lib/a": "-> ../../../usr/lib/b", "/usr/lib/b": "1"},
            id="a link leads where it led",
        ),
        pytest.param(
            {"/so": "-> so.1", "/so.1": "1"}, {"/so": "1"}, {"/so.1": "1"}, id="a file in place of a link to its bytes"
        ),
        pytest.param({"/so": "1"}, {"/so": "-> so.1", "/so.1": "1"}, {}, id="a link to its bytes in place of a file"),
        pytest.param(
            {"/var/run/x": "1"}, {"/var/run": "-> /run"}, {"/run/x": "1"}, id="a link to a directory that is not there"
        ),
        pytest.param({"/l": "-> gone"}, {"/other": "1"}, {"/l": "-> gone"}, id="a link to nothing"),
    ],
)
def test_the_layout_is_that_of_the_base(tree: Tree, base: Tree, delta: Tree) -> None:
    found = laid(tree, base)
    assert (shown(found.delta), found.conflicts) == (delta, ())


@pytest.mark.parametrize(
    ("tree", "base", "expected"),
    [
        ({"/d/a": "1"}, {"/d/a": "2"}, ("/d/a", True)),
        ({"/lib/a": "1"}, {"/lib": "-> usr/lib", "/usr/lib/a": "2"}, ("/usr/lib/a", True)),
        ({"/a": "-> b", "/b": "1"}, {"/a": "2"}, ("/a", True)),
        ({"/a": "1"}, {"/a": "-> gone"}, ("/a", True)),
        ({"/a": "1"}, {"/a/b": "1"}, ("/a", False)),
        ({"/a/b": "1"}, {"/a": "1"}, ("/a", False)),
        ({"/a": "-> b", "/b/c": "1"}, {"/a/c": "2"}, ("/a/c", True)),
    ],
)
def test_other_bytes_at_the_same_path_are_a_conflict(tree: Tree, base: Tree, expected: tuple[str, bool]) -> None:
    (conflict,) = laid(tree, base).conflicts
    assert (conflict.path, conflict.replaceable) == expected


def test_what_is_in_conflict_is_the_plans_in_the_union_unless_it_is_a_directory() -> None:
    found = laid({"/a": "1", "/b": "1"}, {"/a": "2", "/b/c": "2"})
    assert shown(found.union) == {"/a": "1", "/b/c": "2"}


def test_a_path_that_replaces_is_no_conflict() -> None:
    found = lay(plan({"/etc/c": "1"}), plan({"/etc/c": "2"}), is_same, {BundlePath("/etc/c")})
    assert (shown(found.delta), found.conflicts) == ({"/etc/c": "1"}, ())


def test_directories_of_the_base_keep_their_attributes_unless_the_hosts_were_asked_for() -> None:
    mine, theirs = Attributes(0o700, 1, 1), Attributes(0o755, 2, 2)
    base = BundlePlan().adding(Item(BundlePath(f"/{name}"), Directory(theirs), Because("base")) for name in "abc")
    wanted = [Directory(mine, "/a", implied=True), Directory(mine), Directory(mine, "/c")]
    items = [Item(BundlePath(f"/{name}"), each, Because("x")) for name, each in zip("abc", wanted, strict=True)]
    items.append(Item(BundlePath("/a/new"), Content(b"", A), Because("x")))
    delta = lay(BundlePlan().adding(items), base, is_same).delta
    assert {item.path: item.entry.attributes for item in delta} == {"/a": theirs, "/a/new": A, "/c": mine}


def test_a_file_that_the_base_has_is_the_plans_with_the_attributes_of_the_base() -> None:
    def copy(source: str, inode: int, mode: int) -> BundlePlan:
        there = Copy(source, 1, (1, inode), Attributes(mode, 5, 5, 9))
        return BundlePlan().adding([Item(BundlePath("/x"), there, Because("x"))])

    found = lay(copy("/host", 1, 0o644), copy("/base", 2, 0o755), lambda _wanted, _base: True)
    assert [item.entry for item in found.union] == [Copy("/host", 1, (1, 1), Attributes(0o755, 5, 5), "/base")]
    assert (len(found.delta), found.shared) == (0, 1)


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
TARGETS = st.one_of(PATHS, st.lists(st.sampled_from(["a", "b", "c", ".."]), min_size=1, max_size=3).map("/".join))
THINGS = st.one_of(st.none(), st.sampled_from(["1", "2"]), TARGETS.map(lambda target: f"-> {target}"))


def possible(tree: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return `tree` without what would be in something else than a directory."""
    kept: dict[str, str | None] = {}
    for path in sorted(tree):
        above = [path[:at] for at in range(1, len(path)) if path[at] == "/"]
        if all(kept.get(each) is None for each in above):
            kept[path] = tree[path]
    return kept


TREES = st.dictionaries(PATHS, THINGS, max_size=7).map(possible)


def files(of: BundlePlan) -> dict[str, bytes]:
    """Return the bytes that each name of up to four components leads to."""
    found: dict[str, bytes] = {}
    waiting = [""]
    while waiting:
        above = waiting.pop()
        for name in "abc":
            path = f"{above}/{name}"
            item = of.reached(path)[0]
            if item is not None and isinstance(item.entry, Content):
                found[path] = item.entry.data
            elif item is not None and len(path) < len("/a/a/a/a"):
                waiting.append(path)
    return found


@given(TREES, TREES)
def test_every_name_of_the_plan_leads_to_its_bytes_and_the_delta_makes_the_base_the_union(
    tree: Tree, base: Tree
) -> None:
    bundle, under = plan(tree), plan(base)
    found = lay(bundle, under, is_same)
    written = {item.path: item for item in under} | {item.path: item for item in found.delta}
    assert shown(found.union) == shown(BundlePlan(written))
    for item in found.union:
        holder = found.union.get(item.path.parent)
        assert item.path.parent == "/" or (holder is not None and isinstance(holder.entry, Directory))
    if not found.conflicts:
        seen = files(found.union)
        assert {path: data for path, data in files(bundle).items() if seen.get(path) != data} == {}
        assert {path: data for path, data in files(under).items() if seen.get(path) != data} == {}
