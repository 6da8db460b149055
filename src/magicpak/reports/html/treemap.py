"""Rectangles whose areas are as given sizes, each as square as can be: a squarified treemap.

After M. Bruls, K. Huizing, J. J. van Wijk: Squarified Treemaps. Proc. VisSym 2000, pp. 33-42.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle, by its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def side(self) -> float:
        """The shorter side."""
        return min(self.width, self.height)

    def inner(self, top: float, margin: float) -> "Box":
        """Return what is left of it without a strip at its top and a margin at the other sides."""
        width, height = self.width - 2 * margin, self.height - top - margin
        return Box(self.x + margin, self.y + top, max(width, 0.0), max(height, 0.0))


def squarified(sizes: Sequence[float], box: Box) -> list[Box]:
    """Divide `box` among `sizes`, which are greater than 0 and come in falling order."""
    boxes: list[Box] = []
    left, rest = float(sum(sizes)), box
    while len(boxes) < len(sizes):
        end = _end_of_row(sizes, len(boxes), left, rest)
        row = sizes[len(boxes) : end]
        made, rest = _row(row, rest, sum(row) / left if end < len(sizes) else 1.0)
        boxes += made
        left -= sum(row)
    return boxes


def _end_of_row(sizes: Sequence[float], start: int, left: float, rest: Box) -> int:
    """Return where the row that begins at `start` ends: before the size that would make its boxes longer."""
    scale = rest.width * rest.height / left if left > 0 else 0.0
    total, worst, end = 0.0, float("inf"), start
    while end < len(sizes):
        total += sizes[end]
        thickness = total * scale / rest.side if rest.side > 0 else 0.0
        longest, shortest = (each * rest.side / total for each in (sizes[start], sizes[end]))
        now = max(longest / thickness, thickness / shortest) if thickness > 0 and shortest > 0 else 0.0
        if now > worst:
            break
        worst, end = now, end + 1
    return end


def _row(row: Sequence[float], box: Box, share: float) -> tuple[list[Box], Box]:
    """Cut off a `share` of the longer side of `box`; return that part, divided among `row`, and the rest."""
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
