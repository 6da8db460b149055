/* Reports where the dynamic loader that runs this program finds a library.
 *
 * A question on stdin: 'D' (load it) or 'N' (is it loaded already?), a name, NUL. An answer on stdout: one of
 * `enum kind`, a text, NUL. Before the first answer stands READY, so that what a preloaded library prints before main()
 * can be told apart. The program ends when stdin does.
 *
 * Whatever a library does when it is loaded, it does in a child of its own, so that no answer depends on an earlier
 * one. The child answers through shared memory, which outlives even a library that closes all descriptors.
 *
 * The loader of musl runs this program also where it was built for glibc (not the other way round: glibc refuses what
 * musl-gcc links with, `libc.so`). So it uses only what both have under the same name and with the same layout, hence
 * no stdio. Sources: dlopen(3), dlinfo(3), prctl(2), waitid(2).
 */

/* Compilers may predefine these; each of them renames functions to names that not every libc has. */
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS
#undef _FORTIFY_SOURCE
#define _GNU_SOURCE 1

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef PR_SET_CHILD_SUBREAPER /* headers older than Linux 3.4 */
#define PR_SET_CHILD_SUBREAPER 36
#endif
#ifndef QUESTION_SECONDS
#define QUESTION_SECONDS 10
#endif
#define TICKS_PER_SECOND 10
#define LONGEST_NAME 4096 /* PATH_MAX */
#define LONGEST_TEXT 65000

static const char READY[] = "\0magicpak helper\0";

enum kind { NONE = 0, FOUND = '=', REFUSED = '!', SIGNALLED = 'S', EXITED = 'X', LATE = 'T', BROKEN = 'B' };

struct answer {
    char kind;
    char text[LONGEST_TEXT + 1];
};

static int questions, answers; /* where stdin and stdout were moved to */
static sigset_t child_ended, original_mask;

static void write_all(const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(answers, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            _exit(1);
        bytes += written;
        count -= (size_t)written;
    }
}

/* The kind is set last: a child that dies in between has not answered. */
static void set(volatile struct answer *answer, enum kind kind, const char *text)
{
    size_t i;

    for (i = 0; i < LONGEST_TEXT && text[i] != '\0'; i++)
        answer->text[i] = text[i];
    answer->text[i] = '\0';
    answer->kind = (char)kind;
}

static void set_number(struct answer *answer, enum kind kind, unsigned number)
{
    char digits[12], *first = digits + sizeof digits - 1;

    *first = '\0';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    set(answer, kind, first);
}

static void look_up(struct answer *answer, const char *name, int mode)
{
    struct link_map *map = NULL;
    void *handle = dlopen(name, mode);

    if (handle != NULL && dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != NULL) {
        set(answer, FOUND, map->l_name);
    } else {
        const char *why = dlerror(); /* glibc has none for RTLD_NOLOAD */
        set(answer, REFUSED, why != NULL ? why : "not loaded");
    }
    if (handle != NULL && (mode & RTLD_NOLOAD) != 0)
        dlclose(handle);
}

static int requester_is_gone(void)
{
    struct pollfd question;

    question.fd = questions;
    question.events = 0;
    question.revents = 0;
    return poll(&question, 1, 0) > 0 && question.revents != 0;
}

/* Returns whether the child has ended in time; it is not reaped yet, so that its process group stays its own. */
static int ends_in_time(pid_t child)
{
    int ticks = QUESTION_SECONDS * TICKS_PER_SECOND;

    while (ticks > 0) {
        struct timespec tick = {0, 1000000000 / TICKS_PER_SECOND};
        siginfo_t info;

        info.si_pid = 0;
        if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == child)
            return 1;
        if (sigtimedwait(&child_ended, NULL, &tick) >= 0 || errno != EAGAIN)
            continue;
        ticks--;
        if (requester_is_gone())
            return 0;
    }
    return 0;
}

static void wait_for(pid_t child, int *status)
{
    while (waitpid(child, status, 0) < 0 && errno == EINTR)
        continue;
}

/* Ends what has left its process group and lost its parent (a daemon): as the subreaper, this process got it. */
static void end_orphans(void)
{
    int round;

    for (round = 0; round < 100; round++) {
        char list[4096];
        ssize_t count, i;
        pid_t orphan = 0;
        int status, children = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);

        if (children < 0)
            return;
        count = read(children, list, sizeof list);
        close(children);
        if (count <= 0)
            return;
        for (i = 0; i < count; i++) {
            if (list[i] >= '0' && list[i] <= '9') {
                orphan = orphan * 10 + (list[i] - '0');
            } else if (orphan > 0) {
                kill(orphan, SIGKILL);
                wait_for(orphan, &status);
                orphan = 0;
            }
        }
    }
}

/* Of what magicpak was started with, nothing is a library's to write to. */
static void close_all_but_standard(void)
{
    int fd;

#ifdef SYS_close_range
    if (syscall(SYS_close_range, 3U, ~0U, 0) == 0)
        return;
#endif
    for (fd = 3; fd < 1024; fd++)
        close(fd);
}

static void load_and_exit(struct answer *answer, const char *name, pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    close_all_but_standard();
    sigprocmask(SIG_SETMASK, &original_mask, NULL);
    look_up(answer, name, RTLD_LAZY | RTLD_LOCAL);
    _exit(0);
}

static void ask_in_a_child(struct answer *answer, const char *name)
{
    int in_time, status = 0;
    pid_t parent = getpid(), child = fork();

    if (child < 0) {
        set(answer, BROKEN, "cannot fork");
        return;
    }
    if (child == 0)
        load_and_exit(answer, name, parent);
    setpgid(child, child); /* as the child does: whoever comes first */
    in_time = ends_in_time(child);
    kill(child, SIGKILL);
    kill(-child, SIGKILL);
    wait_for(child, &status);
    end_orphans();
    if (answer->kind != NONE)
        return;
    if (!in_time)
        set_number(answer, LATE, QUESTION_SECONDS);
    else if (WIFSIGNALED(status))
        set_number(answer, SIGNALLED, (unsigned)WTERMSIG(status));
    else
        set_number(answer, EXITED, (unsigned)WEXITSTATUS(status));
}

/* Reads bytes up to a NUL, one by one so that nothing is read ahead; ends the program where there are no more. */
static void read_question(char *question)
{
    size_t length = 0;

    while (length < LONGEST_NAME) {
        ssize_t count = read(questions, question + length, 1);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            _exit(0);
        if (question[length] == '\0' && length > 0)
            return;
        length++;
    }
    _exit(1);
}

/* Keeps the two pipes to itself and leaves /dev/null as stdin, stdout and stderr to whatever is loaded. */
static void hide_pipes(void)
{
    int nothing, fd;

    questions = fcntl(0, F_DUPFD_CLOEXEC, 3);
    answers = fcntl(1, F_DUPFD_CLOEXEC, 3);
    nothing = open("/dev/null", O_RDWR);
    if (questions < 0 || answers < 0)
        _exit(1);
    for (fd = 0; fd <= 2; fd++)
        if (nothing < 0 || dup2(nothing, fd) < 0)
            close(fd);
    if (nothing > 2)
        close(nothing);
}

int main(void)
{
    /* Two, for musl's struct is twice as large as glibc's on 32-bit machines. */
    static const struct rlimit no_core[2];
    static char question[LONGEST_NAME];
    struct answer *answer = mmap(NULL, sizeof *answer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (answer == MAP_FAILED)
        return 1;
    hide_pipes();
    setrlimit(RLIMIT_CORE, no_core);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ended, &original_mask);
    write_all(READY, sizeof READY - 1);
    for (;;) {
        read_question(question);
        answer->kind = NONE;
        if (question[0] == 'N')
            look_up(answer, question + 1, RTLD_LAZY | RTLD_NOLOAD);
        else
            ask_in_a_child(answer, question + 1);
        write_all(&answer->kind, 1);
        write_all(answer->text, strlen(answer->text) + 1);
    }
}
