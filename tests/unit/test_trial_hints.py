"""Which paths that were looked for and not found are suggested, in which order, and with which flag.

The host's part is a directory of the test's own, whose paths stand for those of a system.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from magicpak.bundle.entry import Attributes, Copy
from magicpak.bundle.exclude import exclude
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item, made_directory
from magicpak.tracing.trace import Access, Execution, Trace, Use
from magicpak.trial.failed_lookups import FailedLookup, failed_lookups, proc_lookups
from magicpak.trial.suggestions import TrialPlans, suggest, worth_suggesting

EMPTY = TrialPlans(BundlePlan(), exclude(BundlePlan(), []))


@pytest.fixture
def host(tmp_path: Path) -> Callable[..., str]:
    """Make a file of the host at this path below a directory of the test, and return its path."""

    def make(path: str, target: str | None = None) -> str:
        at = tmp_path / path
        at.parent.mkdir(parents=True, exist_ok=True)
        if target is None:
            at.write_text("")
        else:
            at.symlink_to(target)
        return str(at)

    return make


def sought(path: str, how: Access = Access.READ) -> FailedLookup:
    return FailedLookup(BundlePath(path), how)


def told(*each: FailedLookup | str, plans: TrialPlans = EMPTY, said: str = "") -> list[str]:
    return suggest([sought(one) if isinstance(one, str) else one for one in each], plans, said)


def excluding(path: str, *patterns: str) -> TrialPlans:
    """Return the plans where a file at `path` is excluded by some of the patterns."""
    because = Because("a test")
    item = Item(BundlePath(path), Copy(path, 0, (1, 1), Attributes(0o644)), because)
    parents, parent = [], item.path.parent
    while parent != "/":
        parents.append(Item(parent, made_directory(parent), because))
        parent = parent.parent
    before = BundlePlan().adding([*parents, item])
    exclusion = exclude(before, patterns)
    return TrialPlans(exclusion.plan, exclusion)


def test_what_the_host_has_is_told_with_its_flag_and_what_it_has_not_is_not(host: Callable[..., str]) -> None:
    path = host("srv/data")
    assert told(path, f"{path}.none") == [f"--include {path}"]
    assert told() == []


def test_a_flag_can_be_pasted_into_a_shell(host: Callable[..., str]) -> None:
    path = host("srv/a b'c")
    assert told(path) == ["--include '" + path.replace("'", "'\"'\"'") + "'"]


def test_what_was_looked_for_last_comes_first(host: Callable[..., str]) -> None:
    first, last = host("one/a"), host("two/b")
    assert told(first, last) == [f"--include {last}", f"--include {first}"]


def test_what_the_program_has_named_comes_first_of_all(host: Callable[..., str]) -> None:
    named, other, library = host("one/settings.ini"), host("two/other"), host("three/libx.so.1")
    for said in (f"cannot open {named}", "no settings here", "settings.ini: gone"):
        assert told(named, other, library, said=said)[0] == f"--include {named}"
    assert told(named, other, library, said="nothing")[0] == f"--include {library} (a library)"


def test_programs_and_libraries_come_before_files_and_files_before_what_was_only_asked_for(
    host: Callable[..., str],
) -> None:
    tested, read, program = host("one/a"), host("two/b"), host("three/c")
    library = host("four/libd.so")
    hows = [sought(program, Access.EXECUTED), sought(library), sought(read), sought(tested, Access.TESTED)]
    assert told(*hows) == [
        f"--include {library} (a library)",
        f"--include {program}",
        f"--include {read}",
        f"--include {tested}",
    ]


def test_a_directory_to_write_into_is_made_though_the_host_has_none() -> None:
    assert told(sought("/none/such", Access.MADE)) == ["--mkdir /none/such"]


def test_of_directories_for_temporary_files_the_usual_one_comes_first() -> None:
    tried = [sought(path, Access.MADE) for path in ("/tmp", "/var/tmp", "/usr/tmp")]
    hints = ["--with tmp", "--mkdir /usr/tmp"]
    assert told(*tried) == told(*tried[::-1]) == hints


@pytest.mark.parametrize("run", ["/run", "/var/run"])
def test_a_directory_of_run_that_a_message_names_is_one_to_make_and_a_file_is_not(run: str) -> None:
    asked = sought(f"{run}/no-daemon", Access.TESTED)
    said = f"Missing privilege separation directory: {run}/no-daemon"
    assert told(asked, "/bin/sh", said=said) == [f"--mkdir {run}/no-daemon", "--with shell (a shell)"]
    assert told(asked, said="no-daemon: exit") == []
    assert told(sought(f"{run}/no-daemon", Access.READ), said=said) == []
    assert told(sought(f"{run}/no-daemon.pid", Access.TESTED), said=f"no {run}/no-daemon.pid") == []


def test_of_run_a_directory_that_the_host_has_is_made_without_its_files() -> None:
    directory = next(path for path in ("/run/lock", "/run/user", "/run") if Path(path).is_dir())
    for access in (Access.TESTED, Access.READ, Access.LISTED):
        assert told(sought(directory, access)) == [f"--mkdir {directory}"]


@pytest.mark.parametrize("access", [Access.MADE, Access.TESTED, Access.LISTED])
def test_a_directory_of_which_the_program_wants_the_files_is_included(access: Access, host: Callable[..., str]) -> None:
    path = host("srv/data/deep/file")
    directory = path.removesuffix("/deep/file")
    hints = told(sought(directory, access), path)
    assert f"--include {directory}" in hints
    assert f"--mkdir {directory}" not in hints


def test_a_directory_that_was_tested_is_included_with_its_files_unless_they_are_state(host: Callable[..., str]) -> None:
    directory = host("srv/data/file").removesuffix("/file")
    assert told(sought(directory, Access.TESTED)) == [f"--mkdir {directory}"]  # below /tmp
    assert told(sought("/usr/share/dpkg", Access.TESTED)) == ["--include /usr/share/dpkg"]
    assert told(sought("/usr/share/dpkg", Access.MADE)) == ["--mkdir /usr/share/dpkg"]


def test_several_paths_of_one_file_are_one_hint_with_its_real_path(host: Callable[..., str]) -> None:
    real = host("lib/real")
    link = host("lib/link", "real")
    assert told(real, link) == told(link, real) == [f"--include {real}"]


def test_many_files_of_one_directory_are_one_hint_for_the_directory(host: Callable[..., str]) -> None:
    paths = [host(f"srv/data/{name}") for name in "abcdef"]
    directory = paths[0].rpartition("/")[0]
    assert told(*paths[:3]) == [f"--include {path}" for path in reversed(paths[:3])]
    assert told(*paths) == [f"--include {directory}"]


def test_what_was_excluded_comes_first_with_the_pattern_that_did_it(host: Callable[..., str]) -> None:
    path, other = host("srv/data"), host("srv/libother.so")
    plans = excluding(path, "/none", "*/data", "*")
    assert told(path, other, plans=plans) == [
        f"{path} is excluded by --exclude '*/data'",
        f"--include {other} (a library)",
    ]


def test_what_the_program_has_made_itself_on_the_host_is_no_cure(host: Callable[..., str]) -> None:
    path = host("srv/cache")
    assert told(path, plans=EMPTY._replace(made=[path])) == []


def test_control_characters_of_a_path_are_not_let_through(host: Callable[..., str]) -> None:
    path = host("srv/\x1b[31m")
    assert told(path) == [f"--include $'{path[:-5]}\\033[31m'"]


def test_what_was_not_looked_for_by_name_is_told_where_it_is_named_or_excluded() -> None:
    unseen = [sought("/srv/module.py", Access.LISTED), sought("/srv/other.py", Access.LISTED)]
    assert worth_suggesting(unseen, EMPTY, "No module named 'module'") == unseen[:1]
    assert worth_suggesting(unseen, EMPTY, "nothing") == []
    assert worth_suggesting(unseen, excluding("/srv/other.py", "/srv/*"), "nothing") == unseen[1:]


def traced(*uses: tuple[int, str, Access, bool]) -> Trace:
    """Return the trace of failed uses: execution, path, access, and whether a loader's; of three, 1 is forked by 0."""
    executions = tuple(
        Execution(1, 0 if number == 1 else None, number == 1, f"/{number}", f"/{number}", (1, number), (), "/", 0)
        for number in range(3)
    )
    failed = (Use(number, "open", access, path, "", 2, "/", by_loader) for number, path, access, by_loader in uses)
    return Trace(executions, tuple(failed), ())


@pytest.mark.parametrize("order", [(Access.READ, Access.MADE), (Access.MADE, Access.READ)])
def test_a_directory_to_list_and_to_write_into_is_included(host: Callable[..., str], order: list[Access]) -> None:
    directory = str(Path(host("srv/conf.d/a.conf")).parent)
    paths = {Access.READ: directory, Access.MADE: f"{directory}/new"}
    lookups = failed_lookups(traced(*((0, paths[each], each, False) for each in order)), BundlePlan())
    assert told(*lookups) == [f"--include {directory}"]
    only_made = failed_lookups(traced((0, f"{directory}/new", Access.MADE, False)), BundlePlan())
    assert told(*only_made) == [f"--mkdir {directory}"]


def test_what_a_static_program_looks_for_at_its_start_is_not_missed_in_proc() -> None:
    own, static = "/proc/self/exe", 2
    start = (static, own, Access.TESTED, False)
    loader = (0, "/lib/libx.so", Access.READ, True)
    assert list(proc_lookups(traced(start), "")) == []
    assert list(proc_lookups(traced(start), f"no {own}")) == [own]
    assert list(proc_lookups(traced(start, loader), "")) == []
    assert list(proc_lookups(traced(start, loader, (1, own, Access.TESTED, False)), "")) == [own]  # of a fork
    assert list(proc_lookups(traced(start, (static, "/proc/stat", Access.READ, False)), "")) == ["/proc/stat"]
