"""What nobody expects, be it a mistake of ours or an exception that Python ignores, ends as any other failure does."""

import re
import signal
import subprocess
import sys
import textwrap

import pytest

from magicpak.errors import ToolFailed
from magicpak.process.supervisor import supervise
from support.run_magicpak import RunResult, environment

RAISING = """
    import sys
    import magicpak.__main__, magicpak.pipeline

    def bundle(*_arguments):
        raise {error}

    magicpak.pipeline.bundle = bundle
    magicpak.__main__.main()
"""

INTERRUPTED_IN_A_DESTRUCTOR = """
    import os, time
    import magicpak.__main__, magicpak.cli.main

    class Interrupted:
        def __del__(self):
            os.kill(os.getpid(), {number})
            time.sleep(60)  # the handler raises here, and Python goes on after the destructor

    def run(_arguments):
        Interrupted()
        time.sleep(60)
        return 0

    magicpak.cli.main.run = run
    magicpak.__main__.main()
"""


def magicpak_with(code: str) -> RunResult:
    """Run `magicpak /bin/ls out` in an interpreter with the changes that `code` makes before."""
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), "/bin/ls", "out"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return RunResult(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("RecursionError", "files are nested too deeply"),
        ("MemoryError", "out of memory"),
        ("OSError(28, 'No space left on device', '/x\\x1b')", r"/x\x1b: No space left on device"),
    ],
)
def test_what_a_machine_cannot_do_is_an_error_of_one_line(error: str, message: str) -> None:
    assert magicpak_with(RAISING.format(error=error)) == RunResult(1, "", f"error: {message}\n")


def test_a_mistake_of_ours_is_an_error_with_its_place_and_no_traceback() -> None:
    result = magicpak_with(RAISING.format(error="ValueError('odd')"))
    error, *where, hint = result.stderr.splitlines()
    assert (result.code, result.stdout) == (1, "")
    assert re.fullmatch(r"error: internal error \(a bug in magicpak \S+\): ValueError: odd", error)
    assert where[-1] == "  <string>:6 in bundle"
    assert hint == "hint: please report it, with the lines above"


def test_a_mistake_of_ours_in_the_supervisor_of_a_program_is_an_error_with_its_place() -> None:
    def work(_input: object) -> object:
        raise ValueError("odd")

    with pytest.raises(ToolFailed) as caught:
        supervise(work, name="nothing", timeout=20, stdin=None, on_output=[len, len])
    said = re.fullmatch(r"internal error \(a bug in magicpak\): ValueError: odd at (\S+):\d+", caught.value.message)
    assert said is not None
    assert said[1] == __file__


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_whose_exception_python_ignores_ends_the_run_all_the_same(number: signal.Signals) -> None:
    assert magicpak_with(INTERRUPTED_IN_A_DESTRUCTOR.format(number=int(number))) == RunResult(128 + number, "", "")
