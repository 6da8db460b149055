"""The picture of sizes: a box for each group of files, with a box for each file in it."""

from collections.abc import Callable, Iterator, Sequence

from magicpak.reports.document import ReportEntry
from magicpak.reports.html.groups import Group
from magicpak.reports.html.markup import Markup, element, joined
from magicpak.reports.html.places import anchor
from magicpak.reports.html.svg import fitting, width
from magicpak.reports.html.treemap import Box, squarified
from magicpak.text import count_noun, format_size

WIDTH, HEIGHT = 1200.0, 560.0  # of the picture; all figures are pixels
COLOURS = 8
_HEADING, _HEADING_WIDTH, _HEADING_HEIGHT = 17.0, 44.0, 44.0  # of a group, and the least group that has one
_LEAST_FILE, _LEAST_GROUP = 24.0, 1000.0  # areas: what would be smaller is drawn together
_MARGIN = 2.0
_LINE, _TEXT = 14.0, 5.0  # the height of a line, and what is free at its left and right


def treemap(groups: Sequence[Group], label: str, told: Callable[[ReportEntry], str]) -> Markup:
    """Return the picture of `groups`, the largest first; `told` says of a file what its tooltip does."""
    whole = Box(0, 0, WIDTH, HEIGHT)
    shown = _with_small_together(groups)
    boxes = squarified([group.size for group in shown], whole)
    parts = [_group(group, box, at, told) for at, (group, box) in enumerate(zip(shown, boxes, strict=True))]
    return element(
        "svg", *parts, class_="treemap", viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}", role="group", aria_label=label
    )


def _with_small_together(groups: Sequence[Group]) -> list[Group]:
    least = sum(group.size for group in groups) * _LEAST_GROUP / (WIDTH * HEIGHT)
    small = [group for group in groups if group.size < least]
    if len(small) <= 1:
        return list(groups)
    files = sorted((file for group in small for file in group.files), key=lambda file: (-file.size, file.path))
    together = Group(f"{len(small)} more", sum(group.size for group in small), tuple(files))
    large = [group for group in groups if group.size >= least]
    return sorted([*large, together], key=lambda group: -group.size)


def _group(group: Group, box: Box, at: int, told: Callable[[ReportEntry], str]) -> Markup:
    outer = box.inner(_MARGIN / 2, _MARGIN / 2)
    has_heading = outer.width >= _HEADING_WIDTH and outer.height >= _HEADING_HEIGHT
    inner = outer.inner(_HEADING if has_heading else 0, 0)
    title = element("title", f"{group.name}: {format_size(group.size)} in {count_noun(len(group.files), 'file')}")
    parts = [title, _rectangle(outer, class_="group")]
    if has_heading:
        parts.append(_heading(group, outer))
    return element("g", *parts, *_files(group, inner, told), class_=f"c{at % COLOURS}")


def _heading(group: Group, box: Box) -> Markup:
    room = box.width - 2 * _TEXT
    words = f"{group.name} {format_size(group.size)}"
    line = words if fitting(words, room) == words else _name(group.name, room)
    return _text(line, box, 13, class_="heading")


def _name(name: str, room: float) -> str | None:
    """Return as much of the name of a group as `room` has room for: of a directory, its end."""
    parts = name.split("/")[1:]
    ends = (f"…/{'/'.join(parts[at:])}" for at in range(1, len(parts)))
    return next((each for each in (name, *ends) if width(each) <= room), None) or fitting(
        parts[-1] if parts else name, room, least=3
    )


def _files(group: Group, box: Box, told: Callable[[ReportEntry], str]) -> Iterator[Markup]:
    scale = box.width * box.height / group.size
    large = [file for file in group.files if file.size * scale >= _LEAST_FILE]
    rest = group.files[len(large) :]
    small = sum(file.size for file in rest)
    boxes = squarified([*(file.size for file in large), *([small] if small else [])], box)
    for file, each in zip(large, boxes, strict=False):
        yield _file(file, each, told(file))
    if small:
        yield element(
            "g",
            element("title", f"{count_noun(len(rest), 'smaller file')}, {format_size(small)}"),
            _rectangle(boxes[-1]),
        )


def _file(file: ReportEntry, box: Box, told: str) -> Markup:
    room = box.width - 2 * _TEXT
    name = fitting(file.path.rpartition("/")[2], room) if box.height >= _LINE else None
    weight = format_size(file.size)
    labels = [_text(name, box, 12)] if name else []
    if name and box.height >= 2 * _LINE + _TEXT and fitting(weight, room) == weight:
        labels.append(_text(weight, box, 12 + _LINE, class_="weight"))
    return element("a", element("title", told), _rectangle(box), *labels, href=f"#{anchor(file.path)}", tabindex=-1)


def _rectangle(box: Box, class_: str | None = None) -> Markup:
    return element("rect", x=box.x, y=box.y, width=box.width, height=box.height, class_=class_)


def _text(words: str | None, box: Box, down: float, class_: str | None = None) -> Markup:
    return element("text", words, x=box.x + _TEXT, y=box.y + down, class_=class_) if words else joined(())
