"""The standalone executable for aarch64 on a whole machine of qemu-system: not part of the checks.

There programs are watched and bundles are tested, which qemu-user cannot do: pytest tests/foreign. The programs take
two minutes, the tests of the command line half an hour.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from standalone import building
from standalone.__main__ import cache
from standalone.toolchain import MACHINES
from support import arm64_machine
from support.arm64_machine import CHECKOUT, MAGICPAK
from support.run_magicpak import RunResult

pytestmark = pytest.mark.needs("arm64 machine", "builder", "debootstrap", "root")

READ = "import json, sqlite3; print(json.dumps(sqlite3.connect(':memory:').execute('select 6 * 7').fetchall()))"
CALLS = "ls /etc/debian_version; perl -MPOSIX -e 'print floor(1.5)'; true"
TRIED = {
    "a plain bundle": [MAGICPAK, "/bin/ls", "/plain"],
    "a watched shell": [
        MAGICPAK, "-v", "--dynamic", "--dynamic-arg=-c", f"--dynamic-arg={CALLS}",
        "--test", "--test-command", "bash -c 'ls /etc/debian_version'", "--test-stdout=/etc/debian_version",
        "/bin/bash", "/shell",
    ],
    "what the shell brought": ["find", "/shell", "-type", "f"],
    "a watched Python": [
        MAGICPAK, "-v", "--dynamic", "--dynamic-arg=-c", f"--dynamic-arg={READ}",
        "--test", "--test-command", f'python3 -c "{READ}"', "--test-stdout=[[42]]", "/usr/bin/python3", "/python",
    ],
    "the bundled Python": ["chroot", "/python", "/usr/bin/python3", "-c", READ],
    "a time zone that is missing": [
        MAGICPAK, "--test", "--test-env=TZ=Europe/Rome", "--test-command=date -d @0 +%H", "--test-stdout=01",
        "/usr/bin/date", "/date",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("debian") / "root"
    arm64_machine.debian(root, building.executable(MACHINES["aarch64"], cache()))
    return root


@pytest.fixture(scope="module")
def tried(debian: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, RunResult]:
    return arm64_machine.ran(debian, tmp_path_factory.mktemp("tried"), TRIED)


def test_a_bundle_is_made(tried: Mapping[str, RunResult]) -> None:
    assert tried["a plain bundle"] == RunResult(0, "", "")


def test_programs_and_files_of_a_watched_shell_come_in_and_the_bundle_is_tested_in_namespaces(
    tried: Mapping[str, RunResult],
) -> None:
    code, _, stderr = tried["a watched shell"]
    assert code == 0, stderr
    assert "ran 3 programs" in stderr
    assert "testing the bundle in namespaces, with /proc and /dev, on an overlay" in stderr
    brought = {Path(name).name for name in tried["what the shell brought"].stdout.splitlines()}
    assert {"bash", "ls", "perl", "POSIX.pm", "POSIX.so", "ld-linux-aarch64.so.1"} <= brought


def test_a_watched_python_works_alone(tried: Mapping[str, RunResult]) -> None:
    assert tried["a watched Python"].code == 0, tried["a watched Python"]
    assert tried["the bundled Python"] == RunResult(0, "[[42]]\n", "")


def test_a_failed_test_is_watched_and_tells_what_was_looked_for(tried: Mapping[str, RunResult]) -> None:
    code, _, stderr = tried["a time zone that is missing"]
    assert code == 8
    assert "hint: --include /usr/share/zoneinfo/Europe/Rome (the time zone Europe/Rome)" in stderr


# They name files or machine code of x86-64, or need packages that have been configured.
NOT_THERE = [
    "test_a_library_goes_with_the_links_to_it_and_its_needs_stay", "test_a_library_is_not_overwritten",
    "test_a_program_that_cannot_be_executed_is_told_with_what_it_lacks", "test_a_static_program_is_watched_too",
    "test_an_elf_file_brings_its_libraries_and_broken_ones_are_warnings",
    "test_names_inside_elf_files_are_shown_escaped",
    "test_3_for_missing_libraries_all_at_once_with_the_chains_that_lead_to_them", "test_the_loader_is_not_overwritten",
    "test_what_is_left_runs_if_it_can", "test_json_names_the_package_of_each_file",
    "test_a_report_of_a_packed_program_names_the_original", "(TestHints and certificates)",
    "test_with_layout_directories_no_link_leads_to_a_directory_and_the_program_runs",
]  # fmt: skip


def test_the_tests_of_the_command_line_pass_there(debian: Path, tmp_path: Path) -> None:
    pytest_there = ["python3", "-m", "pytest", "-p", "no:cacheprovider", "-k", f"not ({' or '.join(NOT_THERE)})"]
    testing = ["env", f"--chdir={CHECKOUT}", f"MAGICPAK={MAGICPAK}", *pytest_there, "tests/cli"]
    code, stdout, _ = arm64_machine.ran(debian, tmp_path, {"tests": testing})["tests"]
    assert code == 0, stdout
    assert " skipped" not in stdout
