import signal
from collections.abc import Sequence

import pytest

from magicpak.bundle.path import BundlePath
from magicpak.files.script import SEARCH_PATH
from magicpak.process.child import describe_exit, exit_code
from magicpak.trial.attempt import HEAD, Attempt, OutputHead, complaint, details
from magicpak.trial.expectations import Expectations
from magicpak.trial.invocation import ProgramCommand

TOOL = ProgramCommand(BundlePath("/opt/a tool"))
ALL = Expectations(timeout=2.5)


def head(*chunks: bytes) -> OutputHead:
    heard = OutputHead()
    for chunk in chunks:
        heard.take(chunk)
    return heard


def ran(returncode: int | None = 0, stdout: bytes = b"", stderr: bytes = b"", why: str = "") -> Attempt:
    return Attempt(returncode, timed_out=False, seconds=1, stdout=head(stdout), stderr=stderr, why=why)


@pytest.mark.parametrize(
    ("returncode", "code", "words"),
    [
        (0, 0, "exited with code 0"),
        (1, 1, "exited with code 1"),
        (128, 128, "exited with code 128"),
        (137, 137, "exited with code 137 (SIGKILL)"),
        (255, 255, "exited with code 255"),
        (-signal.SIGSEGV, 139, "was killed by SIGSEGV"),
        (-signal.SIGABRT, 134, "was killed by SIGABRT"),
        (-(signal.SIGRTMIN + 3), 128 + signal.SIGRTMIN + 3, f"was killed by signal {signal.SIGRTMIN + 3}"),
    ],
)
def test_an_end_has_the_exit_code_of_a_shell_and_words(returncode: int, code: int, words: str) -> None:
    assert (exit_code(returncode), describe_exit(returncode)) == (code, words)


@pytest.mark.parametrize(
    ("attempt", "expectations", "expected"),
    [
        (ran(), ALL, None),
        (ran(stdout=b"x"), ALL, None),
        (ran(3), ALL, "'/opt/a tool' exited with code 3"),
        (ran(3), ALL._replace(exit_code=3), None),
        (ran(), ALL._replace(exit_code=3), "'/opt/a tool' exited with code 0 instead of 3"),
        (ran(-11), ALL, "'/opt/a tool' was killed by SIGSEGV"),
        (ran(-11), ALL._replace(exit_code=139), None),
        (ran(stdout=b" x\n"), ALL._replace(stdout=b"x\t"), None),
        (ran(), ALL._replace(stdout=b" "), None),
        (ran(stdout=b"y"), ALL._replace(stdout=b"x"), "'/opt/a tool' did not print the expected output"),
        (ran(3, b"y"), ALL._replace(stdout=b"x"), "'/opt/a tool' exited with code 3"),
        (ran(None, why="cannot run"), ALL, "cannot run"),
        (ran()._replace(timed_out=True), ALL, "'/opt/a tool' did not finish within 2.5 seconds"),
    ],
)
def test_what_is_wrong_with_a_run_is_one_line(
    attempt: Attempt, expectations: Expectations, expected: str | None
) -> None:
    assert complaint(TOOL, attempt, expectations) == expected


@pytest.mark.parametrize(
    ("attempt", "expected", "told"),
    [
        (ran(stdout=b"out\n", stderr=b"why\n"), None, ["why"]),
        (ran(stdout=b"out\n"), None, ["out"]),
        (ran(stderr=b"".join(b"%d\n" % n for n in range(30))), None, list(map(str, range(10, 30)))),
        (ran(stderr=b"a\tb\n\xff"), None, ["a       b", "\udcff"]),
        (ran(stdout=b"x\n"), b"x", []),
        (ran(stdout=b"x\n", stderr=b"why"), b" x", ["why"]),
        (
            ran(stdout=b"one\nthree\n", stderr=b"why"),
            b"one\ntwo\n",
            ["--- expected", "+++ printed", "@@ -1,2 +1,2 @@", " one", "-two", "+three", "why"],
        ),
    ],
)
def test_the_details_are_the_difference_and_the_end_of_stderr(
    attempt: Attempt, expected: bytes | None, told: Sequence[str]
) -> None:
    assert details(attempt, ALL._replace(stdout=expected)) == told


def test_a_long_difference_is_told_in_part() -> None:
    printed = b"".join(b"%d\n" % n for n in range(100))
    told = details(ran(stdout=printed), ALL._replace(stdout=b"x"))
    assert (told[:4], told[19:]) == (
        ["--- expected", "+++ printed", "@@ -1 +1,100 @@", "-x"],
        ["+15", "(84 more lines)"],
    )


def test_space_at_both_ends_does_not_count_wherever_it_was_cut() -> None:
    heard = head(b" \n", b"\t", b"", b"a ", b" b", b" ", b"\n")
    assert (heard.text, heard.is_whole) == (b"a  b", True)
    assert (head().text, head(b" \n").text) == (b"", b"")


def test_much_is_kept_in_part_and_space_alone_is_no_more() -> None:
    full = b"x" * HEAD
    assert (head(full, b" \n" * HEAD).text, head(full, b" \n").is_whole) == (full, True)
    assert (head(full, b" y").text, head(full, b" y").is_whole) == (full, False)
    assert (head(b" " * HEAD, full).text, head(b" " * HEAD, full + b"y").is_whole) == (full, False)


def test_the_environment_is_dockers_with_what_is_asked_for_on_top() -> None:
    assert Expectations().environment == {"PATH": ":".join(SEARCH_PATH), "HOME": "/"}
    assert Expectations(env={"A": "b", "PATH": "/x"}).environment == {"PATH": "/x", "HOME": "/", "A": "b"}
