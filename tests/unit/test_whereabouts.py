"""What is remembered of current directories is never older than the last call that could change one."""

import pytest

from magicpak.tracing import procfs
from magicpak.tracing.path_args import CwdCache


class System:
    """Where the threads are, as /proc tells; it counts how often it is asked."""

    def __init__(self) -> None:
        self.directories: dict[int, str | None] = {1: "/a", 2: "/b"}
        self.asked = 0

    def current_directory(self, tid: int) -> str | None:
        self.asked += 1
        return self.directories[tid]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    result = System()
    monkeypatch.setattr(procfs, "current_directory", result.current_directory)
    return result


def test_the_same_directory_is_asked_for_once(system: System) -> None:
    whereabouts = CwdCache()
    assert [whereabouts.of(tid) for tid in (1, 2, 1, 2)] == ["/a", "/b", "/a", "/b"]
    assert system.asked == 2


def test_a_directory_that_is_gone_is_remembered_as_such(system: System) -> None:
    system.directories[1] = None
    whereabouts = CwdCache()
    assert [whereabouts.of(1), whereabouts.of(1)] == [None, None]
    assert system.asked == 1


def test_after_a_move_of_anybody_all_are_asked_for_again(system: System) -> None:
    whereabouts = CwdCache()
    assert whereabouts.of(1) == "/a"
    whereabouts.move_begins()
    whereabouts.move_ends()
    system.directories[1] = "/c"
    assert whereabouts.of(1) == "/c"


def test_what_is_seen_during_a_move_is_not_remembered(system: System) -> None:
    whereabouts = CwdCache()
    whereabouts.move_begins()
    whereabouts.move_begins()
    whereabouts.move_ends()
    assert whereabouts.of(1) == "/a"
    system.directories[1] = "/c"
    assert whereabouts.of(1) == "/c"
    whereabouts.move_ends()
    assert [whereabouts.of(1), whereabouts.of(1)] == ["/c", "/c"]
    assert system.asked == 3


def test_a_child_begins_where_its_maker_is(system: System) -> None:
    whereabouts = CwdCache()
    assert whereabouts.of(1) == "/a"
    whereabouts.inherit(3, 1)
    assert whereabouts.of(3) == "/a"
    assert system.asked == 1


def test_a_child_of_one_that_is_not_known_is_asked_for(system: System) -> None:
    whereabouts = CwdCache()
    whereabouts.inherit(2, 1)
    assert (whereabouts.of(2), system.asked) == ("/b", 1)


def test_a_number_that_is_used_again_is_another_thread(system: System) -> None:
    whereabouts = CwdCache()
    assert whereabouts.of(1) == "/a"
    system.directories[1] = "/c"
    whereabouts.forget(1)
    assert whereabouts.of(1) == "/c"
