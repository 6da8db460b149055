from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

WAYS_TO_SKIP = {
    "call": "def test_it():\n    pytest.skip('the reason')",
    "mark": "@pytest.mark.skip(reason='the reason')\ndef test_it(): pass",
    "condition": "@pytest.mark.skipif(True, reason='the reason')\ndef test_it(): pass",
    "import": "def test_it():\n    pytest.importorskip('absent', reason='the reason')",
    "import_of_module": "pytest.importorskip('absent', reason='the reason')\ndef test_it(): pass",
    "module": "pytest.skip('the reason', allow_module_level=True)\ndef test_it(): pass",
    "mark_of_module": "pytestmark = pytest.mark.skip(reason='the reason')\ndef test_it(): pass",
    "fixture": "@pytest.fixture\ndef it(): pytest.skip('the reason')\ndef test_it(it): pass",
    "end_of_fixture": "@pytest.fixture\ndef it():\n    yield\n    pytest.skip('the reason')\ndef test_it(it): pass",
    "parameter": "@pytest.mark.parametrize('it', [pytest.param(1, marks=pytest.mark.skip('the reason'))])\n"
    "def test_it(it): pass",
    "no_parameters": "@pytest.mark.parametrize('the_reason', [])\ndef test_it(the_reason): pass",
    "unittest": "import unittest\nclass TestIt(unittest.TestCase):\n"
    "    @unittest.skip('the reason')\n    def test_it(self): pass",
    "unittest_exception": "import unittest\ndef test_it():\n    raise unittest.SkipTest('the reason')",
    "need": "@pytest.mark.needs('something', 'nothing')\ndef test_it(): pass",
}

PROBES = "\nPROBES = {'nothing': lambda: 'the reason', 'something': lambda: None}\n"


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a project with our conftest, in which the need `nothing` is never met and `something` always is."""
    monkeypatch.delenv("MAGICPAK_NO_SKIP", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # each would be loaded anew by each run
    pytester.makeconftest(CONFTEST.read_text() + PROBES)
    return pytester


def reports(inner: pytest.Pytester) -> dict[str, str]:
    """Run the tests of `inner`; return what each file's collection and tests came to, other than to pass."""
    run = inner.inline_run("-p", "no:cacheprovider", "--continue-on-collection-errors")
    found: list[pytest.CollectReport | pytest.TestReport] = [
        report for report in run.getreports() if isinstance(report, pytest.CollectReport | pytest.TestReport)
    ]
    return {
        report.nodeid.split("::")[0].removeprefix("test_").removesuffix(".py"): f"{report.outcome}: {report.longrepr}"
        for report in found
        if not report.passed
    }


def make_a_file_for_each_way_to_skip(inner: pytest.Pytester) -> None:
    inner.makepyfile(**{f"test_{way}": f"import pytest\n{source}\n" for way, source in WAYS_TO_SKIP.items()})


def test_a_skip_is_a_skip_where_the_variable_is_not_set(inner: pytest.Pytester) -> None:
    make_a_file_for_each_way_to_skip(inner)
    outcomes = {way: outcome.split(":")[0] for way, outcome in reports(inner).items()}
    assert outcomes == dict.fromkeys(sorted(WAYS_TO_SKIP), "skipped")


def test_a_skip_is_a_failure_that_names_its_reason_where_the_variable_is_set(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAGICPAK_NO_SKIP", "1")
    make_a_file_for_each_way_to_skip(inner)
    refusal = "failed: MAGICPAK_NO_SKIP is set, and this was skipped: "
    assert reports(inner) == dict.fromkeys(WAYS_TO_SKIP, f"{refusal}the reason") | {
        "need": f"{refusal}needs nothing: the reason",
        "no_parameters": f"{refusal}got empty parameter set for (the_reason)",
    }


def test_a_run_with_a_refused_skip_ends_with_a_failing_exit_code(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAGICPAK_NO_SKIP", "1")
    inner.makepyfile("import pytest\ndef test_it():\n    pytest.skip('the reason')")
    assert inner.inline_run("-p", "no:cacheprovider").ret == pytest.ExitCode.TESTS_FAILED


def test_expected_failures_and_tests_whose_needs_are_met_are_left_alone(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAGICPAK_NO_SKIP", "1")
    inner.makepyfile(
        "import pytest\n"
        "@pytest.mark.xfail(reason='known')\ndef test_known(): assert False\n"
        "@pytest.mark.needs('something')\ndef test_it(): pass\n"
    )
    assert inner.runpytest_inprocess("-p", "no:cacheprovider").parseoutcomes() == {"xfailed": 1, "passed": 1}


def test_a_need_without_a_probe_is_refused(inner: pytest.Pytester) -> None:
    inner.makepyfile("import pytest\n@pytest.mark.needs('moon')\ndef test_it(): pass\n")
    result = inner.runpytest_inprocess("-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no probe for the needs ?'moon'?*"])


def test_the_needs_that_can_be_named_are_listed_among_the_markers(inner: pytest.Pytester) -> None:
    result = inner.runpytest_inprocess("-p", "no:cacheprovider", "--markers")
    result.stdout.fnmatch_lines(["*needs(*names): what the test needs of the machine: nothing, something*"])
