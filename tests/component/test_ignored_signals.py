"""The tests themselves may be started by nohup(1), or in the background by a shell that is not interactive."""

import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

INNER = """
    import subprocess

    def test_a_program_ignores_none_of_them():
        status = subprocess.run(["grep", "SigIgn", "/proc/self/status"], capture_output=True, check=True).stdout
        assert int(status.split()[1], 16) & 0b111 == 0  # SIGHUP, SIGINT, SIGQUIT
"""


def test_what_the_tests_run_ignores_no_signal_that_they_were_to_ignore(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(INNER)
    ignoring = ["sh", "-c", 'trap "" HUP INT QUIT; exec "$@"', "sh"]
    inner = pytester.run(*ignoring, sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
    inner.assert_outcomes(passed=1)
