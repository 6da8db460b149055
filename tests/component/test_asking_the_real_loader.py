"""The helper tells what the real loader would do, and survives whatever a library does when it is loaded."""

import errno
import glob
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType

import pytest

from magicpak.errors import Interrupted, ToolFailed
from magicpak.ldso.helper_build import CompiledHelper, EmbeddedHelper, embedded_helper
from magicpak.ldso.helper_client import Answer, HelperProcess, same_file_in_error
from magicpak.ldso.machines import MACHINES
from support.pids import is_alive, is_gone_soon

QUICK = "cc -DQUESTION_SECONDS=1"
MUSL = next(iter(sorted(glob.glob("/lib/ld-musl-*.so.1"))), "")

BuildLibrary = Callable[..., str]


def traced(program: str) -> list[str]:
    """Return the lines that glibc's loader writes instead of running `program`, see ld.so(8)."""
    environment = {"LD_TRACE_LOADED_OBJECTS": "1"}
    return subprocess.run([program], env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture(scope="module")
def interpreter() -> str:
    lines = traced("/bin/ls")
    return next(line.split()[0] for line in lines if line.split()[0].startswith("/"))


@pytest.fixture(scope="module")
def helper(interpreter: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The helper with little patience."""
    with closing(CompiledHelper(QUICK, interpreter, str(tmp_path_factory.mktemp("helper")))) as program:
        return program.path()


@pytest.fixture
def loader(interpreter: str, helper: str) -> Iterator[HelperProcess]:
    with closing(HelperProcess([interpreter, helper], [])) as process:
        yield process
    assert_no_process_stays()


def assert_no_process_stays() -> None:
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.fixture
def build(tmp_path: Path) -> BuildLibrary:
    def build(source: str, *arguments: str, name: str = "libtest.so", compiler: str = "cc") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        command = [compiler, "-shared", "-fPIC", "-w", "-x", "c", "-", "-o", str(path), *arguments]
        subprocess.run(command, input=source.encode(), check=True)
        return str(path)

    return build


def constructor(body: str) -> str:
    headers = ("fcntl", "signal", "stdio", "stdlib", "unistd")
    includes = "".join(f"#include <{header}.h>\n" for header in headers)
    return f"#define _GNU_SOURCE\n{includes}\n__attribute__((constructor)) static void run(void) {{ {body} }}"


def read_when_there(path: Path) -> int:
    deadline = time.monotonic() + 10
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return int(path.read_text())


class TestAnswers:
    def test_each_library_of_programs_of_the_host_is_found_where_the_loader_lists_it(
        self, loader: HelperProcess
    ) -> None:
        compiler = subprocess.run(["cc", "-print-prog-name=cc1"], capture_output=True, text=True, check=True).stdout
        programs = ["/bin/ls", compiler.strip(), *filter(None, map(shutil.which, ("as", "git", "curl", "strace")))]
        lines = [line.split() for program in programs for line in traced(program)]
        listed = {words[0]: words[2] for words in lines if words[1] == "=>"}
        assert len(listed) >= 12
        assert {name: loader.ask(name, noload=False) for name in listed} == {
            name: Answer(path, None) for name, path in listed.items()
        }

    def test_a_name_that_is_not_found_is_answered_in_the_words_of_the_loader(self, loader: HelperProcess) -> None:
        answer = loader.ask("libno.so.1", noload=False)
        why = "libno.so.1: cannot open shared object file: No such file or directory"
        assert answer == Answer(None, why)
        assert same_file_in_error(answer, "libno.so.1") is None

    def test_the_search_path_comes_first_and_in_order(
        self, interpreter: str, helper: str, build: BuildLibrary, tmp_path: Path
    ) -> None:
        build("", name="one/libonly.so"), build("", name="two/libonly.so")
        directories = [f"{tmp_path}/none", f"{tmp_path}/two", f"{tmp_path}/one"]
        with closing(HelperProcess([interpreter, helper], directories)) as process:
            assert process.ask("libonly.so", noload=False) == Answer(f"{tmp_path}/two/libonly.so", None)

    def test_our_own_ld_variables_are_not_handed_on(
        self, interpreter: str, helper: str, build: BuildLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build("", name="libonly.so")
        monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
        with closing(HelperProcess([interpreter, helper], [])) as process:
            assert process.ask("libonly.so", noload=False).path is None

    def test_an_answer_does_not_depend_on_what_was_asked_before(self, loader: HelperProcess) -> None:
        assert loader.ask("libm.so.6", noload=False).path is not None
        assert loader.ask("libm.so.6", noload=True) == Answer(None, "not loaded")
        assert loader.ask("libc.so.6", noload=True).path is not None

    @pytest.mark.parametrize("directory", [b"a b", b"new\nline", b"\xff\x80", b"%s $x", "ä".encode()])
    def test_a_path_may_hold_any_byte(
        self, loader: HelperProcess, build: BuildLibrary, tmp_path: Path, directory: bytes
    ) -> None:
        path = os.path.join(str(tmp_path), os.fsdecode(directory), "libx.so")
        os.mkdir(os.path.dirname(path))
        os.rename(build(""), path)
        assert loader.ask(path, noload=False) == Answer(path, None)

    @pytest.mark.parametrize(
        ("name", "why"), [("", "not a name"), ("a\0b", "not a name"), ("x" * 4095, "File name too long")]
    )
    def test_what_cannot_be_a_name_is_not_found(self, loader: HelperProcess, name: str, why: str) -> None:
        assert loader.ask(name, noload=False) == Answer(None, why)

    def test_the_longest_name_is_understood(self, loader: HelperProcess) -> None:
        why = loader.ask("x" * 4094, noload=False).error
        assert why == "x" * 4094 + ": cannot open shared object file: File name too long"

    def test_one_process_answers_three_hundred_questions(
        self, loader: HelperProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started: list[str] = []
        spawn = os.posix_spawn

        def counted(path: str, arguments: list[str], environment: dict[str, str], **options: object) -> int:
            started.append(path)
            return spawn(path, arguments, environment, **options)  # type: ignore[arg-type]  # as tools passes them

        monkeypatch.setattr(os, "posix_spawn", counted)
        answers = {loader.ask("libm.so.6", noload=False) for _ in range(300)}
        assert (len(started), len(answers)) == (1, 1)


class TestHarmfulLibraries:
    """What constructors do; the next question must be answered as if nothing had been."""

    @pytest.fixture(autouse=True)
    def the_next_question_is_answered(self, loader: HelperProcess) -> Iterator[None]:
        yield
        assert (loader.ask("libm.so.6", noload=False).path or "").endswith("/libm.so.6")

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            ("abort();", "was killed by SIGABRT while it was being loaded"),
            ("*(volatile int *)0 = 0;", "was killed by SIGSEGV while it was being loaded"),
            ("exit(0);", "exited with code 0 while it was being loaded"),
            ("_exit(7);", "exited with code 7 while it was being loaded"),
            ("for (;;) pause();", "was not loaded within 1 seconds"),
            (
                "sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, 0); alarm(0); for (;;) pause();",
                "was not loaded within 1 seconds",
            ),
            ("raise(SIGSTOP);", "was not loaded within 1 seconds"),
            ('execl("/bin/sh", "sh", "-c", "exit 5", (char *)0);', "exited with code 5 while it was being loaded"),
        ],
    )
    def test_a_library_that_ends_or_hangs_is_an_error(
        self, loader: HelperProcess, build: BuildLibrary, body: str, why: str
    ) -> None:
        path = build(constructor(body))
        answer = loader.ask(path, noload=False)
        assert answer == Answer(None, why)
        assert same_file_in_error(answer, path) is None

    @pytest.mark.parametrize(
        "body",
        [
            r'printf("=/wrong\n"); fflush(stdout); write(1, "=/wrong\0", 8); fprintf(stderr, "wrong");',
            "for (int fd = 0; fd < 1024; fd++) close(fd);",
            r'for (int fd = 0; fd < 1024; fd++) write(fd, "=/wrong\0", 8);',
            "char byte; while (read(0, &byte, 1) == 1) continue;",
            "setpgid(0, getppid()); setsid(); signal(SIGPIPE, SIG_IGN); alarm(1);",
            "if (fork() == 0) for (;;) pause();",
        ],
    )
    def test_a_library_that_misbehaves_is_found(self, loader: HelperProcess, build: BuildLibrary, body: str) -> None:
        path = build(constructor(body))
        assert loader.ask(path, noload=False) == Answer(path, None)

    def test_a_library_has_no_descriptor_of_ours_to_write_to(self, loader: HelperProcess, build: BuildLibrary) -> None:
        path = build(constructor('for (int fd = 3; fd < 1024; fd++) write(fd, "x", 1);'))
        nobody_reads, ours = os.pipe()
        os.close(nobody_reads)
        os.set_inheritable(ours, True)
        try:
            assert loader.ask(path, noload=False) == Answer(path, None)
        finally:
            os.close(ours)

    @pytest.mark.parametrize("detach", ["", "setsid(); if (fork()) _exit(0);"])
    def test_a_daemon_that_a_library_starts_does_not_stay(
        self, loader: HelperProcess, build: BuildLibrary, tmp_path: Path, detach: str
    ) -> None:
        note = tmp_path / "pid"
        path = build(
            constructor(
                f'if (fork() == 0) {{ {detach} FILE *f = fopen("{note}", "w"); fprintf(f, "%d\\n", getpid());'
                f' fclose(f); sleep(60); _exit(0); }} while (access("{note}", F_OK)) usleep(1000); usleep(100000);'
            )
        )
        assert loader.ask(path, noload=False) == Answer(path, None)
        assert not is_alive(read_when_there(note))

    def test_an_undefined_symbol_is_told_from_a_missing_file(self, loader: HelperProcess, build: BuildLibrary) -> None:
        path = build("int absent(void); int present(void) { return absent(); }", "-Wl,-z,now")
        answer = loader.ask(path, noload=False)
        assert answer == Answer(None, f"{path}: undefined symbol: absent")
        assert same_file_in_error(answer, "libtest.so") == path

    def test_a_library_that_dlopen_cannot_load_is_found_when_it_is_preloaded(
        self, interpreter: str, helper: str, loader: HelperProcess, build: BuildLibrary, tmp_path: Path
    ) -> None:
        source = "__thread char big[1 << 20]; char *use(int i) { return big + i; }"
        path = build(source, "-ftls-model=initial-exec", "-Wl,-soname,libtls.so", name="libtls.so")
        refused = loader.ask(path, noload=False)
        assert refused == Answer(None, f"{path}: cannot allocate memory in static TLS block")
        assert same_file_in_error(refused, "libtls.so") == path
        with closing(HelperProcess([interpreter, helper], [str(tmp_path)], ["libtls.so"])) as process:
            assert process.ask("libtls.so", noload=True) == Answer(path, None)
            assert process.ask("libtls.so", noload=False) == Answer(path, None)

    def test_what_a_preloaded_library_prints_is_no_answer(
        self, interpreter: str, helper: str, build: BuildLibrary
    ) -> None:
        path = build(constructor(r'write(1, "=/wrong\0", 8); printf("later"); write(2, "x", 1);'))
        with closing(HelperProcess([interpreter, helper], [], [path])) as process:
            assert process.ask(path, noload=True) == Answer(path, None)

    def test_a_preloaded_library_that_crashes_is_a_failure(
        self, interpreter: str, helper: str, build: BuildLibrary
    ) -> None:
        path = build(constructor("abort();"))
        process = HelperProcess([interpreter, helper], [], [path])
        with pytest.raises(ToolFailed, match=r"exited unexpectedly$"):
            process.ask("libm.so.6", noload=True)


class TestErrorsThatNameTheFile:
    @pytest.mark.parametrize(
        ("message", "found"),
        [
            ("{}: cannot allocate memory in static TLS block", True),
            ("{}: undefined symbol: x: y", True),
            ("Error relocating {}: absent: symbol not found", True),
            ("{}: cannot open shared object file: Permission denied", False),
            ("{}.1: undefined symbol: x", False),
            ("{}", False),
            ("lib: x.so: undefined symbol: y", False),
            ("/nowhere/lib: x.so: undefined symbol: y", False),
            ("", False),
        ],
    )
    def test_the_path_is_taken_if_it_is_that_of_the_name(self, tmp_path: Path, message: str, *, found: bool) -> None:
        path = tmp_path / "dir: with" / "lib: x.so"
        path.parent.mkdir()
        path.touch()
        (tmp_path / "dir").touch()
        answer = Answer(None, message.format(path))
        assert same_file_in_error(answer, "lib: x.so") == (str(path) if found else None)
        assert same_file_in_error(answer, "libother.so") is None

    def test_a_library_that_was_found_is_in_no_error(self) -> None:
        assert same_file_in_error(Answer("/lib/libx.so", None), "libx.so") is None


@pytest.mark.skipif(not MUSL, reason="musl's loader is not installed (/lib/ld-musl-*.so.1, package musl)")
class TestMusl:
    @pytest.fixture(params=["cc", "musl-gcc"])
    def musl_loader(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HelperProcess]:
        compiler: str = request.param
        if shutil.which(compiler) is None:
            pytest.skip(f"{compiler} is not installed (package musl-tools)")
        with closing(CompiledHelper(f"{compiler} -DQUESTION_SECONDS=1", MUSL, str(tmp_path))) as program:
            command = [MUSL, program.path()]
        with closing(HelperProcess(command, [str(tmp_path)])) as process:
            yield process

    def test_it_answers_as_with_glibc(self, musl_loader: HelperProcess, build: BuildLibrary, tmp_path: Path) -> None:
        def bare(source: str, name: str) -> None:
            build(source, "-nostdlib", name=name)

        bare("", "libgood.so")
        bare("int absent(void); int present(void) { return absent(); }", "libundefined.so")
        bare("__attribute__((constructor)) static void run(void) { *(volatile int *)0 = 0; }", "libcrash.so")
        bare("__attribute__((constructor)) static void run(void) { for (;;) continue; }", "libhang.so")
        undefined = f"Error relocating {tmp_path}/libundefined.so: absent: symbol not found"
        missing = "Error loading shared library libno.so: No such file or directory"
        assert {name: musl_loader.ask(f"lib{name}.so", noload=False) for name in ("good", "crash", "hang", "no")} == {
            "good": Answer(f"{tmp_path}/libgood.so", None),
            "crash": Answer(None, "was killed by SIGSEGV while it was being loaded"),
            "hang": Answer(None, "was not loaded within 1 seconds"),
            "no": Answer(None, missing),
        }
        assert musl_loader.ask("libundefined.so", noload=False) in (  # musl binds lazily since 1.1.22, if it can
            Answer(None, undefined),
            Answer(f"{tmp_path}/libundefined.so", None),
        )
        assert musl_loader.ask("libc.so", noload=True) == Answer(MUSL, None)
        assert musl_loader.ask("libgood.so", noload=True) == Answer(None, "Library libgood.so is not already loaded")


class TestCarrying:
    def test_a_helper_that_is_carried_runs_from_memory_until_it_is_closed(self, interpreter: str, helper: str) -> None:
        program = EmbeddedHelper(Path(helper).read_bytes())
        for _ in range(2):
            program.start()
            path = program.path()
            assert program.path() == path
            with closing(HelperProcess([interpreter, path], [])) as process:
                assert process.ask("libc.so.6", noload=True).path
            program.close()
            assert not os.path.exists(path)

    def test_a_magicpak_of_many_files_carries_none(self) -> None:
        assert [embedded_helper(machine) for machine in (*MACHINES, None)] == [None] * (len(MACHINES) + 1)


class TestCompiling:
    @pytest.fixture
    def fake(self, tmp_path: Path) -> Callable[[str], str]:
        def fake(script: str) -> str:
            path = tmp_path / "fake-cc"
            path.write_text(f'#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done; out=$2\n{script}\n')
            path.chmod(0o755)
            return str(path)

        return fake

    def failure(
        self, compiler: str, directory: Path, seconds: float = 10, hint: str = "apt-get install gcc"
    ) -> ToolFailed:
        program = CompiledHelper(compiler, "/lib/ld.so", str(directory), seconds=seconds)
        with pytest.raises(ToolFailed) as caught:
            program.path()
        assert_no_process_stays()
        first, second = caught.value.hints
        assert hint in first
        assert "--resolver static" in second
        return caught.value

    def test_the_compiler_runs_while_we_do_something_else_and_only_once(self, interpreter: str, tmp_path: Path) -> None:
        with closing(CompiledHelper("cc", interpreter, str(tmp_path))) as program:
            started = time.monotonic()
            program.start()
            assert time.monotonic() - started < 0.05
            path = program.path()
            times = os.stat(path)
            program.start()
            assert (program.path(), os.stat(path)) == (path, times)
        assert sorted(os.listdir(tmp_path)) == ["helper", "helper.c"]

    def test_our_own_ld_variables_are_not_handed_on(
        self, fake: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LD_LIBRARY_PATH", "/x")
        monkeypatch.setenv("LIBRARY_PATH", "/y")
        failure = self.failure(fake('env | grep "LI*BRARY_PATH"; exit 1'), tmp_path)
        assert failure.details == ("LIBRARY_PATH=/y",)

    @pytest.mark.parametrize("path", ["/opt/a,b c/ld.so", "/opt/ä\n/ld.so"])
    def test_the_interpreter_may_have_any_path(self, tmp_path: Path, path: str) -> None:
        with closing(CompiledHelper("cc", path, str(tmp_path))) as program:
            assert os.fsencode(path) + b"\0" in Path(program.path()).read_bytes()

    @pytest.mark.parametrize(
        ("compiler", "how"),
        [
            ("no-such-cc -m32", "no-such-cc -m32 cannot be started: no-such-cc: no such program"),
            ("", " is not a command"),
            ("'", "' is not a command: No closing quotation"),
        ],
    )
    def test_a_compiler_that_cannot_be_started_is_named(self, tmp_path: Path, compiler: str, how: str) -> None:
        assert self.failure(compiler, tmp_path).message == f"the C compiler {how}"

    def test_where_no_process_is_left_the_limit_is_named_and_no_compiler(
        self, fake: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        words = os.strerror(errno.EAGAIN)
        compiler = fake(f"echo 'cc: fatal error: cannot execute cc1: vfork: {words}' >&2; exit 1")
        failure = self.failure(compiler, tmp_path, hint="ulimit -u")
        assert failure.message == f"the C compiler {compiler} exited with code 1"

        def refused(*_arguments: object, **_options: object) -> None:
            raise OSError(errno.EAGAIN, words)

        monkeypatch.setattr(os, "posix_spawn", refused)
        failure = self.failure(compiler, tmp_path, hint="ulimit -u")
        assert failure.message == f"the C compiler {compiler} cannot be started: cannot run {compiler}: {words}"

    def test_a_compiler_that_hangs_is_ended(self, fake: Callable[[str], str], tmp_path: Path) -> None:
        compiler = fake("sleep 60")
        message = self.failure(compiler, tmp_path, seconds=0.3).message
        assert message == f"the C compiler {compiler} did not finish within 0.3 seconds"

    def test_a_compiler_that_is_not_waited_for_is_ended(self, fake: Callable[[str], str], tmp_path: Path) -> None:
        with closing(
            CompiledHelper(fake(f"echo $$ > {tmp_path}/pid; sleep 60"), "/lib/ld.so", str(tmp_path))
        ) as program:
            program.start()
            pid = read_when_there(tmp_path / "pid")
        assert not is_alive(pid)

    def test_the_last_lines_of_a_compiler_that_fails_are_shown_without_harm(
        self, fake: Callable[[str], str], tmp_path: Path
    ) -> None:
        compiler = fake(r"seq 100000; printf '\377\033[31mred\n\n' >&2; exit 1")
        failure = self.failure(compiler, tmp_path)
        assert failure.message == f"the C compiler {compiler} exited with code 1"
        assert failure.details == (*map(str, range(99992, 100001)), r"\xff\x1b[31mred")

    @pytest.mark.parametrize(
        "script",
        ["", 'echo text > "$out"; chmod +x "$out"', 'cp /bin/ls "$out"; chmod -x "$out"', 'mkdir "$out"'],
    )
    def test_a_compiler_that_makes_no_program_is_named(
        self, fake: Callable[[str], str], tmp_path: Path, script: str
    ) -> None:
        compiler = fake(script)
        assert self.failure(compiler, tmp_path).message == f"the C compiler {compiler} did not produce an executable"


class TestProcess:
    def failure(self, script: str, seconds: float = 5) -> ToolFailed:
        process = HelperProcess(["sh", "-c", script], [], seconds=seconds)
        with pytest.raises(ToolFailed) as caught:
            process.ask("libx.so", noload=False)
        assert_no_process_stays()
        assert caught.value.hints == ("search without running the loader: --resolver static",)
        return caught.value

    def test_an_interpreter_that_does_not_exist_is_a_failure(self) -> None:
        with pytest.raises(ToolFailed, match=r"^/lib/no-ld\.so: no such program$"):
            HelperProcess(["/lib/no-ld.so", "/helper"], []).ask("libx.so", noload=False)

    @pytest.mark.parametrize(
        ("script", "how"),
        [
            ("exit 127", "exited unexpectedly"),
            ("greet; exit 1", "exited unexpectedly"),
            ("greet; listen; exit 1", "exited unexpectedly"),
            ("sleep 60", "did not reply within 0.5 seconds"),
            ("greet; listen; printf '=/lib'; sleep 60", "did not reply within 0.5 seconds"),
            ("exec yes", "sent too much data"),
            ("greet; listen; exec yes", "sent too much data"),
            (r"printf '\0magicpak helper\0=/libx.so\0'; sleep 60", "sent unexpected data"),
            (r"greet; listen; printf '?what\0'; sleep 60", "sent an invalid reply"),
            (r"greet; listen; printf 'Sx\0'; sleep 60", "sent an invalid reply"),
            (r"greet; listen; printf '=\0'; sleep 60", "sent an invalid reply"),
            (r"greet; listen; printf '\0'; sleep 60", "sent an invalid reply"),
        ],
    )
    def test_a_process_that_dies_or_is_silent_or_replies_with_nonsense_is_a_failure(
        self, script: str, how: str
    ) -> None:
        words = r"greet() { printf '\0magicpak helper\0'; }; listen() { head -c 9 > /dev/null; }; echo why >&2;"
        failure = self.failure(f"{words} {script}", seconds=0.5)
        assert failure.message == f"the helper program that queries the dynamic loader {how}"
        assert failure.details[1:] == ("why",)

    def test_an_interrupted_question_leaves_no_process(
        self, loader: HelperProcess, build: BuildLibrary, tmp_path: Path
    ) -> None:
        def interrupt(number: int, _frame: FrameType | None) -> None:
            if note.exists() and note.read_text().endswith("\n"):
                raise Interrupted(number)

        note = tmp_path / "pid"
        path = build(
            constructor(f'FILE *f = fopen("{note}", "w"); fprintf(f, "%d\\n", getpid()); fclose(f); sleep(60);')
        )
        earlier = signal.signal(signal.SIGALRM, interrupt)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
            with pytest.raises(Interrupted):
                loader.ask(path, noload=False)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, earlier)
        assert_no_process_stays()
        assert not is_alive(int(note.read_text()))

    def test_closing_a_process_that_was_never_asked_is_harmless(self) -> None:
        with closing(HelperProcess(["/lib/no-ld.so"], [])) as process:
            process.close()

    def test_a_process_that_was_closed_is_started_anew(self, loader: HelperProcess) -> None:
        first = loader.ask("libm.so.6", noload=False)
        loader.close()
        assert_no_process_stays()
        assert loader.ask("libm.so.6", noload=False) == first

    def test_the_helper_and_what_it_runs_end_when_their_starter_is_killed(
        self, interpreter: str, build: BuildLibrary, tmp_path: Path
    ) -> None:
        note = tmp_path / "pids"
        text = 'FILE *f = fopen("{}.part", "w"); fprintf(f, "%d %d\\n", getppid(), getpid()); fclose(f);'
        hang = build(constructor(f'{text.format(note)} rename("{note}.part", "{note}"); for (;;) pause();'))
        with closing(CompiledHelper("cc", interpreter, str(tmp_path))) as program:
            helper = program.path()
        script = (
            "import sys; from magicpak.ldso.helper_client import HelperProcess;"
            "HelperProcess(sys.argv[1:3], []).ask(sys.argv[3], noload=False)"
        )
        environment = {"PYTHONPATH": ":".join(sys.path)}
        with subprocess.Popen([sys.executable, "-c", script, interpreter, helper, hang], env=environment) as starter:
            deadline = time.monotonic() + 10
            while not note.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            helper_pid, child_pid = map(int, note.read_text().split())
            assert (is_alive(helper_pid), is_alive(child_pid)) == (True, True)
            starter.send_signal(signal.SIGKILL)
        assert (is_gone_soon(helper_pid), is_gone_soon(child_pid)) == (True, True)
