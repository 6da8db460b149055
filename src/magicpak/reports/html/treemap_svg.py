"""The picture of sizes: a box for each group of files, with a box for each file in it."""

from collections.abc import Callable, Iterator, Sequence

from magicpak.reports.document import ReportEntry
from magicpak.reports.html.groups import Group
from magicpak.reports.html.markup import Markup, element, join, shorten, text_width
from magicpak.reports.html.selection import RowSelection
from magicpak.reports.html.treemap import Box, squarify
from magicpak.text import count_noun, format_size

WIDTH, HEIGHT = 1200.0, 560.0  # of the picture; all sizes are in pixels
COLOURS = 8
_HEADING, _MIN_HEADING_WIDTH, _MIN_HEADING_HEIGHT = 17.0, 44.0, 44.0  # of a group with a heading
_MIN_FILE, _MIN_GROUP = 24.0, 1000.0  # areas: smaller ones are drawn together
_MARGIN = 2.0
_LINE, _TEXT = 14.0, 5.0  # the height of a line, and the space left and right of it


Tooltip = Callable[[ReportEntry], str]


def treemap(groups: Sequence[Group], label: str, tooltip: Tooltip, rows: RowSelection) -> Markup:
    """Return the picture of `groups`, the largest first; files without a row are drawn together."""
    merged = _merge_small(groups)
    boxes = squarify([group.size for group in merged], Box(0, 0, WIDTH, HEIGHT))
    parts = [_group(group, box, at, tooltip, rows) for at, (group, box) in enumerate(zip(merged, boxes, strict=True))]
    return element(
        "svg", *parts, class_="treemap", viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}", role="group", aria_label=label
    )


def _merge_small(groups: Sequence[Group]) -> list[Group]:
    minimum = sum(group.size for group in groups) * _MIN_GROUP / (WIDTH * HEIGHT)
    small = [group for group in groups if group.size < minimum]
    if len(small) <= 1:
        return list(groups)
    files = sorted((file for group in small for file in group.files), key=lambda file: (-file.size, file.path))
    rest = Group(f"{len(small)} more", sum(group.size for group in small), tuple(files))
    large = [group for group in groups if group.size >= minimum]
    return sorted([*large, rest], key=lambda group: -group.size)


def _group(group: Group, box: Box, at: int, tooltip: Tooltip, rows: RowSelection) -> Markup:
    outer = box.inner(_MARGIN / 2, _MARGIN / 2)
    has_heading = outer.width >= _MIN_HEADING_WIDTH and outer.height >= _MIN_HEADING_HEIGHT
    inner = outer.inner(_HEADING if has_heading else 0, 0)
    title = element("title", f"{group.name}: {format_size(group.size)} in {count_noun(len(group.files), 'file')}")
    parts = [title, _rectangle(outer, class_="group")]
    if has_heading:
        parts.append(_heading(group, outer))
    return element("g", *parts, *_files(group, inner, tooltip, rows), class_=f"c{at % COLOURS}")


def _heading(group: Group, box: Box) -> Markup:
    width = box.width - 2 * _TEXT
    full = f"{group.name} {format_size(group.size)}"
    return _text(full if text_width(full) <= width else _short_name(group.name, width), box, 13, class_="heading")


def _short_name(name: str, width: float) -> str | None:
    """Return as much of the name of a group as fits into `width`: the end, if it is a directory."""
    parts = name.split("/")[1:]
    ends = (f"…/{'/'.join(parts[at:])}" for at in range(1, len(parts)))
    return next((each for each in (name, *ends) if text_width(each) <= width), None) or shorten(
        parts[-1] if parts else name, width, minimum=3
    )


def _files(group: Group, box: Box, tooltip: Tooltip, rows: RowSelection) -> Iterator[Markup]:
    scale = box.width * box.height / group.size
    hrefs = [(file, href) for file in group.files if file.size * scale >= _MIN_FILE and (href := rows.href(file.path))]
    rest = group.files[len(hrefs) :]
    small = sum(file.size for file in rest)
    sizes = [file.size for file, _ in hrefs]
    boxes = squarify([*sizes, *([small] if small else [])], box)
    for (file, href), each in zip(hrefs, boxes, strict=False):
        yield _file(file, each, tooltip(file), href)
    if small:
        yield element(
            "g",
            element("title", f"{count_noun(len(rest), 'smaller file')}, {format_size(small)}"),
            _rectangle(boxes[-1]),
        )


def _file(file: ReportEntry, box: Box, tooltip: str, href: str) -> Markup:
    width = box.width - 2 * _TEXT
    name = shorten(file.path.rpartition("/")[2], width) if box.height >= _LINE else None
    size = format_size(file.size)
    labels = [_text(name, box, 12)] if name else []
    if name and box.height >= 2 * _LINE + _TEXT and text_width(size) <= width:
        labels.append(_text(size, box, 12 + _LINE, class_="bytes"))
    return element("a", element("title", tooltip), _rectangle(box), *labels, href=href, tabindex=-1)


def _rectangle(box: Box, class_: str | None = None) -> Markup:
    return element("rect", x=box.x, y=box.y, width=box.width, height=box.height, class_=class_)


def _text(text: str | None, box: Box, baseline: float, class_: str | None = None) -> Markup:
    return element("text", text, x=box.x + _TEXT, y=box.y + baseline, class_=class_) if text else join(())
