import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.run_magicpak import SECONDS, Node, RunResult, Text, command, environment, executable, tree

_SIGINT_IN_IMPORT = """
import os, sys
at_start = set(sys.modules)
import magicpak.__main__
assert set(sys.modules) - at_start == {"magicpak", "magicpak.__main__"}, set(sys.modules) - at_start
class Finder:
    def find_spec(name, *_):
        if name == sys.argv[1]:
            os.kill(os.getpid(), 2)
sys.modules.pop(sys.argv[1], None)
sys.meta_path.insert(0, Finder)
magicpak.__main__.main()
"""

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
MOMENTS = (0, 0.01, 0.02, 0.04, 0.06, 0.09, 0.15)  # seconds: in imports, in planning, in writing


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, static: Path) -> Path:
    """A tree that takes a while to be bundled."""
    root = tmp_path_factory.mktemp("host")
    executable(root / "prog", static.read_bytes())
    for number in range(6000):
        executable(root / f"t/{number % 50}/{number}", os.urandom(2000))
    (root / "work/tmp").mkdir(parents=True)
    return root


@contextmanager
def running(
    host: Path, *args: Text, before: tuple[Text, ...] = (), preexec_fn: Callable[[], object] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    arguments = [*before, *command(host / "prog", "-i", host / "t", *args)]
    with subprocess.Popen(
        arguments,
        cwd=host / "work",
        env=environment(TMPDIR=str(host / "work/tmp")),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=preexec_fn,  # noqa: PLW1509 - there are no threads here
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.needs("root", "mount")
def test_where_the_ends_of_children_are_ignored_they_are_known_all_the_same(here: Path, static: Path) -> None:
    executable(here / "prog", static.read_bytes())
    executable(here / "fails", b"#!/bin/sh\nexit 3\n")
    ignoring = ["sh", "-c", "trap '' CHLD; exec \"$@\"", "sh"]

    def ran(*args: Text) -> RunResult:
        words = [*ignoring, *command(*args)]
        process = subprocess.run(words, cwd=here, env=environment(), capture_output=True, timeout=SECONDS, check=False)
        return RunResult(process.returncode, process.stdout.decode(), process.stderr.decode())

    assert ran("--dynamic", "--test", "prog", "out") == RunResult(0, "", "")
    failed = ran("--dynamic", "--dynamic-command", "exit 3", "prog", "out2")
    assert (failed.code, "exited with code 3" in failed.stderr) == (6, True)
    failed = ran("--resolver", "dlopen", "--cc", here / "fails", "/bin/ls", "out3")
    assert (failed.code, "exited with code 3" in failed.stderr) == (1, True)


def ended(process: "subprocess.Popen[bytes]") -> RunResult:
    stdout, stderr = process.communicate(timeout=SECONDS)
    return RunResult(process.returncode, stdout.decode(), stderr.decode())


def state(host: Path) -> dict[str, Node]:
    """Return what stands in the current directory of the runs, without the times of directories."""
    return {
        name: node._replace(mtime_ns=0) if node.kind == "directory" else node
        for name, node in tree(host / "work").items()
    }


def wait_for_writing(work: Path, process: "subprocess.Popen[bytes]", *, there: int = 1) -> None:
    until = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < until:
        if len(os.listdir(work)) > there:
            return
        time.sleep(0.001)


def wait_for_handlers(process: "subprocess.Popen[bytes]") -> None:
    """Wait until magicpak handles signals: until then they are Python's, which takes its time to start."""
    until = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < until:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(status.partition("\nSigCgt:")[2].split()[0], 16)
        if all(caught >> (number - 1) & 1 for number in CODES):
            return
        time.sleep(0.001)


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_a_signal_at_any_moment_leaves_nothing_behind(number: signal.Signals, host: Path) -> None:
    before = state(host)
    for moment in MOMENTS:
        with running(host, "new/out") as process:
            wait_for_handlers(process)
            time.sleep(moment)
            process.send_signal(number)
            result = ended(process)
        assert result.code in (CODES[number], 0), (moment, result)
        if result.code == 0:
            shutil.rmtree(host / "work/new")
        else:
            assert (moment, result.stderr) == (moment, "")
        assert state(host) == before, moment


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_a_signal_while_the_bundle_is_written_leaves_nothing_behind(number: signal.Signals, host: Path) -> None:
    before = state(host)
    with running(host, "out") as process:
        wait_for_writing(host / "work", process)
        process.send_signal(number)
        assert ended(process) == RunResult(CODES[number], "", "")
    assert state(host) == before


def test_an_empty_directory_is_emptied_again(host: Path) -> None:
    (host / "work/out").mkdir()
    before = state(host)
    with running(host, "out") as process:
        while process.poll() is None and not os.listdir(host / "work/out"):
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        assert ended(process) == RunResult(143, "", "")
    assert state(host) == before
    (host / "work/out").rmdir()


def test_further_signals_do_not_keep_the_first_from_being_cleaned_up_after(host: Path) -> None:
    before = state(host)
    with running(host, "out") as process:
        wait_for_writing(host / "work", process)
        for _ in range(200):
            for number in CODES:
                process.send_signal(number)
        result = ended(process)
    assert (result.code in CODES.values(), result.stdout, result.stderr) == (True, "", "")
    assert state(host) == before


def test_a_hangup_that_is_ignored_stays_ignored(host: Path) -> None:
    before = state(host)
    with running(host, "out", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
        for _ in range(20):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.01)
        assert ended(process) == RunResult(0, "", "")
    assert len(list((host / "work/out").rglob("*"))) > 6000
    shutil.rmtree(host / "work/out")
    assert state(host) == before


def test_a_signal_whose_error_stream_is_closed_or_full_ends_the_run_all_the_same(host: Path) -> None:
    before = state(host)
    for end in ("2>&-", "2>/dev/full"):
        with running(host, "out", before=("sh", "-c", f'exec "$@" {end}', "sh")) as process:
            wait_for_writing(host / "work", process)
            process.send_signal(signal.SIGINT)
            assert ended(process) == RunResult(130, "", "")
        assert state(host) == before


@pytest.mark.parametrize("module", ["gc", "signal", "magicpak.cli", "click", "magicpak.cli.parser"])
def test_sigint_before_the_handlers_are_installed_ends_silently(module: str) -> None:
    """Nothing is imported before main(), and from then on no import can be interrupted with a traceback."""
    ran = subprocess.run(
        [sys.executable, "-c", _SIGINT_IN_IMPORT, module], env=environment(), capture_output=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, b"", b"")


def test_sigint_that_is_ignored_stays_ignored_from_the_start() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _SIGINT_IN_IMPORT, "signal"],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN) and None,
        env=environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr[:6]) == (2, b"error:")
