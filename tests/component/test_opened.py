"""What files, directories and links a trace brings into the bundle."""

import os
import re
import shutil
import socket
import stat
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import magicpak.collect.trees
from magicpak.bundle.entry import Attributes, Copy, Directory, Layout, Link
from magicpak.bundle.plan import Because, BundlePlan
from magicpak.collect.include import include
from magicpak.collect.mirror import Mirror
from magicpak.collect.trees import TreeCollector
from magicpak.errors import InvalidUsage, SourceChanged
from magicpak.files.cli_path import parse_cli_path
from magicpak.files.host import Host
from magicpak.tracing.trace import Access, Backup
from support.elf_files import X86_64_EXIT_0, make_elf
from support.handmade_traces import HandmadeRun, bundled, lines, text, traced
from support.loader_oracle import inside

READING = (Access.READ, Access.MAPPED, Access.EXECUTED, Access.TESTED)


class Small:
    """A directory with a program that needs nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.program = self.add("prog", make_elf(code=X86_64_EXIT_0, dynamic=False))

    def __truediv__(self, path: str) -> str:
        return f"{self.root}/{path}"

    def add(self, path: str, data: bytes | str | None = None) -> str:
        where = self.root / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(os.fsencode(path) if data is None else data if isinstance(data, bytes) else data.encode())
        where.chmod(0o755)
        return str(where)

    def link(self, path: str, target: str) -> str:
        where = self.root / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.symlink_to(target)
        return str(where)

    def directory(self, path: str) -> str:
        (self.root / path).mkdir(parents=True, exist_ok=True)
        return str(self.root / path)

    def run(self) -> HandmadeRun:
        return HandmadeRun(self.program)

    def plan(self, *runs: HandmadeRun, layout: Layout = Layout.HOST, warnings: Sequence[str] = ()) -> BundlePlan:
        found = bundled(runs, [self.program], layout=layout)
        assert found.warnings == tuple(warnings)
        return found.plan

    def brought(self, *runs: HandmadeRun, layout: Layout = Layout.HOST, warnings: Sequence[str] = ()) -> list[str]:
        """What has come beside the program."""
        found = lines(self.plan(*runs, layout=layout, warnings=warnings), str(self.root))
        found.remove("prog")
        return found


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """The directory of the program, by its real path."""
    root = Path(os.path.realpath(tmp_path)) / "host"
    root.mkdir()
    return Small(root)


def elsewhere(plan: BundlePlan, small: Small) -> list[str]:
    """Return what `plan` has beside the way to the program's directory and what is in that."""
    return [
        line for line in lines(plan) if not f"{small.root}/".startswith(f"/{line}") and f"{small.root}/"[1:] not in line
    ]


@pytest.mark.parametrize("how", READING)
def test_a_file_that_was_read_mapped_executed_or_tested_is_in(small: Small, how: Access) -> None:
    assert small.brought(small.run().use(how, small.add("d/file"))) == ["d/", "d/file"]


@pytest.mark.parametrize("how", [Access.READ, Access.TESTED])
def test_a_named_pipe_is_in(small: Small, how: Access) -> None:
    small.directory("d")
    os.mkfifo(small / "d/pipe")
    assert small.brought(small.run().use(how, small / "d/pipe")) == ["d/", "d/pipe|"]


@pytest.mark.parametrize("how", list(Access))
def test_what_failed_brings_nothing(small: Small, how: Access) -> None:
    assert small.brought(small.run().use(how, small.add("d/file"), error=13)) == []


def test_every_link_on_the_way_is_in(small: Small) -> None:
    small.add("real/sub/file")
    small.link("real/sub/other", "../sub/file")
    small.link("dir", "real/sub")
    small.link("absolute", small / "dir")
    assert small.brought(small.run().use(Access.READ, small / "absolute/../sub/other")) == [
        f"absolute -> {small / 'dir'}", "dir -> real/sub", "real/", "real/sub/", "real/sub/file",
        "real/sub/other -> ../sub/file",
    ]  # fmt: skip


def test_a_link_that_leads_nowhere_or_in_a_circle_is_in_with_what_is_on_the_way(small: Small) -> None:
    small.directory("d")
    run = small.run().use(Access.TESTED, small.link("dead", "d/nothing"), small.link("one", "two"))
    small.link("two", "one")
    assert small.brought(run) == ["d/", "dead -> d/nothing", "one -> two", "two -> one"]


@pytest.mark.parametrize("how", [Access.READ, Access.LISTED, Access.ENTERED, Access.TESTED])
def test_a_directory_that_was_looked_at_is_there_with_its_mode_owner_and_time_and_empty(
    small: Small, how: Access
) -> None:
    small.add("d/sub/file")
    os.chmod(small / "d/sub", 0o2750)
    os.utime(small / "d/sub", ns=(0, 5_000_000_001))
    plan = small.plan(small.run().use(how, small / "d/sub"))
    assert lines(plan, str(small.root)) == ["d/", "d/sub/ seen", "prog"]
    status = os.stat(small / "d/sub")
    item = plan.get(small / "d/sub")
    assert item is not None
    assert item.entry == Directory(Attributes(0o2750, status.st_uid, status.st_gid, 5_000_000_001), small / "d/sub")


def test_a_directory_that_was_written_into_is_there_without_its_time(small: Small) -> None:
    small.directory("d/e")
    small.add("d/made")
    small.directory("f")
    run = (
        small.run()
        .use(Access.MADE, small / "d/made")
        .use(Access.LISTED, small / "d")
        .use(Access.MADE, small / "f/gone")
    )
    assert small.brought(run) == ["d/ written", "f/ written"]


def test_of_a_socket_and_a_device_the_directory_alone_is_there(small: Small) -> None:
    small.directory("run")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(small / "run/socket")
        run = small.run().use(Access.CONNECTED, small / "run/socket").use(Access.TESTED, small / "run/socket")
        assert small.brought(run) == ["run/ seen"]
        assert small.brought(small.run().use(Access.TESTED, small / "run/socket")) == ["run/"]


def test_what_is_the_kernels_is_not_in_but_its_mount_points_where_they_were_used(small: Small) -> None:
    run = small.run().use(Access.READ, "/proc/self/status", "/dev/null").use(Access.READ, "/sys/nothing", error=2)
    plan = small.plan(run.use(Access.LISTED, "/dev/"))
    assert elsewhere(plan, small) == ["dev/ written", "proc/ written"]
    status = os.stat("/dev")
    item = plan.get("/dev")
    assert item is not None
    assert item.entry == Directory(Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid))


def test_a_link_to_what_is_the_kernels_is_in_without_a_warning(small: Small) -> None:
    small.link("mtab", "/proc/self/mounts")
    small.link("var/run", "/run")
    run = small.run().use(Access.READ, small / "mtab").use(Access.TESTED, small / "var/run/thing")
    plan = small.plan(run.use(Access.MADE, small / "var/run/pid", real="/run/pid"))
    assert elsewhere(plan, small) == ["proc/ written", "run/ written"]
    assert lines(plan, str(small.root)) == ["mtab -> /proc/self/mounts", "prog", "var/", "var/run -> /run"]


def test_of_run_the_directories_and_links_are_in_and_no_files(small: Small) -> None:
    """The same in another root directory: only there a test may make what it needs."""
    small.add("jail/run/app/state/pid")
    os.mkfifo(small / "jail/run/app/pipe")
    os.chmod(small.directory("jail/run/app/sockets"), 0o2750)
    small.link("jail/run/system", "../opt/system")
    small.add("jail/opt/system/file")
    small.link("jail/var/run", "/run")
    small.add("jail/run/systemd/private")
    run = small.run()
    used = ("run/app/state/pid", "run/app/pipe", "run/app/sockets", "var/run/app", "run/system/file", "run/gone")
    run.use(Access.TESTED, *(small / f"jail/{path}" for path in used), root=small / "jail")
    run.use(Access.MADE, small.add("jail/run/app/state/made"), root=small / "jail")
    run.use(Access.CONNECTED, small / "jail/run/systemd/private", root=small / "jail")
    plan = small.plan(run)
    assert lines(plan, str(small.root)) == [
        "jail/", "jail/opt/", "jail/opt/system/", "jail/opt/system/file", "jail/run/", "jail/run/app/ seen",
        "jail/run/app/sockets/ seen", "jail/run/app/state/ written", "jail/run/system -> ../opt/system",
        "jail/run/systemd/ seen", "jail/var/", "jail/var/run -> /run", "prog",
    ]  # fmt: skip
    item = plan.get(small / "jail/run/app/sockets")
    assert item is not None
    assert item.entry.attributes[:3] == (0o2750, os.geteuid(), os.getegid())


def test_what_says_that_systemd_runs_the_machine_is_not_in(small: Small) -> None:
    run = small.run().use(Access.TESTED, "/run/systemd/system", "/run/systemd/netif")
    for path in ("/run/systemd", "/run/systemd/system", "/run/systemd/netif"):  # whether this machine has them or not
        run.kept.append(Backup(path, None, None, stat.S_IFDIR | 0o755, 0, 0, 0))
    plan = small.plan(run)
    assert [path for path in ("/run/systemd", "/run/systemd/netif", "/run/systemd/system") if path in plan] == [
        "/run/systemd", "/run/systemd/netif",
    ]  # fmt: skip


def test_in_a_real_var_run_there_are_no_files_either(small: Small) -> None:
    small.add("jail/var/run/app/pid")
    run = small.run().use(Access.READ, small / "jail/var/run/app/pid", root=small / "jail")
    assert small.brought(run) == ["jail/", "jail/var/", "jail/var/run/", "jail/var/run/app/"]


def test_what_proc_says_of_the_program_itself_brings_it_nowhere_else(small: Small) -> None:
    moved = small / "elsewhere/prog"
    run = small.run()
    run.use(Access.READ, "/proc/self/exe").use(Access.TESTED, "/proc/self/exe")
    found = bundled([run], [small.program], install_to=moved)
    assert lines(found.plan, str(small.root)) == ["elsewhere/", "elsewhere/prog"]
    run.use(Access.READ, small.program)
    assert lines(bundled([run], [small.program], install_to=moved).plan, str(small.root)) == [
        "elsewhere/", "elsewhere/prog", "prog",
    ]  # fmt: skip


def test_what_was_used_at_the_place_of_a_program_that_moves_there_gives_way(small: Small) -> None:
    other = small.link("bin/tool", "../share/tool")
    small.add("share/tool")
    found = bundled([small.run().use(Access.TESTED, other)], [small.program], install_to=other)
    assert lines(found.plan, str(small.root)) == ["bin/", "bin/tool", "share/", "share/tool"]


def test_the_output_is_not_in(small: Small) -> None:
    run = small.run().use(Access.READ, small.add("out/file")).use(Access.LISTED, small / "out")
    assert "out" not in str(lines(bundled([run], [small.program], output=small / "out").plan, str(small.root)))


def test_the_directory_of_the_output_has_no_time(small: Small) -> None:
    run = small.run().use(Access.LISTED, small.directory("d"))
    assert "d/ written" in lines(bundled([run], [small.program], output=small / "d/out").plan, str(small.root))


@pytest.mark.needs("root", "chroot")
def test_what_only_others_may_read_is_left_out_with_a_warning(small: Small) -> None:
    for path in (small.root, *small.root.parents):
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    os.chmod(small.add("d/hidden"), 0o600)
    run = small.run().use(Access.TESTED, small / "d/hidden", small.add("d/open"))

    def look() -> tuple[list[str], tuple[str, ...]]:
        os.setreuid(65534, 65534)
        found = bundled([run], [small.program])
        return lines(found.plan, str(small.root)), found.warnings

    assert inside(Path("/"), look) == (
        ["d/", "d/open", "prog"],
        (f"skipped {small / 'd/hidden'}: the program used it, but the current user may not read it",),
    )


@pytest.mark.parametrize(
    "how", [Access.READ, Access.TESTED, Access.MAPPED, Access.EXECUTED, Access.CHANGED, Access.REMOVED]
)
def test_what_the_run_made_is_not_in_whatever_else_it_did_with_it(small: Small, how: Access) -> None:
    run = (
        small.run().use(Access.MADE, small.add("d/made")).use(how, small / "d/made").use(Access.READ, small / "d/made")
    )
    assert small.brought(run) == ["d/ written"]


def test_what_stands_in_a_directory_that_the_run_made_is_not_in(small: Small) -> None:
    run = small.run().use(Access.MADE, small.directory("d/made")).use(Access.READ, small.add("d/made/sub/file"))
    run.use(Access.LISTED, small / "d/made", small / "d/made/sub").use(Access.MAPPED, small / "d/made/sub/file")
    run.use(Access.MADE, small / "d/made/sub/file")
    assert small.brought(run) == ["d/ written"]


def test_through_a_link_that_the_run_made_the_file_comes_by_its_real_path(small: Small) -> None:
    small.add("real/file")
    small.add("real/made")
    run = small.run().use(Access.MADE, small.link("link", "real"), small / "real/made")
    run.use(Access.READ, small / "link/file", small / "link/made").use(Access.LISTED, small / "link")
    assert small.brought(run) == ["real/ written", "real/file"]


def test_through_a_link_that_the_run_replaced_both_files_come(small: Small) -> None:
    small.add("v1/file")
    small.add("v2/file")
    run = small.run()
    run.keep(small.link("now", "v1"))
    os.unlink(small / "now")
    small.link("now", "v2")
    run.use(Access.READ, small / "now/file").use(Access.REMOVED, small / "now").use(Access.MADE, small / "now")
    run.use(Access.READ, small / "now/file")
    assert small.brought(run) == ["now -> v1", "v1/ seen", "v1/file", "v2/", "v2/file"]


def test_a_file_that_was_emptied_unread_is_not_in_though_it_was_tested(small: Small) -> None:
    run = small.run().use(Access.TESTED, small.add("d/log"))
    run.keep(small / "d/log")
    run.use(Access.EMPTIED, small / "d/log").use(Access.READ, small / "d/log").use(Access.CHANGED, small / "d/log")
    assert small.brought(run) == ["d/ seen"]


@pytest.mark.parametrize("how", [Access.READ, Access.MAPPED, Access.EXECUTED])
def test_a_file_that_was_read_before_it_was_emptied_is_in_as_it_was(small: Small, how: Access) -> None:
    small.link("d", "real")
    small.add("real/state", "before")
    run = small.run().use(how, small / "d/state")
    run.keep(small / "real/state")
    small.add("real/state", "after all")
    run.use(Access.EMPTIED, small / "d/state")
    plan = small.plan(run)
    assert lines(plan, str(small.root)) == ["d -> real", "prog", "real/ seen", "real/state"]
    assert text(plan, small / "real/state") == "before"


def test_a_file_that_was_changed_is_in_as_it_was_with_its_attributes(small: Small) -> None:
    run = small.run()
    os.chmod(small.add("d/file", "before"), 0o640)
    os.utime(small / "d/file", ns=(0, 5_000_000_001))
    copy = run.keep(small / "d/file") + ".kept"
    small.add("d/file", "after all")
    plan = small.plan(run.use(Access.CHANGED, small / "d/file"))
    assert lines(plan, str(small.root)) == ["d/", "d/file", "prog"]
    kept = os.stat(copy)
    item = plan.get(small / "d/file")
    assert item is not None
    assert item.entry == Copy(
        copy, 6, (kept.st_dev, kept.st_ino), Attributes(0o640, kept.st_uid, kept.st_gid, 5_000_000_001)
    )
    assert kept.st_mtime_ns == 5_000_000_001


def test_what_was_removed_is_in_as_it_was(small: Small) -> None:
    run = small.run()
    run.keep(small.add("d/sub/file", "before"))
    run.keep(small.link("d/sub/link", "file"))
    os.mkfifo(small / "d/sub/pipe")
    run.keep(small / "d/sub/pipe")
    os.chmod(small / "d/sub", 0o2750)
    run.keep(small / "d/sub")
    for name in ("file", "file.kept", "link", "pipe"):
        if name == "file.kept":
            os.rename(small / "d/sub/file.kept", small / "kept")
            run.kept[0] = run.kept[0]._replace(copy=small / "kept")
        else:
            os.unlink(small / f"d/sub/{name}")
    os.rmdir(small / "d/sub")
    for name in ("sub/file", "sub/link", "sub/pipe", "sub"):
        run.use(Access.REMOVED, small / f"d/{name}", real=small / f"d/{name}")
    plan = small.plan(run)
    assert lines(plan, str(small.root)) == [
        "d/ written", "d/sub/ written", "d/sub/file", "d/sub/link -> file", "d/sub/pipe|", "prog",
    ]  # fmt: skip
    directory = plan.get(small / "d/sub")
    assert directory is not None
    assert directory.entry == Directory(Attributes(0o2750, os.geteuid(), os.getegid()), None)
    assert text(plan, small / "d/sub/file") == "before"


def test_what_was_replaced_is_in_as_it_was(small: Small) -> None:
    run = small.run()
    run.keep(small.add("d/file", "before"))
    small.add("d/file", "after all")
    run.use(Access.MADE, small / "d/new").use(Access.REMOVED, small / "d/new", small / "d/file")
    plan = small.plan(run.use(Access.MADE, small / "d/file").use(Access.READ, small / "d/file"))
    assert lines(plan, str(small.root)) == ["d/ written", "d/file", "prog"]
    assert text(plan, small / "d/file") == "before"


def test_a_file_in_the_place_of_a_link_or_a_directory_does_not_stand_in_the_way(small: Small) -> None:
    run = small.run()
    small.add("real/file")
    run.keep(small.link("d", "real"))
    os.unlink(small / "d")
    small.add("d", "a file now")
    run.use(Access.READ, small / "d/file").use(Access.REMOVED, small / "d").use(Access.MADE, small / "d")
    assert small.brought(run) == ["d -> real", "real/ seen", "real/file"]


def test_a_file_whose_former_bytes_could_not_be_kept_is_told(small: Small) -> None:
    run = small.run()
    for name in ("d/there", "d/gone"):
        status = os.stat(small.add(name))
        run.kept.append(Backup(small / name, None, None, status.st_mode, 0, 0, 0))
        run.use(Access.CHANGED, small / name)
    os.unlink(small / "d/gone")
    told = "was changed by the run and could not be saved beforehand"
    warnings = [
        f"{small / 'd/there'} {told}: it is included as it is now",
        f"{small / 'd/gone'} {told}: it is not included",
    ]
    assert small.brought(run, warnings=warnings) == ["d/", "d/there"]


def test_what_an_earlier_run_made_stays_made_and_what_it_kept_counts_first(small: Small) -> None:
    first, second = small.run(), small.run()
    first.use(Access.MADE, small.add("d/made"))
    second.keep(small / "d/made")
    second.use(Access.READ, small / "d/made").use(Access.CHANGED, small / "d/made")
    first.keep(small.add("e/file", "first"))
    os.rename(small / "e/file.kept", small / "kept")
    first.kept[0] = first.kept[0]._replace(copy=small / "kept")
    first.use(Access.CHANGED, small / "e/file")
    small.add("e/file", "second")
    second.keep(small / "e/file")
    second.use(Access.CHANGED, small / "e/file")
    plan = small.plan(first, second)
    assert lines(plan, str(small.root)) == ["d/ written", "e/", "e/file", "prog"]
    assert text(plan, small / "e/file") == "first"


def test_a_file_that_the_first_run_read_may_be_emptied_by_the_second(small: Small) -> None:
    first, second = small.run().use(Access.READ, small.add("d/file")), small.run()
    second.keep(small / "d/file")
    assert small.brought(first, second.use(Access.EMPTIED, small / "d/file")) == ["d/ seen", "d/file"]


def test_what_was_included_is_as_it_was_too_but_what_was_made_is_there(small: Small) -> None:
    run = small.run()
    run.keep(small.add("d/changed", "before"))
    os.rename(small / "d/changed.kept", small / "kept")
    run.kept[0] = run.kept[0]._replace(copy=small / "kept")
    small.add("d/changed", "after all")
    run.use(Access.EMPTIED, small / "d/changed").use(Access.MADE, small.add("d/made"))
    mirror = traced([run], [small.program]).mirror
    trees = TreeCollector(mirror)
    trees.collect(parse_cli_path(small / "d"), Because("test"))
    trees.walk()
    plan = BundlePlan().adding(mirror.take())
    assert lines(plan, str(small.root)) == ["d/ written", "d/changed", "d/made"]
    assert text(plan, small / "d/changed") == "before"


def test_a_chain_of_linked_directories_takes_time_for_each_link_alone(small: Small) -> None:
    def seconds(links: int) -> float:
        for number in range(links):
            small.link(f"{links}/{number}/next", f"../{number + 1}")
        small.add(f"{links}/{links}/end")
        mirror = Mirror(Layout.HOST, Host())
        begin = time.process_time()
        include([small / f"{links}/0"], mirror)
        spent = time.process_time() - begin
        assert f"{small.root}/{links}/{links}/end" in {item.path for item in mirror.take()}
        return spent

    assert seconds(3000) < 10 * seconds(300) + 1


def test_links_that_would_make_too_many_directories_are_an_error(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    names = "abcdef"
    for name in names:
        for other in names.replace(name, ""):
            small.link(f"t/{name}/to_{other}", f"../{other}")
    monkeypatch.setattr(magicpak.collect.trees, "_MAX_REPEATED", 100)
    include([small / "t"], Mirror(Layout.DIRECTORIES, Host()))
    include([small / "t/a"], Mirror(Layout.HOST, Host()))
    with pytest.raises(InvalidUsage) as raised:
        include([small / "t/a"], Mirror(Layout.DIRECTORIES, Host()))
    assert re.fullmatch(
        rf"--include {small.root}/t/a: links to directories, such as {small.root}/t/./to_.,"
        " would add more than 100 directories once more",
        str(raised.value),
    )
    assert raised.value.hints == (
        "--layout host keeps such links; so does including all directories that they lead to",
    )


def test_in_another_root_directory_links_are_taken_there(small: Small) -> None:
    small.add("jail/usr/lib/file")
    small.add("usr/lib/file")
    small.link("jail/lib", "/usr/lib")
    small.link("jail/up", "../../../usr")
    run = small.run().use(Access.READ, small / "jail/lib/file", small / "jail/../up/lib/file", root=small / "jail")
    assert small.brought(run) == [
        "jail/", "jail/lib -> /usr/lib", "jail/up -> ../../../usr", "jail/usr/", "jail/usr/lib/", "jail/usr/lib/file",
    ]  # fmt: skip


def test_in_another_root_directory_the_kernels_is_not_in_either(small: Small) -> None:
    small.add("jail/proc/cpuinfo")
    small.directory("jail/dev")
    run = small.run().use(Access.READ, small / "jail/proc/cpuinfo", root=small / "jail")
    assert small.brought(run) == ["jail/", "jail/proc/ written"]


def test_with_directories_for_links_each_path_is_real(small: Small) -> None:
    small.add("real/sub/file")
    small.link("dir", "real/sub")
    small.add("jail/usr/file")
    small.link("jail/etc", "/usr")
    small.link("jail/etc2", "etc")
    run = small.run().use(Access.READ, small / "dir/file").use(Access.LISTED, small / "dir")
    run.use(Access.READ, small / "jail/etc2/file", root=small / "jail").use(
        Access.TESTED, small.link("mtab", "/proc/mounts")
    )
    run.use(Access.MADE, small / "dir/new", real=small / "real/sub/new")
    assert small.brought(run, layout=Layout.DIRECTORIES) == [
        "dir/ written", "dir/file", "jail/", "jail/etc2/", "jail/etc2/file", "mtab -> /proc/mounts", "real/",
        "real/sub/ written",
    ]  # fmt: skip


def test_what_was_removed_is_found_through_links_with_directories_for_links_too(small: Small) -> None:
    run = small.run()
    small.add("real/file")
    run.keep(small.link("dir", "real"))
    os.unlink(small / "dir")
    run.use(Access.READ, small / "dir/file").use(Access.REMOVED, small / "dir")
    assert small.brought(run, layout=Layout.DIRECTORIES) == ["dir/ seen", "dir/file"]


def test_files_that_were_used_are_counted(small: Small) -> None:
    small.link("link", "one")
    run = (
        small.run()
        .use(Access.READ, small.add("one"), small / "link", small.add("two"))
        .use(Access.LISTED, str(small.root))
    )
    brought = bundled([run], [small.program]).brought
    assert set(map(str, brought.files)) == {small / "one", small / "two"}


def test_each_thing_says_who_used_it_and_how(small: Small) -> None:
    small.directory("d")
    run = (
        small.run().use(Access.READ, small.add("a")).use(Access.TESTED, small.add("b")).use(Access.LISTED, small / "d")
    )
    plan = small.plan(run)
    reasons = [(name, str(item.because)) for name in "abd" if (item := plan.get(small / name))]
    assert reasons == [
        ("a", f"read by {small.program}"), ("b", f"tested by {small.program}"), ("d", f"listed by {small.program}"),
    ]  # fmt: skip


def test_links_are_what_they_were(small: Small) -> None:
    link = small.link("link", "file")
    small.add("file")
    item = small.plan(small.run().use(Access.READ, link)).get(link)
    assert item is not None
    assert isinstance(item.entry, Link)


@pytest.mark.parametrize("moment", ["whole_directory", "after"])
def test_what_vanishes_while_it_is_collected_is_named_with_a_cure(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a directory is listed, and before a file of it is read."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d/file").write_text("x")
    mirror = Mirror(Layout.HOST, Host())
    original = getattr(mirror, moment)

    def vanishing(*words: object) -> object:
        shutil.rmtree(tmp_path / "d")
        return original(*words)

    monkeypatch.setattr(mirror, moment, vanishing)
    (error,) = include([str(tmp_path / "d")], mirror).unreadable.values()
    gone = tmp_path / ("d" if moment == "whole_directory" else "d/file")
    assert isinstance(error, SourceChanged)
    assert (error.message, len(error.hints)) == (f"{gone} vanished while it was being bundled", 1)
