import errno
import signal

import pytest

from magicpak.bundle.path import BundlePath
from magicpak.dynamic.runs import PlannedRun, counted_part, judge, planned_runs, summary, trace_lines
from magicpak.elf.cache import ElfFile
from magicpak.elf.facts import ElfFacts, FileType
from magicpak.errors import ExitCode, RunFailed
from magicpak.resolve.inputs import Program
from magicpak.tracing.run import TracedRun
from magicpak.tracing.trace import Access, Execution, Trace, Use
from support.elf_files import X86_64

ALLOWED = "--dynamic-allow-failure bundles the files seen so far"


def program(path: str, inode: int) -> Program:
    return Program(
        path, path, path, ElfFile(ElfFacts(X86_64, FileType.DYN, flags=0, entry=1), (1, inode), 0o755), BundlePath(path)
    )


def execution(pid: int, path: str, inode: int, *arguments: str, parent: int | None = None) -> Execution:
    return Execution(pid, parent, not arguments, path, path, (1, inode), arguments or (path,), "/", 0)


SERVER, CLIENT = program("/bin/server", 1), program("/bin/client", 2)
RUN = PlannedRun(("/bin/server", "-x"), "/bin/server")
NOTHING = Trace((), (), ())
WATCHED = TracedRun(NOTHING, 0, timed_out=False, still_running=(), seconds=1.25, stdout=b"", stderr=b"")


def failure(watched: TracedRun, run: PlannedRun = RUN) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    with pytest.raises(RunFailed) as caught:
        judge(run, watched, 60, allow_failure=False)
    assert caught.value.exit_code == ExitCode.RUN_FAILED
    return caught.value.message, caught.value.details, caught.value.hints


def test_a_run_that_ends_well_leaves_nothing_to_say() -> None:
    assert judge(RUN, WATCHED, 60, allow_failure=False) == []


@pytest.mark.parametrize(
    ("returncode", "words"),
    [
        (1, "exited with code 1"),
        (255, "exited with code 255"),
        (-signal.SIGSEGV, "was killed by SIGSEGV"),
        (-signal.SIGKILL, "was killed by SIGKILL"),
        (-(signal.SIGRTMIN + 3), f"was killed by signal {signal.SIGRTMIN + 3}"),
    ],
)
def test_a_run_that_fails_is_refused_or_warned_of_in_the_same_words(returncode: int, words: str) -> None:
    watched = WATCHED._replace(returncode=returncode, stderr=b"why\n")
    assert failure(watched) == (f"/bin/server -x {words}", ("why",), (ALLOWED,))
    assert judge(RUN, watched, 60, allow_failure=True) == [f"/bin/server -x {words}"]


def test_a_run_without_arguments_that_fails_may_lack_some() -> None:
    watched = WATCHED._replace(returncode=2)
    hint = "--dynamic-arg passes arguments: --dynamic-arg --version"
    assert failure(watched, PlannedRun(("server",), "/bin/server")) == (
        "server exited with code 2",
        (),
        (hint, ALLOWED),
    )


@pytest.mark.parametrize(
    ("stdout", "stderr", "told"),
    [
        (b"out\n", b"one\ntwo", ("one", "two")),
        (b"out\n", b" \n", ("out",)),
        (b"", b"", ()),
        (b"", b"10 %\r20 %\r\n\xff\x1b", ("10 %", "20 %", "\udcff\x1b")),
        (b"", b"".join(b"%d\n" % number for number in range(50)), tuple(map(str, range(30, 50)))),
    ],
)
def test_the_last_twenty_lines_tell_why(stdout: bytes, stderr: bytes, told: tuple[str, ...]) -> None:
    assert failure(WATCHED._replace(returncode=1, stdout=stdout, stderr=stderr))[1] == told


def test_a_run_that_had_to_be_ended_has_not_failed() -> None:
    watched = WATCHED._replace(returncode=-15, timed_out=True, still_running=("/bin/server", "sh", "/bin/server"))
    stopped = "stopped after 2.5 s (--dynamic-timeout): /bin/server, sh; files seen so far are included"
    assert judge(RUN, watched, 2.5, allow_failure=False) == [stopped]


def test_names_that_could_not_be_read_are_told() -> None:
    unknown = (
        "the file names of 3 system calls are unknown: the processes had changed their user, and magicpak may not read"
    )
    watched = WATCHED._replace(trace=NOTHING._replace(unreadable=3))
    assert judge(RUN, watched, 60, allow_failure=False) == [
        f"{unknown} their memory (docker run --cap-add SYS_PTRACE allows it)"
    ]


def test_each_input_is_run_or_the_command_once() -> None:
    assert planned_runs([SERVER, CLIENT], ["-x", ""], None) == [
        PlannedRun(("/bin/server", "-x", ""), "/bin/server"),
        PlannedRun(("/bin/client", "-x", ""), "/bin/client"),
    ]
    assert planned_runs([SERVER, CLIENT], (), "server & client") == [
        PlannedRun(("/bin/sh", "-c", "server & client"), "/bin/sh", (SERVER, CLIENT))
    ]


SHELL = (execution(7, "/bin/sh", 9, "sh"), execution(8, "/bin/sh", 9, parent=0))
SERVED = execution(8, "/bin/server", 1, "server", parent=1)
OPENED = Use(2, "openat", Access.READ, "/etc/server", "", 0, "/", by_loader=False)


def test_of_a_command_only_what_the_inputs_do_counts() -> None:
    trace = Trace((*SHELL, SERVED), (OPENED._replace(execution=0), OPENED), ())
    alone = Trace((SERVED._replace(parent=None),), (OPENED._replace(execution=0),), ())
    assert counted_part(PlannedRun(("sh",), "/bin/sh"), trace) == (trace, [])
    assert counted_part(PlannedRun(("sh",), "/bin/sh", (SERVER,)), trace) == (alone, [])
    assert counted_part(PlannedRun(("sh",), "/bin/sh", (SERVER, CLIENT)), trace) == (
        alone,
        ["the command of --dynamic-command did not run /bin/client"],
    )


def test_a_command_that_has_run_no_input_has_failed() -> None:
    with pytest.raises(RunFailed) as caught:
        counted_part(PlannedRun(("sh",), "/bin/sh", (SERVER, CLIENT)), Trace(SHELL, (), ()))
    assert (caught.value.message, caught.value.hints) == (
        "the command of --dynamic-command did not run /bin/server, /bin/client",
        ("run INPUT itself in the command, by its path: only files that INPUT uses are added",),
    )


def test_a_trace_is_written_as_strace_does() -> None:
    uses = (
        OPENED._replace(execution=0, path="/etc/\x1b"),
        OPENED,
        OPENED._replace(access=Access.TESTED, call="stat", path="/none", error=errno.ENOENT),
        OPENED._replace(execution=0, call="unlink", access=Access.REMOVED, path="/x"),
    )
    last = execution(9, "/bin/client", 2, "client", 'a "b"\n', "\\n", parent=2)
    assert list(trace_lines(Trace((*SHELL, SERVED, last), uses, (), omitted=2))) == [
        '7 execve /bin/sh "sh"',
        "7 openat /etc/\\x1b read",
        "8 forked by 7",
        '8 execve /bin/server "server"',
        "8 openat /etc/server read",
        "8 stat /none: ENOENT",
        "7 unlink /x removed",
        '9 execve /bin/client "client" "a \\"b\\"\\n" "\\\\n"',
        "2 more system calls failed",
    ]


def test_the_summary_counts_programs_and_not_forks() -> None:
    watched = WATCHED._replace(trace=Trace((*SHELL, SERVED), (), ()))
    assert summary([watched, WATCHED], 1) == "ran 2 programs, 1 file, in 2.5 s"
