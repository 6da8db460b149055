"""A database with some of the packages of another, as scanners of an image read it."""

from pathlib import Path

from debian.deb822 import Deb822

from magicpak.files.directory import DirectoryView
from magicpak.needs.found import NeedFiles
from magicpak.needs.of_bundle import licences
from magicpak.packages.database import Package
from magicpak.packages.details import PackageDetails, package_details
from magicpak.packages.subset import HeldFile, Subset, subset

LIBC = Package("dpkg", "libc6", "2.36-9", "amd64")
LIBC_I386 = LIBC._replace(architecture="i386")
MUSL = Package("apk", "musl", "1.2.4-r2", "x86_64")

STATUS = """\
Package: libc6
Status: hold ok installed
Architecture: amd64
Source: glibc (2.36-8)
Version: 2.36-9
Maintainer: A <a@b.org>
Homepage: https://gnu.org
Description: the library
 Status: no field
Conffiles:
 /etc/a 0123

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36-9

Package: other
Status: install ok installed
Version: 1
"""
SUM, OTHER = "0" * 32, "1" * 32


def made(root: Path, **files: str) -> DirectoryView:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return DirectoryView(str(root))


def held(*paths: str) -> list[HeldFile]:
    """Return files of the bundle whose names in the database are those from before /usr was merged, too."""
    return [HeldFile(path, (path.encode(), path.removeprefix("/usr").encode())) for path in paths]


def test_of_dpkg_each_package_is_installed_with_the_sums_of_its_files(tmp_path: Path) -> None:
    root = made(tmp_path, var__lib__dpkg__status=STATUS)
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir()
    (info / "libc6:amd64.md5sums").write_text(f"{SUM}  lib/libc.so\n{OTHER}  lib/other.so\nnonsense\n")
    found = subset({LIBC: held("/usr/lib/libc.so", "/etc/settings"), LIBC_I386: held("/usr/lib32/libc.so")}, root)
    first = STATUS.split("\n\n", maxsplit=1)[0].replace("hold ok installed", "install ok installed") + "\n"
    second = STATUS.split("\n\n")[1] + "\n"
    assert found == Subset(
        {
            "/var/lib/dpkg/status.d/libc6": first.encode(),
            "/var/lib/dpkg/status.d/libc6.md5sums": f"{SUM}  usr/lib/libc.so\n".encode(),
            "/var/lib/dpkg/status.d/libc6:i386": second.encode(),
            "/var/lib/dpkg/status.d/libc6:i386.md5sums": b"",
        },
        (),
        (),
    )
    assert Deb822(first)["Description"] == "the library\n Status: no field"


def test_a_package_whose_name_is_a_path_is_left_out(tmp_path: Path) -> None:
    root = made(tmp_path, var__lib__dpkg__status=STATUS.replace("libc6", "../../../etc/libc6"), etc__libc6="x")
    path = LIBC._replace(name="../../../etc/libc6")
    assert subset({path: held("/usr/lib/libc.so")}, root) == Subset({}, (), ())
    assert licences([path, MUSL._replace(name="../../../etc")], root) == NeedFiles(
        trees=[], warnings=["2 packages without a file of its licence on this host: ../../../etc, ../../../etc/libc6"]
    )


def test_of_a_distroless_image_the_same_comes_out(tmp_path: Path) -> None:
    (tmp_path / "var/lib/dpkg/status.d").mkdir(parents=True)
    directory = tmp_path / "var/lib/dpkg/status.d"
    (directory / "libc6").write_text("Package: libc6\nVersion: 2.36-9\nArchitecture: amd64\n")
    (directory / "libc6.md5sums").write_text(f"{SUM}  ./usr/lib/libc.so\n")
    found = subset({LIBC: held("/usr/lib/libc.so")}, DirectoryView(str(tmp_path))).files
    assert found["/var/lib/dpkg/status.d/libc6"] == (
        b"Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nArchitecture: amd64\n"
    )
    assert found["/var/lib/dpkg/status.d/libc6.md5sums"] == f"{SUM}  usr/lib/libc.so\n".encode()


APK = """\
C:Q1abc=
P:musl
V:1.2.4-r2
A:x86_64
o:musl
L:MIT
m:T <t@a.org>
U:https://musl.libc.org
F:lib
M:0:0:755
R:ld-musl.so.1
a:0:0:755
Z:Q1def=
R:other
F:etc
R:settings

P:other
V:1
"""


def test_of_apk_there_is_one_database_with_the_files_that_are_in(tmp_path: Path) -> None:
    root = made(tmp_path, lib__apk__db__installed=APK)
    head = APK.split("F:lib", maxsplit=1)[0]
    assert subset({MUSL: held("/usr/lib/ld-musl.so.1")}, root) == Subset(
        {"/lib/apk/db/installed": f"{head}F:lib\nM:0:0:755\nR:ld-musl.so.1\na:0:0:755\nZ:Q1def=\n\n".encode()}, (), ()
    )


def test_of_rpm_there_is_none(tmp_path: Path) -> None:
    assert subset({Package("rpm", "bash", "5-1", ""): held("/bin/bash")}, DirectoryView(str(tmp_path))) == Subset(
        {}, ("rpm",), ()
    )


def test_details_are_what_a_database_says_besides(tmp_path: Path) -> None:
    root = made(tmp_path, var__lib__dpkg__status=STATUS, lib__apk__db__installed=APK)
    none = Package("dpkg", "none", "1", "amd64")
    details = package_details([LIBC, LIBC_I386, MUSL, none, LIBC._replace(version="1")], root)
    assert {package: each._replace(paragraph=b"") for package, each in details.by_package.items()} == {
        LIBC: PackageDetails("glibc", "2.36-8", "A <a@b.org>", "", "https://gnu.org"),
        LIBC_I386: PackageDetails("libc6", "2.36-9"),
        MUSL: PackageDetails("musl", "1.2.4-r2", "T <t@a.org>", "MIT", "https://musl.libc.org"),
    }
    assert details.warnings == ()
