"""What the tracer remembers of a run costs a few hundred bytes for each use, and is not looked through again."""

import errno
import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from magicpak.tracing import recorder as recorder_module
from magicpak.tracing.machines import MACHINES
from magicpak.tracing.path_args import PathArgument, SyscallEntry
from magicpak.tracing.recorder import Recorder
from magicpak.tracing.syscalls import CALLS
from magicpak.tracing.trace import Access
from magicpak.tracing.used_paths import UsedPaths

Opener = Callable[..., None]

MANY, LONG = 10_000, 1000


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(str(tmp_path))


@pytest.fixture
def opened(recorder: Recorder) -> Opener:
    """Return what records that a process has opened a path, or has removed it, with an errno or 0 for its result."""
    process = recorder.forked(None, os.getpid())
    process.loader = 0, 0
    entry = SyscallEntry(process.pid, process, CALLS["openat"], MACHINES[0].abis[0], (), 0)

    def record(path: str, error: int = 0, access: Access = Access.READ) -> None:
        named = PathArgument("/", path.encode(), "/")
        if access is Access.READ:
            recorder.used(entry, access, named, False, -error)
        else:
            recorder.changed(entry, access, named, error, path[:1] + path[1:])

    return record


@pytest.mark.parametrize("access", [Access.READ, Access.REMOVED])
def test_a_path_that_is_not_there_costs_itself_and_a_few_hundred_bytes(
    recorder: Recorder, opened: Opener, access: Access
) -> None:
    tracemalloc.start()
    for number in range(MANY):
        opened(f"/missing/{number}".ljust(LONG, "x"), errno.ENOENT, access)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(recorder.trace().uses) == MANY
    assert peak < (LONG + recorder_module._USE_SIZE) * MANY


def test_failures_are_not_kept_beyond_a_limit(
    recorder: Recorder, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "_failures_left", 10 * (recorder_module._USE_SIZE + 4000))
    for number in range(1000, 1030):
        opened(f"/{number}".ljust(4000, "x"), errno.ENOENT)
        opened(f"/{number}", 0)
    uses = recorder.trace().uses
    assert [use.path[:5] for use in uses if use.error] == [f"/{number}" for number in range(1000, 1010)]
    assert [use.path for use in uses if not use.error] == [f"/{number}" for number in range(1000, 1030)]
    assert recorder.trace().omitted == 20


def test_the_rename_of_a_directory_costs_what_was_used_below_it(recorder: Recorder, opened: Opener) -> None:
    for number in range(MANY):
        opened(f"/missing/{number}", errno.ENOENT)
        opened(f"/elsewhere/{number % 100}/{number}", 0)
    recorder.take_used_below("/elsewhere")
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    for number in range(1000):
        opened(f"/tmp/{number}/sub/file", 0)
        sys.setprofile(count)
        below = recorder.take_used_below(f"/tmp/{number}")
        sys.setprofile(None)
        assert below == [f"/tmp/{number}/sub", f"/tmp/{number}/sub/file"]
    assert calls < 100 * 1000


def test_what_lies_below_is_found_however_it_was_spelled() -> None:
    paths = UsedPaths()
    for path in ("/a/./b//c", "/a/b/d/../e/", "/a", "/ab/c", "/"):
        paths.add(path)
    assert paths.take_below("/a") == ["/a/b", "/a/b/c", "/a/b/e"]
    assert paths.take_below("/a/b/c") == paths.take_below("/none") == []
    paths.add("/a/b/f")
    assert paths.take_below("/") == ["/a", "/ab", "/a/b", "/ab/c", "/a/b/f"]
    assert paths.take_below("/") == []


def test_what_is_moved_again_and_again_is_backed_up_once(recorder: Recorder, opened: Opener) -> None:
    for number in range(100):
        opened(f"/d/{number}", 0)
    assert len(recorder.take_used_below("/d")) == 100
    opened("/d/new", 0)
    assert recorder.take_used_below("/d") == ["/d/new"]


def test_what_a_failed_move_leaves_in_place_is_backed_up_by_the_next_one(recorder: Recorder, tmp_path: Path) -> None:
    used = tmp_path / "used"
    used.write_bytes(b"before")
    assert recorder.backups.keep(str(used))
    recorder.drop_backups([str(used)])
    assert not recorder.trace().kept
    assert recorder.take_used_below(str(tmp_path)) == [str(used)]
