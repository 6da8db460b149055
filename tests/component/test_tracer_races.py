"""Whatever happens at once, nothing is lost and nothing hangs: each race is run a hundred times."""

from pathlib import Path

import pytest

from support.traced_programs import Ran, Way, compiled, ran

pytestmark = pytest.mark.needs("compiler", "ptrace")

ROUNDS = 100
SECONDS = 90  # how threads that never rest share a processor differs between kernels by a factor of ten

OPENING = """
    static void open_own(const char *form, ...) __attribute__((format(printf, 1, 2)));
    static void open_own(const char *form, ...)
    {
        char name[100];
        va_list values;
        va_start(values, form);
        vsnprintf(name, sizeof name, form, values);
        va_end(values);
        check(syscall(SYS_openat, AT_FDCWD, name, O_RDONLY) == -1);
    }
    __attribute__((unused)) static void *open_always(void *nothing)
    {
        for (;;) close(open("there", O_RDONLY));
        return nothing;
    }
    __attribute__((unused)) static void start(int count, void *run(void *))
    {
        pthread_t thread;
        for (long index = 0; index < count; index++) check(pthread_create(&thread, NULL, run, (void *)index) == 0);
    }
"""


def run(here: Path, body: str, before: str = "", way: Way = Way.FILTER) -> Ran:
    program = compiled(body, f"#include <stdarg.h>\n#define ROUNDS {ROUNDS}\n{OPENING}{before}", "-static")
    result = ran(program, here, way, timeout=SECONDS)
    assert not result.watched.timed_out
    return result


def opened(result: Ran) -> list[str]:
    """Return what was looked for in vain, of all processes."""
    lines = [line for lines in result.seen.values() for line in lines]
    return sorted(line.split()[2] for line in lines if line.endswith("ENOENT"))


def test_twenty_threads_that_open_fifty_files_each_are_all_seen(here: Path) -> None:
    result = run(
        here,
        """
        for (round = 0; round < ROUNDS; round++) {
            pthread_t threads[20];
            for (long index = 0; index < 20; index++)
                check(pthread_create(&threads[index], NULL, opening, (void *)index) == 0);
            for (int index = 0; index < 20; index++) pthread_join(threads[index], NULL);
        }
        """,
        """
        static int round;
        static void *opening(void *index)
        {
            for (int number = 0; number < 50; number++) open_own("%d-%ld-%d", round, (long)index, number);
            return NULL;
        }
        """,
    )
    expected = {f"{round_}-{index}-{number}" for round_ in range(ROUNDS) for index in range(20) for number in range(50)}
    seen = opened(result)
    assert (len(seen), set(seen) ^ expected, result.watched.returncode) == (len(expected), set(), 0)


def test_fifty_processes_at_once_are_all_seen_with_their_files(here: Path) -> None:
    result = run(
        here,
        """
        for (int round = 0; round < ROUNDS; round++) {
            for (int index = 0; index < 50; index++) {
                if (fork() == 0) {
                    open_own("%d-%d", round, index);
                    _exit(index);
                }
            }
            while (wait(NULL) > 0) {}
        }
        """,
    )
    expected = sorted(f"{round_}-{index}" for round_ in range(ROUNDS) for index in range(50))
    assert opened(result) == expected
    codes = {each.pid: each.returncode for each in result.trace.executions if each.parent == 0}
    assert len(codes) == len(expected)
    files = {pid: [line.split()[2].split("-")[1] for line in result.seen[pid]] for pid in codes}
    assert files == {pid: [str(code)] for pid, code in codes.items()}


@pytest.mark.parametrize("way", [Way.FILTER, Way.BARE], ids=lambda way: way.value)
def test_programs_that_are_executed_right_after_clone_are_all_seen(here: Path, way: Way) -> None:
    result = run(
        here,
        """
        if (argc > 1) {
            open_own("%s", argv[1]);
            return 0;
        }
        static char names[ROUNDS][20], stack[1 << 14] __attribute__((aligned(16)));
        for (int round = 0; round < ROUNDS; round++) {
            sprintf(names[round], "x%d", round);
            char **words = (char *[]){"again", names[round], NULL};
            pid_t child = round % 3 == 0 ? fork() : round % 3 == 1 ? vfork() : 0;
            if (round % 3 == 2)
                check(clone(executing, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, words) > 0);
            else if (child == 0)
                executing(words);
            if (round % 10 == 0) while (wait(NULL) > 0) {}
        }
        while (wait(NULL) > 0) {}
        """,
        """
        static int executing(void *words)
        {
            execve("program", words, NULL);
            _exit(99);
        }
        """,
        way,
    )
    names = [f"x{round_}" for round_ in range(ROUNDS)]
    again = [each for each in result.trace.executions if each.arguments[:1] == ("again",)]
    assert opened(result) == sorted(names)
    assert sorted(each.arguments[1] for each in again) == sorted(names)
    assert {each.returncode for each in again} == {0}
    assert [result.trace.executions[each.parent or 0].forked for each in again] == [True] * ROUNDS


def test_the_end_of_a_process_in_the_middle_of_its_threads_opens_ends_it(here: Path) -> None:
    result = run(
        here,
        """
        for (int round = 0; round < ROUNDS; round++) {
            pid_t child = fork();
            if (child == 0) {
                start(4, open_always);
                usleep(round * 10);
                _exit(7);
            }
            check(end_of(child) == 7);
        }
        """,
    )
    assert [each.returncode for each in result.trace.executions] == [0] + [7] * ROUNDS


def test_a_thread_that_executes_while_ten_others_open_goes_on(here: Path) -> None:
    result = run(
        here,
        """
        round = argc > 1 ? atoi(argv[1]) : 0;
        if (round == ROUNDS) return 5;
        start(10, open_always);
        start(1, executing);
        open_always(NULL);
        """,
        """
        static int round;
        static void *executing(void *nothing)
        {
            char next[20];
            usleep(round * 5);
            sprintf(next, "%d", round + 1);
            execl("program", "again", next, NULL);
            _exit(98);
        }
        """,
    )
    pid = result.trace.executions[0].pid
    steps = [(each.pid, each.parent, each.arguments[1:], each.returncode) for each in result.trace.executions]
    chain = [(pid, round_ - 1, (str(round_),), 5 if round_ == ROUNDS else None) for round_ in range(1, ROUNDS + 1)]
    assert steps == [(pid, None, (), None), *chain]


def test_vforks_in_threads_are_all_seen(here: Path) -> None:
    result = run(
        here,
        """
        pthread_t threads[10];
        for (long index = 0; index < 10; index++)
            check(pthread_create(&threads[index], NULL, forking, (void *)index) == 0);
        for (int index = 0; index < 10; index++) pthread_join(threads[index], NULL);
        """,
        """
        static void *forking(void *index)
        {
            for (int round = 0; round < ROUNDS; round++) {
                pid_t child = vfork();
                if (child == 0) {
                    open_own("%d-%ld", round, (long)index);
                    _exit(0);
                }
                int status;
                check(waitpid(child, &status, 0) == child && status == 0);
            }
            return NULL;
        }
        """,
    )
    assert opened(result) == sorted(f"{round_}-{index}" for round_ in range(ROUNDS) for index in range(10))
    assert len(result.trace.executions) == 1 + 10 * ROUNDS


def test_processes_that_are_killed_in_the_middle_are_gone(here: Path) -> None:
    result = run(
        here,
        """
        for (int round = 0; round < ROUNDS; round++) {
            pid_t child = fork();
            if (child == 0) {
                setpgid(0, 0);
                start(2, open_always);
                for (;;) if (fork() == 0) open_always(NULL);
            }
            setpgid(child, child);
            usleep(round * 20);
            check(kill(-child, SIGKILL) == 0);
            check(end_of(child) == -SIGKILL);
        }
        """,
    )
    assert result.watched.returncode == 0
    assert {each.returncode for each in result.trace.executions[1:]} == {-9}


def test_threads_that_end_at_once_with_what_they_started_leave_nothing(here: Path) -> None:
    result = run(
        here,
        """
        for (int round = 0; round < ROUNDS; round++) {
            pid_t child = fork();
            if (child == 0) {
                start(3, leaving);
                pthread_exit(NULL);
            }
            check(end_of(child) == 0);
        }
        """,
        """
        static void *leaving(void *index)
        {
            pid_t child = fork();
            if (child == 0) {
                open_own("%d-%ld", getppid(), (long)index);
                _exit(0);
            }
            return NULL;
        }
        """,
    )
    assert len(opened(result)) == 3 * ROUNDS
    assert len(result.trace.executions) == 1 + 4 * ROUNDS
    assert {each.returncode for each in result.trace.executions} == {0}


@pytest.mark.parametrize("way", [Way.FILTER, Way.BARE], ids=lambda way: way.value)
def test_short_runs_one_after_another_are_all_seen(here: Path, way: Way) -> None:
    for _ in range(ROUNDS // 4):
        result = run(here, 'if (fork() == 0) open_own("child"); else open_own("parent");', way=way)
        assert opened(result) == ["child", "parent"]
