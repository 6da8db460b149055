"""The beginning of what a program prints, held against what it should print, in bounded memory."""

KEPT = 1 << 18
"""Bytes that are kept; what is expected comes from one argument of ours, which holds half of that (execve(2))."""


class OutputHead:
    """The output without white space at its beginning: as much as is kept, and whether more than white space came."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._kept = bytearray()
        self._has_more = False

    def take(self, chunk: bytes) -> None:
        """Take what was read."""
        new = chunk if self._kept else chunk.lstrip()
        room = KEPT - len(self._kept)
        self._kept += new[:room]
        self._has_more = self._has_more or bool(new[room:].strip())

    @property
    def text(self) -> bytes:
        """What is kept, without white space at both ends."""
        return bytes(self._kept).strip()

    @property
    def is_whole(self) -> bool:
        """Whether `text` is all that came."""
        return not self._has_more
