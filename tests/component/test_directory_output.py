import errno
import fcntl
import os
import signal
import stat
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from magicpak.bundle.entry import Attributes, Content, Copy, Directory, Entry, Fifo, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item, total_size
from magicpak.errors import CannotRead, OutputNotUsable, SourceChanged
from magicpak.outputs import copy
from magicpak.outputs.directory import DirectoryOutput
from magicpak.outputs.output import WriteResult
from magicpak.process.tempdirs import remove_tree

S = 1_000_000_000
DIRECTORY = Directory(Attributes(0o755))
CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)  # cap_net_raw=ep, linux/capability.h


def planned(entries: dict[str, Entry]) -> BundlePlan:
    return BundlePlan(
        {BundlePath(path): Item(BundlePath(path), entry, Because("test")) for path, entry in entries.items()}
    )


def attributes_of(path: Path) -> Attributes:
    status = path.lstat()
    return Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns)


def copy_of(path: Path) -> Copy:
    status = path.lstat()
    return Copy(str(path), status.st_size, (status.st_dev, status.st_ino), attributes_of(path))


def entry_of(path: Path) -> Entry:
    if path.is_symlink():
        return Link(os.readlink(path), attributes_of(path))
    if path.is_dir():
        return Directory(attributes_of(path), str(path))
    return Fifo(attributes_of(path)) if path.is_fifo() else copy_of(path)


def plan_of(root: Path) -> BundlePlan:
    return planned({f"/{path.relative_to(root)}": entry_of(path) for path in root.rglob("*")})


def listing(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything below `root`, and `root` itself: what it is, its attributes, its times, its contents."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [root, *root.rglob("*")]:
        status = path.lstat()
        what: object = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        extended = {
            name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
        }
        owner = (status.st_uid, status.st_gid)
        found[str(path.relative_to(root))] = (oct(status.st_mode), owner, status.st_mtime_ns, extended, what)
    return found


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A small host with one of everything, each with a time and an owner of its own."""
    root = tmp_path / "host"
    (root / "usr/bin").mkdir(parents=True)
    (root / "tmp").mkdir()
    (root / "usr/bin/tool").write_bytes(b"tool")
    (root / "usr/bin/big").write_bytes(os.urandom(300_000))
    (root / "usr/bin/empty").touch()
    (root / "bin").symlink_to("usr/bin")
    (root / "usr/absolute").symlink_to("/nowhere")
    (root / os.fsdecode(b"not \xff text\n")).write_bytes(b"odd")
    os.mkfifo(root / "tmp/fifo")
    for number, path in enumerate(sorted(root.rglob("*"), reverse=True)):
        os.chown(path, number + 1, number + 2, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod({"tool": 0o6755, "tmp": 0o1777, "usr": 0o2555}.get(path.name, 0o640 + number % 8))
        os.utime(path, ns=(0, (1_000 + number) * S + 123_456_789), follow_symlinks=False)
    return root


def as_nobody(work: Callable[[], object]) -> str:
    """What `work` returns, or raises, in a process without privileges, as text."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            answer = str(work())
        except BaseException as error:  # noqa: BLE001 - it is the answer
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pipe.read().decode()
    os.waitpid(child, 0)
    return answer


@pytest.fixture
def commons() -> Iterator[Path]:
    """A directory to which everybody can get, as pytest's are not."""
    path = Path("/tmp", f"magicpak-test-{os.urandom(8).hex()}")
    path.mkdir()
    path.chmod(0o777)
    yield path
    remove_tree(str(path))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mountpoint = tmp_path / "disk"
    mountpoint.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "none", mountpoint],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounting.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounting.stderr.strip()}")
    yield mountpoint
    subprocess.run(["umount", mountpoint], check=True)


def test_a_bundle_has_the_bytes_modes_owners_and_times_of_its_plan_whatever_the_umask(
    host: Path, tmp_path: Path
) -> None:
    output = DirectoryOutput(str(tmp_path / "out"), None)
    output.check()
    before = os.umask(0o077)
    try:
        written = output.write(plan_of(host))
    finally:
        os.umask(before)
    expected = listing(host)
    root = os.stat("/")
    youngest = max(path.lstat().st_mtime_ns for path in host.rglob("*") if path.is_file() and not path.is_symlink())
    expected["."] = (oct(root.st_mode), (root.st_uid, root.st_gid), youngest, {}, None)
    assert listing(tmp_path / "out") == expected
    assert written == WriteResult(files=4, size=4 + 300_000 + 3)
    assert sorted(os.listdir(tmp_path)) == ["host", "out"]


@pytest.mark.needs("root")
def test_a_file_has_the_owner_and_mode_of_its_plan_whatever_its_directory_gives_to_new_ones(tmp_path: Path) -> None:
    above = tmp_path / "above"
    above.mkdir()
    os.chown(above, 1, 2)
    above.chmod(0o2777)
    sources = [tmp_path / name for name in ("first", "second", "third")]
    for source in sources:
        source.write_bytes(b"x")
        source.chmod(0o644)
    sources[2].chmod(0o444)
    os.chown(sources[2], 3, 0)
    umask = os.umask(0o027)
    try:
        DirectoryOutput(str(above / "bundle"), None).write(
            planned({f"/{each.name}": copy_of(each) for each in sources})
        )
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(umask)
    found = [(above / "bundle" / each.name).stat() for each in sources]
    assert [(each.st_mode & 0o7777, each.st_uid, each.st_gid) for each in found] == [
        (0o644, 0, 0),
        (0o644, 0, 0),
        (0o444, 3, 0),
    ]


def test_what_the_host_gives_no_time_is_as_young_as_the_youngest_copy(tmp_path: Path) -> None:
    for name, time in (("old", 5), ("young", 7)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, ns=(0, time * S))
    plan = planned(
        {
            "/made": DIRECTORY,
            "/made/content": Content(b"x", Attributes(0o600)),
            "/made/link": Link("content", Attributes(0o777)),
            "/old": copy_of(tmp_path / "old"),
            "/dated": Link("x", Attributes(0o777, mtime_ns=9 * S)),
            "/young": copy_of(tmp_path / "young"),
        }
    )
    DirectoryOutput(str(tmp_path / "out"), None).write(plan)
    assert (tmp_path / "out/old").stat().st_atime_ns == 5 * S
    times = {path: entry[2] for path, entry in listing(tmp_path / "out").items()}
    seconds = {".": 7, "made": 7, "made/content": 7, "made/link": 7, "old": 5, "dated": 9, "young": 7}
    assert times == {path: second * S for path, second in seconds.items()}


def test_no_time_is_later_than_source_date_epoch(tmp_path: Path) -> None:
    for name, time in (("old", 5), ("young", 70)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, ns=(0, time * S + 1))
    plan = planned({"/made": DIRECTORY, "/old": copy_of(tmp_path / "old"), "/young": copy_of(tmp_path / "young")})
    DirectoryOutput(str(tmp_path / "out"), 60).write(plan)
    times = {path: entry[2] for path, entry in listing(tmp_path / "out").items()}
    assert times == {".": 60 * S, "made": 60 * S, "old": 5 * S + 1, "young": 60 * S}


def test_a_plan_without_files_gets_the_epoch_as_its_time(tmp_path: Path) -> None:
    assert DirectoryOutput(str(tmp_path / "out"), None).write(planned({"/made": DIRECTORY})) == WriteResult(0, 0)
    assert {path: entry[2] for path, entry in listing(tmp_path / "out").items()} == {".": 0, "made": 0}


def test_two_runs_make_equal_trees(host: Path, tmp_path: Path) -> None:
    plan = plan_of(host)
    (tmp_path / "second").mkdir()
    for name in ("first", "second"):
        DirectoryOutput(str(tmp_path / name), None).write(plan)
    assert listing(tmp_path / "first") == listing(tmp_path / "second")


def test_two_copies_of_one_inode_become_hard_links(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"twice")
    plan = planned({"/a": DIRECTORY, "/a/b": DIRECTORY, "/a/b/one": copy_of(source), "/two": copy_of(source)})
    written = DirectoryOutput(str(tmp_path / "out"), None).write(plan)
    one, two = (tmp_path / "out/a/b/one").stat(), (tmp_path / "out/two").stat()
    assert (one.st_ino, one.st_nlink, one.st_mtime_ns) == (two.st_ino, 2, source.stat().st_mtime_ns)
    assert written == WriteResult(files=2, size=5)


def test_a_hard_link_that_is_refused_becomes_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMLINK, "")

    monkeypatch.setattr(os, "link", refuse)
    source = tmp_path / "source"
    source.write_bytes(b"twice")
    written = DirectoryOutput(str(tmp_path / "out"), None).write(
        planned({"/one": copy_of(source), "/two": copy_of(source)})
    )
    assert [(tmp_path / "out" / name).read_bytes() for name in ("one", "two")] == [b"twice", b"twice"]
    assert written == WriteResult(files=2, size=5)


def test_extended_attributes_capabilities_and_access_lists_are_kept(tmp_path: Path) -> None:
    access = struct.pack(
        "<I" + "HHI" * 5, 2, 1, 6, 0xFFFFFFFF, 2, 4, 7, 4, 0, 0xFFFFFFFF, 16, 4, 0xFFFFFFFF, 32, 0, 0xFFFFFFFF
    )
    host = tmp_path / "host"
    (host / "directory").mkdir(parents=True)
    (host / "directory/tool").write_bytes(b"tool")
    for path in (host / "directory", host / "directory/tool"):
        try:
            os.setxattr(path, "user.note", b"kept")
            os.setxattr(path, "system.posix_acl_access", access)
        except OSError as error:
            pytest.skip(f"the file system of {tmp_path} has no extended attributes: {error}")
    try:
        os.setxattr(host / "directory/tool", "security.capability", CAPABILITY)
    except OSError as error:
        pytest.skip(f"capabilities cannot be set here: {error}")
    written = DirectoryOutput(str(tmp_path / "out"), None).write(plan_of(host))
    expected = listing(host)
    expected.pop(".")
    found = listing(tmp_path / "out")
    found.pop(".")
    assert found == expected
    assert written.warnings == ()


def test_what_cannot_be_kept_is_said_once_for_each_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "")

    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr(os, "listxattr", lambda *_, **__: ["user.x", "security.selinux", "btrfs.compression"])
    monkeypatch.setattr(os, "getxattr", lambda *_, **__: b"value")
    monkeypatch.setattr(os, "setxattr", refuse)
    monkeypatch.setattr(os, "utime", refuse)
    written = DirectoryOutput(str(tmp_path / "out"), None).write(
        planned({"/a": copy_of(tmp_path / "a"), "/b": copy_of(tmp_path / "b")})
    )
    assert written.warnings == (
        "cannot preserve the extended attribute user.* of /a and 1 more: Operation not permitted",
        "cannot preserve the time of /a and 2 more: Operation not permitted",
    )


def test_a_file_whose_owner_cannot_be_kept_lends_nobody_its_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "")

    source = tmp_path / "tool"
    source.touch()
    source.chmod(0o4755)
    monkeypatch.setattr(os, "chown", refuse)
    written = DirectoryOutput(str(tmp_path / "out"), None).write(planned({"/tool": copy_of(source)}))
    assert stat.S_IMODE((tmp_path / "out/tool").stat().st_mode) == 0o755
    assert written.warnings == ("cannot preserve the owner of /tool and 1 more: Operation not permitted",)


def test_holes_stay_holes(tmp_path: Path) -> None:
    source = tmp_path / "sparse"
    with source.open("wb") as file:
        file.seek(5_000_000)
        file.write(b"data")
        file.truncate(30_000_000)
    if source.stat().st_blocks * 512 >= 1_000_000:
        pytest.skip(f"the file system of {tmp_path} keeps no holes")
    DirectoryOutput(str(tmp_path / "out"), None).write(planned({"/sparse": copy_of(source)}))
    copied = tmp_path / "out/sparse"
    assert copied.read_bytes() == source.read_bytes()
    assert copied.stat().st_blocks * 512 < 1_000_000


@pytest.mark.parametrize("answer", [errno.EXDEV, errno.EIO, 0])
def test_bytes_are_read_and_written_where_the_kernel_does_not_copy(
    answer: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        if answer:
            raise OSError(answer, "")
        return 0

    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_000))
    monkeypatch.setattr(os, "copy_file_range", refuse)
    DirectoryOutput(str(tmp_path / "out"), None).write(planned({"/copy": copy_of(source)}))
    assert (tmp_path / "out/copy").read_bytes() == source.read_bytes()


def clone(target: int, _request: int, source: int) -> None:
    os.pwrite(target, os.pread(source, 1 << 30, 0), 0)


def refuse(*_: object) -> int:
    raise OSError(errno.EOPNOTSUPP, "")


@pytest.mark.parametrize(
    "answers",
    [
        {"fcntl.ioctl": clone},
        {"fcntl.ioctl": refuse},
        {"fcntl.ioctl": refuse, "os.copy_file_range": refuse},
        {"fcntl.ioctl": refuse, "os.copy_file_range": refuse, "os.sendfile": refuse},
    ],
    ids=["cloned", "copied by the kernel", "sent by the kernel", "read and written"],
)
def test_of_each_byte_that_is_copied_is_heard_once(
    answers: dict[str, Callable[..., object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"empty": 0, "small": 5, "medium": 100_000, "large": 3_000_000, "larger": 2_000_000}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(os.urandom(size))
    with (tmp_path / "sparse").open("wb") as file:
        file.seek(500_000)
        file.write(b"data")
        file.truncate(900_000)
    plan = planned({f"/{name}": copy_of(tmp_path / name) for name in (*sizes, "sparse")})
    second = plan.get("/large")
    assert second is not None
    plan = plan.adding([second._replace(path=BundlePath("/hard"))])
    for name, answer in answers.items():
        monkeypatch.setattr(name, answer)
    output = DirectoryOutput(str(tmp_path / "out"), None)
    assert output.copied == 0
    output.write(plan)
    assert total_size(plan) == output.copied == sum(sizes.values()) + 900_000


def test_a_file_system_that_refuses_clones_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(_target: int, request: int, _source: int) -> None:
        asked.append(request)
        raise OSError(errno.EOPNOTSUPP, "")

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(os.urandom(100_000))
    plan = planned({f"/{name}": copy_of(tmp_path / name) for name in ("a", "b")})
    DirectoryOutput(str(tmp_path / "out"), None).write(plan)
    assert asked == [copy.FICLONE]
    assert (tmp_path / "out/b").read_bytes() == (tmp_path / "b").read_bytes()


def vanish(path: Path) -> None:
    path.unlink()


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def touch(path: Path) -> None:
    os.utime(path, ns=(0, 0))


def become_a_link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("size", [10, 200_000])
@pytest.mark.parametrize(
    ("change", "how"),
    [
        (vanish, "vanished"),
        (grow, "changed in size"),
        (touch, "was written to"),
        (become_a_link, "became a symbolic link"),
        (become_a_pipe, "was replaced"),
    ],
)
def test_a_source_that_changed_ends_the_writing_and_leaves_nothing(
    change: Callable[[Path], None], how: str, size: int, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (tmp_path / "first").write_bytes(b"first")
    source = tmp_path / "source"
    source.write_bytes(b"x" * size)
    plan = planned(
        {"/a": copy_of(tmp_path / "first"), "/z": Directory(Attributes(0o500)), "/z/source": copy_of(source)}
    )
    change(source)
    with pytest.raises(SourceChanged) as caught:
        DirectoryOutput(str(base / "new/parents/out"), None).write(plan)
    assert caught.value.message == f"{source} {how} while it was being bundled"
    assert os.listdir(base) == []


def test_a_file_that_shrinks_while_it_is_read_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 200_000)

    def shrink(*_: object) -> int:
        os.truncate(source, 5)
        return 0

    monkeypatch.setattr(os, "copy_file_range", shrink)
    with pytest.raises(SourceChanged, match="became shorter"):
        DirectoryOutput(str(tmp_path / "out"), None).write(planned({"/source": copy_of(source)}))
    assert sorted(os.listdir(tmp_path)) == ["source"]


def test_a_source_that_may_not_be_read_is_named(commons: Path) -> None:
    source = commons / "secret"
    source.touch()
    source.chmod(0o600)
    plan = planned({"/secret": copy_of(source)})
    answer = as_nobody(lambda: DirectoryOutput(str(commons / "out"), None).write(plan))
    assert answer == f"{CannotRead.__name__}: cannot read {source}: Permission denied"
    assert os.listdir(commons) == ["secret"]


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("size", [50_000, 700_000])
def test_a_full_disk_ends_the_writing_and_leaves_nothing(
    *,
    existing: bool,
    size: int,
    small_disk: Path,
    tmp_path: Path,
) -> None:
    output = small_disk if existing else small_disk / "out"
    entries: dict[str, Entry] = {"/d": DIRECTORY}
    for number in range(40):
        source = tmp_path / f"{number:02}"
        source.write_bytes(os.urandom(size))
        entries[f"/d/{number:02}"] = copy_of(source)
    with pytest.raises(OutputNotUsable) as caught:
        DirectoryOutput(str(output), None).write(planned(entries))
    assert caught.value.message.startswith(f"output {output} cannot be written: /d/")
    assert caught.value.message.endswith(": No space left on device")
    assert os.listdir(small_disk) == []


@pytest.mark.parametrize("through_a_link", [False, True])
def test_an_existing_empty_directory_stays_the_same_directory(
    *,
    through_a_link: bool,
    host: Path,
    tmp_path: Path,
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    output.chmod(0o751)
    os.chown(output, 77, 78)
    before = output.stat()
    (tmp_path / "link").symlink_to("out")
    DirectoryOutput(str(tmp_path / "link" if through_a_link else output) + "/", None).write(plan_of(host))
    after = output.stat()
    assert [(status.st_ino, status.st_mode, status.st_uid, status.st_gid) for status in (after,)] == [
        (before.st_ino, before.st_mode, 77, 78)
    ]
    assert {**listing(output), ".": ()} == {**listing(host), ".": ()}


def test_the_current_directory_can_be_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = DirectoryOutput(".", None)
    output.check()
    output.write(planned({"/made": DIRECTORY}))
    assert os.listdir() == ["made"]


def test_an_existing_directory_is_emptied_again_after_a_failure(host: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    before = output.stat().st_ino
    plan = plan_of(host)
    (host / "usr/bin/tool").unlink()
    with pytest.raises(SourceChanged):
        DirectoryOutput(str(output), None).write(plan)
    assert (os.listdir(output), output.stat().st_ino) == ([], before)


@pytest.mark.parametrize("output", ["out", "new/parents/out", ""], ids=["new", "with parents", "empty directory"])
@pytest.mark.parametrize("meanwhile", [None, "other"])
def test_a_failure_puts_the_time_of_the_directory_back_unless_somebody_else_has_changed_it(
    output: str, meanwhile: str | None, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    os.utime(base, ns=(5 * S, 5 * S))

    def fail(_root: int) -> None:
        if meanwhile is not None:
            (base / meanwhile).touch()
            os.utime(base, ns=(7 * S, 7 * S))  # a clock tick later
        raise OutputNotUsable(output, "fails its test")

    with pytest.raises(OutputNotUsable, match="fails its test"):
        DirectoryOutput(str(base / output), None).write(planned({"/made": DIRECTORY}), fail)
    assert os.listdir(base) == ([] if meanwhile is None else [meanwhile])
    assert (base.stat().st_mtime_ns == 5 * S) is (meanwhile is None)


def test_nothing_is_written_through_a_link_that_somebody_plants_and_the_link_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, outside = tmp_path / "out", tmp_path / "outside"
    output.mkdir()
    outside.mkdir()
    (tmp_path / "source").write_bytes(b"source")
    opened = copy.open_source

    def plant(entry: Copy) -> int:
        if not (output / "etc").is_symlink():
            (output / "etc").symlink_to(outside)
        return opened(entry)

    monkeypatch.setattr("magicpak.outputs.tree.open_source", plant)
    source = copy_of(tmp_path / "source")
    with pytest.raises(OutputNotUsable) as caught:
        DirectoryOutput(str(output), None).write(planned({"/a": source, "/etc": DIRECTORY, "/etc/passwd": source}))
    assert caught.value.message == f"output {output} is not empty (it contains etc)"
    assert (os.listdir(output), os.listdir(outside)) == (["etc"], [])


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nowhere")])
def test_what_appears_at_the_output_meanwhile_is_not_replaced(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    (tmp_path / "source").write_bytes(b"source")
    plan = planned({"/a": copy_of(tmp_path / "source")})
    opened = copy.open_source
    made: list[tuple[int, int]] = []

    def state() -> tuple[int, int]:
        return output.lstat().st_ino, output.lstat().st_mtime_ns

    def appear(entry: Copy) -> int:
        make(output)
        made.append(state())
        return opened(entry)

    monkeypatch.setattr("magicpak.outputs.tree.open_source", appear)
    with pytest.raises(OutputNotUsable, match="appeared while"):
        DirectoryOutput(str(output), None).write(plan)
    assert sorted(os.listdir(tmp_path)) == ["out", "source"]
    assert [state()] == made


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("full", "is not empty (it contains a)"),
        ("file", "already exists and is not a directory"),
        ("file/", "already exists and is not a directory"),
        ("file/below/out", "cannot be created: {}/file is not a directory"),
        ("dangling", "is a link to nowhere, which does not exist"),
        ("dangling/", "is a link to nowhere, which does not exist"),
        ("dangling/out", "cannot be created: {}/dangling is not a directory"),
        ("loop", "cannot be accessed: Too many levels of symbolic links"),
        pytest.param(
            "n" * 300, "cannot be accessed: File name too long", marks=pytest.mark.needs("long paths"), id="long name"
        ),
        ("new/..", "does not name a directory that can be created"),
    ],
)
def test_an_output_that_cannot_become_a_bundle_is_refused_before_and_while_writing(
    output: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    for name in ("full/b", "full/a", "file"):
        (tmp_path / name).touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    before = listing(tmp_path)
    path = f"{tmp_path}/{output}"
    for attempt in (DirectoryOutput(path, None).check, lambda: DirectoryOutput(path, None).write(planned({}))):
        with pytest.raises(OutputNotUsable) as caught:
            attempt()
        assert caught.value.message == f"output {path} {why.format(tmp_path)}"
    assert listing(tmp_path) == before


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(OutputNotUsable, match="output '' is an empty path"):
        DirectoryOutput("", None).check()


def test_a_directory_without_write_permission_is_refused_at_once(commons: Path) -> None:
    (commons / "closed").mkdir()
    answers = [as_nobody(DirectoryOutput(f"{commons}/closed{below}", None).check) for below in ("", "/new", "/new/out")]
    assert answers == [
        f"OutputNotUsable: output {commons}/closed is not writable",
        f"OutputNotUsable: output {commons}/closed/new cannot be created: {commons}/closed is not writable",
        f"OutputNotUsable: output {commons}/closed/new/out cannot be created: {commons}/closed is not writable",
    ]


def test_without_privileges_modes_and_times_are_exact_and_a_failure_leaves_nothing(commons: Path, host: Path) -> None:
    source = commons / "source"
    source.write_bytes(b"source")
    os.setxattr(source, "user.note", b"kept")
    source.chmod(0o444)
    closed = Directory(Attributes(0o1500, mtime_ns=5 * S))
    entries: dict[str, Entry] = {"/d": closed, "/d/e": closed, "/d/e/one": copy_of(source), "/d/two": copy_of(source)}
    plan = planned({**entries, "/d/e/suid": Content(b"x", Attributes(0o4711))})
    failing = planned({**entries, "/z": copy_of(host / "usr/bin/tool")})
    written = as_nobody(lambda: DirectoryOutput(str(commons / "out"), None).write(plan))
    failed = as_nobody(lambda: DirectoryOutput(str(commons / "failed"), None).write(failing))
    assert (written, failed.split(":")[0]) == (str(WriteResult(3, 7)), "CannotRead")
    assert sorted(os.listdir(commons)) == ["out", "source"]
    time = source.stat().st_mtime_ns
    note = {"user.note": b"kept"}
    found = listing(commons / "out")
    assert found == {
        ".": (oct(os.stat("/").st_mode), (65534, 65534), time, {}, None),
        "d": ("0o41500", (65534, 65534), 5 * S, {}, None),
        "d/e": ("0o41500", (65534, 65534), 5 * S, {}, None),
        "d/e/one": ("0o100444", (65534, 65534), time, note, b"source"),
        "d/e/suid": ("0o104711", (65534, 65534), time, {}, b"x"),
        "d/two": ("0o100444", (65534, 65534), time, note, b"source"),
    }


def test_missing_parents_are_made_as_mkdir_makes_them(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        DirectoryOutput(str(tmp_path / "new/parents/out/."), None).write(planned({}))
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new", "new/parents")]
    assert modes == [0o750, 0o750]
    assert os.listdir(tmp_path / "new/parents") == ["out"]


@pytest.mark.needs("long paths")
def test_a_tree_deeper_than_path_max_is_written_and_after_a_failure_removed(tmp_path: Path) -> None:
    names = [f"{'d' * 20}{depth}" for depth in range(400)]
    paths = ["/" + "/".join(names[:depth]) for depth in range(1, len(names) + 1)]
    source = tmp_path / "source"
    source.write_bytes(b"source")
    entries: dict[str, Entry] = dict.fromkeys(paths, DIRECTORY)
    entries[f"{paths[-1]}/one"] = entries["/z"] = copy_of(source)
    DirectoryOutput(str(tmp_path / "out"), None).write(planned(entries))
    assert (tmp_path / "out/z").stat().st_nlink == 2
    assert remove_tree(str(tmp_path / "out"))
    missing = Copy(str(tmp_path / "missing"), 1, (0, 0), Attributes(0o644))
    with pytest.raises(SourceChanged):
        DirectoryOutput(str(tmp_path / "out"), None).write(planned({**entries, "/zz": missing}))
    assert os.listdir(tmp_path) == ["source"]


@pytest.mark.parametrize("existing", [False, True])
def test_a_signal_half_way_and_another_while_cleaning_up_leave_nothing(
    *,
    existing: bool,
    tmp_path: Path,
) -> None:
    script = """
        import os, signal, sys
        from magicpak.bundle.entry import Attributes, Content, Directory
        from magicpak.bundle.path import BundlePath
        from magicpak.bundle.plan import Because, BundlePlan, Item
        from magicpak.errors import Interrupted
        from magicpak.outputs import destination, tree
        from magicpak.outputs.directory import DirectoryOutput

        seen = []

        def interrupt(number, frame):
            seen.append(number)
            if len(seen) == 1:
                raise Interrupted(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, interrupt)
        write, remove = tree.write_all, destination.remove_tree

        def write_and_be_killed(target, data):
            write(target, data)
            if data == b"/d/50":
                print(*sorted(name[:5] for name in os.listdir(sys.argv[1])))
                os.kill(os.getpid(), signal.SIGTERM)

        def remove_and_be_killed(*arguments):
            os.kill(os.getpid(), signal.SIGINT)
            return remove(*arguments)

        tree.write_all, destination.remove_tree = write_and_be_killed, remove_and_be_killed
        entries = {"/d": Directory(Attributes(0o755))}
        for number in range(200):
            entries[f"/d/{number}"] = Content(f"/d/{number}".encode(), Attributes(0o644))
        paths = {BundlePath(path): entry for path, entry in entries.items()}
        plan = BundlePlan({path: Item(path, entry, Because("test")) for path, entry in paths.items()})
        try:
            DirectoryOutput(sys.argv[2], None).write(plan)
        except Interrupted as interrupted:
            print("interrupted")
            sys.exit(interrupted.exit_code)
    """
    output = tmp_path / "out"
    if existing:
        output.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-B", "-c", textwrap.dedent(script), str(tmp_path), str(output)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.stdout == ("out\n" if existing else ".out.\n") + "interrupted\n"
    assert run.returncode in {128 + signal.SIGTERM, 128 + signal.SIGINT}, run.stderr
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == (["out"] if existing else [])
