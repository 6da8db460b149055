"""`--test`, in every place where a bundle can be tried, with a static program that does what it is told.

What it is told are its arguments, or where it has none the words in its variable DO.
"""

import ctypes
import glob
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from support import run_magicpak
from support.pids import is_gone_soon
from support.run_magicpak import (
    NOBODY,
    SECONDS,
    Node,
    RunResult,
    Text,
    command,
    compiled,
    done,
    environment,
    errors,
    executable,
    magicpak,
    magicpak_as_nobody,
    names,
    tree,
)

pytestmark = pytest.mark.needs("compiler", "busybox", "root", "mount")

DOER = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int by_text(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static void copy(int from) {
    char buffer[65536];
    ssize_t count;
    fflush(stdout);
    while ((count = read(from, buffer, sizeof buffer)) > 0)
        if (write(1, buffer, count) != count) abort();
}

static int checked(const char *path, int result) {
    if (result < 0) fprintf(stderr, "%s: %s\n", path, strerror(errno)), fflush(stdout), _exit(1);
    return result;
}

static void variables(void) {
    int count = 0;
    while (environ[count]) count++;
    qsort(environ, count, sizeof *environ, by_text);
    for (char **each = environ; *each; each++) puts(*each);
}

static void flood(long long megabytes) {
    static char block[1 << 20];
    memset(block, 'x', sizeof block);
    for (; megabytes > 0; megabytes--)
        for (size_t done = 0; done < sizeof block;) done += write(1, block + done, sizeof block - done);
}

static void run(const char *name) {
    fflush(stdout);
    execlp(name, name, "--version", NULL);
    checked(name, -1);
}

static void obey(char *word) {
    char *value = strchr(word, '=');
    gid_t groups[64];
    if (value) *value++ = 0;
    if (!strcmp(word, "say")) puts(value);
    else if (!strcmp(word, "complain")) fprintf(stderr, "%s\n", value);
    else if (!strcmp(word, "count")) for (int n = 1; n <= atoi(value); n++) fprintf(stderr, "%d\n", n);
    else if (!strcmp(word, "byte")) putchar(atoi(value));
    else if (!strcmp(word, "name")) puts(value);
    else if (!strcmp(word, "show")) copy(checked(value, open(value, O_RDONLY)));
    else if (!strcmp(word, "stdin")) copy(0);
    else if (!strcmp(word, "write")) checked(value, open(value, O_WRONLY | O_CREAT | O_TRUNC, 0666));
    else if (!strcmp(word, "remove")) checked(value, remove(value));
    else if (!strcmp(word, "mkdir")) checked(value, mkdir(value, 0777));
    else if (!strcmp(word, "missing")) { if (!access(value, F_OK)) printf("%s is there\n", value); }
    else if (!strcmp(word, "shell")) { fflush(stdout); int end = system(value); if (end) exit(WEXITSTATUS(end)); }
    else if (!strcmp(word, "run")) run(value);
    else if (!strcmp(word, "env")) variables();
    else if (!strcmp(word, "cwd")) puts(get_current_dir_name());
    else if (!strcmp(word, "user")) printf("%d:%d\n", getuid(), getgid());
    else if (!strcmp(word, "groups")) for (int n = 0; n < getgroups(64, groups); n++) printf("%u\n", groups[n]);
    else if (!strcmp(word, "flood")) flood(atoll(value));
    else if (!strcmp(word, "exit")) exit(atoi(value));
    else if (!strcmp(word, "signal")) fflush(stdout), raise(atoi(value));
    else if (!strcmp(word, "crash")) *(volatile int *)0 = 1;
    else if (!strcmp(word, "daemon")) { if (!fork()) { setsid(); if (!fork()) for (;;) pause(); _exit(0); } }
    else if (!strcmp(word, "child")) { if (!fork()) for (;;) pause(); }
    else if (!strcmp(word, "forever")) { signal(SIGTERM, SIG_IGN); fflush(stdout); for (;;) pause(); }
    else fprintf(stderr, "%s?\n", word), exit(64);
}

int main(int argc, char **argv) {
    char *words = getenv("DO");
    if (argc > 1) for (argv++; *argv; argv++) obey(*argv);
    else for (char *word = strtok(strdup(words ? words : ""), " "); word; word = strtok(NULL, " ")) obey(word);
    return 0;
}
"""


@pytest.fixture(scope="session")
def doer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("doer") / "doer", DOER, "-static")


@pytest.fixture
def work(public: Path, doer: Path) -> Path:
    """The current directory of the runs, which everybody may write to: the program as `doer`, and a file."""
    shutil.copy(doer, public / "doer")
    (public / "file").write_text("text\n")
    return public


def refusing(*calls: str) -> Callable[[], None]:
    """Return what lets system calls fail with EPERM from then on, as Docker's seccomp filter does (seccomp(2))."""
    numbers = {
        "x86_64": {"mount": 165, "unshare": 272, "ptrace": 101},
        "aarch64": {"mount": 40, "unshare": 97, "ptrace": 117},
    }
    machine = os.uname().machine
    if machine not in numbers or ctypes.sizeof(ctypes.c_void_p) != 8:
        pytest.skip(f"the numbers of system calls are not known for {machine}")
    instructions = [
        (0x20, 0, 0, 0),  # the number of the call
        *((0x15, len(calls) - index, 0, numbers[machine][call]) for index, call in enumerate(calls)),
        (0x06, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
        (0x06, 0, 0, 0x00050001),  # SECCOMP_RET_ERRNO, EPERM
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in instructions))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(code)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    zeros = [ctypes.c_ulong(0)] * 2

    def refuse(_code: object = code) -> None:
        for words in ((38, ctypes.c_ulong(1), *zeros, ctypes.c_ulong(0)), (22, ctypes.c_ulong(2), program, *zeros)):
            if prctl(*words) != 0:  # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP
                raise OSError(ctypes.get_errno(), "prctl")

    return refuse


class Where(NamedTuple):
    """A kind of system: how magicpak is run there, in which place it tries a bundle, and what it warns of then."""

    run: Callable[..., RunResult]
    place: str
    warned: str = ""


def in_chroot(*args: Text, cwd: Path) -> RunResult:
    return magicpak(*args, cwd=cwd, preexec_fn=refusing("mount", "unshare"))


def as_nobody(*args: Text, cwd: Path) -> RunResult:
    return magicpak_as_nobody(*args, cwd=cwd)


# The kernel stacks two overlays at most, so that there can be no third one above the bundle.
ON_OVERLAYS = """
mount -t tmpfs none "$1" && cd "$1" && mkdir one two onework twowork middle here &&
mount -t overlay none -o "lowerdir=$2,upperdir=one,workdir=onework" middle &&
mount -t overlay none -o "lowerdir=middle,upperdir=two,workdir=twowork" here && cd here || exit 99
to=$2; shift 2
"$@"; code=$?
for each in *; do [ -e "$to/$each" ] || cp -a "$each" "$to/"; done
exit $code
"""


def on_overlays(*args: Text, cwd: Path) -> RunResult:
    """Run magicpak in a mount namespace where `cwd` lies below two overlays, and bring back what it made."""
    (cwd.parent / f"{cwd.name}.layers").mkdir(exist_ok=True)
    try:
        words = ["unshare", "--mount", "sh", "-c", ON_OVERLAYS, "sh", f"{cwd}.layers", cwd, *command(*args)]
        ran = subprocess.run(
            words, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    finally:
        (cwd.parent / f"{cwd.name}.layers").rmdir()
    return RunResult(ran.returncode, os.fsdecode(ran.stdout), os.fsdecode(ran.stderr))


BARE = (
    "warning: mounts are not allowed here, as in a RUN step of docker build: testing the bundle in a bare chroot,"
    " without /proc, and with only the simplest devices in /dev\n"
)
WHERE = {
    "root": Where(magicpak, "namespaces, with /proc and /dev, on an overlay"),
    "overlays": Where(on_overlays, "namespaces, with /proc and /dev, on a copy"),
    "nobody": Where(as_nobody, "a user namespace, with /proc and /dev, on an overlay"),
    "docker build": Where(in_chroot, "a bare chroot on a copy", BARE),
}
everywhere = pytest.mark.parametrize(
    "where",
    [
        pytest.param(where, id=name, marks=[pytest.mark.needs("user namespaces")] if name == "nobody" else [])
        for name, where in WHERE.items()
    ],
)


def does(*words: str) -> list[str]:
    """Return the options by which the program alone is tried, and does this."""
    return ["--test", f"--test-env=DO={' '.join(words)}"]


def by_shell(line: str, *options: str) -> list[str]:
    return ["--test", f"--test-command={line}", *options]


def failed(what: str, *lines: str) -> str:
    return "".join(f"{line}\n" for line in (f"error: the bundle fails its test: {what}", *lines))


def standing(directory: Path) -> dict[str, Node]:
    """Return all that stands in `directory`, but not its own time, which tells that something stood there."""
    return {name: node for name, node in tree(directory).items() if name != "."}


class TestBundle:
    """What becomes of OUTPUT."""

    @everywhere
    def test_a_bundle_that_works_is_the_same_as_without_a_test(self, where: Where, work: Path) -> None:
        plain = where.run("./doer", "plain", "--include=file", "--mkdir=/kept", cwd=work)
        words = ["write=/new", "remove=/file", "mkdir=/dir", "write=/kept/x", "write=/etc/hosts", "remove=/doer"]
        trial = where.run(*does(*words), "./doer", "out", "--include=file", "--mkdir=/kept", cwd=work)
        assert (plain, trial) == (RunResult(0, "", ""), RunResult(0, "", where.warned))
        assert tree(work / "out") == tree(work / "plain")
        assert names(work / "out") == ["doer", "file", "kept/"]

    @everywhere
    def test_a_bundle_that_fails_is_not_left(self, where: Where, work: Path) -> None:
        before = standing(work)
        for words in (["write=/new", "exit=3"], ["complain=why", "exit=255"]):
            result = where.run(*does(*words), "./doer", "out", cwd=work)
            assert (result.code, result.stdout) == (8, "")
            assert (result.stderr.startswith(where.warned), standing(work)) == (True, before)

    @everywhere
    def test_an_existing_output_is_as_it_was_after_a_failure_and_filled_after_a_success(
        self, where: Where, work: Path
    ) -> None:
        out = work / "out"
        out.mkdir()
        os.chown(out, NOBODY, NOBODY)
        os.utime(out, ns=(1, 2))
        before = tree(out)
        assert where.run(*does("write=/new", "exit=3"), "./doer", "out", cwd=work).code == 8
        assert tree(out) == before
        if where.run is not on_overlays:  # which brings back nothing that was there before
            assert where.run(*does("write=/new"), "./doer", "out", cwd=work) == RunResult(0, "", where.warned)
            assert names(out) == ["doer"]

    @pytest.mark.parametrize("directory", ["dev", "proc", "sys", "etc"])
    def test_directories_of_a_container_that_a_bundle_has_stay_as_they_are(self, directory: str, work: Path) -> None:
        (work / directory).mkdir()
        (work / directory / "own").write_text("own")
        done("./doer", "plain", f"--include={directory}", f"--mkdir=/{directory}", cwd=work)
        done(*does("write=/file"), "./doer", "out", f"--include={directory}", f"--mkdir=/{directory}", cwd=work)
        assert tree(work / "out") == tree(work / "plain")

    @everywhere
    def test_each_run_finds_the_bundle_as_it_was_written(self, where: Where, work: Path) -> None:
        shutil.copy(work / "doer", work / "other")
        words = does("show=/file", "remove=/file", "missing=/new", "write=/new")
        result = where.run(*words, "--test-stdout=text", "./doer", "other", "out", "--include=file", cwd=work)
        assert result == RunResult(0, "", where.warned)
        assert names(work / "out") == ["doer", "file", "other"]

    @everywhere
    def test_directories_may_have_names_that_mean_something_to_a_mount(
        self, where: Where, work: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        odd = work / "a,b:c d\\e"
        odd.mkdir()
        odd.chmod(0o777)
        monkeypatch.setenv("TMPDIR", str(odd))
        result = where.run(*does("write=/new", "say=x"), "--test-stdout=x", "./doer", "o,u:t \\", cwd=work)
        assert (result, names(work / "o,u:t \\")) == (RunResult(0, "", where.warned), ["doer"])

    @everywhere
    def test_nothing_temporary_is_left(self, where: Where, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        temporary = work / "tmp"
        temporary.mkdir()
        temporary.chmod(0o777)
        monkeypatch.setenv("TMPDIR", str(temporary))
        for index, words in enumerate((["write=/new"], ["exit=3"])):
            where.run(*does(*words), "./doer", f"out{index}", cwd=work)
            assert os.listdir(temporary) == []


class TestSandboxFallback:
    """Where it is run."""

    @everywhere
    def test_the_best_place_is_taken_and_told_at_info(self, where: Where, work: Path) -> None:
        result = where.run(*does("say=x"), "-v", "./doer", "out", cwd=work)
        lines = [re.sub(r"in \d+\.\d s", "in N s", line) for line in result.stderr.splitlines()]
        assert result.code == 0
        assert [line for line in lines if "test" in line] == [
            f"info: testing the bundle in {where.place}",
            *where.warned.splitlines(),
            "info: tested /doer: passed in N s",
        ]

    @everywhere
    def test_a_run_goes_the_same_way_everywhere(self, where: Where, work: Path) -> None:
        words = ["say=x", "user", "cwd", "show=/file", "env"]
        stdout = "\nx\n0:0\n/\ntext\nDO=say=x user cwd show=/file env\nHOME=/\n"
        stdout += "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\t"
        options = [*does(*words), f"--test-stdout={stdout}", "--include=file"]
        assert where.run(*options, "./doer", "out", cwd=work) == RunResult(0, "", where.warned)
        result = where.run(*options, "--test-env=DO=say=y complain=why exit=3", "./doer", "no", cwd=work)
        assert (result.code, result.stdout, os.path.exists(work / "no")) == (8, "", False)
        assert result.stderr.startswith(f"{where.warned}{failed('/doer exited with code 3')}")
        assert result.stderr.endswith("\n  +y\n  why\n" + WITHOUT_ARGUMENTS)

    @pytest.mark.needs("user namespaces")
    def test_9_where_neither_namespaces_nor_chroot_are_allowed(self, work: Path) -> None:
        ran = subprocess.run(
            [sys.executable, "-c", run_magicpak._AS_NOBODY, *does("say=x"), "./doer", "out"],
            cwd=work, env=environment(), capture_output=True, check=False, preexec_fn=refusing("unshare"), text=True,
        )  # fmt: skip
        assert RunResult(ran.returncode, ran.stdout, ran.stderr) == RunResult(
            9,
            "",
            "error: the bundle cannot be tested here: neither namespaces nor chroot(2) are allowed\n"
            "  a user namespace, with /proc and /dev, on an overlay: unshare: Operation not permitted\n"
            f"  a bare chroot on a copy: {re.findall('chroot /.*/root', ran.stderr)[0]}: Operation not permitted\n"
            "hint: run magicpak as root, or allow unprivileged user namespaces: "
            "sysctl user.max_user_namespaces=10000\n"
            "hint: on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0\n"
            "hint: in a container: docker run --privileged, or --security-opt seccomp=unconfined\n",
        )
        assert names(work) == ["doer", "file"]


WITHOUT_ARGUMENTS = "hint: the program was run without arguments; to pass some: --test-command '/doer --version'\n"


DYNAMIC = "hint: --dynamic adds everything that a run of the program uses"
APPLETS = {
    "/doer say=a | grep -c a": "1",
    "/doer say=b say=a | sort | head -n 1 | tr a-z A-Z": "A",
    'test "$(/doer say=x)" = x && echo equal': "equal",
    '[ "$(wc -c < /file)" -eq 5 ] && echo five || echo other': "five",
    "for name in one 't w o'; do basename \"/x/$name\"; done": "one\nt w o",
    "false || { cat /file; cut -c 1-2 /file; }": "text\nte",
    "say() { /doer \"say=$1\"; }; say 'a  b' | sed 's/ /_/g'": "a__b",
    "seq 3 | while read n; do expr $n + 1; done": "2\n3\n4",
    "! /doer exit=1 && (echo sub | rev) # grep": "bus",
    'A=1 /doer env | grep ^A= ; echo "${A-unset}"': "A=1\nunset",
    "/doer say=x > /new && md5sum < /new | cut -d ' ' -f 1": "401b30e3b8b5d629635a5c613cdb7919",
    "if command -v grep > /dev/null; then echo yes; fi; printf '%s\\n' 'grep wc'": "yes\ngrep wc",
}
"""Commands, and what they print."""


class TestShell:
    """`--test-command`, and the busybox that lends a shell and applets."""

    @everywhere
    def test_a_program_of_the_bundle_finds_no_shell_and_no_applet(self, where: Where, work: Path) -> None:
        tried = ["sh", "grep", "busybox", "/bin/sh", "/bin/grep", "/bin/busybox", "/usr/bin/sh", "/busybox"]
        line = f"grep -q . /file && for name in {' '.join(tried)}; do /doer run=$name 2>&1; done"
        stdout = "\n".join(f"{name}: No such file or directory" for name in tried)
        options = [*by_shell(line), "--test-exit-code=1", f"--test-stdout={stdout}", "-i=file"]
        assert where.run(*options, "./doer", "out", cwd=work) == RunResult(0, "", where.warned)

    def test_a_shell_that_a_program_lacks_is_named(self, work: Path) -> None:
        result = magicpak(*by_shell("grep -q . /doer; /doer shell=true"), "./doer", "out", cwd=work)
        assert (result.code, result.stderr.splitlines()[1:]) == (8, ["hint: --with shell (a shell)", DYNAMIC])
        assert names(work) == ["doer", "file"]
        done(*by_shell("/doer shell=true"), "--include", "/bin/sh", "./doer", "out", cwd=work)

    @everywhere
    def test_a_program_of_the_bundle_that_needs_a_shell_fails(self, where: Where, work: Path) -> None:
        result = where.run(*by_shell("/doer shell=true; echo $?"), "--test-stdout=127", "./doer", "out", cwd=work)
        assert result == RunResult(0, "", where.warned)
        assert where.run(*by_shell("/doer shell=true"), "./doer", "no", cwd=work).code == 8

    @everywhere
    def test_the_words_of_a_command_may_be_applets(self, where: Where, work: Path) -> None:
        line, stdout = "\n".join(APPLETS), "\n".join(APPLETS.values())
        options = [*by_shell(line, f"--test-stdout={stdout}"), "--include=file"]
        assert where.run(*options, "./doer", "out", cwd=work) == RunResult(0, "", where.warned)

    @pytest.mark.parametrize("line", APPLETS)
    def test_each_of_these_words_may_be_an_applet(self, line: str, work: Path) -> None:
        options = [*by_shell(line, f"--test-stdout={APPLETS[line]}"), "--include=file"]
        done(*options, "./doer", "out", cwd=work)

    @everywhere
    def test_an_argument_of_an_applet_is_an_applet_where_there_is_a_proc(self, where: Where, work: Path) -> None:
        options = [*by_shell("echo /file | xargs grep -c text"), "--test-stdout=1", "--include=file"]
        result = where.run(*options, "./doer", "out", cwd=work)
        assert (result.code, result == RunResult(0, "", "")) == ((8, False) if where.warned else (0, True))

    @everywhere
    def test_a_command_can_succeed_or_fail_by_an_applet(self, where: Where, work: Path) -> None:
        line = "/doer say=1.3 | grep -q 1.2"
        result = where.run(*by_shell(line), "./doer", "out", cwd=work)
        assert (result.code, result.stderr) == (8, f"{where.warned}{failed(f'{line} exited with code 1')}")

    @everywhere
    def test_a_program_of_the_bundle_that_has_the_name_of_an_applet_wins(self, where: Where, work: Path) -> None:
        for path in ("usr/bin/grep", "usr/local/sbin/wc", "usr/bin/wc"):
            executable(work / path, (work / "doer").read_bytes())
        executable(work / "usr/bin/cat", b"no program", mode=0o644)
        executable(work / "usr/bin/wc", b"no ELF file")
        (work / "bin").symlink_to("usr/bin")
        line = "grep say=own | cat; wc say=first; /bin/grep say=way; echo $(grep say=inner)"
        options = [*by_shell(line), "--test-stdout=own\nfirst\nway\ninner", "-i=usr", "-i=bin"]
        assert where.run(*options, "./doer", "out", cwd=work) == RunResult(0, "", where.warned)

    @pytest.mark.parametrize("shell", ["dash", "bash"])
    @everywhere
    def test_the_shell_of_the_bundle_is_used_where_it_has_one(self, shell: str, where: Where, work: Path) -> None:
        with_shell(shell, work)
        line = f"readlink /bin/sh; echo $BASH_VERSION | grep -c . ; test -e /bin/{shell} && /doer 'shell=exit 3'"
        stdout = f"{shell}\n{int(shell == 'bash')}"
        options = [*by_shell(line), f"--test-stdout={stdout}", "--test-exit-code=3"]
        assert where.run(*options, "-i=bin", "./doer", "out", cwd=work) == RunResult(0, "", where.warned)

    @pytest.mark.parametrize("shell", ["dash", "bash"])
    def test_applets_are_words_for_the_shell_of_the_bundle_alone(self, shell: str, work: Path) -> None:
        with_shell(shell, work)
        line = "/doer say=b say=a | sort | tr a-z A-Z; /doer shell='grep x /file'"
        options = [*by_shell(line), "--test-stdout=A\nB", "--test-exit-code=127"]
        done(*options, "-i=bin", "-i=file", "./doer", "out", cwd=work)

    def test_without_busybox_the_shell_of_the_bundle_has_the_words_of_the_bundle(self, work: Path) -> None:
        with_shell("dash", work)
        options = [*by_shell("/doer say=x; sort /file"), "--test-exit-code=127", "--test-stdout=x", "-i=bin"]
        done(*options, "--busybox=/none", "-i=file", "./doer", "out", cwd=work)

    @pytest.mark.parametrize(
        "where", [WHERE["root"], WHERE["overlays"], WHERE["nobody"]], ids=["root", "overlays", "nobody"]
    )
    def test_with_namespaces_no_file_of_busybox_is_in_the_root_directory(self, where: Where, work: Path) -> None:
        options = by_shell(
            "find / -xdev | sort",
            "--test-stdout=/\n/dev\n/doer\n/etc\n/etc/hostname\n/etc/hosts\n/etc/mtab\n/etc/resolv.conf\n/proc\n/sys",
        )
        assert where.run(*options, "./doer", "out", cwd=work) == RunResult(0, "", where.warned)

    def test_a_busybox_may_have_any_name(self, work: Path) -> None:
        shutil.copy(shutil.which("busybox") or "", work / "bb")
        options = by_shell("/doer say=x | grep -c x", "--test-stdout=1", "--busybox=./bb")
        done(*options, "./doer", "out", cwd=work)

    def test_without_a_command_no_busybox_is_needed(self, work: Path) -> None:
        path = work / "path"
        path.mkdir()
        for options in (does("say=x"), [*does("say=x"), "--test-stdout=x"]):
            done(*options, "./doer", f"out{len(options)}", cwd=work, env={"PATH": str(path)})

    def test_the_busybox_may_be_named_by_a_path_from_the_current_directory(self, work: Path) -> None:
        shutil.copy(shutil.which("busybox") or "", work / "busybox.mine")
        (work / "below").mkdir()
        for path in ("./busybox.mine", "below/../busybox.mine", str(work / "busybox.mine")):
            options = by_shell("/doer say=x | grep -c x", "--test-stdout=1", f"--busybox={path}")
            done(*options, "./doer", f"out{len(path)}", cwd=work, env={"PATH": str(work / "below")})

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("none", ": no such program (needed by --test-command)"),
            ("./none", ": no such program (needed by --test-command)"),
            ("./file", ": no such program (needed by --test-command)"),
            ("./dynamic", " is not static (--test-command needs a static busybox)"),
            ("./script", " is not a static program (--test-command needs a static busybox)"),
            ("./garbage", " is not a busybox with a shell: --list does not list one"),
            ("./silent", " is not a busybox with a shell: --list does not list one"),
            ("./dying", " is not a busybox with a shell: --list does not list one"),
        ],
    )
    def test_1_for_a_busybox_that_is_not_one_and_nothing_is_written(self, name: str, why: str, work: Path) -> None:
        shutil.copy("/bin/ls", work / "dynamic")
        executable(work / "script", b"#!/bin/sh\necho sh\n")
        for program, body in [("garbage", 'puts("sh\\n\\33[31m")'), ("silent", "0"), ("dying", 'puts("sh"), abort()')]:
            compiled(
                work / program,
                f"#include <stdio.h>\n#include <stdlib.h>\nint main(void) {{ {body}; return 0; }}",
                "-static",
            )
        before = standing(work)
        named = str(work / name[2:]) if name in ("./garbage", "./silent", "./dying") else name
        hint = "hint: apt-get install busybox-static (Alpine: apk add busybox-static), or --busybox with its path\n"
        options = by_shell("/doer say=x", f"--busybox={name}")
        assert magicpak(*options, "./doer", "out", cwd=work) == RunResult(1, "", f"error: {named}{why}\n{hint}")
        assert standing(work) == before


def with_shell(shell: str, work: Path) -> None:
    """Put a static shell, or with its libraries what the host has, at bin/sh below `work`."""
    (work / "bin").mkdir()
    (work / "bin/sh").symlink_to(shell)
    shutil.copy(shutil.which(shell) or "", work / "bin")


class TestSurroundings:
    """What the options say of the run."""

    @everywhere
    def test_the_environment_is_path_home_and_what_is_asked_for(self, where: Where, work: Path) -> None:
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        given = ["--test-env=A=b=c", "--test-env=A=d e", "--test-env=EMPTY=", "--test-env=HOME=/x"]
        options = ["--test", *given, "--test-env=DO=env", f"--test-stdout=A=d e\nDO=env\nEMPTY=\nHOME=/x\n{path}"]
        assert where.run(*options, "./doer", "out", cwd=work) == RunResult(0, "", where.warned)

    def test_a_shell_adds_nothing_but_its_own(self, work: Path) -> None:
        stdout = "HOME=/\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\nSHLVL=1"
        done(*by_shell("/doer env", f"--test-stdout={stdout}"), "./doer", "out", cwd=work, env={"OURS": "x"})

    @everywhere
    def test_the_user_is_as_in_a_dockerfile(self, where: Where, work: Path) -> None:
        (work / "etc").mkdir()
        (work / "etc/passwd").write_text("root:x:0:0::/:\napp:x:1000:1001::/:\n77:x:1234:5::/:\n")
        (work / "etc/group").write_text("root:x:0:\nstaff:x:50:\n")
        warned = where.warned or (IN_USER_NAMESPACE if where.run is as_nobody else "")
        for index, (user, ids) in enumerate(
            {
                "0": "0:0",
                "1000": "1000:1001",
                "999": "999:0",
                "999:998": "999:998",
                "app": "1000:1001",
                "app:staff": "1000:50",
                "app:7": "1000:7",
                "77": "1234:5",
                "root:staff": "0:50",
            }.items()
        ):
            options = [*does("user"), f"--test-user={user}", f"--test-stdout={ids}", "-i=etc"]
            said = where.warned if ids.startswith("0:") else warned
            assert where.run(*options, "./doer", f"out{index}", cwd=work) == RunResult(0, "", said), user

    def test_a_named_user_is_in_the_groups_that_name_it_as_in_a_container(self, work: Path) -> None:
        (work / "etc").mkdir()
        (work / "etc/passwd").write_text("app:x:1000:1001::/:\n")
        (work / "etc/group").write_text("one:x:1:app\ntwo:x:2:other\nthree:x:3:other,app\n")
        for user, groups in {"app": "1\n3\n1001", "1000": "1\n3\n1001", "app:two": "2"}.items():
            options = [*does("groups"), f"--test-user={user}", f"--test-stdout={groups}", "-i=etc"]
            done(*options, "./doer", f"out-{user}", cwd=work)

    @pytest.mark.parametrize(
        ("user", "what", "file"),
        [
            ("app", "user app", "/etc/passwd"),
            ("0:staff", "group staff", "/etc/group"),
            ("-1", "user -1", "/etc/passwd"),
            ("4294967296", "user 4294967296", "/etc/passwd"),
            ("1:-1", "group -1", "/etc/group"),
        ],
    )
    def test_2_for_a_user_or_group_that_the_bundle_does_not_know(
        self, user: str, what: str, file: str, work: Path
    ) -> None:
        assert magicpak(*does("user"), f"--test-user={user}", "./doer", "out", cwd=work) == RunResult(
            2,
            "",
            f"error: --test-user: {file} of the bundle has no {what}\n"
            f"hint: use its number, or add the name with --with users, or the file with --include {file}\n",
        )
        assert names(work) == ["doer", "file"]

    def test_a_user_can_open_the_streams_and_not_write_to_what_is_roots(self, work: Path) -> None:
        line = "/doer say=x > /dev/stdout; /doer write=/dev/null; /doer write=/new; echo $?"
        options = [*by_shell(line), "--test-user=1234", "--test-stdout=x\n1"]
        done(*options, "./doer", "out", cwd=work)

    @everywhere
    def test_stdin_is_what_is_given_and_ends(self, where: Where, work: Path) -> None:
        options = [*does("stdin", "say=over"), "--test-stdin=-one\ntwo", "--test-stdout=-one\ntwoover"]
        assert where.run(*options, "./doer", "out", cwd=work) == RunResult(0, "", where.warned)

    def test_without_it_stdin_is_empty(self, work: Path) -> None:
        done(*does("stdin", "say=over"), "--test-stdout=over", "./doer", "out", cwd=work)

    def test_what_is_given_and_not_read_does_no_harm(self, work: Path) -> None:
        done(*does("say=x"), f"--test-stdin={'x' * 100_000}", "--test-stdout=x", "./doer", "out", cwd=work)

    @pytest.mark.parametrize("stdout", ["x\ny", " x\ny", "x\ny\n\n", "\t\n x\ny \r\n"])
    def test_white_space_at_both_ends_of_stdout_does_not_count(self, stdout: str, work: Path) -> None:
        for index, words in enumerate((["say=x", "say=y"], ["byte=10", "byte=9", "say=x", "say=y", "byte=32"])):
            done(*does(*words), f"--test-stdout={stdout}", "./doer", f"out{index}", cwd=work)

    def test_within_it_counts_and_an_empty_stdout_is_one(self, work: Path) -> None:
        wrong = failed("/doer did not print the expected output", "  --- expected", "  +++ printed")
        differing = magicpak(*does("say=x", "say=", "say=y"), "--test-stdout=x\ny", "./doer", "out", cwd=work)
        assert differing == RunResult(8, "", f"{wrong}  @@ -1,2 +1,3 @@\n   x\n  +\n   y\n")
        talking = magicpak(*does("say=x"), "--test-stdout=", "./doer", "out", cwd=work)
        assert talking == RunResult(8, "", f"{wrong}  @@ -0,0 +1 @@\n  +x\n")
        done(*does("say="), "--test-stdout=", "./doer", "out", cwd=work)

    def test_bytes_that_are_no_text_are_compared_and_shown(self, work: Path) -> None:
        words = ["byte=255", "byte=27", "byte=128"]
        done(*does(*words), os.fsdecode(b"--test-stdout=\xff\x1b\x80"), "./doer", "out", cwd=work)
        wrong = failed("/doer did not print the expected output", "  --- expected", "  +++ printed")
        result = magicpak(*does(*words), "--test-stdout=x", "./doer", "no", cwd=work)
        assert result == RunResult(8, "", f"{wrong}  @@ -1 +1 @@\n  -x\n  +\\xff\\x1b\\x80\n")

    def test_a_huge_output_takes_little_memory(self, work: Path) -> None:
        def peak(*arguments: str) -> tuple[int, int]:
            with subprocess.Popen(
                command(*arguments), cwd=work, env=environment(), stderr=subprocess.DEVNULL
            ) as process:
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_maxrss * 1024

        _, little = peak(*does("flood=0"), "./doer", "out0")
        for index, (size, options, code) in enumerate(
            [(300, ["--test-stdout=x"], 8), (300, [], 0), (300, ["--test-exit-code=3"], 8)]
        ):
            ended, much = peak(*does(f"flood={size}"), *options, "./doer", f"out{index + 1}")
            assert (ended, much < little + 20_000_000) == (code, True)

    def test_a_huge_output_is_told_in_part(self, work: Path) -> None:
        result = magicpak(*does("flood=1", "say="), "--test-stdout=x", "./doer", "out", cwd=work)
        assert (result.code, len(result.stderr) < 600_000) == (8, True)
        assert "  (more than 262144 bytes were printed)\n" in result.stderr

    @everywhere
    @pytest.mark.parametrize(
        ("words", "code"), [("exit=7", 7), ("exit=255", 255), ("crash", 128 + 11)], ids=["exit", "255", "signal"]
    )
    def test_the_exit_code_is_the_one_demanded(self, words: str, code: int, where: Where, work: Path) -> None:
        assert where.run(*does(words), f"--test-exit-code={code}", "./doer", "out", cwd=work) == RunResult(
            0, "", where.warned
        )

    def test_another_exit_code_than_demanded_is_a_failure(self, work: Path) -> None:
        def told(*words: str, code: int) -> str:
            return magicpak(
                *does(*words), f"--test-exit-code={code}", "--test-timeout=3", "./doer", "out", cwd=work
            ).stderr.splitlines()[0]

        before = "error: the bundle fails its test: /doer"
        assert [told("say=x", code=3), told("exit=4", code=3), told("exit=139", code=0)] == [
            f"{before} exited with code 0 instead of 3",
            f"{before} exited with code 4 instead of 3",
            f"{before} exited with code 139 (SIGSEGV)",
        ]

    def test_the_network_is_the_hosts_only_if_it_is_asked_for(self, work: Path) -> None:
        line = "ls /sys/class/net | grep -vc ^veth; wc -c < /etc/resolv.conf; cat /proc/sys/kernel/hostname"
        alone = "1\n0\nmagicpak"
        lasting = [name for name in os.listdir("/sys/class/net") if not name.startswith("veth")]  # those of tests
        whole = f"{len(lasting)}\n{os.stat('/etc/resolv.conf').st_size}\nmagicpak"
        done(*by_shell(line, f"--test-stdout={alone}"), "./doer", "alone", cwd=work)
        done(*by_shell(line, f"--test-stdout={whole}"), "--test-network", "./doer", "whole", cwd=work)


IN_USER_NAMESPACE = (
    "warning: not running as root: during the test, the bundle's files belong to the user of --test-user\n"
)


class TestPrograms:
    """What is run."""

    def test_each_input_is_run_and_the_first_that_fails_is_named(self, work: Path) -> None:
        for name in ("second", "third"):
            shutil.copy(work / "doer", work / name)
        options = ["./doer", "second", "./third", "./doer", "out"]
        result = magicpak(*does("say=x"), "-v", *options, cwd=work)
        assert (result.code, re.findall(r"tested (\S+):", result.stderr)) == (0, ["/doer", "/second", "/third"])
        executable(work / "second", (work / "third").read_bytes().replace(b"say\0", b"yes\0"))
        result = magicpak(*does("say=x"), *options[:-1], "no", cwd=work)
        assert (result.code, errors(result)) == (8, [failed("/second exited with code 64").strip()])

    @pytest.mark.parametrize(
        ("options", "path"),
        [
            (["./doer"], "/doer"),
            (["{work}/doer"], "{work}/doer"),
            (["./doer", "--install-to=/opt/tool"], "/opt/tool"),
            (["./doer", "--install-to=opt/"], "/opt/doer"),
            (["link/doer", "--layout=directories"], "/link/doer"),
            (["link/doer"], "/link/doer"),
        ],
    )
    def test_it_is_run_by_its_path_in_the_bundle(self, options: Sequence[str], path: str, work: Path) -> None:
        (work / "link").symlink_to(".")
        words = [each.format(work=work) for each in options]
        result = magicpak(*does("say=x"), "-v", *words, "out", cwd=work)
        assert (result.code, re.findall(r"tested (\S+):", result.stderr)) == (0, [path.format(work=work)])

    @pytest.mark.needs("upx")
    @everywhere
    def test_the_packed_program_is_what_runs(self, where: Where, work: Path) -> None:
        line = "head -c 100000 /doer | grep -c UPX! ; /doer say=x"
        result = where.run(*by_shell(line), "--test-stdout=1\nx", "--compress", "./doer", "out", cwd=work)
        assert result == RunResult(0, "", where.warned)

    def test_a_packed_program_that_does_not_work_is_found_out(self, work: Path) -> None:
        executable(work / "upx", b'#!/bin/sh\n[ "$1" = -t ] && exit\nfor in; do :; done\nsed s/say/yes/ "$in" > "$2"\n')
        result = magicpak(*does("say=x"), "--compress", "--upx=./upx", "./doer", "out", cwd=work)
        assert (result.code, errors(result)) == (8, [failed("/doer exited with code 64").strip()])

    @everywhere
    def test_a_program_that_cannot_be_executed_is_told_with_what_it_lacks(self, where: Where, work: Path) -> None:
        compiled(work / "dynamic", "int main(void) { return 0; }")
        loader = re.findall(r"/[\w/.-]*ld-[\w.-]+", (work / "dynamic").read_bytes().decode("latin-1"))[0]
        words = ["--test", "--no-verify", "./dynamic", "out", f"--exclude={loader}", "--exclude=*/ld-linux*"]
        result = where.run(*words, cwd=work)
        assert result == RunResult(
            8,
            "",
            where.warned
            + failed(
                "cannot run /dynamic: No such file or directory",
                f"hint: {loader} (the interpreter, the dynamic loader) is excluded by --exclude {loader}",
            ),
        )

    def test_a_script_without_its_interpreter_is_told_with_the_interpreter(self, work: Path) -> None:
        executable(work / "tree/script", b"#!/bin/dash\necho ran\n")
        options = [*by_shell("/tree/script"), "--test-stdout=ran", "-i=tree"]
        result = magicpak(*options, "./doer", "out", cwd=work)
        assert (result.code, result.stderr.splitlines()[-2:]) == (8, ["hint: --include /bin/dash (a shell)", DYNAMIC])
        done(*options, "--include", "/bin/dash", "./doer", "out", cwd=work)


def existing(*patterns: str) -> str:
    """Return a path of the host that one of these patterns matches."""
    paths = [path for pattern in patterns for path in sorted(glob.glob(pattern))]
    assert paths, f"nothing here matches {patterns}"
    return paths[0]


NAMED = {
    "a library": ["/usr/lib/*-linux-*/libm.so.6", "/lib*/libm.so.6"],
    "user and group names": ["/etc/passwd"],
    "NSS configuration": ["/etc/nsswitch.conf"],
    "CA certificates": ["/etc/ssl/certs/ca-certificates.crt"],
    "the time zone Europe/Rome": ["/usr/share/zoneinfo/Europe/Rome"],
    "the terminfo entry xterm": ["/lib/terminfo/x/xterm", "/usr/share/terminfo/x/xterm"],
    "the locale C.utf8": ["/usr/lib/locale/C.*/LC_CTYPE"],
    "names of network services and protocols": ["/etc/services", "/etc/protocols"],
    "a shell": ["/bin/sh"],
    "": ["/etc/hostname.none", "/etc/debian_version", "/etc/os-release"],
}
NEEDS = {
    "NSS configuration": "nss",
    "CA certificates": "certs",
    "the time zone Europe/Rome": "tz=Europe/Rome",
    "the terminfo entry xterm": "terminfo=xterm",
    "names of network services and protocols": "nss",
    "user and group names": "users",
    "the locale C.utf8": "locale=C.utf8",
    "a shell": "shell",
}
"""Those that a name of --with stands for."""


class TestHints:
    """What a bundle lacks, and what adds it."""

    @pytest.mark.parametrize("words", NAMED)
    def test_what_was_not_found_is_called_by_its_name_and_its_flag_helps(self, words: str, work: Path) -> None:
        path = existing(*NAMED[words])
        option = f"--with {NEEDS[words]}" if words in NEEDS else f"--include {path}"
        line = f"{option} ({words})" if words else option
        assert magicpak(*does(f"show={path}"), "./doer", "out", cwd=work) == RunResult(
            8,
            "",
            failed("/doer exited with code 1", f"  {path}: No such file or directory", f"hint: {line}", DYNAMIC),
        )
        options = [*does(f"show={path}"), *option.split()]
        assert magicpak(*options, "./doer", "out", cwd=work).code == 0

    @everywhere
    def test_it_is_told_everywhere(self, where: Where, work: Path) -> None:
        zone = "/usr/share/zoneinfo/Europe/Rome"
        result = where.run(*by_shell(f"/doer show={zone} | wc -c"), "--test-stdout=9", "./doer", "out", cwd=work)
        assert result == RunResult(
            8,
            "",
            where.warned
            + failed(
                f"/doer show={zone} | wc -c did not print the expected output",
                *("  --- expected", "  +++ printed", "  @@ -1 +1 @@", "  -9", "  +0"),
                f"  {zone}: No such file or directory",
                "hint: --with tz=Europe/Rome (the time zone Europe/Rome)",
                DYNAMIC,
            ),
        )

    def test_of_many_hints_eight_are_told(self, work: Path) -> None:
        paths = ["/etc/bash.bashrc", "/etc/debian_version", "/etc/issue", "/etc/profile", "/etc/os-release"]
        paths += ["/bin/ls", "/bin/cat", "/bin/grep", "/bin/sed", "/bin/dash", "/bin/date"]
        found = [path for path in paths if os.path.exists(path)]
        options = does(*(f"missing={path}" for path in found), "exit=1")
        hints = re.findall("hint: (.*)", magicpak(*options, "./doer", "out", cwd=work).stderr)
        more = f"the program also looked for {len(found) - 8} more paths that the host has"
        assert (len(set(hints)), hints[8:]) == (10, [more, DYNAMIC.removeprefix("hint: ")])
        assert {hint.split(" (")[0] for hint in hints[:8]} <= {
            f"--include {os.path.realpath(path)}" for path in found
        } | {f"--include {path}" for path in found}

    def test_with_dynamic_it_is_not_recommended(self, work: Path) -> None:
        options = [*does("show=/etc/passwd"), "--dynamic"]
        result = magicpak(*options, "./doer", "out", cwd=work, env={"HOME": "/nonexistent"})
        assert (result.code, result.stderr.splitlines()[-1]) == (
            8,
            "hint: --with users (user and group names)",
        )

    def test_a_directory_that_lacks_to_write_into_is_one_to_make(self, work: Path) -> None:
        result = magicpak(*does("write=/tmp/x"), "./doer", "out", cwd=work)
        assert (result.code, result.stderr.splitlines()[-2:]) == (8, ["hint: --with tmp", DYNAMIC])
        done(*does("write=/tmp/x"), "--mkdir", "/tmp", "./doer", "out", cwd=work)

    def test_a_directory_of_run_that_lacks_is_one_to_make(self, work: Path) -> None:
        path = "/run/magicpak-daemon"  # no host has it
        result = magicpak(*does(f"missing={path}", f"complain=no:{path}", "exit=1"), "./doer", "out", cwd=work)
        assert (result.code, f"hint: --mkdir {path}" in result.stderr) == (8, True)
        result = magicpak(*does(f"write={path}/pid"), "./doer", "out", cwd=work)
        assert (result.code, result.stderr.splitlines()[-2:]) == (8, [f"hint: --mkdir {path}", DYNAMIC])
        done(*does(f"write={path}/pid"), "--mkdir", path, "./doer", "out", cwd=work)

    def test_a_file_in_the_current_directory_of_the_program_needs_that_directory(self, work: Path) -> None:
        (work / "conf").write_text("text")
        options = ["--test", "--test-stdout=text", f"--include={work}/conf", f"{work}/doer", "out"]
        result = magicpak("--test-command", f"{work}/doer show=conf", *options, cwd=work)
        hint = (
            f"hint: /conf is {work}/conf in the bundle: if the program looks for it in its current directory, "
            f"the image needs WORKDIR {work}, and the test --test-command 'cd {work} && …'"
        )
        assert (result.code, re.findall("hint: .*", result.stderr)) == (8, [hint])
        done("--test-command", f"cd {work} && ./doer show=conf", *options, cwd=work)

    def test_in_a_bare_chroot_a_program_that_needs_proc_is_one_for_a_container(self, work: Path) -> None:
        for path in ("/proc/self/exe", "/proc/version"):
            result = in_chroot(*does(f"show={path}"), "./doer", "out", cwd=work)
            hint = (
                f"hint: the program looked for {path}, which a bare chroot lacks and a container has: "
                "run magicpak where mounts are allowed, or test the image with docker run"
            )
            assert (result.code, result.stderr.splitlines()[-1]) == (8, hint)
        result = in_chroot(*does("exit=1"), "./doer", "out", cwd=work)
        assert (result.code, "/proc" in result.stderr.partition("error:")[2]) == (8, False)

    def test_what_a_suggested_name_brings_is_named_by_it(self, work: Path) -> None:
        options = ["--no-hints", "--test", "--test-command=file -b /usr/bin/file", "/usr/bin/file", "out"]
        result = magicpak(*options, cwd=work)
        assert (result.code, result.stderr.splitlines()[-2:]) == (8, ["hint: --with magic", DYNAMIC])
        done("--with=magic", *options, cwd=work)

    def test_what_exclude_has_removed_is_named_with_its_pattern(self, work: Path) -> None:
        options = [*does("show=/file"), "--include=file"]
        result = magicpak(*options, "--exclude=/none", "--exclude=/fi*", "./doer", "out", cwd=work)
        hint = "hint: /file is excluded by --exclude '/fi*'"
        assert (result.code, result.stderr.splitlines()[-1]) == (8, hint)
        done(*options, "./doer", "out", cwd=work)

    def test_a_library_that_is_left_out_is_named(self, work: Path) -> None:
        source = "#include <math.h>\nint main(int n, char **a) { return cos(n) > 1; }\n"
        compiled(work / "needy", source, "-fno-builtin", "-Wl,--no-as-needed", "-lm")
        result = magicpak("--test", "./needy", "out", "--exclude=*/libm.so.6", "--exclude=*/libm-*", cwd=work)
        assert (result.code, errors(result)) == (8, [failed("/needy exited with code 127").strip()])
        assert re.findall(
            r"hint: \S+/libm\.so\.6 \(a library\) is excluded by --exclude '\*/libm\.so\.6'\n", result.stderr
        )
        done("--test", "./needy", "out", cwd=work)

    def test_a_library_that_is_loaded_late_is_brought_by_its_hint(self, work: Path) -> None:
        source = '#include <dlfcn.h>\nint main(void) { return !dlopen("libm.so.6", RTLD_NOW); }\n'
        compiled(work / "late", source, "-ldl")
        result = magicpak("--test", "./late", "out", cwd=work)
        found = re.findall(r"hint: --include (\S+/libm\.so\.6) \(a library\)\n", result.stderr)
        assert (result.code, len(found)) == (8, 1)
        done("--test", "--include", found[0], "./late", "out", cwd=work)

    def test_where_programs_cannot_be_watched_there_are_no_hints(self, work: Path) -> None:
        result = magicpak(*does("show=/etc/passwd"), "./doer", "out", cwd=work, preexec_fn=refusing("ptrace"))
        error, said, unknown, *hints = result.stderr.splitlines()
        assert (result.code, f"{error}\n", said) == (
            8,
            failed("/doer exited with code 1"),
            "  /etc/passwd: No such file or directory",
        )
        assert unknown.startswith("  cannot determine what the bundle lacks: ")
        assert hints == WITHOUT_ARGUMENTS.splitlines()

    def test_the_last_twenty_lines_of_stderr_are_told(self, work: Path) -> None:
        lines = [f"  {number}" for number in range(6, 26)]
        result = magicpak(*by_shell("/doer say=unseen count=25 exit=3"), "./doer", "out", cwd=work)
        assert result == RunResult(8, "", failed("/doer say=unseen count=25 exit=3 exited with code 3", *lines))

    def test_of_a_program_that_complains_of_nothing_its_stdout_is_told(self, work: Path) -> None:
        result = magicpak(*by_shell("/doer say=why exit=3"), "./doer", "out", cwd=work)
        assert result == RunResult(8, "", failed("/doer say=why exit=3 exited with code 3", "  why"))


class TestUsage:
    """Command lines that ask for what cannot be, or for nothing."""

    @pytest.mark.parametrize(
        ("option", "error"),
        [
            ("--test-timeout=0", "Invalid value for '--test-timeout': 0.0 is not in the range 0<x<=86400"),
            ("--test-timeout=x", "Invalid value for '--test-timeout': 'x' is not a valid number of seconds"),
            ("--test-timeout=nan", "Invalid value for '--test-timeout': 'nan' is not a valid number of seconds"),
            ("--test-exit-code=256", "Invalid value for '--test-exit-code': 256 is not in the range 0<=x<=255"),
            ("--test-exit-code=-1", "Invalid value for '--test-exit-code': -1 is not in the range 0<=x<=255"),
            ("--test-exit-code=x", "Invalid value for '--test-exit-code': 'x' is not a valid exit code"),
            ("--test-env=A", "Invalid value for '--test-env': 'A' is not NAME=VALUE"),
            ("--test-env==x", "Invalid value for '--test-env': '=x' is not NAME=VALUE"),
        ],
    )
    def test_2_for_what_is_no_value(self, option: str, error: str, work: Path) -> None:
        result = magicpak("--test", option, "./doer", "out", cwd=work)
        assert (result.code, result.stdout, result.stderr.startswith(f"error: {error}")) == (2, "", True)
        assert names(work) == ["doer", "file"]

    def test_how_to_test_has_no_effect_without_test(self, work: Path) -> None:
        options = ["--test-command=exit 1", "--test-stdin=", "--test-stdout=x", "--test-exit-code=1", "--test-env=A=b"]
        options += ["--test-timeout=1", "--test-user=none", "--test-network", "--busybox=none"]
        flags = [
            f"--test-{name}"
            for name in ("command", "stdin", "stdout", "exit-code", "timeout", "env", "user", "network")
        ]
        told = [f"warning: {flag} has no effect without --test\n" for flag in flags]
        told.append("warning: --busybox has no effect without --test and --test-command\n")
        done(*options, "./doer", "out", cwd=work, stderr="".join(told))
        assert names(work / "out") == ["doer"]

    def test_a_busybox_has_no_effect_without_a_command(self, work: Path) -> None:
        told = "warning: --busybox has no effect without --test and --test-command\n"
        done(*does("say=x"), "--busybox=none", "./doer", "out", cwd=work, stderr=told)

    def test_a_trial_comes_after_all_other_refusals(self, work: Path) -> None:
        (work / "out").mkdir()
        (work / "out/own").write_text("")
        assert magicpak(*does("say=x"), "./doer", "out", cwd=work).code == 5
        assert magicpak(*does("say=x"), "./file", "new", cwd=work).code == 4


class TestEnding:
    """Nothing stays running."""

    @pytest.mark.parametrize("where", [WHERE["root"], WHERE["docker build"]], ids=["root", "docker build"])
    def test_when_the_time_is_up_all_is_ended_and_it_has_failed(self, where: Where, work: Path, mark: str) -> None:
        started = time.monotonic()
        options = [*does("child", "daemon", "forever"), f"--test-env={mark}", "--test-timeout=0.5"]
        result = where.run(*options, "./doer", "out", cwd=work)
        told = where.warned + failed("/doer did not finish within 0.5 seconds")
        assert result == RunResult(8, "", told)
        assert (still_running(mark), names(work), time.monotonic() - started < 20) == ([], ["doer", "file"], True)

    @everywhere
    def test_what_a_program_leaves_running_is_ended_with_it(self, where: Where, work: Path, mark: str) -> None:
        started = time.monotonic()
        options = [*does("child", "daemon", "say=x"), f"--test-env={mark}"]
        assert where.run(*options, "./doer", "out", cwd=work) == RunResult(0, "", where.warned)
        assert (still_running(mark), time.monotonic() - started < 10) == ([], True)

    @everywhere
    def test_what_a_command_leaves_running_is_ended_with_it(self, where: Where, work: Path, mark: str) -> None:
        started = time.monotonic()
        line = "/doer forever & (/doer daemon &) ; sleep 1000 & /doer say=x"
        options = [*by_shell(line), f"--test-env={mark}", "--test-stdout=x"]
        assert where.run(*options, "./doer", "out", cwd=work) == RunResult(0, "", where.warned)
        assert (still_running(mark), time.monotonic() - started < 10) == ([], True)

    @everywhere
    def test_a_daemon_does_not_delay_a_failure(self, where: Where, work: Path, mark: str) -> None:
        started = time.monotonic()
        options = [*does("daemon", "child", "exit=1"), f"--test-env={mark}", "--test-timeout=7"]
        assert where.run(*options, "./doer", "out", cwd=work).code == 8
        assert (still_running(mark), time.monotonic() - started < 6) == ([], True)

    @everywhere
    def test_a_crash_does_not_delay_a_failure(self, where: Where, work: Path) -> None:
        started = time.monotonic()
        result = where.run(*does("say=x", "crash"), "--test-timeout=30", "./doer", "out", cwd=work)
        assert (result.code, errors(result)) == (8, [failed("/doer was killed by SIGSEGV").strip()])
        assert time.monotonic() - started < 3

    @pytest.mark.parametrize("where", [WHERE["root"], WHERE["docker build"]], ids=["root", "docker build"])
    @pytest.mark.parametrize(
        "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda number: number.name
    )
    def test_after_a_signal_no_process_stays_and_no_bundle(
        self, number: signal.Signals, where: Where, work: Path, mark: str
    ) -> None:
        (work / "tmp").mkdir()
        options = command(*does("child", "daemon", "forever"), f"--test-env={mark}", "./doer", "out")
        with subprocess.Popen(
            options, cwd=work, env=environment(TMPDIR=str(work / "tmp")), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, preexec_fn=refusing("mount", "unshare") if where.warned else None,  # noqa: PLW1509
        ) as process:  # fmt: skip
            until = time.monotonic() + SECONDS
            while len(marked(mark)) < 3 and time.monotonic() < until:
                time.sleep(0.01)
            process.send_signal(number)
            stdout, stderr = process.communicate(timeout=SECONDS)
        expected = -9 if number is signal.SIGKILL else 128 + number
        assert (process.returncode, stdout, stderr) == (expected, b"", b"")
        assert still_running(mark) == []
        left = [name for name in os.listdir(work) if not (number is signal.SIGKILL and name.startswith(".out."))]
        assert sorted(left) == ["doer", "file", "tmp"]
        assert number is signal.SIGKILL or os.listdir(work / "tmp") == []

    def test_after_a_signal_at_any_moment_nothing_is_left(self, work: Path, mark: str) -> None:
        (work / "tmp").mkdir()
        options = command(*does("daemon", "exit=1"), f"--test-env={mark}", "--test-timeout=3", "./doer", "out")
        for moment in (0.1, 0.13, 0.16, 0.2, 0.3):
            with subprocess.Popen(
                options, cwd=work, env=environment(TMPDIR=str(work / "tmp")), stderr=subprocess.DEVNULL
            ) as process:
                time.sleep(moment)
                process.terminate()
                assert process.wait(SECONDS) in (143, -15, 8), moment  # -15: Python itself was starting
            assert still_running(mark) == [], moment
            assert (os.listdir(work / "tmp"), names(work)) == ([], ["doer", "file", "tmp/"]), moment


@pytest.fixture
def mark() -> str:
    """An assignment that the environment of one test's processes holds."""
    return f"MAGICPAK_TEST={os.urandom(16).hex()}"


def marked(mark: str) -> list[int]:
    """Return the processes that have this line in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended
            if mark.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def still_running(mark: str) -> list[int]:
    """Return those of them that do not end by themselves soon."""
    return [pid for pid in marked(mark) if not is_gone_soon(pid)]
