from pathlib import Path

import pytest

from magicpak.bundle.entry import Attributes, Copy, Entry, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item, made_directory
from magicpak.errors import ExitCode, InvalidUsage
from magicpak.sandbox.user import RunAs
from magicpak.trial.expectations import run_as_for

PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/:\n77:x:1234:5::/:\n"
    "odd:x\n# odd\nbad:x:ten:x::/:\n\udcff:x:9:8::/:\n"
)
GROUP = "root:x:0:\nstaff:x:50:root,app\nwheel:x:10:app\nother:x:11:application\nodd\n1000:x:60:\n"


def plan_with(path: str, entry: Entry) -> list[Item]:
    because = Because("a test")
    parents = [Item(BundlePath("/etc"), made_directory("/etc"), because)]
    return [*parents, Item(BundlePath(path), entry, because)]


@pytest.fixture
def plan(tmp_path: Path) -> BundlePlan:
    """A plan with the names of users, and those of groups behind a link."""
    items = []
    for path, name, text in (("/etc/passwd", "passwd", PASSWD), ("/etc/groups", "group", GROUP)):
        (tmp_path / name).write_text(text, errors="surrogateescape")
        items += plan_with(path, Copy(str(tmp_path / name), len(text), (1, len(name)), Attributes(0o644)))
    return BundlePlan().adding([*items, *plan_with("/etc/group", Link("groups", Attributes(0o777)))])


@pytest.mark.parametrize(
    ("user", "run_as"),
    [
        (None, RunAs()),
        ("root", RunAs(0, 0, (50,))),
        ("0", RunAs(0, 0, (50,))),
        ("app", RunAs(1000, 1001, (50, 10))),
        ("1000", RunAs(1000, 1001, (50, 10))),
        ("app:staff", RunAs(1000, 50)),
        ("app:7", RunAs(1000, 7)),
        ("app:1000", RunAs(1000, 60)),
        ("77", RunAs(1234, 5)),
        ("4321", RunAs(4321, 0)),
        ("4321:wheel", RunAs(4321, 10)),
        ("\udcff", RunAs(9, 8)),
    ],
)
def test_a_user_is_what_docker_takes_it_for(user: str | None, run_as: RunAs, plan: BundlePlan) -> None:
    assert run_as_for(user, plan) == run_as


@pytest.mark.parametrize(
    ("user", "run_as"), [("5", RunAs(5, 0)), ("5:6", RunAs(5, 6)), ("2147483647", RunAs(2147483647, 0))]
)
def test_numbers_need_no_names(user: str, run_as: RunAs) -> None:
    assert run_as_for(user, BundlePlan()) == run_as


@pytest.mark.parametrize(
    ("user", "what", "file"),
    [
        ("none", "user none", "/etc/passwd"),
        ("odd", "user odd", "/etc/passwd"),
        ("bad", "user bad", "/etc/passwd"),
        ("-1", "user -1", "/etc/passwd"),
        ("٣", "user ٣", "/etc/passwd"),
        ("2147483648", "user 2147483648", "/etc/passwd"),
        ("app:none", "group none", "/etc/group"),
        ("1:odd", "group odd", "/etc/group"),
    ],
)
def test_a_name_that_the_bundle_does_not_know_is_refused(user: str, what: str, file: str, plan: BundlePlan) -> None:
    with pytest.raises(InvalidUsage) as caught:
        run_as_for(user, plan)
    assert (caught.value.exit_code, caught.value.message, caught.value.hints) == (
        ExitCode.USAGE,
        f"--test-user: {file} of the bundle has no {what}",
        (f"use its number, or add the name with --with users, or the file with --include {file}",),
    )


@pytest.mark.parametrize("number", ["4294967296", "9" * 5000])
def test_a_number_of_the_bundles_own_files_that_is_none_is_refused(number: str, tmp_path: Path) -> None:
    text = f"app:x:1000:{number}::/:\n"
    (tmp_path / "passwd").write_text(text)
    entry = Copy(str(tmp_path / "passwd"), len(text), (1, 1), Attributes(0o644))
    with pytest.raises(InvalidUsage):
        run_as_for("app", BundlePlan().adding(plan_with("/etc/passwd", entry)))
