"""What packages consist of and need, by made databases of dpkg and apk."""

from pathlib import Path

import pytest

from magicpak.files.directory import DirectoryView
from magicpak.packages.contents import own_contents
from magicpak.packages.database import Package
from support.package_roots import package_contents

DPKG = {
    "tool": "Depends: libtool (>= 1:2~), data:any | other,\n helper [amd64]\nPre-Depends: mail-agent",
    "libtool": "Multi-Arch: same",
    "data": "",
    "other": "",
    "helper": "Depends: tool",
    "exim": "Provides: mail-agent (= 1), smtp",
    "apart": "Recommends: tool",
}


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    status = [
        f"Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n{more}".rstrip()
        for name, more in DPKG.items()
    ]
    gone = "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: amd64"
    (tmp_path / "var/lib/dpkg/status").write_text("\n\n".join([*status, gone]) + "\n")
    (tmp_path / "var/lib/dpkg/arch").write_text("amd64\n")
    for name in (*DPKG, "gone"):
        if name != "libtool":
            (info / f"{name}.list").write_text(f"/.\n/usr\n/usr/share/doc/{name}/copyright\n/usr/lib/{name}\n")
    for architecture in ("amd64", "arm64"):
        (info / f"libtool:{architecture}.list").write_text(f"/usr/lib/{architecture}/libtool.so\n")
    (tmp_path / "var/lib/dpkg/diversions").write_text("/usr/lib/data\n/usr/lib/data.old\nother\n")
    return tmp_path


def paths(root: Path, *names: str, dependencies: bool = False) -> list[str]:
    contents = package_contents(names, str(root), dependencies=dependencies)
    assert (contents.unknown, contents.warnings) == ([], [])
    return [path for path in contents.paths if path not in ("/.", "/usr")]


class TestDpkg:
    def test_a_package_has_its_files_without_documentation(self, debian: Path) -> None:
        assert package_contents(["tool"], str(debian)).paths == ["/.", "/usr", "/usr/lib/tool"]

    def test_what_it_needs_comes_along_step_by_step_by_other_names_too(self, debian: Path) -> None:
        assert sorted(paths(debian, "tool", dependencies=True)) == [
            "/usr/lib/amd64/libtool.so", "/usr/lib/data.old", "/usr/lib/exim", "/usr/lib/helper", "/usr/lib/tool",
        ]  # fmt: skip

    def test_of_one_for_several_architectures_the_one_that_is_asked_for(self, debian: Path) -> None:
        assert paths(debian, "libtool") == ["/usr/lib/amd64/libtool.so"]
        assert paths(debian, "libtool:arm64") == ["/usr/lib/arm64/libtool.so"]
        assert "/usr/lib/arm64/libtool.so" in paths(debian, "tool:arm64", dependencies=True)

    def test_what_is_not_installed_is_unknown(self, debian: Path) -> None:
        contents = package_contents(["gone", "tool", "none"], str(debian))
        assert (contents.unknown, "tool" in contents.known, "gone" in contents.known) == (["gone", "none"], True, False)
        assert "/usr/lib/tool" in contents.paths


APK = """P:tool
V:1-r0
A:x86_64
D:so:libtool.so.1 cmd:helper>=2 !other /bin/sh data@edge
F:usr/bin
R:tool
F:usr/share/man/man1
R:tool.1.gz
F:var/lib/tool

P:libs
V:1-r0
A:x86_64
p:so:libtool.so.1=1.2 so:libmore.so.2=2
F:usr/lib
R:libtool.so.1

P:busybox
V:1-r0
A:x86_64
p:/bin/sh cmd:helper=3
F:bin
R:busybox

P:data
V:1-r0
A:x86_64
F:usr/share/data
R:x

P:other
V:1-r0
A:x86_64
F:usr/lib
R:other
"""


@pytest.mark.parametrize("database", ["lib/apk/db", "usr/lib/apk/db"])
def test_apk_has_files_directories_and_needs_by_names_of_many_kinds(database: str, tmp_path: Path) -> None:
    (tmp_path / database).mkdir(parents=True)
    (tmp_path / database / "installed").write_text(APK)
    own = ["/usr/bin", "/var/lib/tool", "/usr/bin/tool"]
    assert paths(tmp_path, "tool") == own
    assert paths(tmp_path, "tool", dependencies=True) == [
        *own, "/usr/lib", "/usr/lib/libtool.so.1", "/bin", "/bin/busybox", "/usr/share/data", "/usr/share/data/x",
    ]  # fmt: skip
    assert package_contents(["tools"], str(tmp_path)).unknown == ["tools"]


def test_the_parts_of_a_package_are_its_own_and_programs_are_of_what_it_needs(tmp_path: Path) -> None:
    needs = {
        "app": "app-data, libapp-perl, tool",
        "app-data": "viewer",
        "libapp-perl": "",
        "tool": "far",
        "far": "farther",
        "viewer": "",
        "farther": "",
    }
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    paragraphs = [
        f"Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\nDepends: {depends}"
        for name, depends in needs.items()
    ]
    (tmp_path / "var/lib/dpkg/status").write_text("\n\n".join(paragraphs) + "\n")
    for name in needs:
        (info / f"{name}.list").write_text(f"/usr/share/{name}/x\n/usr/bin/{name}\n/usr/share/doc/{name}/copyright\n")
    found = own_contents(Package("dpkg", "app", "1", "amd64"), DirectoryView(str(tmp_path)))
    own = ["app", "app-data", "libapp-perl"]
    assert sorted(found.paths) == sorted(
        [*(f"/usr/share/{each}/x" for each in own), *(f"/usr/bin/{each}" for each in own)]
    )
    assert sorted(found.programs) == sorted(f"/usr/bin/{each}" for each in (*own, "tool", "far", "viewer"))
    assert own_contents(Package("dpkg", "none", "1", "amd64"), DirectoryView(str(tmp_path))).paths == ()
