"""Signals and stops are delivered as without a tracer: each program ends and says the same when nobody watches it."""

import pytest

from support.traced_programs import RunProgram, Way

pytestmark = pytest.mark.needs("compiler", "ptrace")

HANDLING = """
    static void handler(int number) { say(number == SIGUSR1 ? "USR1" : number == SIGCHLD ? "CHLD" : "handled"); }
    static void handle(int number, int flags)
    {
        struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
        check(sigaction(number, &action, NULL) == 0);
    }
    __attribute__((unused)) static void wait_until(char state, pid_t pid)
    {
        char name[64], text[512];
        do {
            sprintf(name, "/proc/%d/stat", pid);
            int file = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY);
            text[read(file, text, sizeof text - 1)] = 0;
            close(file);
            check(strrchr(text, ')')[2] != 'Z');
        } while (strrchr(text, ')')[2] != state);
    }
    __attribute__((unused)) static void say_number(const char *word, long number)
    {
        char text[100];
        snprintf(text, sizeof text, "%s %ld", word, number);
        say(text);
    }
"""


class TestHandlers:
    def test_a_signal_to_itself_is_handled(self, run_anyway: RunProgram) -> None:
        ran = run_anyway('handle(SIGUSR1, 0); raise(SIGUSR1); say("after"); return 3;', HANDLING)
        assert ran.ending == (3, ["USR1", "after"])

    def test_a_signal_from_a_child_is_handled(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            handle(SIGUSR1, SA_RESTART);
            pid_t child = fork();
            if (child == 0) _exit(kill(getppid(), SIGUSR1));
            check(end_of(child) == 0);
            say("after");
            """,
            HANDLING,
        )
        assert ran.ending == (0, ["USR1", "after"])

    def test_an_interrupted_read_is_restarted_if_it_was_asked_for(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            int ends[2];
            char byte;
            check(pipe(ends) == 0);
            handle(SIGUSR1, SA_RESTART);
            pid_t child = fork();
            if (child == 0) {
                wait_until('S', getppid());
                kill(getppid(), SIGUSR1);
                usleep(10000);
                wait_until('S', getppid());
                _exit(write(ends[1], "x", 1) != 1);
            }
            say_number("read", read(ends[0], &byte, 1));
            check(end_of(child) == 0);
            """,
            HANDLING,
        )
        assert ran.ending == (0, ["USR1", "read 1"])

    def test_an_interrupted_read_fails_otherwise(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            int ends[2];
            char byte;
            check(pipe(ends) == 0);
            handle(SIGUSR1, 0);
            pid_t child = fork();
            if (child == 0) {
                wait_until('S', getppid());
                _exit(kill(getppid(), SIGUSR1));
            }
            say_number("read", read(ends[0], &byte, 1));
            check(errno == EINTR);
            check(end_of(child) == 0);
            """,
            HANDLING,
        )
        assert ran.ending == (0, ["USR1", "read -1"])

    def test_a_watched_call_that_is_restarted_is_seen_once(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            check(mkfifo("pipe", 0600) == 0);
            tell(0, "mknodat made pipe");
            handle(SIGUSR1, SA_RESTART);
            pid_t child = fork();
            if (child == 0) {
                wait_until('S', getppid());
                kill(getppid(), SIGUSR1);
                usleep(10000);
                works(open("pipe", O_WRONLY), "openat read pipe");
                _exit(0);
            }
            works(open("pipe", O_RDONLY), "openat read pipe");
            check(end_of(child) == 0);
            """,
            HANDLING,
        )
        assert ran.ending == (0, ["USR1"])
        assert ran.seen == ran.expected

    def test_a_watched_call_that_is_interrupted_fails_and_is_no_use(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            check(mkfifo("pipe", 0600) == 0);
            tell(0, "mknodat made pipe");
            handle(SIGALRM, 0);
            struct itimerval soon = {.it_value.tv_usec = 5000};
            setitimer(ITIMER_REAL, &soon, NULL);
            fails(EINTR, open("pipe", O_RDONLY));
            """,
            HANDLING,
        )
        assert ran.ending == (0, ["handled"])
        assert ran.seen == ran.expected

    def test_what_came_with_a_signal_comes_with_it(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO};
            check(sigaction(SIGRTMIN + 1, &action, NULL) == 0);
            for (int value = 40; value < 43; value++)
                check(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = value}) == 0);
            """,
            HANDLING
            + """
            static void informed(int number, siginfo_t *info, void *context)
            {
                check(info->si_pid == getpid() && info->si_code == SI_QUEUE);
                say_number("value", info->si_value.sival_int);
            }
            """,
        )
        assert ran.ending == (0, ["value 40", "value 41", "value 42"])

    def test_a_handler_may_leave_by_a_jump(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            struct sigaction action = {.sa_sigaction = faulted, .sa_flags = SA_SIGINFO};
            check(sigaction(SIGSEGV, &action, NULL) == 0);
            for (int time = 0; time < 3; time++)
                if (sigsetjmp(back, 1) == 0) *(volatile int *)0x1234 = 5;
            works(open("there", O_RDONLY), "openat read there");
            """,
            HANDLING
            + """
            #include <setjmp.h>
            static sigjmp_buf back;
            static void faulted(int number, siginfo_t *info, void *context)
            {
                say(info->si_addr == (void *)0x1234 ? "right" : "wrong");
                siglongjmp(back, 1);
            }
            """,
        )
        assert ran.ending == (0, ["right"] * 3)

    def test_a_handler_may_have_its_own_stack(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            static char room[1 << 16];
            stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
            check(sigaltstack(&stack, NULL) == 0);
            handle(SIGSEGV, SA_ONSTACK | SA_RESETHAND);
            *(volatile int *)8 = 5;
            """,
            HANDLING,
        )
        assert ran.ending == (-11, ["handled"])

    def test_a_trap_is_a_signal_like_others(self, run_anyway: RunProgram) -> None:
        ran = run_anyway('handle(SIGTRAP, 0); raise(SIGTRAP); say("after");', HANDLING)
        assert ran.ending == (0, ["handled", "after"])

    def test_a_handler_may_use_files(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            signal(SIGUSR1, opening);
            for (int time = 0; time < 20; time++) {
                works(syscall(SYS_openat, AT_FDCWD, "there", O_RDONLY));
                raise(SIGUSR1);
            }
            tell(0, "openat read there");
            tell(0, "openat read other");
            """,
            'static void opening(int number) { works(syscall(SYS_openat, AT_FDCWD, "other", O_RDONLY)); }',
        )
        assert ran.watched.returncode == 0
        assert ran.seen == ran.expected


class TestEnding:
    @pytest.mark.parametrize(
        ("deed", "returncode"),
        [
            ("return 0;", 0),
            ("return 255;", 255),
            ("*(volatile int *)0 = 1;", -11),
            ("abort();", -6),
            ("raise(SIGKILL);", -9),
            ("raise(SIGTERM);", -15),
            ("raise(SIGTRAP);", -5),
            ("raise(SIGRTMIN + 3);", -37),
            (
                "struct itimerval soon = {.it_value.tv_usec = 5000}; setitimer(ITIMER_REAL, &soon, 0); pause();",
                -14,
            ),
            ("if (fork() == 0) { kill(getppid(), SIGKILL); usleep(1000); _exit(0); } for (;;) pause();", -9),
        ],
    )
    def test_the_end_is_the_same(self, run_anyway: RunProgram, deed: str, returncode: int) -> None:
        ran = run_anyway(f"prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); {deed}")
        assert ran.watched.returncode == returncode
        ends = [] if ran.way is Way.UNTRACED else [returncode]
        assert [each.returncode for each in ran.trace.executions[:1]] == ends

    def test_what_it_left_goes_on_when_a_child_kills_it(self, run: RunProgram) -> None:
        ran = run("""
            pid_t parent = getpid();
            if (fork() == 0) {
                check(kill(parent, SIGKILL) == 0);
                while (getppid() == parent) usleep(1000);
                works(open("there", O_RDONLY), "openat read there");
                return 0;
            }
            for (;;) close(open("other", O_RDONLY));
        """)
        assert ran.watched.returncode == -9
        assert {pid: ran.seen[pid] for pid in ran.told} == ran.told

    def test_a_killed_child_is_seen_by_its_parent(self, run_anyway: RunProgram) -> None:
        ran = run_anyway("""
            for (int time = 0; time < 10; time++) {
                pid_t child = fork();
                if (child == 0) for (;;) close(open("there", O_RDONLY));
                usleep(time * 300);
                check(kill(child, SIGKILL) == 0);
                check(end_of(child) == -SIGKILL);
            }
        """)
        assert ran.watched.returncode == 0

    def test_a_death_with_its_parent_is_one(self, run_anyway: RunProgram) -> None:
        ran = run_anyway("""
            int ends[2];
            check(pipe(ends) == 0);
            pid_t child = fork();
            if (child == 0) {
                pid_t grandchild = fork();
                if (grandchild == 0) {
                    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
                    check(write(ends[1], "x", 1) == 1);
                    for (;;) pause();
                }
                char byte;
                check(read(ends[0], &byte, 1) == 1);
                _exit(4);
            }
            close(ends[1]);
            check(end_of(child) == 4);
            char byte;
            while (read(ends[0], &byte, 1) == 1) {}
            say("the pipe has ended");
        """)
        assert ran.ending == (0, ["the pipe has ended"])


class TestTimers:
    def test_a_timer_ticks(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            handle(SIGALRM, 0);
            struct itimerval often = {{0, 2000}, {0, 2000}}, never = {0};
            check(setitimer(ITIMER_REAL, &often, NULL) == 0);
            for (int time = 0; time < 3; time++) pause();
            check(setitimer(ITIMER_REAL, &never, NULL) == 0);
            """,
            HANDLING,
        )
        assert ran.ending[0] == 0
        assert ran.ending[1][:3] == ["handled"] * 3

    def test_a_posix_timer_tells_its_value(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            timer_t timer;
            sigset_t set;
            siginfo_t info;
            struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 7};
            struct itimerspec soon = {.it_value.tv_nsec = 2000000};
            sigemptyset(&set);
            sigaddset(&set, SIGUSR2);
            check(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
            check(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &soon, NULL) == 0);
            check(sigwaitinfo(&set, &info) == SIGUSR2);
            say_number("value", info.si_value.sival_int);
            """,
            HANDLING,
        )
        assert ran.ending == (0, ["value 7"])

    def test_an_interrupted_sleep_tells_what_is_left(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            handle(SIGALRM, 0);
            struct itimerval soon = {.it_value.tv_usec = 5000};
            struct timespec wanted = {10, 0}, left = {0};
            setitimer(ITIMER_REAL, &soon, NULL);
            check(nanosleep(&wanted, &left) == -1 && errno == EINTR);
            say(left.tv_sec == 9 ? "nearly all" : "something else");
            """,
            HANDLING,
        )
        assert ran.ending == (0, ["handled", "nearly all"])

    @pytest.mark.parametrize("call", ["nanosleep(&span, NULL)", "poll(NULL, 0, 200)", "usleep(200000)"])
    def test_a_sleep_goes_on_after_a_stop(self, run_anyway: RunProgram, call: str) -> None:
        ran = run_anyway(
            f"""
            pid_t child = fork();
            struct timespec span = {{0, 200000000}}, begun, ended;
            (void)span;
            if (child == 0) {{
                clock_gettime(CLOCK_MONOTONIC, &begun);
                check({call} == 0);
                clock_gettime(CLOCK_MONOTONIC, &ended);
                _exit((ended.tv_sec - begun.tv_sec) * 1000 + (ended.tv_nsec - begun.tv_nsec) / 1000000 < 199);
            }}
            int status;
            for (int time = 0; time < 2; time++) {{
                wait_until('S', child);
                check(kill(child, SIGSTOP) == 0);
                check(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
                check(kill(child, SIGCONT) == 0);
            }}
            return end_of(child);
            """,
            "#include <poll.h>\n" + HANDLING,
        )
        assert ran.watched.returncode == 0


class TestWaiting:
    def test_a_blocked_signal_waits(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            sigset_t set, old;
            sigemptyset(&set);
            sigaddset(&set, SIGUSR1);
            handle(SIGUSR1, 0);
            check(sigprocmask(SIG_BLOCK, &set, &old) == 0);
            raise(SIGUSR1);
            works(open("there", O_RDONLY));
            say("blocked");
            check(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
            say("after");
            """,
            HANDLING,
        )
        assert ran.ending == (0, ["blocked", "USR1", "after"])

    def test_a_signal_may_be_waited_for(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            sigset_t set;
            int number;
            sigemptyset(&set);
            sigaddset(&set, SIGUSR1);
            check(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
            pid_t child = fork();
            if (child == 0) {
                wait_until('S', getppid());
                _exit(kill(getppid(), SIGUSR1));
            }
            check(sigwait(&set, &number) == 0);
            say_number("signal", number);
            check(end_of(child) == 0);
            """,
            HANDLING,
        )
        assert ran.ending == (0, ["signal 10"])

    def test_a_signal_may_be_read(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            sigset_t set;
            struct signalfd_siginfo info;
            sigemptyset(&set);
            sigaddset(&set, SIGCHLD);
            check(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
            int file = signalfd(-1, &set, 0);
            pid_t child = fork();
            if (child == 0) _exit(6);
            check(read(file, &info, sizeof info) == sizeof info && info.ssi_pid == child);
            say_number("ended with", info.ssi_status);
            check(end_of(child) == 6);
            """,
            HANDLING,
        )
        assert ran.ending == (0, ["ended with 6"])

    def test_a_mask_may_be_lifted_while_waiting(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            sigset_t set, none;
            sigemptyset(&none);
            sigemptyset(&set);
            sigaddset(&set, SIGCHLD);
            handle(SIGCHLD, 0);
            check(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
            pid_t child = fork();
            if (child == 0) _exit(6);
            check(sigsuspend(&none) == -1 && errno == EINTR);
            say("after");
            check(end_of(child) == 6);
            """,
            HANDLING,
        )
        assert ran.ending == (0, ["CHLD", "after"])

    def test_the_end_of_a_child_is_told_by_a_signal(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO | SA_RESTART};
            check(sigaction(SIGCHLD, &action, NULL) == 0);
            pid_t child = fork();
            if (child == 0) for (;;) pause();
            kill(child, SIGSTOP);
            while (told < 1) {}
            kill(child, SIGCONT);
            while (told < 2) {}
            kill(child, SIGTERM);
            while (told < 3) {}
            check(end_of(child) == -SIGTERM);
            """,
            HANDLING
            + """
            static volatile int told;
            static void informed(int number, siginfo_t *info, void *context)
            {
                say(info->si_code == CLD_STOPPED ? "stopped" : info->si_code == CLD_CONTINUED ? "continued" :
                    info->si_code == CLD_KILLED ? "killed" : "else");
                say_number("by", info->si_status);
                told++;
            }
            """,
        )
        assert ran.ending == (0, ["stopped", "by 19", "continued", "by 18", "killed", "by 15"])

    def test_children_that_nobody_waits_for_go_by_themselves(self, run_anyway: RunProgram) -> None:
        ran = run_anyway("""
            signal(SIGCHLD, SIG_IGN);
            pid_t child = fork();
            if (child == 0) _exit(6);
            check(waitpid(child, NULL, 0) == -1 && errno == ECHILD);
        """)
        assert ran.watched.returncode == 0


class TestStopping:
    @pytest.mark.parametrize(("signal", "number"), [("SIGSTOP", 19), ("SIGTSTP", 20), ("SIGTTIN", 21), ("SIGTTOU", 22)])
    def test_a_stop_is_seen_by_the_parent(self, run_anyway: RunProgram, signal: str, number: int) -> None:
        ran = run_anyway(
            f"""
            int status, ends[2];
            char byte;
            check(pipe(ends) == 0);
            pid_t child = fork();
            if (child == 0) {{
                setpgid(0, 0);
                raise({signal});
                works(open("there", O_RDONLY), "openat read there");
                _exit(read(ends[0], &byte, 1) == 1 ? 5 : 6);
            }}
            check(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
            say_number("stopped", WSTOPSIG(status));
            usleep(2000);
            check(waitpid(child, &status, WUNTRACED | WNOHANG) == 0);
            check(kill(child, SIGCONT) == 0);
            check(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
            say("continued");
            check(write(ends[1], "x", 1) == 1);
            say_number("ended", end_of(child));
            """,
            HANDLING,
        )
        assert ran.ending == (0, [f"stopped {number}", "continued", "ended 5"])
        assert ran.seen == ran.expected

    def test_a_stopped_process_may_be_killed(self, run_anyway: RunProgram) -> None:
        ran = run_anyway("""
            int status;
            pid_t child = fork();
            if (child == 0) for (;;) close(open("there", O_RDONLY));
            check(kill(child, SIGSTOP) == 0);
            check(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
            check(kill(child, SIGKILL) == 0);
            check(end_of(child) == -SIGKILL);
        """)
        assert ran.watched.returncode == 0

    def test_a_stop_stops_all_threads(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            int status, ends[2];
            check(pipe2(ends, O_NONBLOCK) == 0);
            pid_t child = fork();
            if (child == 0) {
                pthread_t thread;
                for (int index = 0; index < 4; index++) pthread_create(&thread, NULL, writing, ends);
                writing(ends);
            }
            char text[4096];
            for (int time = 0; time < 20; time++) {
                while (read(ends[0], text, sizeof text) <= 0) {}
                check(kill(child, SIGSTOP) == 0);
                check(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
                while (read(ends[0], text, sizeof text) > 0) {}
                usleep(500);
                check(read(ends[0], text, sizeof text) == -1 && errno == EAGAIN);
                check(kill(child, SIGCONT) == 0);
            }
            check(kill(child, SIGKILL) == 0 && end_of(child) == -SIGKILL);
            """,
            """
            static void *writing(void *ends)
            {
                for (;;) {
                    close(open("there", O_RDONLY));
                    if (write(((int *)ends)[1], "x", 1) < 0 && errno != EAGAIN) _exit(1);
                }
                return NULL;
            }
            """,
        )
        assert ran.watched.returncode == 0

    def test_a_continuation_may_be_handled(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            int status;
            pid_t child = fork();
            if (child == 0) {
                handle(SIGCONT, 0);
                raise(SIGSTOP);
                say("goes on");
                _exit(0);
            }
            check(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
            kill(child, SIGUSR2);
            kill(child, SIGCONT);
            say_number("ended", end_of(child));
            """,
            HANDLING,
        )
        assert ran.watched.returncode == 0
        assert ran.words[-1] == "ended -12"

    def test_an_ignored_stop_is_none(self, run_anyway: RunProgram) -> None:
        ran = run_anyway('signal(SIGTSTP, SIG_IGN); raise(SIGTSTP); say("goes on");')
        assert ran.ending == (0, ["goes on"])

    def test_a_group_without_anybody_to_continue_it_does_not_stop(self, run_anyway: RunProgram) -> None:
        ran = run_anyway('check(setsid() > 0 || getsid(0) == getpid()); raise(SIGTSTP); say("goes on");')
        assert ran.ending == (0, ["goes on"])

    @pytest.mark.needs("terminal")
    def test_jobs_are_controlled(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            int master = posix_openpt(O_RDWR | O_NOCTTY);
            check(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
            char slave[64];
            check(ptsname_r(master, slave, sizeof slave) == 0);
            pid_t shell = fork();
            if (shell == 0) {
                check(setsid() > 0);
                int terminal = open(slave, O_RDWR), status;
                check(terminal >= 0 && tcgetpgrp(terminal) == getpid());
                pid_t job = fork();
                if (job == 0) {
                    char line[10];
                    check(setpgid(0, 0) == 0);
                    int length = read(terminal, line, sizeof line);
                    say_number("job reads", length);
                    _exit(7);
                }
                check(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
                say("job stops");
                check(tcsetpgrp(terminal, job) == 0 && kill(-job, SIGCONT) == 0);
                check(write(master, "abc\\n", 4) == 4);
                say_number("job ends", end_of(job));
                _exit(8);
            }
            return end_of(shell);
            """,
            HANDLING,
        )
        assert ran.ending == (8, ["job stops", "job reads 4", "job ends 7"])


class TestGroups:
    def test_a_signal_to_the_group_reaches_all_and_nobody_else(self, run_anyway: RunProgram) -> None:
        ran = run_anyway("""
            signal(SIGTERM, SIG_IGN);
            int ends[2];
            char byte;
            check(pipe(ends) == 0);
            pid_t child = fork();
            if (child == 0) {
                signal(SIGTERM, SIG_DFL);
                check(write(ends[1], "x", 1) == 1);
                for (;;) pause();
            }
            check(read(ends[0], &byte, 1) == 1);
            check(kill(0, SIGTERM) == 0);
            check(end_of(child) == -SIGTERM);
            return 5;
        """)
        assert ran.watched.returncode == 5

    def test_a_vfork_that_executes_delays_the_signals_of_its_parent(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            if (argc > 1) return 6;
            handle(SIGUSR1, SA_RESTART);
            pid_t parent = getpid();
            pid_t child = vfork();
            if (child == 0) {
                syscall(SYS_kill, parent, SIGUSR1);
                execl("program", "program", "x", NULL);
                _exit(98);
            }
            say_number("ended", end_of(child));
            """,
            HANDLING,
        )
        assert ran.watched.returncode == 0
        assert list(ran.words) == ["USR1", "ended 6"]


class TestTracing:
    def test_a_program_that_asks_to_be_traced_is_refused_and_goes_on(self, run: RunProgram) -> None:
        ran = run("""
            pid_t child = fork();
            if (child == 0) {
                fails(EPERM, ptrace(PTRACE_TRACEME, 0, NULL, NULL));
                works(open("there", O_RDONLY), "openat read there");
                _exit(4);
            }
            check(end_of(child) == 4);
        """)
        assert ran.seen == ran.told

    def test_a_program_that_traces_another_is_refused_and_goes_on(self, run: RunProgram) -> None:
        ran = run("""
            pid_t child = fork();
            if (child == 0) for (;;) pause();
            fails(EPERM, ptrace(PTRACE_ATTACH, child, NULL, NULL));
            fails(EPERM, ptrace(PTRACE_SEIZE, child, NULL, NULL));
            kill(child, SIGKILL);
            check(end_of(child) == -SIGKILL);
        """)
        assert ran.watched.returncode == 0


FILTERING = """
    static void filter(int number, unsigned verdict, int flags)
    {
        struct sock_filter program[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, verdict),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog all = {sizeof program / sizeof *program, program};
        check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &all) == 0);
    }
    __attribute__((unused)) static void trapped(int number, siginfo_t *info, void *context)
    {
        say(info->si_syscall == SYS_getppid ? "getppid" : "another");
    }
"""


class TestFilters:
    def test_a_call_that_the_programs_own_filter_lets_fail_fails(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            filter(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV, 0);
            fails(EXDEV, syscall(SYS_getppid));
            works(open("there", O_RDONLY), "openat read there");
            """,
            FILTERING,
        )
        assert ran.watched.returncode == 0
        assert ran.seen == ran.expected

    def test_a_watched_call_that_the_programs_own_filter_lets_fail_fails(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            filter(SYS_openat, SECCOMP_RET_ERRNO | EXDEV, SECCOMP_FILTER_FLAG_TSYNC);
            fails(EXDEV, open("there", O_RDONLY));
            works(access("there", F_OK));
            """,
            FILTERING,
        )
        assert ran.watched.returncode == 0

    @pytest.mark.parametrize("call", ["getppid", "openat"])
    def test_a_call_for_which_the_programs_own_filter_kills_kills(self, run_anyway: RunProgram, call: str) -> None:
        ran = run_anyway(
            f"""
            prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
            filter(SYS_{call}, SECCOMP_RET_KILL_PROCESS, 0);
            syscall(SYS_{call}, AT_FDCWD, "there", O_RDONLY);
            """,
            FILTERING,
        )
        assert ran.watched.returncode == -31

    def test_a_call_that_the_programs_own_filter_traps_is_trapped(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
            check(sigaction(SIGSYS, &action, NULL) == 0);
            filter(SYS_getppid, SECCOMP_RET_TRAP, 0);
            syscall(SYS_getppid);
            works(open("there", O_RDONLY), "openat read there");
            """,
            FILTERING,
        )
        assert ran.ending == (0, ["getppid"])
        assert ran.seen == ran.expected

    def test_a_call_that_the_programs_own_filter_hands_to_a_tracer_fails(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            filter(SYS_getppid, SECCOMP_RET_TRACE | 7, 0);
            fails(ENOSYS, syscall(SYS_getppid));
            """,
            FILTERING,
        )
        assert ran.watched.returncode == 0


@pytest.mark.needs("mount")
class TestProcess1:
    """The kernel keeps a process 1 that is traced alive whatever it does to itself."""

    def test_a_process_1_that_crashes_ends(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            check(unshare(CLONE_NEWPID) == 0);
            pid_t child = fork();
            if (child == 0) *(volatile int *)8 = 1;
            check(end_of(child) < 0);
            say("ended");
            """,
            HANDLING,
        )
        assert ran.ending == (0, ["ended"])

    def test_a_process_1_that_handles_its_crash_goes_on(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            check(unshare(CLONE_NEWPID) == 0);
            pid_t child = fork();
            if (child == 0) {
                struct sigaction action = {.sa_handler = leave};
                check(sigaction(SIGSEGV, &action, NULL) == 0);
                *(volatile int *)8 = 1;
            }
            check(end_of(child) == 7);
            """,
            "static void leave(int number) { (void)number; _exit(7); }",
        )
        assert ran.watched.returncode == 0

    def test_a_process_1_that_sends_itself_a_signal_goes_on(self, run_anyway: RunProgram) -> None:
        ran = run_anyway(
            """
            check(unshare(CLONE_NEWPID) == 0);
            pid_t child = fork();
            if (child == 0) { kill(getpid(), SIGSEGV); _exit(7); }
            check(end_of(child) == 7);
            """
        )
        assert ran.watched.returncode == 0
