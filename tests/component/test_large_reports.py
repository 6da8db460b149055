"""Reports of many files, long names and long chains stay small enough to be read."""

from collections.abc import Callable

import pytest

from component.test_page import Page, document, entry, need, words
from magicpak.reports.document import Document, ReportEntry, ReportExcluded, ReportObject, ReportProcess
from magicpak.reports.html.page import page
from magicpak.reports.html.selection import ROWS_SIZE
from magicpak.reports.tree import PLAIN, tree
from magicpak.reports.why import Why

MANY = 50_000


def plain(number: int) -> ReportEntry:
    return entry(f"/usr/share/{number % 10}/{number}", number, reason="matched by --include /usr/share")


def long(number: int) -> ReportEntry:
    return entry(f"/{'a' * 250}/{'b' * 250}/{number}", number, reason=f"read by /{'c' * 250}/{number}")


def chained(number: int) -> ReportEntry:
    return entry(f"/bin/{number}", number, reason=f"executed by /bin/{number + 1}", asked_by=f"/bin/{number + 1}")


@pytest.mark.parametrize("made", [plain, long, chained])
def test_a_page_of_many_files_has_rows_for_the_largest_and_counts_the_others(
    made: Callable[[int], ReportEntry],
) -> None:
    written = page(document([made(number) for number in range(MANY)]))
    told = Page(written)
    rows = told.rows()
    assert len(written) < 2 * ROWS_SIZE
    assert 4000 < len(rows) < MANY
    assert [row["data-size"] for row in rows] == [str(number) for number in range(MANY - len(rows), MANY)]
    assert f"Of {MANY} entries, the {len(rows)} largest are listed" in words(written)
    assert f"{MANY - len(rows)} more entries" in words(written)
    ids = set(told.values("id"))
    assert {link.removeprefix("#") for link in told.values("href")} <= ids


def test_the_others_are_counted_by_directory() -> None:
    largest = [entry(f"/lib/{number}".ljust(4000, "x"), 10_000 + number) for number in range(2000)]
    others = [entry(f"/usr/share/{number % 4}/{number % 997}/{number}", 10) for number in range(8000)]
    written = page(document([*largest, *others]))
    rest = written[written.index('id="rest"') :]
    assert [rest.count(f">/usr/share/{number}</th><td>2000</td><td>20.0 kB</td>") for number in range(4)] == [1] * 4


def test_the_page_of_a_small_bundle_has_all() -> None:
    told = Page(page(document([plain(number) for number in range(5000)])))
    assert len(told.rows()) == 5000
    assert "rest" not in told.values("id")


def chain(length: int) -> Document:
    """Return a document with a chain of libraries, each of which needs the next one."""
    paths = [f"/lib/lib{number}.so" for number in range(length)]
    ends = [*((need(path[5:], path),) for path in paths[1:]), ()]
    objects = tuple(ReportObject(path, path, path[5:], needs) for path, needs in zip(paths, ends, strict=True))
    return document([entry(path) for path in paths], processes=(ReportProcess("app", "ld", None, objects),))


def test_a_graph_that_nobody_could_read_is_not_drawn() -> None:
    assert Page(page(chain(2000))).count("svg") == 1
    written = page(chain(2001))
    assert Page(written).count("svg") == 0
    assert "2001 programs and libraries with 2000 dependencies are too many to draw." in words(written)


def test_of_many_excluded_entries_the_first_are_listed() -> None:
    excluded = tuple(ReportExcluded(f"/x/{number}", "file", 1) for number in range(1002))
    told = words(page(document([entry("/a")], excluded=excluded)))
    assert "--exclude removed 1002 entries, 1.0 kB" in told
    assert told.count(" /x/") == 1000
    assert "and 2 more" in told


def test_the_lines_of_a_tree_do_not_grow_with_the_length_of_a_chain() -> None:
    lines = list(tree(chain(5000), PLAIN))
    assert len(lines) > 5000
    assert max(map(len, lines)) < 500


def test_why_answers_for_a_hundred_entries_of_a_name() -> None:
    why = Why(document([entry(f"/{number}/same", 1, reason="matched") for number in range(102)]), lambda _path: None)
    lines = list(why.answer("same"))
    assert len(lines) == 101
    assert lines[-1] == "and 2 more entries of that name"
