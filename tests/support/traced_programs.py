"""Small C programs that say which trace they should leave, and what the tracer saw of them, in one comparable form.

A program is the body of a `main`, in a directory with a few files (see `furnish`). Its calls stand in `works(call,
LINE…)` or `fails(ERRNO, call, LINE…)`: the call must end like that, and each line is one use that it should leave:
`CALL HOW PATH`, then `at REAL` where the real path is another one, `in ROOT`, `by loader`. Paths are below the
directory; what the program uses elsewhere, as for its own start, is not compared.
"""

import ctypes
import errno
import functools
import os
import pickle
import select
import shutil
import signal
import subprocess
import tempfile
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import pytest

from magicpak.process.exec import Command
from magicpak.tracing import attach, ptrace
from magicpak.tracing.run import TracedRun, run_traced
from magicpak.tracing.trace import Trace, Use

Value = TypeVar("Value")
Said = Mapping[int, Sequence[str]]

_SLOWNESS = 6 if "COVERAGE_PROCESS_CONFIG" in os.environ else 1
"""How many times as long a tracer takes of which coverage looks at each line."""

SECONDS = 30 * _SLOWNESS
"""How long a watched program may take, with all the tracer does, before it counts as hanging."""

PRELUDE = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* One write(2) a line, and nothing but the stack is used: vforked children and signal handlers tell, too. */
static inline void tell(int error, const char *use)
{
    char line[8192];
    int length = snprintf(line, sizeof line, "@%d %d %s\n", (int)syscall(SYS_getpid), error, use);
    if (write(1, line, length) != length) _exit(98);
}

static inline void say(const char *word)
{
    char line[256];
    int length = snprintf(line, sizeof line, "%s\n", word);
    if (write(1, line, length) != length) _exit(98);
}

static inline long ended(int line, const char *call, long result, int wanted, const char **uses)
{
    int error = result == -1 ? errno : 0;
    if (error != wanted) {
        dprintf(2, "line %d: %s: %s instead of %s\n", line, call, strerror(error), strerror(wanted));
        _exit(99);
    }
    for (; *uses; uses++) tell(error, *uses);
    return result;
}

#define USES(...) ((const char *[]){__VA_ARGS__ __VA_OPT__(,) NULL})
#define works(call, ...) ended(__LINE__, #call, (long)(call), 0, USES(__VA_ARGS__))
#define fails(error, call, ...) ended(__LINE__, #call, (long)(call), error, USES(__VA_ARGS__))
#define check(truth) ((truth) ? (void)0 : (dprintf(2, "line %d: not %s\n", __LINE__, #truth), _exit(99)))

static inline void run_thread(void *run(void *), void *argument)
{
    pthread_t thread;
    check(pthread_create(&thread, NULL, run, argument) == 0 && pthread_join(thread, NULL) == 0);
}

static inline int end_of(pid_t child)
{
    int status;
    check(waitpid(child, &status, __WALL) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
"""

MAIN = """
int main(int argc, char **argv)
{
    (void)argc, (void)argv;
#line 1
"""


class Way(Enum):
    """How a program is run."""

    FILTER = "with the filter"
    STOPS = "without the filter"
    BARE = "without the filter and the request"
    UNTRACED = "untraced"
    """By the system alone: proves that what a test expects is what happens without a tracer."""


TRACED = (Way.FILTER, Way.STOPS, Way.BARE)


class Ran(NamedTuple):
    """How a program was run, how it ended, what it said, the uses it told and those that were seen, by process."""

    way: Way
    watched: TracedRun
    words: Sequence[str]
    told: Said
    seen: Said

    @property
    def expected(self) -> Said:
        """What must have been seen: what was told, and nothing without a tracer."""
        return {} if self.way is Way.UNTRACED else self.told

    @property
    def trace(self) -> Trace:
        return self.watched.trace

    @property
    def ending(self) -> tuple[int, Sequence[str]]:
        return self.watched.returncode, self.words


class RunProgram(Protocol):
    """Runs the program with this body of its main, and `before` it its functions."""

    def __call__(self, body: str, before: str = "", *arguments: str, stdin: bytes | None = None) -> Ran: ...


def furnish(here: Path) -> None:
    """Put into `here` what the programs find: `there`, `other`, `d/in`, `link`, `dirlink`, `broken`, `jail/x`."""
    for name in ("there", "other", "d/in", "jail/x", "jail/d/in"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(f"{name} as it was\n")
    for name, target in (("link", "there"), ("dirlink", "d"), ("broken", "nowhere"), ("jail/absolute", "/x")):
        (here / name).symlink_to(target)


def compiled(body: str, before: str = "", *options: str) -> str:
    """Return the path of the program with this body of its main, and `before` it its functions."""
    return _built(f"{before}{MAIN}{body}\nreturn 0;\n}}\n", *options)


@functools.cache
def _built(source: str, *options: str) -> str:
    program = f"{_workshop()}/{_built.cache_info().misses}"
    Path(f"{program}.c").write_text(f'#include "prelude.h"\n#line 1\n{source}')
    compile_c(f"{program}.c", program, "-Wall", *options)
    return program


@functools.cache
def _workshop() -> str:
    """Return a directory that goes with this process, in which the prelude lies compiled."""
    directory = tempfile.TemporaryDirectory(prefix="programs-")
    _directories.append(directory)
    Path(f"{directory.name}/prelude.h").write_text(PRELUDE)
    compile_c(f"{directory.name}/prelude.h", f"{directory.name}/prelude.h.gch", "-Wall")
    return directory.name


_directories: list[tempfile.TemporaryDirectory[str]] = []


def compile_c(source: str, output: str, *options: str) -> None:
    subprocess.run(["cc", "-g", "-o", output, source, *options], check=True, timeout=60)


def ran(
    program: str,
    here: Path,
    way: Way,
    *arguments: str,
    stdin: bytes | None = None,
    timeout: float = 20 * _SLOWNESS,
    before: Callable[[], None] | None = None,
) -> Ran:
    """Run a copy of `program` that is called `program`, in `here`, and return what it told and what was seen of it."""
    if not (here / "program").exists():
        shutil.copy(program, here / "program")
    watched = watched_apart([str(here / "program"), *arguments], here, way, stdin=stdin, timeout=timeout, before=before)
    assert watched.returncode != 99, watched.stderr.decode()
    words, told = _told(watched.stdout)
    return Ran(way, watched, words, told, seen_below(watched.trace, here))


def watched_apart(
    command: Sequence[str],
    here: Path,
    way: Way = Way.FILTER,
    *,
    stdin: bytes | None = None,
    timeout: float = 20 * _SLOWNESS,
    before: Callable[[], None] | None = None,
) -> TracedRun:
    """Run `command` in `here` under `run_traced`, in a process of its own that calls `before` and leaves no other."""

    def watching() -> TracedRun:
        os.chdir(here)
        if before is not None:
            before()
        if way is Way.UNTRACED:
            return untraced(command, stdin)
        hinder(way)
        with tempfile.TemporaryDirectory(prefix="kept-") as keep_in:
            watched = run_traced(Command.found(command), timeout=timeout, keep_in=keep_in, stdin=stdin)
            return _with_copies(watched)

    return apart(watching, timeout + 10 * _SLOWNESS)


def _with_copies(watched: TracedRun) -> TracedRun:
    """Return it with each copy's text in the place of its path: the copies go with the process."""
    kept = (
        each if each.copy is None else each._replace(copy=os.fsdecode(Path(each.copy).read_bytes()))
        for each in watched.trace.kept
    )
    return watched._replace(trace=watched.trace._replace(kept=tuple(kept)))


def untraced(command: Sequence[str], stdin: bytes | None = None) -> TracedRun:
    ended = subprocess.run(
        command, input=stdin or b"", capture_output=True, timeout=SECONDS, check=False, start_new_session=True
    )
    return TracedRun(Trace((), (), ()), ended.returncode, False, (), 0, ended.stdout, ended.stderr)


def hinder(way: Way) -> None:
    """Make the tracer find a kernel that lacks what `way` says; for a process that has no other use."""

    def no_filter(*_args: object) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def no_request(*_args: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    patching = pytest.MonkeyPatch()
    if way in (Way.STOPS, Way.BARE):
        patching.setattr(attach, "install_filter", no_filter)
    if way is Way.BARE:
        patching.setattr(ptrace, "get_syscall_info", no_request)


def _told(output: bytes) -> tuple[Sequence[str], Said]:
    """Return the words that the program said, and the uses that it told."""
    words, told = [], defaultdict[int, list[str]](list)
    for line in os.fsdecode(output).splitlines():
        if line.startswith("@"):
            pid, error, use = line[1:].split(" ", 2)
            told[int(pid)].append(_with_error(use, int(error)))
        else:
            words.append(line)
    return words, dict(told)


def seen_below(trace: Trace, here: Path) -> Said:
    """Return the uses of what is in `here`, by process, as programs tell them."""
    seen = defaultdict[int, list[str]](list)
    for use in trace.uses:
        if any(path == str(here) or path.startswith(f"{here}/") for path in (use.path, use.real)):
            seen[trace.executions[use.execution].pid].append(as_line(use, here))
    return dict(seen)


def as_line(use: Use, here: Path) -> str:
    """Return a use as the programs tell it: `CALL HOW PATH`, then what is not as usual."""
    line = f"{use.call} {use.access.value} {_below(use.path, here)}"
    line += f" at {_below(use.real, here)}" if use.real not in ("", use.path) else ""
    line += f" in {_below(use.root, here)}" if use.root != "/" else ""
    line += " by loader" if use.by_loader else ""
    return _with_error(line, use.error)


def _below(path: str, here: Path) -> str:
    return "." if path == str(here) else path.removeprefix(f"{here}/")


def _with_error(line: str, error: int) -> str:
    return f"{line} {errno.errorcode[error]}" if error else line


def apart(action: Callable[[], Value], seconds: float = SECONDS) -> Value:
    """Return what `action` returns in a process of its own, which ends in time and leaves no process behind."""
    with _adopting_orphans():
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            _answer(action, writing)
        os.close(writing)
        try:
            answer = _read_all(reading, time.monotonic() + seconds)
        finally:
            os.close(reading)
            left = _ended_all(pid)
    assert answer is not None, f"no end within {seconds} seconds; there were still {left}"
    assert not left, f"these stayed: {left}"
    assert answer, "the process that watches was killed"
    value, failure = pickle.loads(answer)
    if failure is not None:
        raise failure
    return value  # type: ignore[no-any-return]


def _answer(action: Callable[[], object], writing: int) -> None:
    try:
        answer: tuple[object, BaseException | None]
        try:
            answer = (action(), None)
        except BaseException as failure:  # noqa: BLE001 - whatever it is, it is raised where the test can see it
            failure.add_note(traceback.format_exc())
            answer = (None, failure)
        with open(writing, "wb", closefd=False) as file:  # it is closed by the end of this process
            pickle.dump(answer, file)
    finally:
        os._exit(0)


def _read_all(descriptor: int, deadline: float) -> bytes | None:
    chunks: list[bytes] = []
    while select.select([descriptor], [], [], max(0, deadline - time.monotonic()))[0]:
        chunk = os.read(descriptor, 1 << 16)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
    return None


@contextmanager
def _adopting_orphans() -> Iterator[None]:
    """Be the parent of all orphans below this process, so that none of them is overlooked (PR_SET_CHILD_SUBREAPER)."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _ended_all(watcher: int) -> Sequence[str]:
    """End the process `watcher`, and return the command lines of those that are there a little later, ended now."""
    os.kill(watcher, signal.SIGKILL)
    left: Sequence[str] = ()
    deadline = time.monotonic() + 5
    while _has_children():
        if time.monotonic() > deadline:
            left = _kill_children()
            deadline += 5
        time.sleep(0.001)
    return left


def _has_children() -> bool:
    """Reap those that have ended, and return whether others are there."""
    try:
        while os.waitpid(-1, os.WNOHANG | _WALL)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _kill_children() -> Sequence[str]:
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    names = [Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in pids]
    for pid in pids:
        os.kill(int(pid), signal.SIGKILL)
    return names


_PR_SET_CHILD_SUBREAPER = 36
_WALL = 0x40000000
"""Children of clone(2), too."""
