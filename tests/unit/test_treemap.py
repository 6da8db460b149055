"""Treemaps: areas as sizes, nothing outside, nothing twice."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magicpak.reports.document import Document, ReportEntry, ReportPackage, ReportTotals
from magicpak.reports.html.groups import Group, groups
from magicpak.reports.html.treemap import Box, squarify

SIZES = st.lists(st.integers(1, 10**10), min_size=1, max_size=40).map(lambda sizes: sorted(sizes, reverse=True))
SIDES = st.floats(1, 5000)


def overlap(one: Box, other: Box) -> float:
    """Return the area that two boxes share."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(width, 0) * max(height, 0)


@given(SIZES, SIDES, SIDES)
def test_boxes_are_inside_and_disjoint_with_areas_as_the_sizes(sizes: list[int], width: float, height: float) -> None:
    whole = Box(3, 4, width, height)
    boxes = squarify(sizes, whole)
    assert len(boxes) == len(sizes)
    scale, little = width * height / sum(sizes), width * height * 1e-9
    for size, box in zip(sizes, boxes, strict=True):
        assert box.width * box.height == pytest.approx(size * scale, rel=1e-6, abs=little)
        assert overlap(box, whole) == pytest.approx(box.width * box.height, abs=little)
    assert all(overlap(one, other) <= little for one, other in combinations(boxes, 2))


def test_boxes_are_as_square_as_those_of_the_article() -> None:
    boxes = squarify([6, 6, 4, 3, 2, 2, 1], Box(0, 0, 6, 4))
    assert [tuple(round(value, 2) for value in box) for box in boxes] == [
        (0, 0, 3, 2),
        (0, 2, 3, 2),
        (3, 0, 1.71, 2.33),
        (4.71, 0, 1.29, 2.33),
        (3, 2.33, 1.2, 1.67),
        (4.2, 2.33, 1.2, 1.67),
        (5.4, 2.33, 0.6, 1.67),
    ]


def test_a_box_without_area_is_divided_into_such() -> None:
    boxes = squarify([3, 2, 1], Box(1, 2, 0, 5))
    assert [box.width * box.height for box in boxes] == [0, 0, 0]
    assert all(box.x == 1 and 2 <= box.y <= box.y + box.height <= 7 for box in boxes)
    assert squarify([], Box(0, 0, 1, 1)) == []


def file(path: str, size: int, package: int | None = None) -> ReportEntry:
    return ReportEntry(path, "file", size, "0644", 0, 0, path, None, "", None, package)


def document(*entries: ReportEntry, packages: tuple[ReportPackage, ...] | None = None) -> Document:
    return Document(1, "2", None, True, True, ReportTotals(0, 0, 0, 0, 0), entries, (), (), (), (), (), packages)


def named(found: list[Group]) -> dict[str, list[str]]:
    return {group.name: [each.path for each in group.files] for group in found}


def test_files_are_grouped_by_their_package_the_largest_first() -> None:
    packages = (ReportPackage("dpkg", "one", "1", "all", 2, 30), ReportPackage("dpkg", "two", "1", "all", 1, 25))
    entries = (file("/a", 10, 0), file("/b", 20, 0), file("/c", 25, 1), file("/d", 40), file("/empty", 0, 1))
    found = groups(document(*entries, packages=packages))
    assert named(found) == {"no package": ["/d"], "one": ["/b", "/a"], "two": ["/c"]}
    assert [group.size for group in found] == [40, 30, 25]


@pytest.mark.parametrize("packages", [None, ()])
def test_files_are_grouped_by_directory_where_there_are_no_packages(packages: tuple[ReportPackage, ...] | None) -> None:
    entries = (file("/lib/a", 500), file("/lib/deep/er/b", 400), file("/top", 90))
    found = groups(document(*entries, packages=packages))
    assert named(found) == {"/lib": ["/lib/a"], "/lib/deep/er": ["/lib/deep/er/b"], "/": ["/top"]}


def test_small_directories_are_counted_with_what_holds_them() -> None:
    entries = (file("/lib/a", 100_000), *(file(f"/share/{at}/x/y", 10) for at in range(200)), file("/small/x", 1))
    found = groups(document(*entries))
    assert [(group.name, group.size) for group in found] == [("/lib", 100_000), ("/share", 2000), ("/", 1)]


@given(
    st.lists(st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=5), st.integers(0, 10**6)), max_size=30)
)
def test_no_file_is_lost_or_twice_in_groups(files: list[tuple[list[str], int]]) -> None:
    sizes = {"/" + "/".join(names): size for names, size in files}
    found = groups(document(*(file(path, size) for path, size in sizes.items())))
    paths = sorted(each.path for group in found for each in group.files)
    assert paths == sorted(path for path, size in sizes.items() if size)
    assert sum(group.size for group in found) == sum(sizes.values())
