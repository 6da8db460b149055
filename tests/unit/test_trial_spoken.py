import re

import pytest

from magicpak.bundle.entry import Attributes, Copy, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item, made_directory
from magicpak.sandbox.namespaces import LentTool
from magicpak.trial.busybox import Busybox
from magicpak.trial.invocation import BusyboxCommand, Invocation, ProgramCommand, ShellCommand, is_program, own_programs

BUSYBOX = Busybox("/opt/busybox", frozenset({"[", "echo", "grep", "run-parts", "sh", "time", "wc"}))
BECAUSE = Because("a test")


def directory(path: str) -> Item:
    return Item(BundlePath(path), made_directory(path), BECAUSE)


def file(path: str, mode: int = 0o755) -> Item:
    return Item(BundlePath(path), Copy(path, 1, (1, hash(path)), Attributes(mode)), BECAUSE)


def link(path: str, target: str) -> Item:
    return Item(BundlePath(path), Link(target, Attributes(0o777)), BECAUSE)


PLAN = BundlePlan().adding(
    [
        *map(directory, ["/usr", "/usr/bin", "/usr/local", "/usr/local/bin", "/opt", "/etc"]),
        link("/bin", "usr/bin"),
        file("/usr/bin/grep"),
        file("/usr/local/bin/wc"),
        file("/usr/bin/wc"),
        file("/usr/bin/echo"),
        file("/usr/bin/time", 0o644),
        link("/usr/bin/sh", "/opt/dash"),
        file("/opt/dash"),
        link("/usr/bin/dead", "/none"),
    ]
)


def split(invocation: Invocation) -> tuple[str, str]:
    """Return the script with a name in place of the secret, and the secret."""
    secret = (re.findall(r"(\S*/\.magicpak-[0-9a-f]{32}/busybox)", invocation.argv[2]) or [""])[0]
    return invocation.argv[2].replace(secret, "SECRET") if secret else invocation.argv[2], secret


def test_an_executable_is_run_by_its_path_without_arguments() -> None:
    tool = ProgramCommand(BundlePath("/opt/a tool"))
    assert (tool.line, tool.invocation(has_proc=True)) == ("'/opt/a tool'", Invocation(("/opt/a tool",), "/opt/a tool"))
    assert tool.invocation(has_proc=False) == tool.invocation(has_proc=True)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/bin/sh", True),
        ("/usr/bin/grep", True),
        ("/bin/../bin/grep", True),
        ("/usr/bin/time", False),
        ("/usr/bin/dead", False),
        ("/usr/bin", False),
        ("/none", False),
    ],
)
def test_a_program_is_an_executable_file_at_the_end_of_a_path(path: str, expected: bool) -> None:  # noqa: FBT001
    assert is_program(path, PLAN) is expected


def test_programs_of_the_bundle_are_found_in_the_order_of_path_but_for_what_a_shell_does_itself() -> None:
    found = {"grep": "/usr/bin/grep", "sh": "/usr/bin/sh", "wc": "/usr/local/bin/wc"}
    assert own_programs(BUSYBOX, PLAN) == found
    assert own_programs(None, PLAN) == {}


def test_with_proc_a_shell_of_busybox_executes_itself_for_an_applet_and_stands_nowhere() -> None:
    invocation = BusyboxCommand("tool | grep x | wc", BUSYBOX, {"wc": "/usr/bin/wc"}).invocation(has_proc=True)
    script = 'wc() { /usr/bin/wc "$@"; }; grep() { (exec -a grep /proc/self/exe "$@"); }; tool | grep x | wc'
    assert invocation == Invocation(("sh", "-c", script), "/bin/sh", LentTool("/opt/busybox", None, is_first=True))


def test_without_proc_it_is_called_by_a_path_that_nobody_can_guess() -> None:
    command = BusyboxCommand("grep x", BUSYBOX, {})
    first, second = (split(command.invocation(has_proc=False)) for _ in range(2))
    assert first[0] == 'grep() { SECRET grep "$@"; }; grep x'
    assert (first[1].startswith("/.magicpak-"), first[1] != second[1]) == (True, True)
    assert command.invocation(has_proc=False).argv[:2] == ("sh", "-c")


def test_only_words_of_the_command_become_functions() -> None:
    for line in ("egrep x", "grepped", "echo x; [ -e x ]", "run-parts /x", "wcx"):
        assert BusyboxCommand(line, BUSYBOX, {"wc": "/usr/bin/wc"}).invocation(has_proc=True).argv[2] == line
    for line in ("(grep x)", "x|grep", "`grep`", "$(grep x)", "a;grep\nb", "'grep'"):
        assert BusyboxCommand(line, BUSYBOX, {}).invocation(has_proc=True).argv[2].startswith("grep() {")


def test_the_shell_of_the_bundle_is_lent_a_busybox_only_where_there_are_applets() -> None:
    assert ShellCommand("tool -x", BUSYBOX, {}).invocation(has_proc=True) == Invocation(
        ("sh", "-c", "tool -x"), "/bin/sh"
    )
    assert ShellCommand("grep x", None, {}).invocation(has_proc=False) == Invocation(("sh", "-c", "grep x"), "/bin/sh")
    own = ShellCommand("grep x", BUSYBOX, {"grep": "/usr/bin/grep"})
    assert own.invocation(has_proc=True) == Invocation(("sh", "-c", "grep x"), "/bin/sh")
    assert ShellCommand("time tool", BUSYBOX, {}).invocation(has_proc=True).tool is None


@pytest.mark.parametrize(("has_proc", "directory"), [(True, "/dev"), (False, "")])
def test_it_is_told_a_path_for_the_applets(has_proc: bool, directory: str) -> None:  # noqa: FBT001
    invocation = ShellCommand("tool | grep x", BUSYBOX, {}).invocation(has_proc=has_proc)
    script, secret = split(invocation)
    assert script == 'grep() { SECRET grep "$@"; }; tool | grep x'
    assert (secret.startswith(f"{directory}/.magicpak-"), invocation.executable) == (True, "/bin/sh")
    assert invocation.tool == LentTool("/opt/busybox", secret, is_first=False)
