"""The current directory of each thread: read from /proc once, and again when it may have changed."""

from magicpak.tracing import procfs


class CwdCache:
    """Remembers current directories, of threads and not of processes: one thread can have its own (unshare(2)).

    It forgets them all with each call that can move anybody, or a directory, since who shares a directory with whom is
    not known; and it remembers none while such a call is under way in another thread.
    """

    def __init__(self) -> None:
        self._known: dict[int, str | None] = {}
        self._moves = 0

    def of(self, tid: int) -> str | None:
        """Return the real path of the thread's current directory; None where it has none now. Raises Unreadable."""
        known = self._known
        if tid in known:
            return known[tid]
        path = procfs.current_directory(tid)
        if not self._moves:
            known[tid] = path
        return path

    def move_begins(self) -> None:
        """Note that a call begins that can move. If the thread is killed in it, nothing is remembered any more."""
        self._moves += 1
        self._known.clear()

    def move_ends(self) -> None:
        """Note that such a call has ended."""
        self._moves -= 1

    def forget(self, tid: int) -> None:
        """Forget the thread with this number: another one has it now."""
        self._known.pop(tid, None)

    def inherit(self, tid: int, parent: int) -> None:
        """Note that the thread `tid`, of which no call has been seen, was made by `parent`, which is stopped there."""
        if parent in self._known:
            self._known[tid] = self._known[parent]
