import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from magicpak.bundle.entry import Attributes, Content, Directory, Entry, Link
from magicpak.bundle.exclude import exclude, matching_patterns
from magicpak.bundle.globs import glob_paths, is_literal
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item

A = Attributes(0o755)


def plan_of(*lines: str) -> BundlePlan:
    """Return a plan of `/a/` directories, `/a -> b` links and `/a` files; parents come by themselves."""
    entries: dict[BundlePath, Entry] = {}
    for line in lines:
        name, arrow, target = line.partition(" -> ")
        path = BundlePath(name)
        entry: Entry = Link(target, A) if arrow else Directory(A) if name.endswith("/") else Content(b"", A)
        for number in range(1, len(path.parts)):
            entries.setdefault(BundlePath("/".join(path.parts[:number])), Directory(A, implied=True))
        entries[path] = entry
    return BundlePlan().adding(Item(path, entry, Because("test")) for path, entry in entries.items())


def lines_of(plan: BundlePlan) -> list[str]:
    def line(item: Item) -> str:
        match item.entry:
            case Link(target):
                return f"{item.path} -> {target}"
            case Directory():
                return f"{item.path}/"
        return item.path

    return [line(item) for item in plan]


def left(plan: BundlePlan, *patterns: str) -> list[str]:
    """Return what stays without `patterns`, each of which must match something."""
    exclusion = exclude(plan, patterns)
    assert exclusion.unused == ()
    assert {item.path for item in exclusion.before} == {item.path for item in exclusion.plan} | set(exclusion.removed)
    return lines_of(exclusion.plan)


MERGED = (
    "/bin -> usr/bin",
    "/lib -> usr/lib",
    "/usr/bin/",
    "/usr/bin/other",
    "/usr/bin/tool",
    "/usr/lib/",
    "/usr/lib/libx.so.1 -> libx.so.1.2",
    "/usr/lib/libx.so.1.2",
    "/usr/lib/sub/",
    "/usr/lib/sub/deep",
)


def without(*gone: str) -> list[str]:
    return lines_of(plan_of(*(line for line in MERGED if line not in gone)))


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("/usr/bin/tool", ["/usr/bin/tool"]),
        ("/bin/tool", ["/usr/bin/tool"]),
        ("/usr/lib/libx.so.1", ["/usr/lib/libx.so.1 -> libx.so.1.2"]),
        ("/lib/libx.so.1", ["/usr/lib/libx.so.1 -> libx.so.1.2"]),
        ("/usr/lib/libx.so.1.2", ["/usr/lib/libx.so.1 -> libx.so.1.2", "/usr/lib/libx.so.1.2"]),
        ("/lib/libx.so.1.2", ["/usr/lib/libx.so.1 -> libx.so.1.2", "/usr/lib/libx.so.1.2"]),
        ("/lib", ["/lib -> usr/lib"]),
        ("/usr/lib/sub", ["/usr/lib/sub/", "/usr/lib/sub/deep"]),
        ("/usr/lib/sub/", ["/usr/lib/sub/", "/usr/lib/sub/deep"]),
        ("/usr/lib/*deep", ["/usr/lib/sub/", "/usr/lib/sub/deep"]),
        ("/lib/*deep", ["/usr/lib/sub/", "/usr/lib/sub/deep"]),
        ("**/deep", ["/usr/lib/sub/", "/usr/lib/sub/deep"]),
        ("*/libx.so.1.?", ["/usr/lib/libx.so.1 -> libx.so.1.2", "/usr/lib/libx.so.1.2"]),
        ("usr/lib/s[!a]b", ["/usr/lib/sub/", "/usr/lib/sub/deep"]),
        ("./usr/lib/s[tu]b", ["/usr/lib/sub/", "/usr/lib/sub/deep"]),
        ("lib/../usr/lib/sub", ["/usr/lib/sub/", "/usr/lib/sub/deep"]),
    ],
)
def test_a_pattern_takes_what_it_names_and_the_links_to_it(pattern: str, gone: list[str]) -> None:
    assert left(plan_of(*MERGED), pattern) == without(*gone)


@pytest.mark.parametrize("pattern", ["", "/", "/none", "/usr/lib/libx", "*/none", "/lib/sub/dee", "{/lib,/bin}", "\\*"])
def test_a_pattern_that_matches_nothing_is_told(pattern: str) -> None:
    plan = plan_of(*MERGED)
    exclusion = exclude(plan, ["/lib", pattern])
    assert (lines_of(exclusion.plan), exclusion.unused) == (without("/lib -> usr/lib"), (pattern,))


@pytest.mark.parametrize(
    ("patterns", "takers"),
    [
        (["/lib/*deep"], {"/usr/lib/sub": 0, "/usr/lib/sub/deep": 0}),
        (["*/deep", "/usr/lib/sub"], {"/usr/lib/sub": 1, "/usr/lib/sub/deep": 0}),
        (["/usr/lib", "*/deep"], {"/usr/lib/sub/deep": 0, "/usr/lib": 0, "/lib": 0}),
        (["*/libx.so.1.2", "*/libx*"], {"/usr/lib/libx.so.1.2": 0, "/usr/lib/libx.so.1": 1}),
        (["*/none", "/bin/*"], {"/bin": 1, "/usr/bin": 1, "/usr/bin/tool": 1, "/usr/bin/other": 1}),
    ],
)
def test_each_item_is_taken_by_the_first_pattern_that_matches_it_or_what_it_depends_on(
    patterns: list[str], takers: dict[str, int]
) -> None:
    exclusion = exclude(plan_of(*MERGED), patterns)
    taken_by = {path: patterns.index(exclusion.removed[BundlePath(path)].pattern) for path in takers}
    assert taken_by == takers


@pytest.mark.parametrize(
    ("path", "flag"),
    [
        ("/lib/libx.so.1", "--exclude '*/libx.so.1.2'"),
        ("/bin/tool", "--exclude /usr/bin/tool"),
        ("/bin/other", None),
        ("/none", None),
        ("/usr/lib/libx.so.1/x", None),
    ],
)
def test_what_a_path_led_to_was_excluded_by_one_option(path: str, flag: str | None) -> None:
    assert exclude(plan_of(*MERGED), ["/usr/bin/tool", "*/libx.so.1.2"]).flag_for(path) == flag


def test_of_several_options_that_excluded_what_a_path_led_to_the_first_is_named() -> None:
    exclusion = exclude(plan_of(*MERGED), ["/lib/libx.so.1", "*/libx*"])
    assert exclusion.flag_for("/usr/lib/libx.so.1") == "--exclude /lib/libx.so.1"


def test_no_pattern_changes_nothing() -> None:
    plan = plan_of(*MERGED)
    assert exclude(plan, []) == (plan, plan, {}, ())


def test_everything_can_be_excluded() -> None:
    assert left(plan_of(*MERGED), "*") == []


def test_directories_that_were_empty_before_stay_and_those_that_are_emptied_go() -> None:
    plan = plan_of("/a/b/c/x", "/a/b/y", "/empty/", "/half/x", "/half/empty/")
    assert left(plan, "*/x") == ["/a/", "/a/b/", "/a/b/y", "/empty/", "/half/", "/half/empty/"]
    assert left(plan, "*/x", "/a/b/y") == ["/empty/", "/half/", "/half/empty/"]


def test_a_link_goes_with_any_link_or_directory_that_it_leads_through() -> None:
    plan = plan_of("/1 -> 2", "/2 -> /d/3", "/d/3 -> f", "/d/f", "/other -> d/g", "/d/g", "/up -> d/../keep", "/keep")
    assert left(plan, "/2") == ["/d/", "/d/3 -> f", "/d/f", "/d/g", "/keep", "/other -> d/g", "/up -> d/../keep"]
    assert left(plan, "/d/f") == ["/d/", "/d/g", "/keep", "/other -> d/g", "/up -> d/../keep"]
    assert left(plan, "/d") == ["/keep"]


def test_links_that_lead_nowhere_or_in_a_circle_are_only_links() -> None:
    plan = plan_of("/a -> b", "/b -> a", "/none -> gone", "/d/self -> .", "/d/up -> ..", "/d/f", "/e/to -> /d")
    assert left(plan, "/b") == ["/d/", "/d/f", "/d/self -> .", "/d/up -> ..", "/e/", "/e/to -> /d", "/none -> gone"]
    assert left(plan, "/e/to/f") == ["/a -> b", "/b -> a", "/d/", "/d/self -> .", "/d/up -> ..", "/e/", "/e/to -> /d",
                                     "/none -> gone"]  # fmt: skip


WAYS = st.lists(st.sampled_from(["a", "b", "c", ".."]), min_size=1, max_size=3).map("/".join)
LINES = st.dictionaries(
    st.sampled_from(["/a", "/b", "/c", "/d/a", "/d/b", "/d/e/a", "/d/e/b"]),
    st.one_of(st.just(""), WAYS.map(" -> {}".format), WAYS.map(" -> /d/{}".format)),
    min_size=1,
)


@given(lines=LINES, pattern=st.sampled_from(["/a", "/d/a", "/d", "/d/e", "*/a", "*/b", "/d/e/*", "/*"]))
def test_no_pattern_leaves_a_link_whose_end_it_takes(lines: dict[str, str], pattern: str) -> None:
    plan = plan_of(*(name + target for name, target in lines.items()))

    def dead(plan: BundlePlan) -> set[BundlePath]:
        ends = {item.path: plan.reached(item.path) for item in plan if isinstance(item.entry, Link)}
        return {link for link, (item, place) in ends.items() if item is None and place != "/"}

    assert dead(exclude(plan, [pattern]).plan) <= dead(plan)


def test_directories_that_link_to_each_other_have_endless_names_and_are_dealt_with_all_the_same() -> None:
    plan = plan_of("/a/to_b -> /b", "/b/to_a -> /a", "/a/x", "/b/y")
    assert left(plan, "/a/to_b/y") == ["/a/", "/a/to_b -> /b", "/a/x", "/b/", "/b/to_a -> /a"]
    assert left(plan, "/a/to_b/to_a/x") == ["/a/", "/a/to_b -> /b", "/b/", "/b/to_a -> /a", "/b/y"]


def test_a_file_has_the_names_of_links_within_links() -> None:
    plan = plan_of("/lib -> usr/lib", "/usr/lib/new/x", "/usr/lib/old -> new", "/opt -> /lib/old")
    for name in ("/usr/lib/new/x", "/lib/new/x", "/usr/lib/old/x", "/lib/old/x", "/opt/x"):
        assert "/usr/lib/new/x" not in left(plan, name), name


CHARACTERS = "ab./*?[!]-\\{,}~|()+@^$ \n\udcff"
TEXTS = st.text(CHARACTERS, max_size=8)


def exclusion(pattern: str) -> Callable[[str], bool]:
    return lambda path: bool(matching_patterns([pattern])(path))


def matches(pattern: str, path: str) -> bool:
    """What `*`, `?` and literal characters mean, said once more and in another way."""
    if not pattern:
        return not path
    if pattern[0] == "*":
        return any(matches(pattern[1:], path[index:]) for index in range(len(path) + 1))
    return bool(path) and pattern[0] in ("?", path[0]) and matches(pattern[1:], path[1:])


@example("?", "a\n")
@given(TEXTS.filter(lambda text: "[" not in text and not is_literal(text)), TEXTS)
def test_in_an_exclude_stars_cross_slashes_and_all_else_stands_for_itself(pattern: str, text: str) -> None:
    path = str(BundlePath(text))
    rooted = pattern if pattern[0] in "/*?" else "/" + pattern.removeprefix("./")
    assert exclusion(pattern)(path) == matches(rooted.rstrip("/"), path)


@given(TEXTS.filter(is_literal), TEXTS)
def test_an_exclude_without_wildcards_is_one_path(pattern: str, text: str) -> None:
    assert exclusion(pattern)(BundlePath(text)) == (BundlePath(pattern) == BundlePath(text))


@given(st.text(CHARACTERS + "[[[", max_size=10), TEXTS)
def test_no_exclude_however_odd_is_an_error(pattern: str, text: str) -> None:
    assert exclusion(pattern)(BundlePath(text)) in (True, False)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("host")
    for name in ("a/x.so", "a/.hidden", "a/b/c/x.so", "A/x.so", "a/back\\slash", "a/{x,y}", "a/x\ny", "a/\udcff", "~"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "link").symlink_to("a")
    (root / "a/dangling").symlink_to("nothing")
    (root / "a/b/up").symlink_to("..")
    return root


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a/*.so", ["a/x.so"]),
        ("*/*.so", ["A/x.so", "a/x.so", "link/x.so"]),
        ("a/?hidden", ["a/.hidden"]),
        ("a/*h*", ["a/.hidden", "a/back\\slash"]),
        ("a/**/x.so", ["a/b/c/x.so", "a/x.so"]),
        ("**/x.so", ["A/x.so", "a/b/c/x.so", "a/x.so"]),
        ("a/**.so", ["a/x.so"]),
        ("[!a]/x.so", ["A/x.so"]),
        ("[A-Z]/x.so", ["A/x.so"]),
        ("[^a]/x.so", ["A/x.so"]),
        ("link/*.so", ["link/x.so"]),
        ("a/d*", ["a/dangling"]),
        ("a/*\\*", ["a/back\\slash"]),
        ("a/{x,y}*", ["a/{x,y}"]),
        ("a/{b,c}/*", []),
        ("a/x?y", ["a/x\ny"]),
        ("a/[\udcff]", ["a/\udcff"]),
        ("[~]", ["~"]),
        ("a/b/*/", ["a/b/c/", "a/b/up/"]),
        ("a/[", []),
        ("a/*(x|y).so", []),
        ("!*", []),
        ("*|a", []),
    ],
)
def test_an_include_matches_as_the_original_does(host: Path, pattern: str, found: list[str]) -> None:
    assert sorted(glob_paths(pattern, str(host))) == found


@given(st.text("ax.*?[]!-", min_size=1, max_size=6), st.text("ax.-!", min_size=1, max_size=5))
@example("[?-.[]", "a")  # of a `[` in a set, `re` warns
def test_in_an_include_as_in_an_exclude_a_name_matches_or_not(pattern: str, name: str) -> None:
    if set(pattern) <= {"."} or set(name) <= {"."} or is_literal(pattern) or "**" in pattern:
        return
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, name).touch()
        assert list(glob_paths(pattern, directory)) == [name] * exclusion("/" + pattern)("/" + name)


@pytest.mark.parametrize("pattern", ["*", "?*", "*.[0-9]", "*.crt", "a*b?", "[ab]*", "[ab0]?", "+*", "*-*", "a[b]c*"])
def test_patterns_of_names_match_without_wcmatch_what_they_match_with_it(tmp_path: Path, pattern: str) -> None:
    for name in (
        "a",
        "b.0",
        ".c.crt",
        "d.crt",
        "a.b",
        "aXbY",
        "abc",
        "+",
        "-",
        "a\n-",
        "b-",
        "[ab]",
        "B",
        "\udcff.9",
        "0.x",
    ):
        (tmp_path / name).touch()
    (tmp_path / "dir.crt").mkdir()
    (tmp_path / "b.dead").symlink_to("absent")
    names = sorted(glob_paths(pattern, str(tmp_path)))
    assert names == sorted(each.removeprefix("./") for each in glob_paths(f"./{pattern}", str(tmp_path)))
    assert names != []
    assert list(glob_paths(pattern, str(tmp_path / "absent"))) == []


def test_a_pattern_is_literal_unless_it_has_a_wildcard() -> None:
    literal = [text for text in ("/a/b", "", "a{b}", "a\\b", "~", "!a", "a*", "a?", "[a", "a]") if is_literal(text)]
    assert literal == ["/a/b", "", "a{b}", "a\\b", "~", "!a", "a]"]
