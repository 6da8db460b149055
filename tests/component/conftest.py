"""Where and how the small programs of the tracer's tests are run."""

from pathlib import Path

import pytest

from support.traced_programs import TRACED, Ran, RunProgram, Way, compiled, furnish, ran


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return the directory in which the program runs, with a few files in it."""
    furnish(tmp_path)
    return tmp_path


@pytest.fixture(params=TRACED, ids=lambda way: way.value)
def run(request: pytest.FixtureRequest, here: Path) -> RunProgram:
    """Return what runs a program under the tracer, in each way to trace."""
    return _run(here, request.param)


@pytest.fixture(params=Way, ids=lambda way: way.value)
def run_anyway(request: pytest.FixtureRequest, here: Path) -> RunProgram:
    """Return what runs a program in each way to trace and without a tracer: what is compared must be the same."""
    return _run(here, request.param)


def _run(here: Path, way: Way) -> RunProgram:
    def run(body: str, before: str = "", *arguments: str, stdin: bytes | None = None) -> Ran:
        return ran(compiled(body, before), here, way, *arguments, stdin=stdin)

    return run
