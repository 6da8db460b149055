from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magicpak.bundle.entry import Attributes, Content, Copy, Directory, Entry, Fifo, Link
from magicpak.bundle.path import ROOT, BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item, made_directory
from magicpak.errors import PlanConflict

A = Attributes(0o755)
DIRECTORY = Directory(A)
IMPLIED = Directory(Attributes(0o700), "/host", implied=True)
FILE = Copy("/y", 1, (1, 2), A)
WHY = Because("because")


def item(path: str, entry: Entry, why: str = "because") -> Item:
    return Item(BundlePath(path), entry, Because(why))


def copy(source: str, inode: int = 1) -> Copy:
    return Copy(source, 1, (1, inode), A)


def paths(plan: BundlePlan) -> list[str]:
    return [str(each.path) for each in plan]


def test_a_directory_comes_before_what_it_holds_and_names_in_the_order_of_their_components() -> None:
    plan = BundlePlan().adding(
        item(path, DIRECTORY) for path in ("/a-b", "/a/b/c", "/b", "/a", "/a/b", "/a.b", "/a/b-c", "/a/b/\udcff")
    )
    assert paths(plan) == ["/a", "/a/b", "/a/b/c", "/a/b/\udcff", "/a/b-c", "/a-b", "/a.b", "/b"]


def test_a_plan_is_not_changed_by_adding_to_it_or_taking_from_it() -> None:
    plan = BundlePlan().adding([item("/a", DIRECTORY)])
    assert (paths(plan.adding([item("/b", DIRECTORY)])), paths(plan.without(lambda _: True))) == (["/a", "/b"], [])
    assert paths(plan) == ["/a"]


def test_a_plan_tells_what_stands_at_a_path() -> None:
    there = item("/a", DIRECTORY)
    plan = BundlePlan().adding([there])
    assert (plan.get("/a"), plan.get("/b"), "/a" in plan, "/b" in plan, len(plan)) == (there, None, True, False, 1)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (DIRECTORY, DIRECTORY, 0),
        (IMPLIED, DIRECTORY, 1),
        (DIRECTORY, IMPLIED, 0),
        (DIRECTORY, Directory(Attributes(0o711)), 0),
        (copy("/x"), copy("/x"), 0),
        (copy("/x"), copy("/hard/link/of/x"), 0),
        (Link("a", A), Link("a", A), 0),
        (Fifo(A), Fifo(A), 0),
        (Content(b"a", A), Content(b"a", A), 0),
    ],
)
def test_what_does_not_contradict_stays_once_with_its_first_reason(first: Entry, second: Entry, kept: int) -> None:
    both = [item("/a", first, "first"), item("/a", second, "second")]
    assert list(BundlePlan().adding(both)) == [both[kept]]
    assert list(BundlePlan().adding(both[:1]).adding(both[1:])) == [both[kept]]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (copy("/x", 1), copy("/y", 2), "the file /x (first); and the file /y (second)"),
        (copy("/x"), Link("x", A), "the file /x (first); and a link to x (second)"),
        (Link("x", A), Link("y", A), "a link to x (first); and a link to y (second)"),
        (DIRECTORY, Fifo(A), "a directory (first); and a named pipe (second)"),
        (IMPLIED, copy("/x"), "a directory (first); and the file /x (second)"),
        (Content(b"a", A), Content(b"b", A), "a file made by magicpak (first); and a file made by magicpak (second)"),
        (copy("/\x1b\n"), Fifo(A), "the file /\\x1b\\n (first); and a named pipe (second)"),
    ],
)
def test_two_different_things_for_one_path_are_refused_naming_both(first: Entry, second: Entry, words: str) -> None:
    with pytest.raises(PlanConflict) as refusal:
        BundlePlan().adding([item("/a", first, "first"), item("/a", second, "second")])
    assert refusal.value.message == f"conflict at /a in the bundle: {words}"


def test_a_file_where_a_directory_is_due_is_refused_naming_both() -> None:
    for order in (1, -1):
        items = [item("/a", copy("/x"), "first"), item("/a/b", Link("c", A), "second")]
        with pytest.raises(PlanConflict) as refusal:
            BundlePlan().adding(items[::order])
        assert refusal.value.message == (
            "conflict at /a in the bundle: the file /x (first); and a directory for /a/b (second)"
        )


def test_an_item_without_its_parent_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="/a/b has no parent"):
        BundlePlan().adding([item("/a/b", DIRECTORY)])


def test_what_is_added_where_free_takes_no_place_but_that_of_a_made_directory() -> None:
    made = Directory(A, implied=True)
    plan = BundlePlan().adding([item("/made", made), item("/own", IMPLIED), item("/x", copy("/x")), item("/y", FILE)])
    new = [
        item("/x/below", FILE),
        item("/made/new", FILE),
        item("/own", DIRECTORY),
        item("/made", IMPLIED),
        item("/x", DIRECTORY),
        item("/y", copy("/other name of y", 2)),
        item("/made", DIRECTORY),
    ]
    found, others = plan.adding_where_free(new)
    assert [(str(each.path), each.entry) for each in found] == [
        ("/made", DIRECTORY),
        ("/made/new", FILE),
        ("/own", IMPLIED),
        ("/x", copy("/x")),
        ("/y", FILE),
    ]
    assert others == [item("/x", DIRECTORY)]


def test_without_a_directory_nothing_that_it_holds_stays() -> None:
    plan = BundlePlan().adding(item(path, DIRECTORY) for path in ("/a", "/a/b", "/a/b/c", "/ab", "/a/d"))
    assert paths(plan.without(lambda each: each.path in ("/a/b", "/none"))) == ["/a", "/a/d", "/ab"]


def test_a_reason_is_shown_on_one_line() -> None:
    assert str(Because("needed by", "/lib\n/\x1b[31mx\udcff")) == "needed by /lib\\n/\\x1b[31mx\\xff"
    assert str(Because("--mkdir a\tb")) == "--mkdir a\\tb"


def test_directories_that_all_may_write_to_are_made_so() -> None:
    modes = {path: made_directory(path).attributes.mode for path in ("/tmp", "/var/tmp", "/var", "/x/tmp", "/tmp/x")}
    assert modes == {"/tmp": 0o1777, "/var/tmp": 0o1777, "/var": 0o755, "/x/tmp": 0o755, "/tmp/x": 0o755}


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(lambda parts: BundlePath("/".join(parts)))
ENTRIES = st.sampled_from([DIRECTORY, IMPLIED, copy("/x"), copy("/y", 2), Link("a", A), Fifo(A), Content(b"", A)])


def with_parents(items: dict[BundlePath, Entry]) -> list[Item]:
    result = []
    for path, entry in items.items():
        above = path.parent
        while above != ROOT:
            result.append(Item(above, IMPLIED, WHY))
            above = above.parent
        result.append(Item(path, entry, WHY))
    return result


@given(st.dictionaries(PATHS, ENTRIES, max_size=5), st.randoms())
def test_whatever_the_order_of_adding_the_plan_is_the_same_or_refused(
    items: dict[BundlePath, Entry], random: Random
) -> None:
    wanted = with_parents(items)
    shuffled = random.sample(wanted, len(wanted))
    outcomes: list[object] = []
    for order in (wanted, shuffled):
        try:
            outcomes.append(list(BundlePlan().adding(order)))
        except PlanConflict as refusal:
            outcomes.append(type(refusal))
    assert outcomes[0] == outcomes[1]


@given(st.dictionaries(PATHS, st.sampled_from([DIRECTORY, IMPLIED]), max_size=6), st.sets(PATHS, max_size=3))
def test_every_item_of_a_plan_stands_in_a_directory_of_it(
    items: dict[BundlePath, Entry], unwanted: set[BundlePath]
) -> None:
    plan = BundlePlan().adding(with_parents(items)).without(lambda each: each.path in unwanted)
    seen = {ROOT}
    for each in plan:
        assert each.path.parent in seen
        seen.add(each.path)
    assert not {path for path in seen if any(path.is_under(gone) for gone in unwanted)}
