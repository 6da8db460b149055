"""Other programs are found as execvp(3) finds them, and none of them outlives or outgrows its call."""

import errno
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from magicpak.collect import upx
from magicpak.errors import Interrupted, MagicpakError, ToolFailed
from magicpak.process.child import OUTPUT_KEPT, Child, Completed, run
from magicpak.process.exec import Command, find_program
from magicpak.text import shell_line
from magicpak.trial import busybox
from support.pids import is_gone_soon


@pytest.fixture(autouse=True)
def no_process_and_no_descriptor_stays() -> Iterator[None]:
    before = os.listdir("/proc/self/fd")
    yield
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert os.listdir("/proc/self/fd") == before


def make_program(path: Path, text: str = "#!/bin/sh\n", mode: int = 0o755) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return str(path)


class TestFinding:
    def test_a_name_is_the_first_executable_file_of_that_name_in_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_program(tmp_path / "a/tool", mode=0o644)
        (tmp_path / "b/tool").mkdir(parents=True)
        wanted = make_program(tmp_path / "c/tool")
        make_program(tmp_path / "d/tool")
        monkeypatch.setenv("PATH", ":".join(str(tmp_path / name) for name in "abcd"))
        assert find_program("tool") == wanted

    def test_an_empty_element_of_path_is_the_current_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_program(tmp_path / "tool")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PATH", "/nowhere:")
        assert find_program("tool") == "./tool"

    def test_without_path_the_system_default_is_searched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PATH")
        assert find_program("sh") in ("/bin/sh", "/usr/bin/sh")

    def test_what_has_a_slash_is_not_searched_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        wanted = make_program(tmp_path / "tool")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert find_program(wanted) == wanted
        assert find_program("./tool") is None

    @pytest.mark.parametrize("name", ["", "no such program", "/", "/bin/sh/x", "x" * 5000])
    def test_what_is_no_program_is_not_found(self, name: str) -> None:
        assert find_program(name) is None


class TestShellLines:
    def test_the_pasted_line_is_the_same_command(self) -> None:
        words = ["a b", "it's", "new\nline", "tab\t'\\x", os.fsdecode(b"\xff\x80"), "ä", "\x1b[31m", "", "$HOME", "*"]
        line = shell_line(["printf", r"<%s>", *words])
        assert run(["bash", "-c", line], timeout=5).output == b"".join(b"<%s>" % os.fsencode(word) for word in words)

    def test_the_line_holds_nothing_that_a_terminal_obeys(self) -> None:
        assert shell_line(["a", "\x1b[31m\n", "\u202e"]) == r"a $'\033[31m\012' $'\342\200\256'"


class TestRunning:
    def test_output_and_errors_come_together_with_the_exit_code(self) -> None:
        assert run(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout=5) == Completed(3, b"out\nerr\n")

    def test_a_death_by_a_signal_is_a_negative_exit_code(self) -> None:
        assert run(["sh", "-c", "kill -9 $$"], timeout=5) == Completed(-9, b"")

    def test_input_larger_than_any_pipe_is_handed_over_while_output_is_taken(self) -> None:
        data = os.urandom(OUTPUT_KEPT)
        assert run(["cat"], timeout=5, stdin=data) == Completed(0, data)

    def test_input_that_nobody_reads_is_no_error(self) -> None:
        assert run(["true"], timeout=5, stdin=bytes(1 << 20)) == Completed(0, b"")

    def test_without_input_stdin_is_empty(self) -> None:
        assert run(["cat"], timeout=5) == Completed(0, b"")

    def test_the_end_of_much_output_is_kept(self) -> None:
        ran = run(["sh", "-c", "head -c 20000000 /dev/zero; echo end"], timeout=20)
        assert (len(ran.output), ran.output[-4:]) == (OUTPUT_KEPT, b"end\n")

    def test_the_environment_is_what_was_given(self) -> None:
        assert run(["/usr/bin/env"], timeout=5, env={"A": "b"}) == Completed(0, b"A=b\n")

    def test_the_program_has_no_signal_blocked_or_ignored(self) -> None:
        lines = run(["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"], timeout=5).output
        blocked, ignored = (int(mask, 16) for mask in lines.split()[1::2])
        libc_internal = 0b11 << 31  # SIGCANCEL and SIGSETXID, which glibc's posix_spawn ignores in the child
        assert (blocked, ignored & ~libc_internal) == (0, 0)

    def test_it_works_where_stdin_stdout_and_stderr_are_closed(self) -> None:
        script = (
            "import os; os.closerange(0, 3); from magicpak.process.child import run;"
            "ran = run(['sh', '-c', 'cat; echo x >&2'], timeout=5, stdin=b'i');"
            "os._exit(0 if ran.output == b'ix\\n' else 1)"
        )
        assert run([sys.executable, "-c", script], timeout=10, env={"PYTHONPATH": ":".join(sys.path)}) == Completed(
            0, b""
        )


class TestFailing:
    def test_a_program_that_does_not_exist_is_named(self) -> None:
        with pytest.raises(ToolFailed, match=r"^no-such-tool: no such program$"):
            run(["no-such-tool"], timeout=5)

    def test_a_program_that_cannot_be_executed_is_named(self, tmp_path: Path) -> None:
        program = make_program(tmp_path / "tool", "no script and no ELF file")
        with pytest.raises(ToolFailed, match=rf"^cannot run {program}: Exec format error$"):
            run([program], timeout=5)

    def test_where_no_process_is_left_the_limit_is_named_whatever_was_to_run(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*_arguments: object, **_options: object) -> None:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

        monkeypatch.setattr(os, "posix_spawn", refused)
        monkeypatch.setattr(busybox, "_why_not_static", lambda _path: None)
        for start in (
            lambda: run(["sh"], timeout=1),
            lambda: busybox.find_busybox("sh"),
            lambda: upx._run(upx.Upx("sh", (), 1)),
        ):
            with pytest.raises(MagicpakError) as caught:
                start()
            assert caught.value.message.endswith("sh: Resource temporarily unavailable")
            assert caught.value.hints == ("allow more processes: ulimit -u, or docker run --pids-limit",)

    def test_a_program_that_hangs_is_ended_with_its_children(self, tmp_path: Path) -> None:
        script = f"trap '' TERM; sleep 60 & echo $! > {tmp_path}/pid; wait; sleep 60"
        with pytest.raises(ToolFailed, match=r"^/\S+/sh did not finish within 0\.5 seconds$"):
            run(["sh", "-c", script], timeout=0.5)
        assert is_gone_soon(int((tmp_path / "pid").read_text()))

    def test_a_program_that_writes_without_end_is_ended(self) -> None:
        with pytest.raises(ToolFailed, match=r"^/\S+/yes did not finish"):
            run(["yes"], timeout=0.3)

    def test_a_program_that_closes_its_output_and_hangs_is_ended(self) -> None:
        with pytest.raises(ToolFailed, match=r"^/\S+/sh did not finish"):
            run(["sh", "-c", "exec >&- 2>&-; sleep 60"], timeout=0.3)

    def test_what_a_program_leaves_behind_is_neither_waited_for_nor_left_running(self) -> None:
        started = time.monotonic()
        ran = run(["sh", "-c", "sleep 60 & echo $!"], timeout=30)
        assert time.monotonic() - started < 5
        assert is_gone_soon(int(ran.output))

    def test_a_daemon_that_holds_the_output_open_is_not_waited_for(self) -> None:
        started = time.monotonic()
        ran = run(["sh", "-c", "setsid sleep 20 & echo $!; sleep 0.2"], timeout=30)
        assert time.monotonic() - started < 5
        os.kill(int(ran.output), signal.SIGKILL)


class TestInterrupted:
    @pytest.mark.parametrize(("command", "at_least"), [(["sleep", "60"], 200), (["true"], 1)])
    def test_a_signal_handler_that_raises_at_any_moment_leaves_no_process(
        self, command: list[str], at_least: int
    ) -> None:
        def interrupt(number: int, _frame: FrameType | None) -> None:
            raise Interrupted(number)

        earlier = signal.signal(signal.SIGALRM, interrupt)
        interrupted = 0
        try:
            for step in range(200):
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.00002 * (step + 1))
                    run(command, timeout=5)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except Interrupted:
                    interrupted += 1
                with pytest.raises(ChildProcessError):
                    os.waitpid(-1, os.WNOHANG)
                assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, earlier)
        assert interrupted >= at_least

    def test_ending_what_was_never_started_or_has_ended_is_harmless(self) -> None:
        child = Child(Command.found(["true"]), lambda _chunk: None)
        child.end()
        child.start()
        child.end()
        child.end(1)
        assert (child.pid, child.pipes.stdin, child.pipes.is_reading) == (0, -1, False)
