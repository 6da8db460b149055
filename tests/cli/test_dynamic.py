"""`--dynamic` from the command line to the bundle, with a program that does what its arguments say."""

import ctypes
import os
import re
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support.elf_files import X86_64_EXIT_0, make_elf
from support.pids import is_alive, is_gone_soon
from support.run_magicpak import (
    SECONDS,
    RunResult,
    Text,
    chrooted,
    command,
    compiled,
    done,
    environment,
    executable,
    magicpak,
    names,
    tree,
)

pytestmark = pytest.mark.needs("compiler")

DOER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void copy(int from) {
    char buffer[4096];
    ssize_t count;
    while ((count = read(from, buffer, sizeof buffer)) > 0)
        if (write(1, buffer, count) != count) abort();
}

static void show(const char *path) {
    int file = open(path, O_RDONLY);
    if (file < 0) perror(path), exit(1);
    copy(file);
    close(file);
}

static void tell(const char *path) {
    FILE *file = fopen(path, "w");
    fprintf(file, "%d\n", getpid());
    fclose(file);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IONBF, 0);
    for (char **word = argv + 1; *word; word++) {
        char *value = strchr(*word, '=');
        value = value ? value + 1 : *word;
        struct stat status;
        if (!strncmp(*word, "read=", 5)) show(value);
        else if (!strncmp(*word, "-r", 2)) show(*word + 2);
        else if (!strcmp(*word, "--read")) show(*++word);
        else if (!strncmp(*word, "stat=", 5)) stat(value, &status);
        else if (!strncmp(*word, "write=", 6)) close(open(value, O_WRONLY | O_CREAT | O_TRUNC, 0644));
        else if (!strncmp(*word, "remove=", 7)) unlink(value);
        else if (!strncmp(*word, "variable=", 9)) show(getenv(value));
        else if (!strcmp(*word, "stdin")) copy(0);
        else if (!strcmp(*word, "name")) puts(argv[0]);
        else if (!strncmp(*word, "say=", 4)) puts(value);
        else if (!strncmp(*word, "complain=", 9)) fprintf(stderr, "%s\n", value);
        else if (!strncmp(*word, "count=", 6)) for (int n = 1; n <= atoi(value); n++) fprintf(stderr, "%d\n", n);
        else if (!strncmp(*word, "exit=", 5)) exit(atoi(value));
        else if (!strncmp(*word, "signal=", 7)) raise(atoi(value));
        else if (!strncmp(*word, "ignore=", 7)) signal(atoi(value), SIG_IGN);
        else if (!strncmp(*word, "pid=", 4)) tell(value);
        else if (!strcmp(*word, "sleep")) for (;;) pause();
        else if (!strcmp(*word, "fork")) { if (fork()) wait(NULL), exit(0); setsid(); }
        else if (!strcmp(*word, "run")) { execv(word[1], word + 1); perror(word[1]); exit(127); }
        else fprintf(stderr, "%s?\n", *word), exit(64);
    }
    return argc == 1 ? 64 : 0;
}
"""
ALLOWED = "hint: --dynamic-allow-failure bundles the files seen so far\n"


@pytest.fixture(scope="session")
def doer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("doer") / "doer", DOER)


@pytest.fixture
def work(here: Path, doer: Path) -> Path:
    """The current directory of the runs: the program as `doer`, its double, and some files."""
    for name in ("doer", "other"):
        shutil.copy(doer, here / name)
    (here / "etc").mkdir()
    for name in ("one", "two", "three"):
        (here / f"etc/{name}").write_text(f"{name}\n")
    return here


@pytest.fixture(autouse=True)
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")  # files below a home directory are warned of


def watched(*words: str, program: str = "./doer") -> list[str]:
    """Return the command line that runs the program with these arguments, into `out`."""
    return ["--dynamic", *(f"--dynamic-arg={word}" for word in words), program, "out"]


def brought(work: Path) -> list[str]:
    """Return what the bundle `out` holds of the current directory's files, by their absolute paths."""
    return names(f"{work}/out{work}") if (work / f"out{work}").exists() else []


def test_what_the_program_reads_is_in_the_bundle_and_it_works_there(work: Path) -> None:
    program, link = work / "doer", work / "link"
    link.symlink_to("etc")
    done(program, "plain", cwd=work)
    done("-d", "--dynamic-arg", f"read={link}/one", program, "out", cwd=work)
    there = str(work)[1:]
    assert sorted(set(names(work / "out")) ^ set(names(work / "plain"))) == [
        f"{there}/etc/",
        f"{there}/etc/one",
        f"{there}/link -> etc",
    ]
    assert chrooted(work / "out", program, f"read={link}/one") == RunResult(0, "one\n", "")


def test_nothing_is_run_without_dynamic(work: Path) -> None:
    told = "warning: --dynamic-arg has no effect without --dynamic\n"
    done("./doer", "out", "--dynamic-arg", "write=ran", cwd=work, stderr=told)
    assert not (work / "ran").exists()


def test_nothing_is_run_where_libraries_are_missing(work: Path) -> None:
    executable(work / "poor", make_elf(interpreter="/lib64/ld-linux-x86-64.so.2", needed=["libgone.so"]))
    assert magicpak("./doer", *watched("write=ran", program="./poor"), cwd=work).code == 3
    assert not {"ran", "out"} & set(os.listdir(work))


def test_relative_names_are_taken_from_the_current_directory(work: Path) -> None:
    done(*watched("read=etc/one"), cwd=work)
    assert brought(work) == ["etc/", "etc/one"]


def test_a_file_that_is_only_tested_is_in_and_one_that_is_not_there_is_not(work: Path) -> None:
    done(*watched("stat=etc/two", "stat=etc/none"), cwd=work)
    assert brought(work) == ["etc/", "etc/two"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--dynamic-arg", "-retc/one"],
        ["--dynamic-arg=-retc/one"],
        ["--dynamic-arg", "--read", "--dynamic-arg", "etc/one"],
        ["--dynamic-arg=--read", "--dynamic-arg=etc/one"],
    ],
    ids=" ".join,
)
def test_arguments_may_begin_with_hyphens(arguments: Sequence[str], work: Path) -> None:
    done("-d", "./doer", *arguments, "out", cwd=work)
    assert brought(work) == ["etc/", "etc/one"]


def test_the_options_of_magicpak_itself_can_be_arguments(work: Path) -> None:
    for number, word in enumerate(("--version", "-v", "--help", "--", "-e=x", "")):
        assert magicpak("-d", "--dynamic-arg", word, "./doer", f"out{number}", cwd=work) == RunResult(
            6,
            "",
            f"error: ./doer {word or repr('')} exited with code 64\n  {word}?\n{ALLOWED}",
        )


def heard(*args: Text, cwd: Path) -> list[str]:
    """Return what the program says, as the log tells it, and nothing of the trace and the plan."""
    result = magicpak("--log-level=debug", *args, cwd=cwd)
    assert result.code == 0, result
    lines = [line.removeprefix("debug: ") for line in result.stderr.splitlines() if line.startswith("debug: ")]
    return [line for line in lines if not re.match(r"/|\d+ (execve|forked|[a-z_0-9]+ [/<])", line)]


def test_its_name_is_the_input_as_it_was_given(work: Path) -> None:
    (work / "link").symlink_to("doer")
    assert heard(*watched("name"), cwd=work) == ["./doer"]
    shutil.rmtree(work / "out")
    assert heard(*watched("name", program="link"), cwd=work) == ["link"]
    shutil.rmtree(work / "out")
    executable(work / "far/bin/tool", (work / "doer").read_bytes())
    (work / "near").symlink_to("far/bin")
    assert heard(*watched("name", program="near/../bin/tool"), cwd=work) == ["near/../bin/tool"]


def test_stdin_is_what_is_given_and_then_ends(work: Path) -> None:
    assert heard(*watched("stdin"), "--dynamic-stdin", "-one\ntwo", cwd=work) == ["-one", "two"]


def test_without_it_stdin_is_empty(work: Path) -> None:
    assert heard(*watched("stdin", "say=over"), cwd=work) == ["over"]


def test_variables_are_set_over_our_own(work: Path) -> None:
    variables = ["--dynamic-env", "A=none", "--dynamic-env=A=etc/one", "--dynamic-env=B=x=y", "--dynamic-env=E="]
    done(*watched("variable=A", "variable=OURS"), *variables, cwd=work, env={"A": "gone", "OURS": "etc/three"})
    assert brought(work) == ["etc/", "etc/one", "etc/three"]


def test_several_inputs_are_each_run_with_the_same_arguments_and_stdin(work: Path) -> None:
    arguments = watched("name", "stdin", "read=etc/one")[:-2]
    assert heard(*arguments, "--dynamic-stdin=fed\n", "./doer", "./other", "out", cwd=work) == [
        "./doer",
        "fed",
        "one",
        "./other",
        "fed",
        "one",
    ]
    assert [name for name in names(work / "out") if "/" not in name] == ["doer", "other"]
    assert brought(work) == ["etc/", "etc/one"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["complain=why", "say=how", "exit=3"], "complain=why say=how exit=3 exited with code 3\n  why"),
        (["say=how", "exit=3"], "say=how exit=3 exited with code 3\n  how"),
        (["exit=255"], "exit=255 exited with code 255"),
        (["signal=11"], "signal=11 was killed by SIGSEGV"),
        (["complain=\x1b\udcff", "signal=9"], "$'complain=\\033\\377' signal=9 was killed by SIGKILL\n  \\x1b\\xff"),
        (["count=25", "exit=1"], "count=25 exit=1 exited with code 1\n  " + "\n  ".join(map(str, range(6, 26)))),
    ],
)
def test_6_for_a_program_that_fails_and_its_last_twenty_lines(words: Sequence[str], error: str, work: Path) -> None:
    before = names(work)
    assert magicpak(*watched(*words), cwd=work) == RunResult(6, "", f"error: ./doer {error}\n{ALLOWED}")
    assert names(work) == before


def test_a_program_that_fails_without_arguments_may_lack_some(work: Path) -> None:
    hint = "hint: --dynamic-arg passes arguments: --dynamic-arg --version\n"
    expected = RunResult(6, "", f"error: ./doer exited with code 64\n{hint}{ALLOWED}")
    assert magicpak("-d", "./doer", "out", cwd=work) == expected


@pytest.mark.parametrize(
    ("end", "how"), [("exit=3", "exited with code 3"), ("signal=6", "was killed by SIGABRT")], ids=["exit", "crash"]
)
def test_a_failure_that_is_allowed_is_a_warning_in_the_same_words(end: str, how: str, work: Path) -> None:
    told = f"warning: ./doer read=etc/one {end} {how}\n"
    done(*watched("read=etc/one", end), "--dynamic-allow-failure", cwd=work, stderr=told)
    assert brought(work) == ["etc/", "etc/one"]


def test_a_program_that_goes_on_is_ended_and_what_was_seen_counts(work: Path) -> None:
    result = magicpak(*watched("pid=pid", "read=etc/one", "sleep"), "--dynamic-timeout=1.5", cwd=work)
    assert (result.code, result.stdout) == (0, "")
    assert re.fullmatch(
        r"warning: stopped after 1\.5 s \(--dynamic-timeout\): \S*doer; files seen so far are included\n",
        result.stderr,
    )
    assert brought(work) == ["etc/", "etc/one"]
    assert is_gone_soon(int((work / "pid").read_text()))


def test_its_daemons_are_watched_too_and_ended_with_it(work: Path) -> None:
    words = ["fork", "pid=pid", "ignore=15", "read=etc/two", "sleep"]
    assert magicpak(*watched(*words), "--dynamic-timeout=1.5", cwd=work).code == 0
    assert brought(work) == ["etc/", "etc/two"]
    assert is_gone_soon(int((work / "pid").read_text()))


def by_command(line: str, *inputs: str) -> list[str]:
    return ["-d", "--dynamic-command", line, *(inputs or ("./doer",)), "out"]


def test_of_a_command_only_what_the_inputs_and_their_children_use_counts(work: Path) -> None:
    line = 'cat etc/one; ./doer read=etc/two run "$(pwd)/other" read=etc/three; ./other stat=etc/one'
    plain = set(names(work))
    done("./doer", "plain", cwd=work)
    done(*by_command(line), cwd=work)
    there = str(work)[1:]
    added = set(names(work / "out")) - set(names(work / "plain"))
    assert sorted(name.removeprefix(f"{there}/") for name in added if name.startswith(f"{there}/")) == [
        "",
        "etc/",
        "etc/three",
        "etc/two",
        "other",
    ]
    assert not {name for name in added if name.endswith(("/sh", "/cat"))}
    assert set(names(work)) >= plain


def test_a_command_may_run_several_inputs_in_any_place_below_it(work: Path) -> None:
    done(*by_command("sh -c '(cd etc; ../doer read=one)'; ./other read=etc/two | cat", "./doer", "other"), cwd=work)
    assert brought(work) == ["etc/", "etc/one", "etc/two"]


def test_an_input_that_the_command_has_not_run_is_warned_of(work: Path) -> None:
    told = "warning: the command of --dynamic-command did not run other\n"
    done(*by_command("./doer read=etc/one", "./doer", "other"), cwd=work, stderr=told)
    assert brought(work) == ["etc/", "etc/one"]


def test_6_for_a_command_that_has_run_no_input(work: Path) -> None:
    hint = "hint: run INPUT itself in the command, by its path: only files that INPUT uses are added\n"
    expected = RunResult(6, "", f"error: the command of --dynamic-command did not run ./doer\n{hint}")
    assert magicpak(*by_command("cat etc/one"), cwd=work) == expected
    assert not (work / "out").exists()


def test_6_for_a_command_that_fails(work: Path) -> None:
    error = "error: /bin/sh -c './doer say=x; exit 3' exited with code 3\n  x\n"
    assert magicpak(*by_command("./doer say=x; exit 3"), cwd=work) == RunResult(6, "", f"{error}{ALLOWED}")


def test_a_command_drives_a_server_with_a_client(work: Path) -> None:
    line = "./doer read=etc/one pid=pid sleep & until test -s pid; do sleep 0.01; done; kill $!"
    done(*by_command(line), cwd=work)
    assert brought(work) == ["etc/", "etc/one"]


def test_what_was_seen_can_be_excluded(work: Path) -> None:
    done(*watched("read=etc/one", "read=etc/two", "stat=etc/three"), "--exclude=*/t[hw]*", cwd=work)
    assert brought(work) == ["etc/", "etc/one"]


def test_what_looks_like_a_secret_is_warned_of_unless_it_is_excluded(work: Path) -> None:
    key = f"-----BEGIN PRIVATE KEY-----\n{'MIIBVQ' * 10}\n-----END PRIVATE KEY-----\n"
    (work / "far").mkdir()
    (work / "far/key").write_text(key)
    executable(work / "near/doer", (work / "doer").read_bytes())
    words = watched("read=far/key", "read=etc/one", program="near/doer")
    flags = f"--exclude /far/key --exclude {work}/far/key"
    told = f"/far/key, {work}/far/key look like secrets (private keys): exclude them with {flags}"
    done(*words, cwd=work, stderr=f"warning: {told}\n")
    assert brought(work) == ["etc/", "etc/one", "far/", "far/key"]
    shutil.rmtree(work / "out")
    done(*words, *flags.split(), cwd=work)
    assert brought(work) == ["etc/", "etc/one"]


@pytest.mark.parametrize("place", ["opt/tool", "opt/"])
def test_the_program_may_stand_elsewhere_in_the_bundle(place: str, work: Path) -> None:
    done(*watched("read=etc/one", f"stat={work}/doer"), f"--install-to={place}", cwd=work)
    at = place + "doer" if place.endswith("/") else place
    assert chrooted(work / "out", f"/{at}", f"read={work}/etc/one") == RunResult(0, "one\n", "")


def test_with_real_directories_what_it_reads_through_a_link_is_where_it_looked(work: Path) -> None:
    (work / "link").symlink_to("etc")
    done(*watched("read=link/one"), "--layout=directories", cwd=work)
    assert brought(work) == ["link/", "link/one"]


def test_what_it_makes_is_not_in_and_what_it_changes_is_in_as_it_was(work: Path) -> None:
    words = ["write=new", "read=etc/one", "write=etc/one", "read=etc/two", "remove=etc/two", "write=etc/three"]
    done(*watched(*words), cwd=work)
    assert brought(work) == ["etc/", "etc/one", "etc/two"]
    kept = work / f"out{work}/etc"
    assert [(kept / name).read_text() for name in ("one", "two")] == ["one\n", "two\n"]
    assert names(work / "etc") == ["one", "three"]


def test_two_runs_give_equal_trees(work: Path) -> None:
    for output in ("a", "b"):
        done(*watched("read=etc/one", "stat=etc", "write=new", "remove=new")[:-1], output, cwd=work)
    assert tree(work / "a") == tree(work / "b")


def test_at_info_each_run_and_what_came_of_it_are_told(work: Path) -> None:
    result = magicpak(*watched("read=etc/one", "run", "./other", "stat=etc/one"), "-v", cwd=work)
    lines = result.stderr.splitlines()
    assert (result.code, lines[1]) == (
        0,
        "info: running ./doer read=etc/one run ./other stat=etc/one (for at most 60 s)",
    )
    assert re.fullmatch(r"info: ran 2 programs, 2 files, in \d+\.\d s", lines[2])


def test_at_debug_the_trace_is_told_as_strace_does(work: Path) -> None:
    result = magicpak(*watched("say=hello", "read=etc/one", "stat=none"), "--log-level=debug", cwd=work)
    lines = [re.sub(r"^debug: \d+ ", "PID ", line) for line in result.stderr.splitlines()]
    assert "debug: hello" in lines
    lines = [re.sub(r"^PID (newfstatat|statx) ", "PID stat ", line) for line in lines]  # as the C library calls it
    assert [line for line in lines if line.startswith("PID") and str(work) in line] == [
        f'PID execve {work}/doer "./doer" "say=hello" "read=etc/one" "stat=none"',
        f"PID openat {work}/etc/one read",
        f"PID stat {work}/none: ENOENT",
    ]


def test_6_for_a_program_that_cannot_be_started(work: Path) -> None:
    (work / "doer").chmod(0o644)
    result = magicpak(*watched("say=x"), cwd=work)
    assert (result.code, result.stdout, result.stderr) == (
        6,
        "",
        f"error: cannot run {work}/doer: Permission denied\n",
    )


def without_ptrace() -> None:
    """Let ptrace(2) fail with EPERM from here on, by a seccomp filter as Docker's before 19.03 (seccomp(2))."""
    instructions = [
        (0x20, 0, 0, 0),  # the number of the call
        (0x15, 0, 1, {"x86_64": 101, "aarch64": 117}[os.uname().machine]),  # ptrace
        (0x06, 0, 0, 0x00050001),  # SECCOMP_RET_ERRNO, EPERM
        (0x06, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in instructions))
    program = struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    zeros = [ctypes.c_ulong(0)] * 2
    if libc.prctl(38, ctypes.c_ulong(1), *zeros, ctypes.c_ulong(0)) != 0:  # PR_SET_NO_NEW_PRIVS
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    if libc.prctl(22, ctypes.c_ulong(2), ctypes.create_string_buffer(program), *zeros) != 0:  # PR_SET_SECCOMP
        raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")


def test_7_where_the_system_lets_nobody_be_watched(work: Path) -> None:
    before = names(work)
    result = magicpak(*watched("write=ran"), cwd=work, preexec_fn=without_ptrace)
    error, *others = result.stderr.splitlines()
    assert (result.code, result.stdout, error.startswith("error: ")) == (7, "", True)
    assert [line for line in others if line.startswith("hint: ") and "SYS_PTRACE" in line]
    assert names(work) == before


@contextmanager
def sleeping(work: Path, *options: str) -> Iterator[tuple["subprocess.Popen[bytes]", list[int]]]:
    """Run magicpak while the program and a child of its own sleep; yield it and the ids of these two."""
    (work / "tmp").mkdir()
    line = "./doer pid=one sleep & ./doer fork ignore=15 pid=two sleep"
    arguments = command("-d", f"--dynamic-command={line}", *options, "./doer", "out")
    with subprocess.Popen(
        arguments,
        cwd=work,
        env=environment(TMPDIR=str(work / "tmp")),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process, [written(work / name) for name in ("one", "two")]
        finally:
            process.kill()


def written(path: Path) -> int:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if path.exists() and (text := path.read_text()).endswith("\n"):
            return int(text)
        time.sleep(0.01)
    raise TimeoutError(path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_after_a_signal_no_process_stays_and_nothing_is_left(number: signal.Signals, work: Path) -> None:
    with sleeping(work) as (process, pids):
        assert [is_alive(pid) for pid in pids] == [True, True]
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=SECONDS)
    assert (process.returncode, stdout, stderr) == (128 + number, b"", b"")
    assert [is_gone_soon(pid) for pid in pids] == [True, True]
    assert (os.listdir(work / "tmp"), (work / "out").exists()) == ([], False)


def test_after_a_signal_at_any_moment_no_process_stays(work: Path) -> None:
    mark = f"MAGICPAK_TEST={os.urandom(16).hex()}"
    arguments = command(*watched("fork", "ignore=15", "sleep"))
    (work / "tmp").mkdir()
    for moment in (0.05, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.25, 0.3):
        with subprocess.Popen(
            arguments,
            cwd=work,
            env=environment(TMPDIR=str(work / "tmp"), MAGICPAK_TEST=mark.partition("=")[2]),
            stderr=subprocess.DEVNULL,
        ) as process:
            time.sleep(moment)
            process.terminate()
            assert process.wait(SECONDS) in (143, -15), moment  # -15: Python itself was starting
        assert [pid for pid in marked(mark) if not is_gone_soon(pid)] == [], moment
        assert (os.listdir(work / "tmp"), (work / "out").exists()) == ([], False), moment


def marked(mark: str) -> list[int]:
    """Return the processes that have this line in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or is another user's
            if mark.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def test_after_sigkill_no_process_stays(work: Path) -> None:
    with sleeping(work) as (process, pids):
        process.kill()
        process.wait(SECONDS)
    assert [is_gone_soon(pid) for pid in pids] == [True, True]


def test_temporary_files_are_gone_after_a_run(work: Path) -> None:
    (work / "tmp").mkdir()
    done(*watched("read=etc/one", "write=etc/one"), cwd=work, env={"TMPDIR": str(work / "tmp")})
    assert os.listdir(work / "tmp") == []


def test_a_static_program_is_watched_too(work: Path) -> None:
    executable(work / "still", make_elf(type=2, dynamic=False, code=X86_64_EXIT_0))
    done("-d", "./still", "out", cwd=work)
    assert names(work / "out") == ["still"]


@pytest.mark.needs("root", "chroot")
def test_who_reads_the_cache_of_libraries_finds_those_of_the_bundle(work: Path) -> None:
    done("--dynamic", "--dynamic-arg=-p", "/sbin/ldconfig", "-i", work / "doer", work / "out", stderr=CACHE_MADE)
    lines = chrooted(work / "out", "/sbin/ldconfig", "-p").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["libc.so.6", "ld-linux-x86-64.so.2"]
    options = ("--dynamic-arg=-p", "--exclude=/etc/ld.so.cache", "--exclude=/none")
    result = magicpak("--dynamic", *options, "/sbin/ldconfig", work / "without")
    assert (result.code, "created" in result.stderr) == (0, False)
    assert not (work / "without/etc/ld.so.cache").exists()


@pytest.mark.needs("root", "chroot")
def test_without_a_run_the_cache_that_is_included_is_one_of_the_bundle_too(work: Path) -> None:
    done("-i", "/etc/ld.so.cache", work / "doer", "/sbin/ldconfig", work / "out", stderr=CACHE_MADE)
    lines = chrooted(work / "out", "/sbin/ldconfig", "-p").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["libc.so.6", "ld-linux-x86-64.so.2"]


CACHE_MADE = (
    "warning: created /etc/ld.so.cache with the libraries of the bundle, for the program that reads it; copied onto a "
    "base image, it replaces the image's own\n"
)
LAUNCHER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Execute what is at the end of this file, before its size: from memory, or from the file WORD. */
int main(int argc, char **argv) {
    static char block[1 << 20];
    char *again[] = {"payload", NULL};
    long size;
    int end, from = open(argv[0], O_RDONLY), in_memory = !strcmp(argv[1], "memory");
    int to = in_memory ? memfd_create("payload", MFD_CLOEXEC) : open(argv[1], O_CREAT | O_WRONLY, 0755);
    lseek(from, -(off_t)sizeof size, SEEK_END);
    if (read(from, &size, sizeof size) != sizeof size) return 98;
    lseek(from, -(off_t)sizeof size - size, SEEK_END);
    if (read(from, block, size) != size || write(to, block, size) != size) return 97;
    if (in_memory) return execveat(to, "", again, environ, AT_EMPTY_PATH);
    close(to);
    if (!fork()) return execv(argv[1], again);
    wait(&end);
    unlink(argv[1]);
    return WEXITSTATUS(end);
}
"""
PAYLOAD = '#include <stdio.h>\nint answer(void);\nint main(void) { return printf("%d\\n", answer()) < 0; }\n'


@pytest.mark.parametrize("unpacked", ["memory", "tmp/payload"])
@pytest.mark.parametrize("compiler", ["gcc", pytest.param("musl-gcc", marks=pytest.mark.needs("musl"))])
@pytest.mark.parametrize("launcher", ["-static", "-dynamic"])
@pytest.mark.needs("root", "chroot")
def test_a_program_that_it_unpacks_and_executes_works_there(
    launcher: str, compiler: str, unpacked: str, here: Path
) -> None:
    options = ["-shared", "-fPIC", "-Wl,-soname,libanswer.so"]
    library = compiled(here / "lib/libanswer.so", "int answer(void) { return 42; }", *options, compiler=compiler)
    payload = compiled(here / "payload", PAYLOAD, library, f"-Wl,-rpath,{here}/lib", compiler=compiler).read_bytes()
    program = compiled(here / "launcher", LAUNCHER, *([launcher] if launcher == "-static" else []))
    program.write_bytes(program.read_bytes() + payload + struct.pack("=q", len(payload)))
    (here / "payload").unlink()
    word = unpacked if unpacked == "memory" else f"{here}/{unpacked}"
    (here / "tmp").mkdir()
    done("--dynamic", "--dynamic-arg", word, program, "out", cwd=here)
    assert chrooted(here / "out", program, word) == RunResult(0, "42\n", "")
    reason = magicpak("--dynamic", f"--dynamic-arg={word}", "--dry-run", "--why", library, program, cwd=here).stdout
    name = "memfd:payload" if unpacked == "memory" else word
    assert f"needed by {name}" in reason.splitlines()[0]


def test_leak_sanitizer_which_works_under_no_tracer_can_be_switched_off(here: Path) -> None:
    compiled(here / "prog", "int main(void) { return 0; }", "-fsanitize=address")
    result = magicpak("--dynamic", "./prog", "out", cwd=here)
    hint = "hint: --dynamic-env ASAN_OPTIONS=detect_leaks=0 (or LSAN_OPTIONS) switches LeakSanitizer off"
    assert (result.code, result.stderr.splitlines()[-1]) == (6, hint)
    assert magicpak("--dynamic", "--dynamic-env=ASAN_OPTIONS=detect_leaks=0", "./prog", "out", cwd=here).code == 0
