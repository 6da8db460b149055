"""Processes are followed to the end, however they are made: each file is the file of the process that used it."""

import ctypes
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.traced_programs import RunProgram, Way, compiled, furnish, ran, seen_below, watched_apart

pytestmark = pytest.mark.needs("compiler", "ptrace")

NOBODY = 65534
PR_SET_DUMPABLE = 4

CLONING = """
    static char stack[1 << 16] __attribute__((aligned(16)));
    static int child_opens(void *name)
    {
        int file = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY);
        char use[100];
        snprintf(use, sizeof use, "openat read %s", (char *)name);
        tell(0, use);
        syscall(SYS_exit, file < 0 ? 99 : 7);
        return 0;
    }
    __attribute__((unused)) static pid_t cloned(int flags)
    {
        return clone(child_opens, stack + sizeof stack, flags, "d/in");
    }
    __attribute__((unused)) static pid_t cloned3(unsigned long long flags)
    {
        struct clone_args arguments = {.flags = flags, .exit_signal = SIGCHLD};
        pid_t child = syscall(SYS_clone3, &arguments, sizeof arguments);
        if (child == 0) child_opens("d/in");
        return child;
    }
"""


class TestMaking:
    def test_a_fork_is_followed(self, run: RunProgram) -> None:
        seen = run("""
            pid_t child = fork();
            if (child == 0) {
                works(open("d/in", O_RDONLY), "openat read d/in");
                _exit(3);
            }
            check(end_of(child) == 3);
            works(open("there", O_RDONLY), "openat read there");
        """)
        first, second = seen.trace.executions
        assert seen.seen == seen.told
        assert second == first._replace(pid=second.pid, parent=0, forked=True, returncode=3)
        assert first.returncode == 0

    def test_a_vfork_is_followed(self, run: RunProgram) -> None:
        seen = run("""
            pid_t child = vfork();
            if (child == 0) {
                works(syscall(SYS_openat, AT_FDCWD, "d/in", O_RDONLY), "openat read d/in");
                _exit(3);
            }
            works(open("there", O_RDONLY), "openat read there");
            check(end_of(child) == 3);
        """)
        assert seen.seen == seen.told

    @pytest.mark.parametrize(
        "call",
        [
            "cloned(SIGCHLD)",
            "cloned(0)",
            "cloned(SIGUSR1)",
            "cloned(CLONE_VM | SIGCHLD)",
            "cloned(CLONE_VM | CLONE_VFORK | SIGCHLD)",
            "cloned(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | SIGCHLD)",
            "cloned(CLONE_UNTRACED | SIGCHLD)",
            "cloned(CLONE_VM | CLONE_UNTRACED | SIGCHLD)",
            "cloned(CLONE_VM | CLONE_VFORK | CLONE_UNTRACED | SIGCHLD)",
            "cloned3(0)",
            "cloned3(CLONE_UNTRACED)",
            "cloned3(CLONE_UNTRACED | CLONE_CLEAR_SIGHAND)",
        ],
    )
    def test_a_clone_is_followed(self, run: RunProgram, call: str) -> None:
        seen = run(f"signal(SIGUSR1, SIG_IGN); check(end_of({call}) == 7);", CLONING)
        assert seen.seen == seen.told
        assert [(each.parent, each.forked, each.returncode) for each in seen.trace.executions] == [
            (None, False, 0),
            (0, True, 7),
        ]

    def test_a_clone3_is_given_what_it_asked_for(self, run: RunProgram) -> None:
        seen = run("""
            int number = -1;
            pid_t parent_tid = 0;
            struct clone_args arguments = {
                .flags = CLONE_UNTRACED | CLONE_PIDFD | CLONE_PARENT_SETTID, .exit_signal = SIGCHLD,
                .pidfd = (uintptr_t)&number, .parent_tid = (uintptr_t)&parent_tid
            };
            struct clone_args before = arguments;
            pid_t child = syscall(SYS_clone3, &arguments, sizeof arguments);
            if (child == 0) {
                works(open("d/in", O_RDONLY), "openat read d/in");
                _exit(0);
            }
            check(child > 0 && number >= 0 && parent_tid == child);
            check(memcmp(&arguments, &before, sizeof before) == 0);
            check(end_of(child) == 0);
        """)
        assert seen.seen == seen.told

    def test_a_clone_that_is_its_parents_sibling_is_followed(self, run_anyway: RunProgram) -> None:
        seen = run_anyway(
            """
            int ends[2];
            char byte;
            check(pipe(ends) == 0);
            pid_t child = fork();
            if (child == 0) {
                pid_t sibling = cloned(CLONE_PARENT | SIGCHLD);
                check(waitpid(sibling, NULL, 0) == -1 && errno == ECHILD);
                check(write(ends[1], &sibling, sizeof sibling) == sizeof sibling);
                _exit(0);
            }
            pid_t sibling;
            check(read(ends[0], &sibling, sizeof sibling) == sizeof sibling);
            check(end_of(sibling) == 7);
            check(end_of(child) == 0);
            """,
            CLONING,
        )
        assert seen.seen == seen.expected

    def test_a_clone_that_is_a_sibling_of_the_first_process_is_followed(self, run: RunProgram) -> None:
        seen = run(
            """
            pid_t sibling = cloned(CLONE_PARENT | SIGCHLD);
            check(sibling > 0);
            check(waitpid(sibling, NULL, 0) == -1 && errno == ECHILD);
            """,
            CLONING,
        )
        assert seen.seen == seen.told
        assert seen.watched.returncode == 0

    def test_a_thread_is_part_of_its_process(self, run: RunProgram) -> None:
        seen = run(
            """
            run_thread(opening, NULL);
            works(open("there", O_RDONLY), "openat read there");
            """,
            """
            static void *opening(void *nothing)
            {
                works(open("d/in", O_RDONLY), "openat read d/in");
                pid_t child = fork();
                if (child == 0) {
                    works(open("other", O_RDONLY), "openat read other");
                    _exit(5);
                }
                check(end_of(child) == 5);
                return nothing;
            }
            """,
        )
        assert seen.seen == seen.told
        assert len(seen.trace.executions) == 2

    def test_an_untraced_thread_is_followed(self, run: RunProgram) -> None:
        seen = run(
            """
            int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_UNTRACED;
            pid_t gone = 1;
            check(clone(child_opens, stack + sizeof stack, flags | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID, "d/in",
                        &gone, NULL, &gone) > 0);
            while (__atomic_load_n(&gone, __ATOMIC_SEQ_CST)) {}
            """,
            CLONING,
        )
        assert seen.seen == seen.told
        assert len(seen.seen) == 1

    def test_a_child_that_shares_the_current_directory_changes_it_for_both(self, run: RunProgram) -> None:
        seen = run(
            """
            check(end_of(clone(child_enters, stack + sizeof stack, CLONE_FS | SIGCHLD, NULL)) == 0);
            works(open("in", O_RDONLY), "openat read d/in");
            """,
            CLONING
            + """
            static int child_enters(void *nothing)
            {
                works(chdir("d"), "chdir entered d");
                return 0;
            }
            """,
        )
        assert seen.seen == seen.told

    @pytest.mark.needs("root")
    def test_a_process_of_another_pid_namespace_is_followed(self, run: RunProgram) -> None:
        seen = run("""
            check(unshare(CLONE_NEWPID) == 0);
            pid_t child = fork();
            if (child == 0) {
                check(getpid() == 1);
                check(open("there", O_RDONLY) >= 0);
                check(open("/proc/self/cwd/d/in", O_RDONLY) >= 0);
                pid_t grandchild = fork();
                if (grandchild == 0) _exit(open("other", O_RDONLY) < 0);
                _exit(end_of(grandchild));
            }
            check(end_of(child) == 0);
        """)
        uses = [line for lines in seen.seen.values() for line in lines]
        assert [line for line in uses if "openat" in line and line != "openat read d/in"] == [
            "openat read there",
            "openat read other",
        ]

    def test_a_chain_of_processes_is_followed(self, run: RunProgram) -> None:
        seen = run("""
            for (int depth = 0; depth < 40; depth++) {
                pid_t child = fork();
                if (child) return end_of(child);
            }
            works(open("there", O_RDONLY), "openat read there");
            return 9;
        """)
        assert seen.seen == seen.told
        children = {each.parent: index for index, each in enumerate(seen.trace.executions)}
        chain = [children[None]]
        while chain[-1] in children:
            chain.append(children[chain[-1]])
        assert sorted(chain) == list(range(41))
        assert {each.returncode for each in seen.trace.executions} == {9}


class TestExecuting:
    def test_posix_spawn_is_followed(self, here: Path, run: RunProgram) -> None:
        seen = run("""
            if (argc > 1) {
                works(open("d/in", O_RDONLY), "openat read d/in");
                return 6;
            }
            pid_t child;
            check(posix_spawn(&child, "program", NULL, NULL, (char *[]){"again", "x", NULL}, environ) == 0);
            check(end_of(child) == 6);
        """)
        _, forked, executed = seen.trace.executions
        assert seen.seen == {forked.pid: ["execve executed program", "openat read d/in"]}
        assert (forked.parent, forked.forked, forked.returncode) == (0, True, None)
        assert (executed.parent, executed.forked, executed.returncode) == (1, False, 6)
        assert (executed.pid, executed.arguments) == (forked.pid, ("again", "x"))
        assert executed.path == f"{here}/program"

    def test_what_a_shell_runs_is_followed(self, here: Path, run: RunProgram) -> None:
        (here / "script").write_text("cat < there; (cd d && cat in | cat) && exec ./program x\n")
        seen = run("""
            if (argc > 1) {
                works(open("other", O_RDONLY), "openat read other");
                return 0;
            }
            check(system("/bin/sh script") == 0);
        """)
        uses = {line for lines in seen.seen.values() for line in lines}
        assert uses >= {"openat read there", "openat read d/in", "openat read other", "execve executed ./program"}
        assert list(seen.words) == ["there as it was", "d/in as it was"]
        assert [each.returncode for each in seen.trace.executions if each.returncode is not None] == [0] * 4 + [0] * (
            len([each for each in seen.trace.executions if each.returncode is not None]) - 4
        )

    @pytest.mark.parametrize("others", [0, 1, 8])
    def test_a_thread_that_is_not_the_leader_may_execute(self, run: RunProgram, others: int) -> None:
        seen = run(
            f"""
            if (argc > 1) {{
                works(open("there", O_RDONLY), "openat read there");
                return 8;
            }}
            pthread_t thread;
            for (int index = 0; index < {others}; index++) check(pthread_create(&thread, NULL, opening, NULL) == 0);
            check(pthread_create(&thread, NULL, executing, NULL) == 0);
            for (;;) pause();
            """,
            """
            __attribute__((unused)) static void *opening(void *nothing)
            {
                for (;;) close(open("d/in", O_RDONLY));
                return nothing;
            }
            static void *executing(void *nothing)
            {
                works(open("other", O_RDONLY), "openat read other");
                usleep(1000);
                tell(0, "execve executed program");
                execl("program", "again", "x", NULL);
                return nothing;
            }
            """,
        )
        (process,) = seen.seen
        assert seen.watched.returncode == 8
        assert [line for line in seen.seen[process] if line != "openat read d/in"] == seen.told[process]
        assert [(each.pid, each.parent, each.returncode) for each in seen.trace.executions] == [
            (process, None, None),
            (process, 0, 8),
        ]

    def test_a_thread_may_execute_when_the_leader_has_ended(self, run: RunProgram) -> None:
        seen = run(
            """
            if (argc > 1) {
                works(open("there", O_RDONLY), "openat read there");
                return 8;
            }
            pthread_t thread;
            check(pthread_create(&thread, NULL, executing, NULL) == 0);
            pthread_exit(NULL);
            """,
            """
            static void *executing(void *nothing)
            {
                usleep(10000);
                tell(0, "execve executed program");
                execl("program", "again", "x", NULL);
                return nothing;
            }
            """,
        )
        assert seen.watched.returncode == 8
        assert seen.seen == seen.told

    def test_a_program_may_execute_itself_many_times(self, here: Path, run: RunProgram) -> None:
        seen = run("""
            char count[20];
            int done = argc > 1 ? atoi(argv[1]) : 0;
            if (done == 50) return 1;
            sprintf(count, "%d", done + 1);
            execl("program", "again", count, NULL);
        """)
        assert [each.arguments for each in seen.trace.executions] == [
            (f"{here}/program",),
            *[("again", str(number)) for number in range(1, 51)],
        ]
        assert [each.parent for each in seen.trace.executions] == [None, *range(50)]
        assert [each.returncode for each in seen.trace.executions] == [None] * 50 + [1]


class TestOutliving:
    def test_a_process_may_outlive_its_parent(self, run: RunProgram) -> None:
        seen = run("""
            pid_t parent = getpid();
            if (fork()) return 4;
            while (getppid() == parent) usleep(1000);
            works(open("there", O_RDONLY), "openat read there");
            return 5;
        """)
        assert seen.seen == seen.told
        assert seen.watched.returncode == 4
        assert [each.returncode for each in seen.trace.executions] == [4, 5]
        assert not seen.watched.timed_out

    def test_a_daemon_is_followed_to_its_end(self, run: RunProgram) -> None:
        seen = run("""
            if (fork()) return 0;
            check(setsid() > 0);
            if (fork()) return 0;
            while (getppid() == getsid(0)) usleep(1000);
            usleep(20000);
            int output = dup(1), null = open("/dev/null", O_RDWR);
            for (int number = 0; number < 3; number++) dup2(null, number);
            works(chdir("d"));
            check(open("in", O_RDONLY) >= 0);
            dup2(output, 1);
            tell(0, "chdir entered d");
            tell(0, "openat read d/in");
        """)
        assert seen.seen == seen.told
        assert not seen.watched.timed_out

    def test_a_daemon_may_close_its_output(self, run: RunProgram) -> None:
        seen = run("""
            if (fork()) return 0;
            for (int number = 0; number < 100; number++) close(number);
            usleep(20000);
            check(open("there", O_RDONLY) >= 0);
        """)
        assert "openat read there" in [line for lines in seen.seen.values() for line in lines]
        assert not seen.watched.timed_out

    def test_the_end_of_the_group_ends_its_threads(self, run: RunProgram) -> None:
        seen = run(
            """
            pthread_t thread;
            for (int index = 0; index < 5; index++) check(pthread_create(&thread, NULL, sleeping, NULL) == 0);
            works(open("there", O_RDONLY), "openat read there");
            exit(3);
            """,
            "static void *sleeping(void *nothing) { for (;;) pause(); return nothing; }",
        )
        assert seen.seen == seen.told
        assert seen.watched.returncode == 3

    def test_the_end_of_a_process_is_that_of_its_last_thread(self, run: RunProgram) -> None:
        seen = run(
            """
            pthread_t thread;
            check(pthread_create(&thread, NULL, ending, NULL) == 0);
            syscall(SYS_exit, 1);
            """,
            "static void *ending(void *nothing) { usleep(10000); syscall(SYS_exit, 2); return nothing; }",
        )
        assert seen.watched.returncode in (1, 2)
        assert [each.returncode for each in seen.trace.executions] == [seen.watched.returncode]


class TestProcessors:
    SAY_PROCESSORS = """
        static int processors(void)
        {
            cpu_set_t set;
            check(sched_getaffinity(0, sizeof set, &set) == 0);
            return CPU_COUNT(&set);
        }
        static void say_processors(void)
        {
            char text[20];
            sprintf(text, "%d", processors());
            say(text);
        }
    """

    def test_processors_are_those_that_the_program_was_given(self, run_anyway: RunProgram) -> None:
        seen = run_anyway(
            """
            say_processors();
            pid_t child = fork();
            if (child == 0) {
                say_processors();
                _exit(0);
            }
            check(end_of(child) == 0);
            """,
            self.SAY_PROCESSORS,
        )
        assert seen.ending == (0, [str(len(os.sched_getaffinity(0)))] * 2)

    def test_processors_are_those_that_the_program_chose(self, run_anyway: RunProgram) -> None:
        seen = run_anyway(
            """
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(sched_getcpu(), &set);
            if (argc == 1) {
                check(sched_setaffinity(0, sizeof set, &set) == 0);
                for (int time = 0; time < 3; time++) {
                    pid_t child = fork();
                    if (child == 0) {
                        say_processors();
                        execl("program", "again", "x", NULL);
                    }
                    check(end_of(child) == 1);
                    usleep(20000);
                }
            }
            return processors();
            """,
            self.SAY_PROCESSORS,
        )
        assert seen.ending == (1, ["1"] * 3)


@pytest.mark.needs("root")
class TestUsers:
    def test_a_user_without_privileges_may_watch(self, public: Path) -> None:
        watched = watched_apart(["/bin/cat", "there"], public, before=become_nobody)
        process = watched.trace.executions[0].pid
        assert seen_below(watched.trace, public) == {process: ["openat read there"]}
        assert (watched.returncode, watched.trace.unreadable) == (0, 0)

    def test_what_cannot_be_read_is_counted(self, public: Path) -> None:
        program = compiled("""
            check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
            works(open("there", O_RDONLY));
            return 3;
        """)
        seen = ran(program, public, Way.FILTER, before=become_nobody)
        assert (seen.watched.returncode, seen.trace.unreadable) == (3, 1)

    def test_a_program_that_drops_its_privileges_is_followed(self, public: Path) -> None:
        program = compiled("""
            check(setgid(65534) == 0 && setuid(65534) == 0);
            works(open("there", O_RDONLY), "openat read there");
            fails(EACCES, open("there", O_WRONLY), "openat changed there");
        """)
        seen = ran(program, public, Way.FILTER)
        assert seen.seen == seen.told


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a directory, with a few files, that everybody may enter."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        furnish(Path(os.path.realpath(path)))
        yield Path(os.path.realpath(path))


def become_nobody() -> None:
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # as after the execve(2) of a shell of this user
