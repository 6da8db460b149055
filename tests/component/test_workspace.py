import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from magicpak.errors import Interrupted, MagicpakError
from magicpak.process.signals import deferred, raise_if_interrupted
from magicpak.process.tempdirs import HELD, DirectoryStack, private_directory, remove_tree


@pytest.fixture(autouse=True)
def _handlers_that_raise() -> object:
    def interrupt(number: int, _frame: object) -> None:
        raise Interrupted(number)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_deferred_signal_waits_until_the_part_is_over() -> None:
    done = []

    def work() -> None:
        with deferred():
            send(signal.SIGTERM)
            done.append("all of it")

    with pytest.raises(Interrupted) as caught:
        work()
    assert (done, caught.value.exit_code) == (["all of it"], 128 + signal.SIGTERM)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_a_deferring_part_within_another_does_not_let_signals_in() -> None:
    done = []

    def work() -> None:
        with deferred():
            with deferred():
                send(signal.SIGINT)
            done.append("after the inner one")

    with pytest.raises(Interrupted):
        work()
    assert done == ["after the inner one"]


def test_a_deferred_signal_is_raised_where_that_is_asked_for_and_a_second_signal_does_not_stop_the_undoing() -> None:
    done = []

    def work() -> None:
        with deferred():
            try:
                send(signal.SIGHUP)
                raise_if_interrupted()
                done.append("went on")
            except Interrupted:
                send(signal.SIGHUP)
                done.append("undone")
                raise

    with pytest.raises(Interrupted):
        work()
    assert done == ["undone"]


def test_nothing_is_raised_where_no_signal_came_or_an_ignored_one() -> None:
    raise_if_interrupted()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with deferred():
        send(signal.SIGHUP)
        raise_if_interrupted()


def test_a_private_directory_is_ours_alone_and_is_removed_with_all_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    before = os.umask(0o277)
    try:
        with private_directory() as path, private_directory() as other:
            os.umask(0o022)
            assert (os.path.dirname(path), stat.S_IMODE(os.stat(path).st_mode)) == (str(tmp_path), 0o700)
            assert os.path.basename(path) != os.path.basename(other)
            os.makedirs(f"{path}/a/b")
            os.symlink(outside, f"{path}/a/link")
            os.mkfifo(f"{path}/a/b/fifo")
            os.chmod(f"{path}/a", 0o500)
    finally:
        os.umask(before)
    assert sorted(os.listdir(tmp_path)) == ["outside"]
    assert os.listdir(outside) == ["kept"]


def test_a_private_directory_is_removed_after_a_failure_and_after_a_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(FileNotFoundError), private_directory() as path:
        os.stat(f"{path}/missing")
    with pytest.raises(Interrupted), private_directory():
        send(signal.SIGTERM)
    assert os.listdir(tmp_path) == []


def test_a_second_signal_during_the_removal_does_not_keep_the_directory(tmp_path: Path) -> None:
    script = """
        import os, signal, sys
        from magicpak.process import tempdirs
        from magicpak.errors import Interrupted

        def interrupt(number, frame):
            raise Interrupted(number)

        signal.signal(signal.SIGTERM, interrupt)
        remove = tempdirs.remove_tree

        def remove_amid_signals(*arguments):
            os.kill(os.getpid(), signal.SIGTERM)
            return remove(*arguments)

        tempdirs.remove_tree = remove_amid_signals
        try:
            with tempdirs.private_directory() as path:
                open(path + "/file", "w").close()
                os.kill(os.getpid(), signal.SIGTERM)
        except Interrupted as interrupted:
            sys.exit(interrupted.exit_code)
    """
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-B", "-c", textwrap.dedent(script)], env=environment, check=False)
    assert (run.returncode, os.listdir(tmp_path)) == (128 + signal.SIGTERM, [])


def test_a_private_directory_is_below_tmp_where_tmpdir_is_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    with private_directory() as path:
        assert os.path.dirname(path) == "/tmp"
    assert not os.path.lexists(path)


def test_the_places_for_temporary_files_that_fail_are_named_with_their_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: str, _mode: int) -> None:
        raise OSError(28, "")

    monkeypatch.setenv("TMPDIR", "/some/where")
    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(MagicpakError) as caught, private_directory():
        pass
    assert caught.value.details == ("/some/where: No space left on device", "/tmp: No space left on device")


@pytest.mark.needs("long paths")
def test_a_tree_deeper_than_python_can_recurse_is_descended_and_removed_with_few_descriptors(tmp_path: Path) -> None:
    depth, name = 1500, "n" * 20
    root = os.open(tmp_path, os.O_RDONLY)
    way = DirectoryStack(root)
    before = open_descriptors()
    for _ in range(depth):
        os.mkdir(name, dir_fd=way.fd)
        way.enter(name)
    most = open_descriptors() - before
    for _ in range(depth):
        os.close(way.leave())
    assert (way.fd, open_descriptors(), most <= HELD + 1) == (root, before, True)
    assert remove_tree(name, root)
    os.close(root)
    assert os.listdir(tmp_path) == []


def test_a_descent_goes_through_no_link_and_notices_a_moved_directory(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/")
    root = os.open(tmp_path, os.O_RDONLY)
    before = open_descriptors()
    way = DirectoryStack(root)
    with pytest.raises(NotADirectoryError):
        way.enter("link")
    for _ in range(HELD + 3):
        os.mkdir("d", dir_fd=way.fd)
        way.enter("d")
    os.rename(tmp_path / "d/d/d", tmp_path / "elsewhere")
    for _ in range(HELD):
        os.close(way.leave())
    with pytest.raises(OSError, match="Stale"):
        os.close(way.leave())
    way.close()
    assert open_descriptors() == before
    os.close(root)


def test_what_is_gone_already_counts_as_removed_and_what_resists_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert remove_tree(str(tmp_path / "missing"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "full" / "other").mkdir()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        assert not remove_tree(str(tmp_path / "full"))
    assert os.listdir(tmp_path / "full") == ["file"]
