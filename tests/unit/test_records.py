"""What records say, each part by itself: package URLs, licences, maintainers, times, and the distribution."""

from pathlib import Path

import pytest
from license_expression import get_spdx_licensing
from packageurl import PackageURL

from magicpak.files.directory import DirectoryView
from magicpak.packages.copyright import MAX_LICENCES, Terms, terms_of
from magicpak.packages.database import Package
from magicpak.packages.os_release import OsRelease, os_release
from magicpak.records.licence_expressions import LicenceExpression, Licences
from magicpak.records.purl import package_url, package_url_of
from magicpak.records.wording import Maintainer, page
from magicpak.text import timestamp

DEBIAN = OsRelease("debian", "12", "Debian GNU/Linux 12 (bookworm)")
LIBC = Package("dpkg", "libc6", "2.36-9+deb12u10", "amd64")


@pytest.mark.parametrize(
    ("package", "distribution", "kind", "namespace", "version", "qualifiers"),
    [
        (LIBC, DEBIAN, "deb", "debian", "2.36-9+deb12u10", {"arch": "amd64", "distro": "debian-12"}),
        (
            Package("dpkg", "git", "1:2.39.5-0+deb12u2", "amd64"),
            OsRelease("ubuntu", "24.04"), "deb", "ubuntu", "1:2.39.5-0+deb12u2",
            {"arch": "amd64", "distro": "ubuntu-24.04"},
        ),
        (LIBC._replace(architecture=""), OsRelease(), "deb", "debian", "2.36-9+deb12u10", {}),
        (
            Package("apk", "libstdc++", "13.2.1_git20231014-r0", "x86_64"),
            OsRelease("alpine", "3.19.1"), "apk", "alpine", "13.2.1_git20231014-r0",
            {"arch": "x86_64", "distro": "alpine-3.19.1"},
        ),
        (
            Package("rpm", "Perl-Net~x", "2:1.0^git1-3.fc40", "noarch"),
            OsRelease("fedora", "40"), "rpm", "fedora", "1.0^git1-3.fc40",
            {"arch": "noarch", "distro": "fedora-40", "epoch": "2"},
        ),
        (Package("rpm", "bash", "5-1", "i686"), OsRelease(), "rpm", None, "5-1", {"arch": "i686"}),
    ],
)  # fmt: skip
def test_a_package_url_is_the_one_of_the_specification(
    package: Package, distribution: OsRelease, kind: str, namespace: str, version: str, qualifiers: dict[str, str]
) -> None:
    url = package_url_of(package, distribution)
    expected = PackageURL(kind, namespace, package.name, version, qualifiers)
    assert PackageURL.from_string(url) == expected
    assert url == expected.to_string().replace("%2b", "%2B")  # the library makes the escapes of a name small, too


@pytest.mark.parametrize("name", ["a b", "golang.org/x/text", "ä%40?#", "@scope/name", "a//b"])
def test_other_names_are_encoded(name: str) -> None:
    url = package_url("golang", name, "v1.0.0+incompatible")
    above, _, last = name.replace("//", "/").rpartition("/")
    assert url == PackageURL("golang", above or None, last, "v1.0.0+incompatible").to_string()


LISTED = [
    ("GPL-2+", "GPL-2.0-or-later"),
    ("GPL-2", "GPL-2.0-only"),
    ("GPL-2.0+", "GPL-2.0-or-later"),
    ("LGPL-2.1+", "LGPL-2.1-or-later"),
    ("AGPL-3", "AGPL-3.0-only"),
    ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
    ("Expat", "MIT"),
    ("zlib", "Zlib"),
    ("Apache-2", "Apache-2.0"),
    ("BSD-3-clause or GPL-2", "BSD-3-Clause OR GPL-2.0-only"),
    ("GPL-1+ or Artistic", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
    ("GPL-2+ or AFL-2.1, and Expat", "(GPL-2.0-or-later OR AFL-2.1) AND MIT"),
    ("MIT and ISC or Zlib", "(MIT AND ISC) OR Zlib"),
    ("GPL-3+ with Autoconf exception", "GPL-3.0-or-later WITH Autoconf-exception-3.0"),
    ("GPL-2+-with-Libtool-exception", "GPL-2.0-or-later WITH Libtool-exception"),
    ("Apache-2.0 with LLVM exception", "Apache-2.0 WITH LLVM-exception"),
    ("GPLv2+ and ASL 2.0 and (MPLv1.1 or ISC)", "GPL-2.0-or-later AND Apache-2.0 AND (MPL-1.1 OR ISC)"),
    ("MIT GPL2+ ISC", "MIT AND GPL-2.0-or-later AND ISC"),
    ("GPL-2.0-only WITH Linux-syscall-note", "GPL-2.0-only WITH Linux-syscall-note"),
    ("((mit))", "MIT"),
]  # fmt: skip


@pytest.fixture(scope="module")
def known() -> Licences:
    return Licences()


@pytest.mark.parametrize(("text", "expression"), LISTED)
def test_a_licence_that_spdx_lists_is_an_expression(text: str, expression: str, known: Licences) -> None:
    assert known.all_of([text]) == LicenceExpression(expression)
    assert get_spdx_licensing().validate(expression).errors == []


@pytest.mark.parametrize(
    ("text", "expression", "names"),
    [
        ("public-domain", "LicenseRef-public-domain", ["public-domain"]),
        ("Public Domain", "LicenseRef-public-domain", ["Public Domain"]),
        ("MIT and permissive", "MIT AND LicenseRef-permissive", ["permissive"]),
        (
            "GPL-2+ with OpenSSL exception",
            "LicenseRef-GPL-2-or-later-with-OpenSSL-exception",
            ["GPL-2+ with OpenSSL exception"],
        ),
        ("MIT and (", "LicenseRef-MIT-and", ["MIT and ("]),
        ("MPL-1.1+", "LicenseRef-MPL-1.1-or-later", ["MPL-1.1+"]),
        ("\udce9", "LicenseRef-unnamed", ["\udce9"]),
    ],
)
def test_what_spdx_does_not_list_is_a_reference_with_its_name(
    text: str, expression: str, names: list[str], known: Licences
) -> None:
    found = known.all_of([text])
    assert (found.expression, list(found.named.values())) == (expression, names)


def test_several_licences_hold_together_each_once(known: Licences) -> None:
    assert known.all_of(["GPL-2+ or MIT", "MIT", "Expat", "MIT and ISC"]).expression == (
        "(GPL-2.0-or-later OR MIT) AND MIT AND ISC"
    )
    assert known.all_of([]) == known.all_of([""]) == LicenceExpression()


@pytest.mark.parametrize("text", ["(" * 5000, "a and " * 3000 + "a", "x" * 100_000, "and " * 100, "with with with"])
def test_an_expression_without_end_is_one_name(text: str, known: Licences) -> None:
    assert known.all_of([text]).expression.startswith("LicenseRef-")


MACHINE_READABLE = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: x

Files: *
Copyright: nobody
License: GPL-2+
 See /usr/share/common-licenses/GPL-2.

Files: debian/*
Copyright: nobody
License: Expat or GPL-2+

License: BSD-3-clause
 A text that nothing is under; /usr/share/common-licenses/BSD.
"""


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        (MACHINE_READABLE, Terms(("GPL-2+", "Expat or GPL-2+"), ("GPL-2", "BSD"))),
        (MACHINE_READABLE.replace("\n", "\r\n"), Terms(("GPL-2+", "Expat or GPL-2+"), ("GPL-2", "BSD"))),
        ("This is free.\nLicense: MIT\n`/usr/share/common-licenses/LGPL-2.1'.", Terms((), ("LGPL-2.1",))),
        ("", Terms()),
    ],
)
def test_a_copyright_file_says_what_files_are_under(text: str, terms: Terms, tmp_path: Path) -> None:
    path = tmp_path / "usr/share/doc/libc6/copyright"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode())
    assert terms_of(LIBC, DirectoryView(str(tmp_path))) == terms
    for name in ("other", "a\0b", "../doc/libc6"):
        assert terms_of(LIBC._replace(name=name), DirectoryView(str(tmp_path))) == Terms(is_readable=False)


def test_a_copyright_file_of_very_many_licences_has_some(tmp_path: Path) -> None:
    path = tmp_path / "usr/share/doc/libc6/copyright"
    path.parent.mkdir(parents=True)
    path.write_text(MACHINE_READABLE + "".join(f"\nFiles: a\nLicense: l{number}\n" for number in range(100_000)))
    assert len(terms_of(LIBC, DirectoryView(str(tmp_path))).licences) == MAX_LICENCES


@pytest.mark.parametrize(
    ("text", "maintainer"),
    [
        ("A B <a@b.org>", Maintainer("A B", "a@b.org")),
        ("<a@b.org>", Maintainer("a@b.org", "a@b.org")),
        ("A B", Maintainer("A B")),
        ("A B <not an address>", Maintainer("A B")),
        (" " * 100_000 + "A" + " " * 100_000, Maintainer("A")),
    ],
)
def test_a_maintainer_has_a_name_and_perhaps_an_address(text: str, maintainer: Maintainer) -> None:
    assert Maintainer.of(text) == maintainer


def test_a_page_is_an_address_of_the_web() -> None:
    pages = ["https://www.gnu.org/software/libc/?a=b#c", "http://a.org"]
    others = ["javascript:alert(1)", "https://a.org/a b", "https://a.org/[", "a.org", ""]
    assert [page(each) for each in (*pages, *others)] == [*pages, *[""] * len(others)]


def test_a_time_is_one_that_the_forms_can_have() -> None:
    assert timestamp(0) == timestamp(-1) == "1970-01-01T00:00:00Z"
    assert timestamp(10**12) == "9999-12-31T23:59:59Z"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="D \\"12\\""\n'}, ("debian", "12", 'D "12"')),
        ({"usr/lib/os-release": "# ID=x\nID='arch'\nNAME=Arch\n"}, ("arch", "", "Arch")),
        ({"etc/os-release": "ID=debian\nVERSION_CODENAME=trixie\nNAME='\n"}, ("debian", "trixie", "'")),
        ({"etc/os-release": "ID=a\n", "usr/lib/os-release": "ID=b\n"}, ("a", "", "")),
        ({"etc/os-release": "nothing"}, ("linux", "", "")),
        ({}, ("", "", "")),
    ],
)  # fmt: skip
def test_the_distribution_is_what_os_release_says(
    files: dict[str, str], found: tuple[str, str, str], tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert os_release(DirectoryView(str(tmp_path))) == OsRelease(*found)
