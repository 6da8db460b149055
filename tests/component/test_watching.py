"""A watched program is fed, heard and ended, and whatever happens to us, no process of it stays."""

import os
import resource
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from magicpak.errors import Interrupted, RunFailed, ToolFailed
from magicpak.process import supervisor
from magicpak.process.exec import Command
from magicpak.tracing.run import TracedRun, run_traced
from support.pids import is_gone_soon
from support.traced_programs import apart, compiled, seen_below, untraced

pytestmark = pytest.mark.needs("ptrace")

MUCH = 10_000_000


@pytest.fixture
def kept(tmp_path: Path) -> str:
    (tmp_path / "kept").mkdir()
    return str(tmp_path / "kept")


def shell(script: str, kept: str, *, timeout: float = 20, **more: bytes | None) -> TracedRun:
    """Watch a shell script, in a process of which nothing may stay."""
    return apart(lambda: run_traced(Command.found(["/bin/sh", "-c", script]), timeout=timeout, keep_in=kept, **more))  # type: ignore[arg-type]


def heard(script: str, kept: str) -> list[bytes]:
    """Watch a shell script, and return each line of its that was heard."""

    def hearing() -> list[bytes]:
        lines: list[bytes] = []
        run_traced(Command.found(["/bin/sh", "-c", script]), timeout=20, keep_in=kept, on_line=lines.append)
        return lines

    return apart(hearing)


class TestFeeding:
    def test_what_is_given_is_read_and_then_its_end(self, kept: str) -> None:
        assert shell("cat; echo end", kept, stdin=b"a\0\xff\n").stdout == b"a\0\xff\nend\n"

    def test_more_than_any_pipe_holds_is_handed_over(self, kept: str) -> None:
        assert shell("wc -c", kept, stdin=bytes(MUCH)).stdout.split() == [b"%d" % MUCH]

    def test_more_than_any_pipe_holds_goes_through(self, kept: str) -> None:
        data = os.urandom(1 << 20)
        watched = shell("cat", kept, stdin=data)
        assert watched.stdout == data[-len(watched.stdout) :]
        assert len(watched.stdout) >= 1 << 16

    @pytest.mark.parametrize("stdin", [None, b""])
    def test_without_anything_given_there_is_only_the_end(self, kept: str, stdin: bytes | None) -> None:
        assert shell("cat; echo end", kept, stdin=stdin).stdout == b"end\n"

    def test_without_anything_given_it_is_the_null_device(self, kept: str) -> None:
        assert shell("readlink /proc/self/fd/0", kept).stdout == b"/dev/null\n"

    @pytest.mark.parametrize("script", ["true", "exec <&-; sleep 0.05", "head -c 5 > /dev/null", "sleep 0.05"])
    def test_what_nobody_reads_is_no_error(self, kept: str, script: str) -> None:
        watched = shell(script, kept, stdin=bytes(MUCH))
        assert (watched.returncode, watched.timed_out) == (0, False)


class TestHearing:
    def test_streams_and_exit_code_are_handed_on(self, kept: str) -> None:
        watched = shell("echo out; echo err >&2; exit 3", kept)
        assert (watched.returncode, watched.stdout, watched.stderr) == (3, b"out\n", b"err\n")
        assert (watched.timed_out, watched.still_running) == (False, ())

    @pytest.mark.parametrize("stream", ["stdout", "stderr"])
    def test_much_is_drained_and_its_end_kept(self, kept: str, stream: str) -> None:
        watched = shell(f"head -c {MUCH} /dev/zero >/dev/{stream}; echo end >/dev/{stream}", kept)
        said: bytes = getattr(watched, stream)
        assert (said[-4:], said[:-4].strip(b"\0"), watched.returncode) == (b"end\n", b"", 0)
        assert (1 << 16) <= len(said) < MUCH

    def test_each_line_is_heard_once_and_in_its_order(self, kept: str) -> None:
        script = "echo one; echo; printf 'tw'; sleep 0.05; printf 'o\\nlast\\377'"
        assert heard(script, kept) == [b"one", b"", b"two", b"last\xff"]

    def test_many_lines_of_both_streams_are_heard(self, kept: str) -> None:
        numbers = [int(line) for line in heard("seq 1 100000 & seq 200001 300000 >&2; wait", kept)]
        assert [number for number in numbers if number <= 100000] == list(range(1, 100001))
        assert [number for number in numbers if number > 100000] == list(range(200001, 300001))


class TestStarting:
    def test_the_environment_is_what_is_given(self, kept: str) -> None:
        watched = apart(lambda: run_traced(Command.found(["/usr/bin/env"], {"A": "b\udcff"}), timeout=20, keep_in=kept))
        assert watched.stdout == b"A=b\xff\n"

    def test_without_one_it_is_ours(self, kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OURS", "is here")
        assert shell("echo $OURS", kept).stdout == b"is here\n"

    def test_the_program_may_have_another_name(self, kept: str) -> None:
        command = Command.found(["name", "-c", "echo $0"], executable="/bin/sh")
        watched = apart(lambda: run_traced(command, timeout=20, keep_in=kept))
        assert watched.stdout == b"name\n"
        assert watched.trace.executions[0].path == "/bin/sh"

    def test_a_name_is_searched_for_in_path(self, kept: str) -> None:
        assert (
            apart(lambda: run_traced(Command.found(["sh", "-c", "echo found"]), timeout=20, keep_in=kept)).stdout
            == b"found\n"
        )

    def test_a_relative_path_is_relative_to_our_directory(self, kept: str, tmp_path: Path) -> None:
        (tmp_path / "script").write_text("#!/bin/sh\npwd -P; echo $0\n")
        (tmp_path / "script").chmod(0o755)

        def watching() -> TracedRun:
            os.chdir(tmp_path)
            return run_traced(Command.found(["./script"]), timeout=20, keep_in=kept)

        watched = apart(watching)
        assert watched.trace.executions[0].cwd == str(tmp_path)
        assert watched.stdout.decode().splitlines()[0] == str(tmp_path)

    def test_it_has_no_signal_blocked_or_ignored_and_no_descriptor_of_ours(self, kept: str) -> None:
        script = "grep -E 'Sig(Blk|Ign)|NoNewPrivs' /proc/self/status; ls /proc/self/fd"
        watched = apart(lambda: run_traced(Command.found(["/bin/sh", "-c", script]), timeout=20, keep_in=kept))
        alone = apart(lambda: untraced(["/bin/sh", "-c", script]))
        assert watched.stdout == alone.stdout

    def test_descriptors_are_closed_above_the_limit_too_and_not_number_by_number(self, kept: str) -> None:
        highest = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

        def lists_descriptors(limit: int) -> TracedRun:
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest, highest))
            os.dup2(2, highest - 1)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, highest))
            for name in ("closerange", "sysconf"):
                pytest.MonkeyPatch().setattr(os, name, not_called)
            return run_traced(Command.found(["/bin/ls", "/proc/self/fd"]), timeout=20, keep_in=kept)

        def not_called(*arguments: int) -> None:
            raise ValueError(arguments)

        for limit in (1024, highest):
            assert apart(partial(lists_descriptors, limit)).stdout.split() == [b"0", b"1", b"2", b"3"]

    def test_a_program_that_does_not_exist_is_told(self, kept: str) -> None:
        with pytest.raises(ToolFailed) as raised:
            apart(lambda: run_traced(Command.found(["no-such-program"]), timeout=20, keep_in=kept))
        assert str(raised.value) == "no-such-program: no such program"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("neither script nor program", "Exec format error"),
            ("#!/nowhere/interpreter\n", "No such file or directory"),
        ],
    )
    def test_a_program_that_cannot_be_executed_is_told(
        self, kept: str, tmp_path: Path, text: str, message: str
    ) -> None:
        program = tmp_path / "program"
        program.write_text(text)
        program.chmod(0o755)
        with pytest.raises(RunFailed) as raised:
            apart(lambda: run_traced(Command.found([str(program)]), timeout=20, keep_in=kept))
        assert str(raised.value) == f"cannot run {program}: {message}"

    @pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]])
    def test_it_works_where_streams_of_ours_are_closed(self, kept: str, closed: list[int]) -> None:
        def watching() -> TracedRun:
            for number in closed:
                os.close(number)
            command = Command.found(["/bin/sh", "-c", "cat; echo out; echo err >&2"])
            return run_traced(command, timeout=20, keep_in=kept, stdin=b"in\n")

        watched = apart(watching)
        assert (watched.stdout, watched.stderr, watched.returncode) == (b"in\nout\n", b"err\n", 0)


def ended_by_us(script: str, kept: str, *, timeout: float = 0.3, grace: float = 1) -> TracedRun:
    """Watch a script that does not end, with little patience."""

    def ending() -> TracedRun:
        supervisor.GRACE = grace
        return run_traced(Command.found(["/bin/sh", "-c", script]), timeout=timeout, keep_in=kept)

    return apart(ending)


class TestEnding:
    def test_a_program_that_sleeps_is_ended_and_what_it_did_counts(self, kept: str, tmp_path: Path) -> None:
        (tmp_path / "there").write_text("")
        watched = ended_by_us(f"cat {tmp_path}/there; sleep 60", kept)
        uses = [line for lines in seen_below(watched.trace, tmp_path).values() for line in lines]
        assert (watched.timed_out, watched.returncode) == (True, -signal.SIGTERM)
        assert "openat read there" in uses
        assert [os.path.basename(name) for name in watched.still_running] == ["sh", "sleep"]

    def test_a_program_that_ends_in_its_own_way_has_its_exit_code(self, kept: str) -> None:
        watched = ended_by_us("trap 'echo bye; exit 7' TERM; while :; do sleep 0.05; done", kept, grace=5)
        assert (watched.timed_out, watched.returncode, watched.stdout) == (True, 7, b"bye\n")

    @pytest.mark.parametrize(
        ("script", "number"),
        [
            ("trap '' TERM; sleep 60; sleep 60", signal.SIGKILL),
            ("trap '' TERM HUP INT; (setsid sleep 61 &); sleep 60 & sleep 60", signal.SIGKILL),
            ("kill -STOP $$", signal.SIGTERM),
            ("sleep 60 & kill -STOP $!; wait", signal.SIGTERM),
            ("while :; do (exit 1); done", signal.SIGTERM),
            ("yes", signal.SIGTERM),
            ("yes >&2 & cat /dev/zero", signal.SIGTERM),
            ("exec >&- 2>&- <&-; sleep 60", signal.SIGTERM),
        ],
    )
    def test_whatever_it_does_it_is_ended(self, kept: str, script: str, number: int) -> None:
        watched = ended_by_us(script, kept)
        assert (watched.timed_out, watched.returncode) == (True, -number)

    def test_daemons_are_ended_too(self, kept: str) -> None:
        watched = ended_by_us("(setsid sh -c 'trap \"\" TERM; sleep 60; sleep 60' &); echo done; exit 3", kept)
        assert (watched.timed_out, watched.returncode, watched.stdout) == (True, 3, b"done\n")

    @pytest.mark.needs("compiler")
    @pytest.mark.parametrize(
        "body",
        [
            "signal(SIGTERM, SIG_IGN); for (;;) if (fork()) _exit(0);",
            "for (;;) { if (fork() == 0) { if (fork()) _exit(0); usleep(200000); _exit(0); } wait(NULL); }",
            "if (vfork() == 0) for (;;) pause(); ",
            "pthread_t thread; pthread_create(&thread, NULL, (void *)pause, NULL); pthread_exit(NULL);",
            'signal(SIGTERM, SIG_IGN); if (fork() == 0) for (;;) close(open(".", O_RDONLY)); for (;;) getppid();',
            "sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, NULL); for (;;) pause();",
        ],
    )
    def test_programs_that_resist_are_ended(self, kept: str, body: str) -> None:
        program = compiled(body)
        watched = ended_by_us(f"exec {program}", kept)
        assert watched.timed_out

    @pytest.mark.needs("compiler")
    def test_a_program_is_asked_to_end_once(self, kept: str) -> None:
        program = compiled(
            """
            signal(SIGTERM, asked);
            while (!times) pause();
            for (int time = 0; time < 20; time++) {
                say("shutting down");
                usleep(20000);
            }
            return times;
            """,
            "static volatile int times; static void asked(int number) { times++; }",
        )
        assert ended_by_us(f"exec {program}", kept, grace=5).returncode == 1

    def test_a_run_that_ends_in_time_is_not_ended(self, kept: str) -> None:
        watched = ended_by_us("sleep 0.1", kept, timeout=10)
        assert (watched.timed_out, watched.still_running, watched.returncode) == (False, (), 0)


class TestInterrupted:
    @pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, Interrupted])
    def test_an_exception_of_the_hearer_ends_all_and_goes_on(self, kept: str, error: type[BaseException]) -> None:
        def on_line(_line: bytes) -> None:
            raise error(15)

        def watching() -> str:
            before = os.listdir("/proc/self/fd")
            script = "trap '' TERM INT; (setsid sleep 61 &); echo line; sleep 60"
            try:
                run_traced(Command.found(["/bin/sh", "-c", script]), timeout=20, keep_in=kept, on_line=on_line)
            except BaseException as raised:  # noqa: BLE001 - one of three
                assert os.listdir("/proc/self/fd") == before
                with pytest.raises(ChildProcessError):
                    os.waitpid(-1, os.WNOHANG)
                return type(raised).__name__
            return "nothing"

        assert apart(watching) == error.__name__

    @pytest.mark.parametrize("script", ["sleep 60", "for i in 1 2 3 4 5 6 7 8; do /bin/true; done"])
    def test_a_signal_handler_that_raises_at_any_moment_leaves_no_process(self, kept: str, script: str) -> None:
        def interrupt(number: int, _frame: FrameType | None) -> None:
            raise Interrupted(number)

        def watching() -> list[str]:
            signal.signal(signal.SIGALRM, interrupt)
            before = os.listdir("/proc/self/fd")
            wrong = []
            for step in range(60):
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0005 * (step + 1))
                    run_traced(Command.found(["/bin/sh", "-c", script]), timeout=20, keep_in=kept)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except Interrupted:
                    pass
                else:
                    wrong += ["not interrupted"] if "60" in script else []
                wrong += [] if os.listdir("/proc/self/fd") == before else [f"descriptors at {step}"]
                wrong += [] if signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set() else [f"mask at {step}"]
                try:
                    os.waitpid(-1, os.WNOHANG)
                    wrong.append(f"a child at {step}")
                except ChildProcessError:
                    pass
            return wrong

        assert apart(watching) == []

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
    def test_when_we_are_killed_no_process_stays(self, kept: str, tmp_path: Path, number: signal.Signals) -> None:
        script = (
            f"trap '' TERM INT HUP; (setsid sleep 61 & echo $! > {tmp_path}/daemon);"
            f"sleep 62 & echo $! > {tmp_path}/job;"
            f"echo $$ > {tmp_path}/shell; mv {tmp_path}/shell {tmp_path}/pid; sleep 63"
        )
        pid = os.fork()
        if pid == 0:
            try:
                run_traced(Command.found(["/bin/sh", "-c", script]), timeout=20, keep_in=kept)
            finally:
                os._exit(0)
        for _ in written_soon(tmp_path / "pid"):
            os.kill(pid, number)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -number
        pids = [int((tmp_path / name).read_text()) for name in ("pid", "daemon", "job")]
        assert [is_gone_soon(each) for each in pids] == [True] * 3

    def test_when_the_tracer_is_killed_no_process_stays_and_that_is_told(self, kept: str) -> None:
        def kill_tracer(line: bytes) -> None:
            os.kill(int(line), signal.SIGKILL)

        def watching() -> None:
            script = "echo $PPID; trap '' TERM; (setsid sleep 61 &); sleep 60"
            run_traced(Command.found(["/bin/sh", "-c", script]), timeout=20, keep_in=kept, on_line=kill_tracer)

        with pytest.raises(ToolFailed, match="killed unexpectedly"):
            apart(watching)

    def test_one_run_after_another_leaves_nothing(self, kept: str) -> None:
        def watching() -> bool:
            before = os.listdir("/proc/self/fd")
            for _ in range(10):
                run_traced(Command.found(["/bin/true"]), timeout=20, keep_in=kept)
            return os.listdir("/proc/self/fd") == before and os.listdir(kept) == []

        assert apart(watching)


def written_soon(path: Path) -> Iterator[None]:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.01)
    yield
