"""A squarified treemap: rectangles with areas in proportion to sizes, each as square as possible.

After M. Bruls, K. Huizing, J. J. van Wijk: Squarified Treemaps. Proc. VisSym 2000, pp. 33-42.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle; `x` and `y` are its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def side(self) -> float:
        """The shorter side."""
        return min(self.width, self.height)

    def inner(self, top: float, margin: float) -> "Box":
        """Return the rectangle inside a strip of height `top` and a margin at the other sides."""
        width, height = self.width - 2 * margin, self.height - top - margin
        return Box(self.x + margin, self.y + top, max(width, 0.0), max(height, 0.0))


def squarify(sizes: Sequence[float], box: Box) -> list[Box]:
    """Return `box` divided among `sizes`, which are greater than 0 and in descending order."""
    boxes: list[Box] = []
    total, rest = float(sum(sizes)), box
    while len(boxes) < len(sizes):
        end = _end_of_row(sizes, len(boxes), total, rest)
        row = sizes[len(boxes) : end]
        row_boxes, rest = _divide(row, rest, sum(row) / total if end < len(sizes) else 1.0)
        boxes += row_boxes
        total -= sum(row)
    return boxes


def _end_of_row(sizes: Sequence[float], start: int, total: float, rest: Box) -> int:
    """Return the end of the row that begins at `start`: before the size that would make its boxes less square.

    `total` are the sizes for which there is `rest`.
    """
    scale = rest.width * rest.height / total if total > 0 else 0.0
    row, worst, end = 0.0, float("inf"), start
    while end < len(sizes):
        row += sizes[end]
        thickness = row * scale / rest.side if rest.side > 0 else 0.0
        longest, shortest = (each * rest.side / row for each in (sizes[start], sizes[end]))
        ratio = max(longest / thickness, thickness / shortest) if thickness > 0 and shortest > 0 else 0.0
        if ratio > worst:
            break
        worst, end = ratio, end + 1
    return end


def _divide(row: Sequence[float], box: Box, share: float) -> tuple[list[Box], Box]:
    """Return a `share` of the longer side of `box`, divided among `row`, and the rest of it."""
    x, y, width, height = box
    total = sum(row)
    starts = [before / total for before in accumulate(row, initial=0.0)][:-1]
    if width >= height:
        part = width * share
        boxes = [
            Box(x, y + height * start, part, height * each / total) for start, each in zip(starts, row, strict=True)
        ]
        return boxes, Box(x + part, y, width - part, height)
    part = height * share
    boxes = [Box(x + width * start, y, width * each / total, part) for start, each in zip(starts, row, strict=True)]
    return boxes, Box(x, y + part, width, height - part)
