import os
from collections.abc import Callable
from pathlib import Path

import pytest

from magicpak.elf.facts import ElfTarget
from magicpak.errors import MagicpakError
from magicpak.resolve import hints
from magicpak.resolve.hints import hints_for, package_names

AMD64 = ElfTarget(64, True, 62)
I386 = ElfTarget(32, True, 3)
ARMEL = ElfTarget(32, True, 40)
UNKNOWN = ElfTarget(64, True, 9999)

MakeTool = Callable[[str, str], None]

DPKG = """case $1 in
--print-architecture) echo amd64 ;;
--print-foreign-architectures) echo armel ;;
esac"""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeTool:
    """Make a program by a name and its shell commands; PATH holds such programs only."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))

    def make(name: str, commands: str) -> None:
        (programs / name).write_text(f"#!/bin/sh\n{commands}\n")
        (programs / name).chmod(0o755)

    return make


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def hints_on(disk: Path, *names: str, matches: Callable[[str], bool] = lambda _path: True) -> dict[str, str]:
    return hints_for(names, AMD64, matches=matches, search_roots=[str(disk)])


def hints_of_debian(*names: str, kind: ElfTarget = AMD64) -> dict[str, str]:
    return hints_for(names, kind, search_roots=[])


@pytest.mark.usefixtures("tool")
class TestTheDisk:
    def test_a_directory_that_holds_the_library_is_named_with_the_command_line_that_adds_it(self, disk: Path) -> None:
        put(disk / "foo/lib/libfoo.so.1")
        assert hints_on(disk, "libfoo.so.1") == {
            "libfoo.so.1": f"found in {disk}/foo/lib: add it to LD_LIBRARY_PATH"
            f" (LD_LIBRARY_PATH={disk}/foo/lib magicpak …)"
        }

    def test_all_names_are_found_and_come_in_the_order_asked_for(self, disk: Path) -> None:
        put(disk / "a/libfoo.so.1")
        put(disk / "b/c/libbar.so.2")
        assert list(hints_on(disk, "libbar.so.2", "libnone.so", "libfoo.so.1")) == ["libbar.so.2", "libfoo.so.1"]

    def test_the_shallow_comes_before_the_deep_and_names_come_in_order(self, disk: Path) -> None:
        for directory in ("a/deep", "c", "b"):
            put(disk / directory / "libfoo.so.1")
        assert f"found in {disk}/b:" in hints_on(disk, "libfoo.so.1")["libfoo.so.1"]

    def test_a_file_of_another_kind_is_passed_over(self, disk: Path) -> None:
        put(disk / "a/libfoo.so.1")
        put(disk / "b/libfoo.so.1")
        hints = hints_on(disk, "libfoo.so.1", matches=lambda path: "/b/" in path)
        assert f"found in {disk}/b:" in hints["libfoo.so.1"]

    @pytest.mark.parametrize("error", [PermissionError(13, "no"), MagicpakError("no ELF file")])
    def test_a_file_that_cannot_be_judged_is_passed_over(self, disk: Path, error: Exception) -> None:
        def matches(_path: str) -> bool:
            raise error

        put(disk / "a/libfoo.so.1")
        assert hints_on(disk, "libfoo.so.1", matches=matches) == {}

    def test_a_link_to_a_library_counts_and_a_dangling_one_or_a_directory_does_not(self, disk: Path) -> None:
        (disk / "a").mkdir()
        (disk / "a/libfoo.so.1").symlink_to("libfoo.so.1.2")
        (disk / "b/libfoo.so.1").mkdir(parents=True)
        put(disk / "c/libfoo.so.1.2")
        (disk / "c/libfoo.so.1").symlink_to("libfoo.so.1.2")
        assert f"found in {disk}/c:" in hints_on(disk, "libfoo.so.1")["libfoo.so.1"]

    def test_links_to_directories_are_not_followed(self, disk: Path, tmp_path: Path) -> None:
        put(tmp_path / "elsewhere/libfoo.so.1")
        (disk / "link").symlink_to(tmp_path / "elsewhere")
        (disk / "loop").symlink_to(disk)
        assert hints_on(disk, "libfoo.so.1") == {}

    def test_a_directory_that_cannot_stand_in_ld_library_path_is_passed_over(self, disk: Path) -> None:
        put(disk / "a:b/libfoo.so.1")
        put(disk / "a;b/libfoo.so.1")
        assert hints_on(disk, "libfoo.so.1") == {}

    def test_a_directory_with_a_strange_name_is_shown_quoted_and_harmless(self, disk: Path) -> None:
        put(disk / "my libs\x1b/libfoo.so.1")
        assert hints_on(disk, "libfoo.so.1")["libfoo.so.1"].endswith(
            f" (LD_LIBRARY_PATH='{disk}/my libs\\x1b' magicpak …)"
        )

    def test_the_search_ends_after_so_many_entries(self, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put(disk / "a/libfoo.so.1")
        put(disk / "b/libbar.so.1")
        monkeypatch.setattr(hints, "ENTRIES", 3)  # a, b, a/libfoo.so.1
        assert list(hints_on(disk, "libfoo.so.1", "libbar.so.1")) == ["libfoo.so.1"]

    def test_the_search_ends_when_its_time_is_up(self, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put(disk / "libfoo.so.1")
        monkeypatch.setattr(hints, "SECONDS_FOR_WALK", 0)
        assert hints_on(disk, "libfoo.so.1") == {}

    def test_a_name_with_a_slash_is_a_path_and_gets_no_hint(self, disk: Path) -> None:
        put(disk / "lib/libfoo.so.1")
        assert hints_on(disk, "lib/libfoo.so.1", "") == {}

    def test_a_search_root_that_is_not_there_is_no_trouble(self, disk: Path) -> None:
        assert hints_on(disk / "absent", "libfoo.so.1") == {}

    def test_file_systems_of_the_kernel_are_not_searched(self) -> None:
        assert hints_for(["status", "maps"], AMD64, search_roots=["/proc/self"]) == {}

    def test_the_current_directory_is_searched(self, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put(disk / "lib/libmagicpak_test_only.so.1")
        monkeypatch.chdir(disk)
        hints = hints_for(["libmagicpak_test_only.so.1"], AMD64)
        assert f"found in {disk}/lib:" in hints["libmagicpak_test_only.so.1"]

    def test_a_current_directory_that_has_been_removed_is_no_trouble(
        self, disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hints, "SEARCH_ROOTS", (str(put(disk / "b/libfoo.so.1").parent),))
        (disk / "gone").mkdir()
        monkeypatch.chdir(disk / "gone")
        (disk / "gone").rmdir()
        assert list(hints_for(["libfoo.so.1"], AMD64)) == ["libfoo.so.1"]


class TestDebian:
    def test_the_package_named_by_policy_is_proposed_if_apt_knows_it(self, tool: MakeTool) -> None:
        tool("dpkg", DPKG)
        tool("apt-cache", "echo libfoo1; echo libfoo-dev; echo libpng16-16t64")
        assert hints_of_debian("libfoo.so.1", "libpng16.so.16", "libother.so.3") == {
            "libfoo.so.1": "apt-get install libfoo1",
            "libpng16.so.16": "apt-get install libpng16-16t64",
        }

    def test_apt_is_asked_once_for_all_names(self, tool: MakeTool, tmp_path: Path) -> None:
        tool("dpkg", DPKG)
        tool("apt-cache", f'echo "$@" >>{tmp_path}/asked')
        hints_of_debian("libfoo.so.1", "libfool.so.2")
        assert (tmp_path / "asked").read_text() == "pkgnames libfoo\n"

    def test_a_library_that_is_on_the_disk_is_not_looked_for_in_packages(self, tool: MakeTool, disk: Path) -> None:
        tool("dpkg", DPKG)
        tool("apt-cache", "echo libfoo1; echo libbar1")
        put(disk / "libfoo.so.1")
        hints = hints_on(disk, "libfoo.so.1", "libbar.so.1")
        assert (hints["libfoo.so.1"][:8], hints["libbar.so.1"]) == ("found in", "apt-get install libbar1")

    def test_what_the_names_do_not_tell_is_asked_of_apt_file(self, tool: MakeTool, tmp_path: Path) -> None:
        tool("dpkg", DPKG)
        tool("apt-cache", "echo libfoo1")
        tool(
            "apt-file",
            f'echo "$@" >{tmp_path}/asked\n'
            "echo libqt5core5a-dbg: /usr/lib/x86_64-linux-gnu/debug/libQt5Core.so.5\n"
            "echo libqt5core-alpha-cross: /usr/alpha-linux-gnu/lib/libQt5Core.so.5\n"
            "echo aaa: /usr/lib/x86_64-linux-gnu/aaa/libQt5Core.so.5\n"
            "echo libqt5core5a: /usr/lib/x86_64-linux-gnu/libQt5Core.so.5",
        )
        assert hints_of_debian("libQt5Core.so.5", "libfoo.so.1") == {
            "libQt5Core.so.5": "apt-get install libqt5core5a",
            "libfoo.so.1": "apt-get install libfoo1",
        }
        assert (tmp_path / "asked").read_text() == "search --regexp /(libQt5Core\\.so\\.5)$\n"

    def test_apt_file_without_an_index_gives_no_hint(self, tool: MakeTool) -> None:
        tool("dpkg", DPKG)
        tool("apt-cache", "exit 0")
        tool("apt-file", 'echo "E: The cache is empty. You need to run \\"apt-file update\\" first." >&2; exit 3')
        assert hints_of_debian("libfoo.so.1") == {}

    def test_an_architecture_that_dpkg_has_enabled_is_a_suffix(self, tool: MakeTool, tmp_path: Path) -> None:
        tool("dpkg", DPKG)
        tool("apt-cache", "echo libfoo1")
        tool("apt-file", f'echo "$@" >{tmp_path}/asked; echo libodd: /usr/lib/arm-linux-gnueabi/libbar.so.1')
        assert hints_of_debian("libfoo.so.1", "libbar.so.1", kind=ARMEL) == {
            "libfoo.so.1": "apt-get install libfoo1:armel",
            "libbar.so.1": "apt-get install libodd:armel",
        }
        assert (tmp_path / "asked").read_text().startswith("--architecture armel search ")

    def test_an_architecture_that_dpkg_has_not_enabled_is_enabled_first(self, tool: MakeTool) -> None:
        tool("dpkg", DPKG)
        tool("apt-cache", "echo libfoo1; echo libc6")
        tool("apt-file", "echo libodd: /usr/lib/libbar.so.1")
        enable = "dpkg --add-architecture i386 && apt-get update && "
        assert hints_of_debian("libfoo.so.1", "libbar.so.1", "ld-linux.so.2", kind=I386) == {
            "libfoo.so.1": f"{enable}apt-get install libfoo1:i386",
            "ld-linux.so.2": f"{enable}apt-get install libc6:i386",
        }

    def test_a_machine_that_debian_has_not_gives_no_hint(self, tool: MakeTool) -> None:
        tool("dpkg", DPKG)
        tool("apt-cache", "echo libfoo1")
        assert hints_of_debian("libfoo.so.1", kind=UNKNOWN) == {}

    def test_a_system_without_dpkg_and_apt_gives_no_hint(self, tool: MakeTool) -> None:
        assert hints_of_debian("libfoo.so.1") == {}
        tool("dpkg", DPKG)
        assert hints_of_debian("libfoo.so.1") == {}

    @pytest.mark.parametrize("trouble", ["echo libfoo1; exit 100", "kill -9 $$", "printf '\\377\\n'"])
    def test_an_apt_that_fails_or_answers_nonsense_gives_no_hint(self, tool: MakeTool, trouble: str) -> None:
        tool("dpkg", DPKG)
        tool("apt-cache", trouble)
        assert hints_of_debian("libfoo.so.1") == {}

    def test_an_apt_that_hangs_gives_no_hint_and_costs_little(
        self, tool: MakeTool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hints, "SECONDS", 0.5)
        tool("dpkg", DPKG)
        tool("apt-cache", "exec /bin/sleep 60")
        begin = os.times().elapsed
        assert hints_of_debian("libfoo.so.1") == {}
        assert os.times().elapsed - begin < 5

    def test_a_name_that_is_no_name_of_a_library_is_asked_of_nobody(self, tool: MakeTool, tmp_path: Path) -> None:
        tool("dpkg", DPKG)
        tool("apt-cache", f"echo asked >{tmp_path}/asked")
        assert hints_of_debian("libfoo.so.1\n", "-o.so", "lib$(id).so.1", "\udcff.so") == {}
        assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("libc.so.6", "libc6"),
        ("libstdc++.so.6", "libstdc++6"),
        ("libz.so.1", "libz1"),
        ("libssl.so.3", "libssl3"),
        ("libssl.so.3", "libssl3t64"),
        ("libGL.so.1", "libgl1"),
        ("libX11.so.6", "libx11-6"),
        ("libpng16.so.16", "libpng16-16t64"),
        ("libfoo-1.2.so.3", "libfoo-1.2-3"),
        ("libgtk-3.so.0", "libgtk-3-0"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
        ("libglib-2.0.so.0", "libglib2.0-0t64"),
        ("libdb-5.3.so", "libdb5.3"),
        ("libboost_thread.so.1.74.0", "libboost-thread1.74.0"),
        ("libtag.so.1", "libtag1v5"),
        ("ld-linux-x86-64.so.2", "libc6"),
    ],
)
def test_the_package_of_a_library_is_among_the_names_of_debian_policy(name: str, package: str) -> None:
    assert package in package_names(name)


@pytest.mark.parametrize("name", ["", "foo.so.1", "libfoo", "libfoo.a", "lib.so", "libé.so.1", "libfoo.so.1;id"])
def test_what_is_no_name_of_a_shared_library_has_no_package(name: str) -> None:
    assert package_names(name) == ()
