"""Who owns a file, by made databases of dpkg, of distroless images and of apk below a root of their own."""

import os
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from magicpak.files import view
from magicpak.files.directory import DirectoryView
from magicpak.packages import database
from magicpak.packages import dpkg as dpkg_database
from magicpak.packages.database import DatabaseReader, Package
from magicpak.packages.owners import MAX_ALIASES, FileOwners, names_of
from support.package_roots import owners

BASH = Package("dpkg", "bash", "5.2-1", "amd64")
LIBC = Package("dpkg", "libc6", "2.36-9+deb12u10", "amd64")
LIBC_I386 = LIBC._replace(architecture="i386")
BUSYBOX = Package("apk", "busybox", "1.37.0-r12", "x86_64")

NOBODY = FileOwners({}, ())


def paragraph(package: Package, status: str = "install ok installed") -> str:
    return (
        f"Package: {package.name}\nStatus: {status}\nArchitecture: {package.architecture}\n"
        f"Version: {package.version}\nDescription: a test\n Version: 0\n .\n Package: none\n"
    )


def made(root: Path, files: Mapping[str, str | bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content.encode() if isinstance(content, str) else content)


def dpkg(root: Path, lists: Mapping[str, str | bytes], *paragraphs: str, **others: str | bytes) -> None:
    info = {f"var/lib/dpkg/info/{name}.list": lines for name, lines in lists.items()}
    also = {f"var/lib/dpkg/{name}": content for name, content in others.items()}
    made(root, {**info, "var/lib/dpkg/status": "\n".join(paragraphs), **also})


def linked(root: Path, links: Mapping[str, str]) -> None:
    for link, target in links.items():
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(target)


def test_without_a_database_nobody_owns_anything(tmp_path: Path) -> None:
    assert owners(["/usr/bin/bash"], str(tmp_path)) == NOBODY


class TestDpkg:
    def test_a_file_belongs_to_the_package_that_lists_it(self, tmp_path: Path) -> None:
        lists = {"bash": "/.\n/usr\n/usr/bin\n/usr/bin/bash\n", "bashful": "/usr/bin/bashful\n"}
        dpkg(tmp_path, lists, paragraph(BASH), paragraph(BASH._replace(name="bashful")))
        assert owners(["/usr/bin/bash", "/usr/bin/ba", "/bash"], str(tmp_path)) == FileOwners(
            {"/usr/bin/bash": BASH}, ()
        )

    def test_a_name_need_be_no_text(self, tmp_path: Path) -> None:
        dpkg(tmp_path, {"bash": b"/usr/caf\xe9\n/usr/caf\xc3\xa9\n"}, paragraph(BASH))
        names = ["/usr/caf\udce9", "/usr/café"]
        assert owners(names, str(tmp_path)) == FileOwners(dict.fromkeys(names, BASH), ())

    def test_a_list_for_an_architecture_is_that_of_the_package_of_it(self, tmp_path: Path) -> None:
        lists = {"libc6:amd64": "/lib/amd64/libc.so.6\n", "libc6:i386": "/lib/i386/libc.so.6\n"}
        dpkg(tmp_path, lists, paragraph(LIBC), paragraph(LIBC_I386))
        assert owners(["/lib/i386/libc.so.6", "/lib/amd64/libc.so.6"], str(tmp_path)) == FileOwners(
            {"/lib/i386/libc.so.6": LIBC_I386, "/lib/amd64/libc.so.6": LIBC}, ()
        )

    @pytest.mark.parametrize(("architectures", "owner"), [("i386\namd64\n", LIBC_I386), ("amd64\ni386\n", LIBC)])
    def test_of_a_file_for_several_architectures_that_of_the_machine_counts(
        self, tmp_path: Path, architectures: str, owner: Package
    ) -> None:
        lists = {"libc6:amd64": "/usr/share/doc/libc6\n", "libc6:i386": "/usr/share/doc/libc6\n"}
        dpkg(tmp_path, lists, paragraph(LIBC), paragraph(LIBC_I386), arch=architectures)
        assert owners(["/usr/share/doc/libc6"], str(tmp_path)).by_path == {"/usr/share/doc/libc6": owner}

    def test_a_package_that_is_removed_for_another_architecture_does_not_count(self, tmp_path: Path) -> None:
        removed = paragraph(BASH._replace(architecture="i386", version="1"), "deinstall ok config-files")
        dpkg(tmp_path, {"bash": "/usr/bin/bash\n"}, removed, paragraph(BASH), removed)
        assert owners(["/usr/bin/bash"], str(tmp_path)) == FileOwners({"/usr/bin/bash": BASH}, ())

    @pytest.mark.parametrize("status", ["deinstall ok config-files", "purge ok not-installed"])
    def test_a_package_that_is_removed_owns_nothing(self, tmp_path: Path, status: str) -> None:
        dpkg(tmp_path, {"bash": "/etc/bash.bashrc\n"}, paragraph(BASH, status))
        assert owners(["/etc/bash.bashrc"], str(tmp_path)) == NOBODY

    def test_what_a_removed_package_has_left_to_another_belongs_to_that(self, tmp_path: Path) -> None:
        removed = paragraph(BASH._replace(name="ash"), "deinstall ok config-files")
        dpkg(tmp_path, {"ash": "/etc/x\n", "bash": "/etc/x\n"}, removed, paragraph(BASH))
        assert owners(["/etc/x"], str(tmp_path)) == FileOwners({"/etc/x": BASH}, ())

    @pytest.mark.parametrize(
        "status", ["install ok unpacked", "install reinstreq half-configured", "hold ok installed"]
    )
    def test_a_package_whose_files_are_there_owns_them(self, tmp_path: Path, status: str) -> None:
        dpkg(tmp_path, {"bash": "/usr/bin/bash\n"}, paragraph(BASH, status))
        assert owners(["/usr/bin/bash"], str(tmp_path)) == FileOwners({"/usr/bin/bash": BASH}, ())

    def test_a_diverted_file_belongs_to_the_package_that_would_have_it_elsewhere(self, tmp_path: Path) -> None:
        dash = BASH._replace(name="dash")
        lists = {"bash": "/bin/sh\n/bin/bash\n", "dash": "/bin/sh\n"}
        diversions = "/bin/sh\n/bin/sh.distrib\ndash\n/bin/bash\n/bin/bash.real\n:\n"
        dpkg(tmp_path, lists, paragraph(BASH), paragraph(dash), diversions=diversions)
        wanted = ["/bin/sh", "/bin/sh.distrib", "/bin/bash", "/bin/bash.real"]
        assert owners(wanted, str(tmp_path)) == FileOwners(
            {"/bin/sh": dash, "/bin/sh.distrib": BASH, "/bin/bash.real": BASH}, ()
        )

    def test_what_diverts_may_be_installed_for_an_architecture(self, tmp_path: Path) -> None:
        lists = {"libc6:amd64": "/lib/x\n", "bash": "/lib/x\n"}
        dpkg(tmp_path, lists, paragraph(LIBC), paragraph(BASH), diversions="/lib/x\n/lib/x.old\nlibc6\n")
        assert owners(["/lib/x", "/lib/x.old"], str(tmp_path)).by_path == {"/lib/x": LIBC, "/lib/x.old": BASH}

    def test_a_package_with_files_but_without_a_paragraph_or_a_version_is_told(self, tmp_path: Path) -> None:
        lists = {"bash": "/bin/bash\n", "cat": "/bin/cat\n", "dd": "/bin/dd\n", "env": "/bin/env\n"}
        dpkg(tmp_path, lists, paragraph(BASH), paragraph(BASH._replace(name="cat", version="")))
        assert owners(["/bin/bash", "/bin/cat", "/bin/dd"], str(tmp_path)) == FileOwners(
            {"/bin/bash": BASH},
            ("/var/lib/dpkg/status has no version of 2 packages with files: cat and 1 more",),
        )

    def test_what_cannot_be_read_is_told_and_the_rest_is_read(self, tmp_path: Path) -> None:
        dpkg(tmp_path, {"bash": "/bin/bash\n"}, paragraph(BASH))
        (tmp_path / "var/lib/dpkg/info/aa.list").mkdir()
        (tmp_path / "var/lib/dpkg/diversions").mkdir()
        assert owners(["/bin/bash"], str(tmp_path)) == FileOwners(
            {"/bin/bash": BASH},
            (
                "cannot read /var/lib/dpkg/diversions: Is a directory",
                "cannot read /var/lib/dpkg/info/aa.list: Is a directory",
            ),
        )

    def test_a_database_that_is_no_directory_is_told(self, tmp_path: Path) -> None:
        made(tmp_path, {"var/lib/dpkg": "", "lib/apk/db/installed": "P:busybox\nV:1.37.0-r12\nA:x86_64\nF:bin\nR:x\n"})
        found = owners(["/bin/x"], str(tmp_path))
        assert found.by_path == {"/bin/x": BUSYBOX}
        assert "cannot read /var/lib/dpkg/info: Not a directory" in found.warnings

    @pytest.mark.parametrize("damage", [b"\0\xff\n\n\xfe:", b"Package", b"\n\n\n", b"Package: bash\nVersion:\n", b""])
    def test_damage_is_no_error(self, tmp_path: Path, damage: bytes) -> None:
        dpkg(tmp_path, {"bash": b"/bin/bash\n" + damage}, diversions=damage, arch=damage)
        made(tmp_path, {"var/lib/dpkg/status": damage})
        found = owners(["/bin/bash"], str(tmp_path))
        assert (found.by_path, len(found.warnings)) == ({}, 1)


class TestLinks:
    def test_a_package_may_list_a_file_through_a_link_in_the_root_directory(self, tmp_path: Path) -> None:
        linked(tmp_path, {"bin": "usr/bin", "lib": "/usr/lib", "sbin": "bin"})
        dpkg(tmp_path, {"bash": "/bin/a\n/lib/x/b\n/sbin/c\n/usr/bin/d\n/e\n"}, paragraph(BASH))
        wanted = ["/usr/bin/a", "/usr/lib/x/b", "/usr/bin/c", "/usr/bin/d", "/e"]
        assert owners(wanted, str(tmp_path)) == FileOwners(dict.fromkeys(wanted, BASH), ())

    def test_and_through_one_in_a_directory_there(self, tmp_path: Path) -> None:
        linked(tmp_path, {"usr/sbin": "bin", "lib64": "usr/lib64", "usr/lib64": "../usr/lib", "usr/root": "/"})
        dpkg(tmp_path, {"bash": "/usr/sbin/a\n/lib64/b\n/usr/lib64/x/c\n/usr/root/usr/d\n"}, paragraph(BASH))
        wanted = ["/usr/bin/a", "/usr/lib/b", "/usr/lib/x/c", "/usr/d"]
        assert owners(wanted, str(tmp_path)) == FileOwners(dict.fromkeys(wanted, BASH), ())

    def test_the_real_name_counts_before_others(self, tmp_path: Path) -> None:
        linked(tmp_path, {"bin": "usr/bin"})
        lists = {"bash": "/bin/x\n/bin/y\n", "libc6": "/usr/bin/x\n"}
        dpkg(tmp_path, lists, paragraph(BASH), paragraph(LIBC))
        assert owners(["/usr/bin/x", "/usr/bin/y"], str(tmp_path)).by_path == {"/usr/bin/x": LIBC, "/usr/bin/y": BASH}

    def test_a_link_to_somewhere_else_leads_nowhere(self, tmp_path: Path) -> None:
        linked(tmp_path, {"bin": "usr/binaries", "loop": "loop", "a": "b", "b": "a", "file": "usr/bin/x"})
        dpkg(tmp_path, {"bash": "/bin/x\n/loop/x\n/file\n/bin/y/x\n"}, paragraph(BASH))
        assert owners(["/usr/bin/x", "/usr/binariesxy/x"], str(tmp_path)) == NOBODY

    def test_a_diverted_name_may_lead_through_a_link(self, tmp_path: Path) -> None:
        linked(tmp_path, {"bin": "usr/bin"})
        dpkg(tmp_path, {"bash": "/bin/x\n"}, paragraph(BASH), diversions="/bin/x\n/bin/x.old\nlibc6\n")
        assert owners(["/usr/bin/x.old"], str(tmp_path)) == FileOwners({"/usr/bin/x.old": BASH}, ())
        assert owners(["/usr/bin/x"], str(tmp_path)) == NOBODY

    def test_of_many_links_to_one_directory_few_count(self, tmp_path: Path) -> None:
        linked(tmp_path, {f"{number:05}": "usr" for number in range(2000)})
        names = names_of(["/usr/lib/x/a"], DirectoryView(str(tmp_path)))["/usr/lib/x/a"]
        assert names == (b"/usr/lib/x/a", *(b"/%05d/lib/x/a" % number for number in range(MAX_ALIASES)))

    def test_names_by_links_come_in_the_order_of_the_links(self, tmp_path: Path) -> None:
        linked(tmp_path, {"a": "usr/lib", "b": "usr", "c": "usr/lib", "usr/d": "lib", "root": "/"})
        names = names_of(["/usr/lib/x"], DirectoryView(str(tmp_path)))["/usr/lib/x"]
        assert names == (b"/usr/lib/x", b"/a/x", b"/b/lib/x", b"/c/x", b"/root/usr/lib/x", b"/usr/d/x")


class TestListsThatAreRead:
    """Which of the lists are read: /usr/bin/b and /usr/bin/m are in those of the packages b and m."""

    @pytest.fixture
    def read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
        content, packages = DatabaseReader.content, [BASH._replace(name=name) for name in "abcmxyz"]
        linked(tmp_path, {"bin": "usr/bin"})
        lists = {each.name: f"/usr/bin/{each.name}\n" for each in packages}
        lists |= {"b": "/usr/bin/b\n/usr/bin/x\n", "y": "/bin/y\n"}
        removed = paragraph(packages[1], "deinstall ok config-files")

        def lists_read(*paths: str, removes_b: bool = False) -> str:
            names: list[str] = []

            def counting(self: DatabaseReader, path: str) -> bytes:
                names.extend(os.path.basename(path).removesuffix(".list") if path.endswith(".list") else "")
                return content(self, path)

            dpkg(
                tmp_path, lists, *(removed if removes_b and each.name == "b" else paragraph(each) for each in packages)
            )
            with monkeypatch.context() as patch:
                patch.setattr(DatabaseReader, "content", counting)
                assert owners(paths, str(tmp_path)).by_path.keys() == set(paths)
            return "".join(names)

        return lists_read

    def test_it_ends_where_each_path_has_an_owner(self, read: Callable[..., str]) -> None:
        assert read("/usr/bin/a") == "a"
        assert read("/usr/bin/b", "/usr/bin/m") == "abcm"
        assert read("/usr/bin/x") == "ab"

    def test_a_package_that_is_removed_does_not_end_it(self, read: Callable[..., str]) -> None:
        assert read("/usr/bin/x", removes_b=True) == "abcmx"

    def test_a_name_by_a_link_does_not_end_it_since_the_own_name_counts_more(self, read: Callable[..., str]) -> None:
        assert read("/usr/bin/y") == "abcmxyz"


class TestHowListsAreSearched:
    @pytest.fixture(params=[0, 6], ids=["many names", "few names"], autouse=True)
    def few_names(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dpkg_database, "FEW_NAMES", request.param)

    def test_a_name_is_a_whole_line(self, tmp_path: Path) -> None:
        lines = "/usr/bin/bash\n/opt/usr/bin/ash\n/usr/bin/bashful\n/usr/bin/last"
        dpkg(tmp_path, {"bash": lines}, paragraph(BASH))
        names = ["/usr/bin/bash", "/usr/bin/ash", "/usr/bin/last", "/usr/bin", "/usr/bin/bash\n/opt/usr/bin/ash"]
        assert list(owners(names, str(tmp_path)).by_path) == ["/usr/bin/bash", "/usr/bin/last"]

    @pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
    def test_the_status_is_read_in_pieces(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
        packages = [BASH._replace(name=name, version=f"{index}-1") for index, name in enumerate("abc")]
        texts = ["\n" * index + paragraph(each) for index, each in enumerate(packages)]
        dpkg(tmp_path, {each.name: f"/bin/{each.name}\n" for each in packages}, *texts)
        monkeypatch.setattr(view, "_READ_SIZE", size)
        names = [f"/bin/{each.name}" for each in packages]
        assert owners(names, str(tmp_path)) == FileOwners(dict(zip(names, packages, strict=True)), ())

    def test_the_memory_does_not_grow_with_the_packages_but_for_their_names(self, tmp_path: Path) -> None:
        """Even if a file is in no list, so that all are read."""
        peaks = {}
        for count in (300, 1300):
            packages = [BASH._replace(name=f"package-{index:04}") for index in range(count)]
            lists = {each.name: f"/usr/share/{each.name}\n" * 40 for each in packages}
            root = tmp_path / str(count)
            dpkg(root, lists, *(paragraph(each) + " text\n" * 200 for each in packages))
            paths = ["/usr/local/bin/own", "/usr/share/package-0007"]
            owners(paths, str(root))
            tracemalloc.start()
            found = owners(paths, str(root))
            peaks[count] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert (list(found.by_path), found.warnings) == (paths[1:], ())
        assert peaks[1300] - peaks[300] < 1000 * 400


class TestHostileDatabases:
    def test_a_status_without_an_empty_line_is_copied_once(self, tmp_path: Path) -> None:
        """Were what has no end yet copied with each piece, this would take minutes."""
        dpkg(tmp_path, {"bash": "/bin/bash\n"}, paragraph(BASH), "\n" * (1 << 24), "x" * (1 << 24))
        assert owners(["/bin/bash"], str(tmp_path)).by_path == {"/bin/bash": BASH}

    def test_a_file_of_a_hole_is_not_read(self, tmp_path: Path) -> None:
        dpkg(tmp_path, {"bash": "/bin/bash\n", "ash": ""}, paragraph(BASH))
        hole = tmp_path / "var/lib/dpkg/info/ash.list"
        os.truncate(hole, 1 << 40)
        assert owners(["/bin/bash"], str(tmp_path)) == FileOwners(
            {"/bin/bash": BASH}, ("cannot read /var/lib/dpkg/info/ash.list: larger than 64.0 MB",)
        )

    def test_a_database_of_large_files_is_not_read_to_its_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database, "MAX_DATABASE", 2500)
        dpkg(tmp_path, {f"{number}": "/x\n" * 300 for number in range(9)}, paragraph(BASH))
        assert owners(["/bin/bash"], str(tmp_path)).warnings == (
            "cannot read /var/lib/dpkg/info/2.list: the files of the database are larger than 2.5 kB",
        )

    def test_a_named_pipe_or_a_device_does_not_block_or_fill_the_memory(self, tmp_path: Path) -> None:
        dpkg(tmp_path, {"bash": "/bin/bash\n"}, paragraph(BASH))
        os.mkfifo(tmp_path / "var/lib/dpkg/diversions")
        (tmp_path / "var/lib/dpkg/info/zero.list").symlink_to("/dev/zero")
        assert owners(["/bin/bash"], str(tmp_path)).by_path == {"/bin/bash": BASH}

    def test_a_line_of_spaces_is_read_once(self, tmp_path: Path) -> None:
        """Were the end of the line looked for at each of them, this would take an hour."""
        spaces = " " * (1 << 20)
        dpkg(tmp_path, {"bash": "/bin/bash\n"}, paragraph(BASH._replace(version=f"{spaces}1{spaces}2{spaces}")))
        assert owners(["/bin/bash"], str(tmp_path)).by_path == {"/bin/bash": BASH._replace(version=f"1{spaces}2")}


class TestDistroless:
    def test_a_file_belongs_to_the_package_whose_sums_have_it(self, tmp_path: Path) -> None:
        sums = f"{'0' * 32}  usr/bin/bash\n{'f' * 32}  ./usr/bin/two  blanks\n"
        status = paragraph(BASH).replace("Status: install ok installed\n", "").replace("5.2-1\n", " 5.2-1\t \n")
        made(tmp_path, {"var/lib/dpkg/status.d/bash": status, "var/lib/dpkg/status.d/bash.md5sums": sums})
        wanted = ["/usr/bin/bash", "/usr/bin/two  blanks"]
        assert owners([*wanted, "/usr/bin/cat"], str(tmp_path)) == FileOwners(dict.fromkeys(wanted, BASH), ())

    def test_sums_without_a_package_are_told(self, tmp_path: Path) -> None:
        made(tmp_path, {"var/lib/dpkg/status.d/bash.md5sums": f"{'0' * 32}  usr/bin/bash\n"})
        assert owners(["/usr/bin/bash"], str(tmp_path)) == FileOwners(
            {}, ("/var/lib/dpkg/status.d/bash describes no package",)
        )


class TestApk:
    INSTALLED = (
        b"C:Q1dBbKZ9\nP:busybox\nV:1.37.0-r12\nA:x86_64\nT:all in one\nF:\nR:init\nZ:Q1\nF:bin\nM:0:0:1777\nR:busybox\n"
        b"a:0:0:777\nZ:Q1\nR:caf\xe9\nF:usr/share\nF:etc/busybox-paths.d\nR:busybox\n\n"
        b"P:musl\nV:1.2.5-r9\nF:lib\nR:ld-musl-x86_64.so.1\n\n"
        b"P:.build-deps\nV:0\nA:noarch\n\n"
    )

    @pytest.mark.parametrize("place", ["lib/apk/db/installed", "usr/lib/apk/db/installed"])
    def test_a_file_belongs_to_the_package_that_has_it_in_its_directory(self, tmp_path: Path, place: str) -> None:
        made(tmp_path, {place: self.INSTALLED})
        its = ["/init", "/bin/busybox", "/bin/caf\udce9", "/etc/busybox-paths.d/busybox"]
        others = ["/usr/share", "/usr/share/busybox", "/busybox", "/lib/busybox", "/bin/0:0:1777", "/bin/Q1"]
        assert owners([*its, "/lib/ld-musl-x86_64.so.1", *others], str(tmp_path)) == FileOwners(
            {**dict.fromkeys(its, BUSYBOX), "/lib/ld-musl-x86_64.so.1": Package("apk", "musl", "1.2.5-r9", "")}, ()
        )

    def test_where_usr_is_merged_a_package_may_list_the_old_name(self, tmp_path: Path) -> None:
        linked(tmp_path, {"bin": "usr/bin", "lib": "usr/lib"})
        made(tmp_path, {"usr/lib/apk/db/installed": self.INSTALLED})
        assert owners(["/usr/bin/busybox"], str(tmp_path)) == FileOwners({"/usr/bin/busybox": BUSYBOX}, ())

    def test_packages_without_a_name_or_a_version_are_told(self, tmp_path: Path) -> None:
        damaged = b"\xff\0\n\nP:half\nF:bin\nR:half\n\n" + self.INSTALLED
        made(tmp_path, {"lib/apk/db/installed": damaged})
        assert owners(["/bin/half", "/bin/busybox"], str(tmp_path)) == FileOwners(
            {"/bin/busybox": BUSYBOX},
            ("/lib/apk/db/installed has 2 packages without name or version",),
        )


def test_of_several_managers_dpkg_is_believed_first(tmp_path: Path) -> None:
    linked(tmp_path, {"bin": "usr/bin"})
    dpkg(tmp_path, {"bash": "/bin/busybox\n"}, paragraph(BASH))
    made(tmp_path, {"lib/apk/db/installed": "P:busybox\nV:1.37.0-r12\nA:x86_64\nF:usr/bin\nR:busybox\nR:other\n"})
    assert owners(["/usr/bin/busybox", "/usr/bin/other"], str(tmp_path)) == FileOwners(
        {"/usr/bin/busybox": BASH, "/usr/bin/other": BUSYBOX}, ()
    )


def test_paths_may_come_more_than_once_and_from_anything(tmp_path: Path) -> None:
    dpkg(tmp_path, {"bash": "/bin/bash\n"}, paragraph(BASH))
    assert owners(iter(["/bin/bash", "/bin/bash"]), f"{tmp_path}/") == FileOwners({"/bin/bash": BASH}, ())


def test_for_no_paths_no_database_is_read(tmp_path: Path) -> None:
    made(tmp_path, {"var/lib/dpkg": "", "lib/apk": "", "var/lib/rpm": ""})
    assert owners([], str(tmp_path)) == NOBODY
    assert owners(["/x"], str(tmp_path)).warnings


def test_what_is_no_regular_file_in_a_database_is_not_opened(tmp_path: Path) -> None:
    reader = DatabaseReader(view.HOST)
    assert (reader.content("/dev/null"), reader.warnings) == (b"", ["cannot read /dev/null: not a regular file"])
    os.mkfifo(tmp_path / "status")
    assert (reader.content(str(tmp_path / "status")), len(reader.warnings)) == (b"", 2)
