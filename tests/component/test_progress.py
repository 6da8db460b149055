"""What a terminal shows of what takes its time."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from types import SimpleNamespace
from typing import TextIO

import pytest

from magicpak import log as log_module
from magicpak import progress, text
from magicpak.errors import ExitCode
from magicpak.log import Log
from magicpak.options import LogLevel
from magicpak.process.ticker import Ticker
from support.run_magicpak import SECONDS, as_on_terminal, command, environment, executable, on_screen

pytestmark = pytest.mark.needs("terminal")


class Terminal:
    """A terminal that is stderr, and the clock by which time passes."""

    def __init__(self, ours: int, theirs: int) -> None:
        self.seconds = 0.0
        self.theirs = theirs
        self._ours = ours
        self._said = ""

    def be_wide(self, columns: int) -> None:
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))

    def said(self, encoding: str = "utf-8") -> str:
        """Return what has been written so far."""
        while select.select([self._ours], [], [], 0)[0]:
            self._said += os.read(self._ours, 4096).decode(encoding).replace("\r\n", "\n")
        return self._said

    def shows(self, expected: str, encoding: str = "utf-8") -> bool:
        """Wait until `expected` is written, for a long time at most."""
        while expected not in self.said(encoding):
            if not select.select([self._ours], [], [], SECONDS)[0]:
                return False
        return True


def stream_to(descriptor: int, encoding: str = "utf-8") -> TextIO:
    return open(descriptor, "w", encoding=encoding, errors="backslashreplace", closefd=False)


def let_stderr_be(stream: TextIO | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (text, log_module, progress):  # pytest has plans of its own for that of `sys`
        monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=stream))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    terminal = Terminal(ours, theirs)
    terminal.be_wide(80)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "monotonic", lambda: terminal.seconds)
    with stream_to(theirs) as stream:
        let_stderr_be(stream, monkeypatch)
        yield terminal
    os.close(ours)
    os.close(theirs)


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log(LogLevel.WARN)
    yield log
    log.rest()


def own_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread is not threading.main_thread()]


def test_what_takes_a_second_is_shown_though_nobody_calls_anything(terminal: Terminal, log: Log) -> None:
    log.doing("collecting:", lambda: "7 entries")
    terminal.seconds = 0.9
    log.warn("so far nothing is shown")
    terminal.seconds = 1.1
    assert terminal.shows("collecting: 7 entries … 1 s")
    terminal.seconds = 75.9
    assert terminal.shows("collecting: 7 entries … 75 s")
    assert on_screen(terminal.said())[-1] == "collecting: 7 entries … 75 s"
    log.rest()
    assert on_screen(terminal.said())[1:] == [""]


def test_each_thing_has_a_time_of_its_own(terminal: Terminal, log: Log) -> None:
    log.doing("collecting")
    terminal.seconds = 5
    assert terminal.shows("collecting … 5 s")
    log.doing("planning")
    assert on_screen(terminal.said()) == [""]
    terminal.seconds = 7
    assert terminal.shows("planning … 2 s")


def test_the_row_is_empty_before_a_line_is_written_and_shown_again_after_it(terminal: Terminal, log: Log) -> None:
    log.doing("collecting")
    terminal.seconds = 2
    assert terminal.shows("collecting … 2 s\x1b[K")
    log.warn("look")
    assert terminal.shows("look\n\rcollecting … 2 s\x1b[K")
    log.summary("the end")
    log.rest()
    assert [re.sub(r"\x1b\[\d*m", "", row) for row in on_screen(terminal.said())] == ["warning: look", "the end", ""]


def test_shares_are_shown_in_percent_and_the_whole_is_asked_for_once(terminal: Terminal, log: Log) -> None:
    asked = []

    def whole() -> int:
        asked.append(1)
        return 1000

    done = [50]
    log.doing_all("copying", lambda: done[0], whole)
    assert not asked
    terminal.seconds = 1
    assert terminal.shows("copying [#                   ] 5 % … 1 s")
    done[0] = 999
    assert terminal.shows("copying [################### ] 99 % … 1 s")
    done[0] = 1000
    assert terminal.shows("copying [####################] 100 % … 1 s")
    done[0] = 1001
    terminal.seconds = 2
    assert terminal.shows("copying [####################] 100 % … 2 s")
    assert asked == [1]


def test_of_nothing_nothing_is_done(terminal: Terminal, log: Log) -> None:
    log.doing_all("copying", lambda: 0, lambda: 0)
    terminal.seconds = 1
    assert terminal.shows("copying [                    ] 0 % … 1 s")


@pytest.mark.parametrize(
    ("what", "columns", "row"),
    [
        ("running prog", 80, "running prog … 3 s"),
        ("running prog", 19, "running prog … 3 s"),
        ("running prog", 18, "running pro … 3 s"),
        ("running prog", 7, " … 3 s"),
        ("running prog", 4, " … "),
        ("running prog", 1, ""),
        ("running \x1b[31m\n\udcff", 80, r"running \x1b[31m\n\xff … 3 s"),
        ("running 程序", 19, "running 程序 … 3 s"),
        ("running 程序", 18, "running 程 … 3 s"),
        ("running 程序", 17, "running 程 … 3 s"),
        ("running 程序", 16, "running  … 3 s"),
    ],
)
def test_a_row_is_harmless_and_never_wider_than_the_terminal(
    what: str, columns: int, row: str, terminal: Terminal, log: Log
) -> None:
    terminal.be_wide(columns)
    log.doing(what)
    terminal.seconds = 3
    assert terminal.shows(f"\r{row}\x1b[K" if row else "")
    log.rest()
    assert on_screen(terminal.said()) == [""]


def test_what_stderr_cannot_carry_is_not_written(terminal: Terminal, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.be_wide(30)
    with stream_to(terminal.theirs, "latin-1") as stream:
        let_stderr_be(stream, monkeypatch)
        log.doing("running \u7a0b\xfcber alles in der Welt")
        terminal.seconds = 3
        assert terminal.shows("\rrunning \\u7a0b\xfcber al ... 3 s\x1b[K", "latin-1")
        log.rest()


def test_no_thread_looks_at_the_clock_while_the_process_forks(terminal: Terminal, log: Log) -> None:
    log.doing("running")
    assert len(own_threads()) == 1
    with Ticker.all_stopped():
        assert own_threads() == []
    assert len(own_threads()) == 1
    terminal.seconds = 1
    assert terminal.shows("running … 1 s")
    log.rest()
    assert own_threads() == []
    with Ticker.all_stopped():
        pass
    assert own_threads() == []


@pytest.mark.usefixtures("terminal")
def test_signals_are_for_the_thread_that_does_the_work(log: Log) -> None:
    log.doing("collecting")
    (thread,) = own_threads()
    status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
    blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
    assert all(blocked >> (number - 1) & 1 for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))


@pytest.mark.parametrize("why", ["a pipe", "TERM=dumb", "--log-level=error", "--log-level=off", "closed"])
def test_elsewhere_no_thread_is_started_and_nothing_is_asked_or_written(
    why: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    level = LogLevel[why.removeprefix("--log-level=").upper()] if why.startswith("--") else LogLevel.DEBUG
    log = Log(level)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    if why == "TERM=dumb":
        monkeypatch.setenv("TERM", "dumb")
    with stream_to(writing) as stream:
        if why == "a pipe":
            let_stderr_be(stream, monkeypatch)
        elif why == "closed":
            let_stderr_be(None, monkeypatch)

        def never() -> int:
            pytest.fail("it is asked for")

        log.doing("collecting", lambda: str(never()))
        log.doing_all("copying", never, never)
        terminal.seconds = 5
        assert own_threads() == []
        log.rest()
    os.close(writing)
    assert (terminal.said(), os.read(reading, 1)) == ("", b"")
    os.close(reading)


SLOWLY = """
    import importlib, os, sys, time
    import magicpak.__main__

    def slow(name, calls):
        module, _, attribute = name.rpartition(".")
        try:
            holder = importlib.import_module(module)
        except ImportError:
            module, _, above = module.rpartition(".")
            holder = getattr(importlib.import_module(module), above)
        real = getattr(holder, attribute)
        left = [calls]

        def at_the_gate(*arguments, **how):
            left[0] -= 1
            if left[0] == 0:
                os.mkdir("at-the-gate")
                while not os.path.exists("open"):
                    time.sleep(0.01)
            return real(*arguments, **how)

        setattr(holder, attribute, at_the_gate)

    slow(sys.argv.pop(1), int(sys.argv.pop(1)))
    magicpak.__main__.main()
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    for number in range(100):
        (tmp_path / f"tree/{number}").write_bytes(b"x" * 1000)
    return tmp_path


def slowly(name: str, calls: int, *arguments: str) -> list[str]:
    """Return a command line of magicpak for which the `calls`-th call of `name` waits until the gate is opened."""
    return [sys.executable, "-c", textwrap.dedent(SLOWLY), name, str(calls), *arguments]


def opening(here: Path) -> Callable[[object], None]:
    return lambda _process: (here / "open").touch()


BUNDLE = ["--include=tree", "/bin/ls", "out"]


@pytest.mark.parametrize(
    ("name", "calls", "arguments", "row"),
    [
        ("magicpak.elf.cache.read_facts", 2, BUNDLE, r"looking for libraries: 1 file … 1 s"),
        ("os.scandir", 1, BUNDLE, r"collecting: \d+ entries … 1 s"),
        ("magicpak.collect.include._is_elf", 1, BUNDLE, r"collecting: 1\d\d entries … 1 s"),
        ("magicpak.collect.include_libraries.missing_warnings", 1, BUNDLE, r"looking for libraries: \d+ files … 1 s"),
        ("magicpak.stages.planning.with_loader_config", 1, BUNDLE, r"planning … 1 s"),
        ("magicpak.verify.programs.ProgramChecker.check", 1, BUNDLE, r"verifying: 0 programs … 1 s"),
        ("magicpak.outputs.tree.open_source", 1, BUNDLE, r"copying \[ {20}\] 0 % … 1 s"),
        ("magicpak.outputs.destination.NewDirectory.commit", 1, BUNDLE, r"copying \[#{20}\] 100 % … 1 s"),
        ("magicpak.verify.programs.ProgramChecker.check", 1, ["--check", "tree"], r"checking tree … 1 s"),
    ],
)
def test_every_stage_is_shown_while_it_takes_its_time_and_gone_in_the_end(
    name: str, calls: int, arguments: list[str], row: str, here: Path
) -> None:
    if "--check" in arguments:
        (here / "tree/ls").write_bytes(Path("/bin/ls").read_bytes())
        (here / "tree/ls").chmod(0o755)
    said = as_on_terminal(
        slowly(name, calls, *arguments),
        here,
        environment(TERM="xterm"),
        awaited=row,
        then=opening(here),
        code=ExitCode.LIBRARIES_MISSING if "--check" in arguments else ExitCode.SUCCESS,
    )
    assert "…" not in "".join(on_screen(said)), said
    assert re.search(f"\r{row}\x1b\\[K", said)


@pytest.mark.needs("compiler")
def test_a_program_that_is_waited_for_takes_its_time_too(here: Path) -> None:
    body = b'#!/bin/sh\nuntil [ -e open ]; do sleep 0.01; done\nexec cc "$@"\n'
    compiler = executable(here / "slow-cc", body)
    words = command("--resolver=dlopen", f"--cc={compiler}", "/bin/ls", "out")
    row = r"\rlooking for libraries: \d files? … 1 s\x1b\[K"
    said = as_on_terminal(words, here, environment(TERM="xterm"), awaited=row, then=opening(here))
    assert re.fullmatch(r"out: \d+ files, .+ in .+ s", "".join(on_screen(said))), said


def test_on_a_pipe_nothing_is_shown_however_long_it_takes(here: Path) -> None:
    with subprocess.Popen(
        slowly("magicpak.outputs.tree.open_source", 1, *BUNDLE), cwd=here, env=environment(), stderr=subprocess.PIPE
    ) as process:
        while not (here / "at-the-gate").exists():
            sleep(0.01)
        tasks = os.listdir(f"/proc/{process.pid}/task")
        sleep(1.5)
        (here / "open").touch()
        assert (process.communicate(timeout=SECONDS)[1], process.returncode) == (b"", 0)
    assert len(tasks) == 1


@pytest.mark.parametrize(
    ("name", "number"), [("os.scandir", signal.SIGINT), ("magicpak.outputs.tree.open_source", signal.SIGTERM)]
)
def test_a_signal_empties_the_row(name: str, number: int, here: Path) -> None:
    def end(process: "subprocess.Popen[bytes]") -> None:
        process.send_signal(number)
        (here / "open").touch()  # where signals are held back

    said = as_on_terminal(
        slowly(name, 1, *BUNDLE), here, environment(TERM="xterm"), awaited="… 1 s", then=end, code=128 + number
    )
    assert on_screen(said) == [""]
    assert sorted(os.listdir(here)) == ["at-the-gate", "open", "tree"]


COUNTED = """
    import os, threading
    import magicpak.__main__

    fork = os.fork

    def counted():
        with open("threads", "a") as file:
            print(threading.active_count(), file=file)
        return fork()

    os.fork = counted
    magicpak.__main__.main()
"""


@pytest.mark.needs("ptrace", "chroot")
def test_whoever_forks_is_the_only_thread(here: Path) -> None:
    words = [sys.executable, "-c", textwrap.dedent(COUNTED), "--dynamic", "--test", "/bin/true", "out"]
    as_on_terminal(words, here, environment(TERM="xterm"))
    assert set((here / "threads").read_text().split()) == {"1"}


def test_an_error_stands_alone_on_its_row(here: Path) -> None:
    def take_away(process: "subprocess.Popen[bytes]") -> None:
        (here / "tree/7").unlink()
        opening(here)(process)

    said = as_on_terminal(
        slowly("magicpak.outputs.tree.open_source", 1, *BUNDLE),
        here,
        environment(TERM="xterm"),
        awaited="copying",
        then=take_away,
        code=1,
    )
    assert on_screen(said)[0].startswith("error: "), said
