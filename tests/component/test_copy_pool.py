"""Files copied by several threads."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from magicpak.bundle.entry import Attributes, Copy
from magicpak.bundle.path import BundlePath
from magicpak.outputs.copy_pool import CopyJob, CopyPool


def job(directory: Path, number: int) -> CopyJob:
    source = os.open(directory, os.O_RDONLY)
    target = os.open(directory, os.O_RDONLY)
    entry = Copy(f"/source/{number}", number, (0, number), Attributes(0o644))
    return CopyJob(entry, source, target, BundlePath(f"/{number}"))


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(params=["one processor", "all processors"])
def _processors(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    if request.param == "one processor":
        os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.usefixtures("_processors")
def test_jobs_are_copied_once_and_finished_in_order(tmp_path: Path) -> None:
    copied: list[int] = []
    finished: list[int] = []
    pool = CopyPool(
        lambda entry, _source, _target: copied.append(entry.size), lambda each: finished.append(each.entry.size)
    )
    before = descriptors()

    for number in range(300):
        pool.add(job(tmp_path, number))
    pool.finish_all()
    pool.cancel()

    assert sorted(copied) == list(range(300))
    assert finished == list(range(300))
    assert descriptors() == before


@pytest.mark.usefixtures("_processors")
def test_the_error_of_a_copy_is_the_jobs_when_it_is_finished(tmp_path: Path) -> None:
    def copy(entry: Copy, _source: int, _target: int) -> None:
        if entry.size == 7:
            raise OSError(28, "full")

    pool = CopyPool(copy, lambda each: None if each.error is None else pytest.fail(str(each.entry.size)))
    before = descriptors()

    def copy_all() -> None:
        for number in range(100):
            pool.add(job(tmp_path, number))
        pool.finish_all()

    with pytest.raises(pytest.fail.Exception, match=r"^7$"):
        copy_all()
    pool.cancel()

    assert descriptors() == before
