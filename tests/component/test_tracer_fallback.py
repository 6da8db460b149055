"""Where the kernel offers less, or a program makes its calls in another way, the trace is the same."""

import errno
import itertools
import os
import struct
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from magicpak.errors import TracingUnavailable
from magicpak.process.exec import Command
from magicpak.tracing import attach
from magicpak.tracing.run import TracedRun, run_traced
from support.traced_programs import TRACED, RunProgram, Way, as_line, compile_c, compiled, furnish, ran, watched_apart

pytestmark = pytest.mark.needs("compiler", "ptrace")


@pytest.mark.parametrize(("call", "number"), [("fork", errno.EAGAIN), ("pipe", errno.EMFILE)])
@pytest.mark.parametrize("good", [0, 1])
def test_where_no_process_or_descriptor_is_left_the_program_cannot_be_traced(
    call: str, number: int, good: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, original = itertools.count(), getattr(os, call)

    def refused() -> object:
        if next(calls) < good:
            return original()
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refused)
    with pytest.raises(TracingUnavailable) as caught:
        run_traced(Command.found(["true"]), timeout=60, keep_in=str(tmp_path))
    assert caught.value.message == f"the tracer of true cannot be started: {os.strerror(number)}"
    assert len(caught.value.hints) == 1


# As raw as a program can be: no library and no header of 32 bits is needed.
I386_PRELUDE = r"""
static int call(int number, long a, long b, long c, long d, long e)
{
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
    return result;
}
#define CALL1(number, a) call(number, (long)(a), 0, 0, 0, 0)
#define CALL2(number, a, b) call(number, (long)(a), (long)(b), 0, 0, 0)
#define CALL3(number, a, b, c) call(number, (long)(a), (long)(b), (long)(c), 0, 0)
#define CALL4(number, a, b, c, d) call(number, (long)(a), (long)(b), (long)(c), (long)(d), 0)
#define CALL5(number, a, b, c, d, e) call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
#define AT_FDCWD -100
static char *number_at(char *place, unsigned value)
{
    if (value > 9) place = number_at(place, value / 10);
    *place = '0' + value % 10;
    return place + 1;
}
static void tell(int error, const char *use)
{
    char line[512], *end = line;
    *end++ = '@';
    end = number_at(end, CALL1(20 /* getpid */, 0));
    *end++ = ' ';
    end = number_at(end, error);
    *end++ = ' ';
    while (*use) *end++ = *use++;
    *end++ = '\n';
    CALL3(4 /* write */, 1, line, end - line);
}
static int works(int result, const char *use)
{
    if (result < 0 && result > -4096) CALL1(1 /* exit */, 99);
    tell(0, use);
    return result;
}
static void fails(int error, int result, const char *use)
{
    if (result != -error) CALL1(1 /* exit */, 99);
    if (*use) tell(error, use);
}
"""

I386_CALLS = r"""
void _start(void)
{
    static char text[512];
    static long words[6];
    static char *again[] = {"again", "x", 0};
    static struct { short family; char path[14]; } address = {1, "socket"};
    long *stack = __builtin_frame_address(0);
    if (stack[1] > 1) CALL1(1, 6);  /* executed again: argc stands above the frame */
    works(CALL2(5, "there", 0), "open read there");
    fails(2, CALL2(5, "missing", 0), "open read missing");
    int d = works(CALL3(295, AT_FDCWD, "d", 0), "openat read d");
    works(CALL3(295, d, "in", 0), "openat read d/in");
    works(CALL3(220, d, text, sizeof text), "getdents64 listed d");
    works(CALL2(8, "other", 0644), "creat emptied other");
    works(CALL3(5, "new", 0101, 0644), "open made new");
    works(CALL2(195, "link", text), "stat64 tested link");
    works(CALL2(196, "link", text), "lstat64 tested link");
    works(CALL2(106, "link", text), "stat tested link");
    works(CALL4(300, d, "in", text, 0), "fstatat64 tested d/in");
    works(CALL5(383, d, "in", 0, 0x7ff, text), "statx tested d/in");
    works(CALL2(33, "link", 4), "access tested link");
    works(CALL3(85, "link", text, sizeof text), "readlink tested link");
    works(CALL3(268, "link", 84, text), "statfs64 tested link");
    works(CALL3(193, "there", 3, 0), "truncate64 changed there");
    works(CALL2(15, "there", 0600), "chmod changed there");
    works(CALL3(182, "there", -1, -1), "chown changed there");
    works(CALL3(212, "there", -1, -1), "chown32 changed there");
    works(CALL4(412, AT_FDCWD, "there", 0, 0), "utimensat_time64 changed there");
    works(CALL2(39, "dir", 0755), "mkdir made dir");
    works(CALL2(83, "there", "dir/symlink"), "symlink made dir/symlink");
    works(CALL1(10, "dir/symlink"), "unlink removed dir/symlink");
    works(CALL1(40, "dir"), "rmdir removed dir");
    works(CALL2(38, "new", "newer"), "rename removed new");
    tell(0, "rename made newer");
    /* the first mmap takes its arguments from memory, as socketcall does */
    words[1] = 4096, words[2] = 5, words[3] = 2, words[4] = CALL2(5, "there", 0), words[5] = 0;
    works(CALL1(90, words), "mmap mapped there");
    words[0] = 1, words[1] = 1, words[2] = 0;
    int socket = CALL2(102, 1, words);
    words[0] = socket, words[1] = (long)&address, words[2] = 8;
    works(CALL2(102, 2, words), "bind made socket");
    words[0] = CALL5(359, 1, 1, 0, 0, 0);
    fails(111, CALL2(102, 3, words), "connect connected socket");
    fails(111, CALL3(362, words[0], &address, 8), "");
    fails(38, CALL2(425, 8, text), "");
    int child = CALL5(120, 0x00800000 | 17, 0, 0, 0, 0);
    if (child == 0) {
        works(CALL2(5, "link", 0), "open read link");
        CALL1(1, 5);
    }
    CALL3(7, child, text, 0x40000000);
    if (text[1] != 5) CALL1(1, 98);
    works(CALL1(12, "d"), "chdir entered d");
    works(CALL2(5, "in", 0), "open read d/in");
    tell(0, "execve executed d/../program");
    CALL3(11, "../program", again, 0);
    CALL1(1, 97);
}
"""


@pytest.fixture
def i386(tmp_path: Path) -> str:
    """Return the path of a program of 32 bits that makes most calls."""
    source = tmp_path / "program.c"
    source.write_text(I386_PRELUDE + I386_CALLS)
    options = ("-m32", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie", "-O1")
    compile_c(str(source), str(tmp_path / "i386"), *options, "-fno-omit-frame-pointer", "-Wall")
    return str(tmp_path / "i386")


class TestOtherCalls:
    @pytest.mark.needs("i386")
    @pytest.mark.parametrize("way", TRACED, ids=lambda way: way.value)
    def test_a_program_of_32_bits_is_seen_as_others(self, i386: str, here: Path, way: Way) -> None:
        seen = ran(i386, here, way)
        first = seen.trace.executions[0].pid
        without_execution = {pid: [line for line in seen.seen[pid] if "socket" not in line] for pid in seen.seen}
        assert without_execution == {
            pid: [line for line in seen.told[pid] if "socket" not in line] for pid in seen.told
        }
        assert {line for line in seen.seen[first] if "socket" in line} == {
            "bind made socket",
            "connect connected socket ECONNREFUSED",
        }
        assert [each.returncode for each in seen.trace.executions] == [None, 5, 6]
        assert seen.trace.executions[-1].arguments == ("again", "x")

    @pytest.mark.needs("i386")
    def test_programs_of_64_and_32_bits_execute_each_other(self, i386: str, here: Path, run: RunProgram) -> None:
        (here / "small").write_bytes(Path(i386).read_bytes())
        (here / "small").chmod(0o755)
        seen = run("""
            if (argc > 1) {
                works(open("in", O_RDONLY), "openat read d/in");
                return 9;
            }
            execl("small", "small", (char *)NULL);
        """)
        (process,) = {each.pid for each in seen.trace.executions if not each.forked}
        assert seen.seen[process][-2:] == ["execve executed d/../program", "openat read d/in"]
        assert seen.watched.returncode == 9

    @pytest.mark.needs("i386")
    def test_a_program_of_64_bits_may_make_calls_of_32(self, run: RunProgram) -> None:
        seen = run(
            """
            char *name = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
            strcpy(name, "there");
            works(called(5, (long)name, O_RDONLY), "open read there");
            works(called(15, (long)name, 0600), "chmod changed there");
            check(called(425, 8, (long)name) == -ENOSYS);
            works(open("other", O_RDONLY), "openat read other");
            works(called(10, (long)name, 0), "unlink removed there");
            check(called(20, 0, 0) == getpid());
            """,
            """
            static long called(long number, long first, long second)
            {
                long result;
                __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second) : "memory", "r8",
                                 "r9", "r10", "r11");
                return result;
            }
            """,
        )
        assert seen.seen == seen.told

    def test_calls_of_x32_are_seen_where_the_kernel_has_them(self, run: RunProgram) -> None:
        seen = run("""
            #ifdef __x86_64__
            long result = syscall(0x40000000 | SYS_openat, AT_FDCWD, "there", O_RDONLY);
            if (result != -1) tell(0, "openat read there");
            check(result != -1 || errno == ENOSYS);
            check(syscall(0x40000000 | 425, 8, NULL) == -1 && errno == ENOSYS);
            #endif
            works(open("other", O_RDONLY), "openat read other");
        """)
        (process,) = seen.told
        assert [line for line in seen.seen[process] if "ENOSYS" not in line] == seen.told[process]

    def test_a_number_that_no_call_has_is_none(self, run: RunProgram) -> None:
        seen = run("""
            for (int time = 0; time < 3; time++) {
                long number = time == 0 ? -1 : time == 1 ? 5000 : 0x7fffffff;
                fails(ENOSYS, syscall(number, "there", "there", "there"));
            }
            works(open("other", O_RDONLY), "openat read other");
        """)
        assert seen.seen == seen.told


class TestLess:
    @pytest.mark.parametrize(
        ("way", "seccomp"), [(Way.FILTER, "2"), (Way.STOPS, "0"), (Way.BARE, "0")], ids=["filter", "stops", "bare"]
    )
    def test_the_ways_are_what_they_are_called(self, here: Path, way: Way, seccomp: str) -> None:
        watched = watched_apart(["/bin/sed", "-n", "s/^Seccomp:[[:space:]]*//p", "/proc/self/status"], here, way)
        assert watched.stdout.decode().split() == [seccomp]

    @pytest.mark.parametrize("way", [Way.STOPS, Way.BARE], ids=lambda way: way.value)
    def test_a_shell_script_leaves_the_same_trace(self, tmp_path: Path, way: Way) -> None:
        script = (
            "cat there other | sort > new; ls -l d | wc -l; (cd d; mv in out; rm out); test -e /nowhere; chmod 600 new"
        )
        traces = []
        for each in (Way.FILTER, way):
            here = tmp_path / each.name
            furnish(here)
            traces.append(comparable(watched_apart(["/bin/sh", "-c", script], here, each), here))
        assert traces[0] == traces[1]

    @pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS], ids=["EPERM", "ENOSYS"])
    def test_a_system_that_forbids_tracing_is_told_with_a_cure(self, here: Path, error: int) -> None:
        with pytest.raises(TracingUnavailable) as raised:
            watched_apart(["/bin/true"], here, before=lambda: forbid("ptrace", error))
        assert str(raised.value) == f"programs cannot be traced here: ptrace(2): {os.strerror(error)}"
        assert raised.value.hints

    @pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS], ids=["EPERM", "ENOSYS"])
    def test_names_are_read_where_other_processes_memory_cannot_be_read_at_once(self, here: Path, error: int) -> None:
        program = compiled("""
            char name[300];
            memset(name, '/', sizeof name);
            strcpy(name + 200, "d/in");
            memcpy(name, "d", 1);
            memcpy(name + 197, "..", 2);
            works(open("there", O_RDONLY), "openat read there");
            works(open("dirlink/in", O_WRONLY), "openat changed dirlink/in at d/in");
            check(open(name, O_RDONLY) >= 0);
            if (argc == 1) execl("program", "again", "x", NULL);
        """)
        seen = ran(program, here, Way.FILTER, before=lambda: forbid("process_vm_readv", error))
        assert [line for lines in seen.seen.values() for line in lines if "/../" not in line] == [
            "openat read there",
            "openat changed dirlink/in at d/in",
            "execve executed program",
            "openat read there",
            "openat changed dirlink/in at d/in",
        ]
        assert seen.trace.executions[1].arguments == ("again", "x")
        assert seen.trace.unreadable == 0


NUMBERS = {
    "x86_64": {"ptrace": 101, "process_vm_readv": 310},
    "aarch64": {"ptrace": 117, "process_vm_readv": 270},
}


def forbid(call: str, error: int) -> None:
    """Let this process and all that it starts have `error` of a system call, as containers do."""
    program = (
        (0x20, 0, 0, 0),  # load the number
        (0x15, 0, 1, NUMBERS[os.uname().machine][call]),
        (0x06, 0, 0, 0x50000 | error),  # SECCOMP_RET_ERRNO
        (0x06, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
    )
    attach.install_filter(b"".join(struct.pack("=HBBI", *instruction) for instruction in program))


def comparable(watched: TracedRun, here: Path) -> Mapping[str, Sequence[str]]:
    """Return the uses of what is in `here` by program, and how often each program ran, without their order."""
    programs = sorted(f"{each.real} {each.arguments} {each.returncode}" for each in watched.trace.executions)
    uses = defaultdict(list)
    for use in watched.trace.uses:
        uses[watched.trace.executions[use.execution].real].append(as_line(use, here))
    return {"ran": programs, **{real: sorted(lines) for real, lines in uses.items()}}
