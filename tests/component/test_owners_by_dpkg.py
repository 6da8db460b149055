"""Who owns a file, held against dpkg: for the files of this machine, and for packages that it installs elsewhere."""

import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from magicpak.files.directory import DirectoryView
from magicpak.packages.database import Package
from magicpak.packages.owners import owners

pytestmark = pytest.mark.needs("dpkg")

PLACES = ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share/doc", "/usr/share/perl", "/etc", "/var/lib", "/var/cache")
MOST_ASKED = 4000


WILDCARDS = frozenset("\\*?[")  # dpkg -S takes what has one for a pattern


def files_of_this_machine() -> list[str]:
    """Return all that is no directory below real directories, thinned out so that dpkg takes them as arguments."""
    found = []
    for place in PLACES:
        for directory, _, names in os.walk(place):
            if os.path.realpath(directory) == directory and directory != "/var/lib/dpkg/info":
                found += [os.path.join(directory, name) for name in names if not WILDCARDS.intersection(name)]
    return sorted(found)[:: len(found) // MOST_ASKED + 1]


def names_for(path: str) -> list[str]:
    """Return the names that dpkg may have for a real path: /usr may be merged."""
    before = path.removeprefix("/usr")
    return [path, before] if os.path.realpath(os.path.dirname(before)) == os.path.dirname(path) else [path]


def asked_of_dpkg(paths: Iterable[str]) -> dict[str, set[str]]:
    """Return the packages that `dpkg -S` names, as NAME or NAME:ARCHITECTURE, for each path that has any."""
    names = {name: path for path in paths for name in names_for(path)}
    ran = subprocess.run(["dpkg", "-S", *names], capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"})
    owned: dict[str, set[str]] = defaultdict(set)
    for line in os.fsdecode(ran.stdout).splitlines():
        packages, _, name = line.partition(": ")
        if not line.startswith("diversion by "):
            owned[names[name]].update(packages.split(", "))
    return owned


def installed() -> Iterator[Package]:
    line = "${Package}\t${Version}\t${Architecture}\n"
    for each in subprocess.run(
        ["dpkg-query", "-W", "-f", line], capture_output=True, check=True, text=True
    ).stdout.split("\n"):
        if each:
            yield Package("dpkg", *each.split("\t"))


def test_the_owners_of_this_machines_files_are_those_that_dpkg_names() -> None:
    diverted = {path for path in Path("/var/lib/dpkg/diversions").read_text().split("\n") if path}
    files = [path for path in files_of_this_machine() if not diverted.intersection(names_for(path))]
    expected = asked_of_dpkg(files)
    found = owners(files)
    assert found.warnings == ()
    assert found.by_path.keys() == expected.keys()
    assert 1000 < len(expected) < len(files)
    wrong = {
        path: (owner, expected[path])
        for path, owner in found.by_path.items()
        if not expected[path] & {owner.name, f"{owner.name}:{owner.architecture}"}
    }
    assert wrong == {}
    assert set(found.by_path.values()) <= set(installed())


class Elsewhere:
    """A system of packages made here, installed by dpkg below a root of its own."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "root"
        self._made = directory
        for link in ("bin", "lib"):
            (self.root / "usr" / link).mkdir(parents=True)
            (self.root / link).symlink_to(f"usr/{link}")
        (self.root / "var/lib/dpkg/info").mkdir(parents=True)
        (self.root / "var/lib/dpkg/updates").mkdir()
        (self.root / "var/lib/dpkg/status").touch()

    def install(self, package: Package, files: Iterable[str], fields: str = "", settings: str = "") -> None:
        tree = self._made / f"{package.name}-{package.version}-{package.architecture}"
        for file in files:
            (tree / file.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            (tree / file.lstrip("/")).write_text("the same for all\n")
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN/control").write_text(
            f"Package: {package.name}\nVersion: {package.version}\nArchitecture: {package.architecture}\n"
            f"Maintainer: nobody <nobody@example.org>\nDescription: a test\n{fields}"
        )
        if settings:
            (tree / "DEBIAN/conffiles").write_text(f"{settings}\n")
        self._run("dpkg-deb", "--build", str(tree), f"{tree}.deb")
        self.dpkg("--install", f"{tree}.deb")

    def dpkg(self, *words: str) -> None:
        self._run("dpkg", f"--root={self.root}", "--log=/dev/null", "--force-not-root,depends", *words)

    def divert(self, *words: str) -> None:
        self._run("dpkg-divert", "--root", str(self.root), "--no-rename", *words)

    def owners(self, *paths: str) -> dict[str, Package]:
        found = owners(paths, DirectoryView(str(self.root)))
        assert found.warnings == ()
        return dict(found.by_path)

    @staticmethod
    def _run(*command: str) -> None:
        ran = subprocess.run(command, capture_output=True, check=False, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    return Elsewhere(tmp_path)


def of_machine(name: str, version: str) -> Package:
    native = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, check=True, text=True).stdout.strip()
    return Package("dpkg", name, version, native)


def test_a_package_that_is_removed_leaves_settings_that_it_does_not_own(elsewhere: Elsewhere) -> None:
    one, other = of_machine("one", "1:2.0-3"), of_machine("other", "5")
    elsewhere.install(one, ["/bin/one", "/etc/one.conf"], settings="/etc/one.conf")
    elsewhere.install(other, ["/etc/other.conf"])
    assert elsewhere.owners("/usr/bin/one", "/etc/one.conf", "/etc/other.conf") == {
        "/usr/bin/one": one,
        "/etc/one.conf": one,
        "/etc/other.conf": other,
    }
    elsewhere.dpkg("--remove", "one")
    assert (elsewhere.root / "etc/one.conf").exists()
    assert elsewhere.owners("/etc/one.conf", "/etc/other.conf") == {"/etc/other.conf": other}


def test_a_package_that_replaces_a_file_owns_it(elsewhere: Elsewhere) -> None:
    one, other = of_machine("one", "1"), of_machine("other", "2")
    elsewhere.install(one, ["/usr/bin/shared", "/usr/bin/one"])
    elsewhere.install(other, ["/usr/bin/shared"], "Replaces: one\n")
    assert elsewhere.owners("/usr/bin/shared", "/usr/bin/one") == {"/usr/bin/shared": other, "/usr/bin/one": one}


def test_one_package_for_two_architectures_is_two(elsewhere: Elsewhere) -> None:
    native = of_machine("lib", "1")
    foreign = native._replace(architecture="i386" if native.architecture != "i386" else "amd64")
    elsewhere.dpkg("--add-architecture", foreign.architecture)
    for package in (foreign, native):
        files = ["/usr/share/doc/lib/copyright", f"/lib/{package.architecture}/lib.so"]
        elsewhere.install(package, files, "Multi-Arch: same\n")
    of_foreign, of_native = (f"/usr/lib/{each.architecture}/lib.so" for each in (foreign, native))
    assert elsewhere.owners(of_foreign, of_native, "/usr/share/doc/lib/copyright") == {
        of_foreign: foreign,
        of_native: native,
        "/usr/share/doc/lib/copyright": native,
    }


def test_a_file_that_is_diverted_belongs_to_the_package_whose_it_was(elsewhere: Elsewhere) -> None:
    one, other = of_machine("one", "1"), of_machine("other", "2")
    elsewhere.divert("--package", "other", "--divert", "/usr/bin/tool.real", "--add", "/usr/bin/tool")
    elsewhere.divert("--local", "--divert", "/usr/bin/mine.real", "--add", "/usr/bin/mine")
    elsewhere.install(one, ["/usr/bin/tool", "/usr/bin/mine"])
    elsewhere.install(other, ["/usr/bin/tool"])
    (elsewhere.root / "usr/bin/mine").touch()
    assert sorted(os.listdir(elsewhere.root / "usr/bin")) == ["mine", "mine.real", "tool", "tool.real"]
    assert elsewhere.owners("/usr/bin/tool", "/usr/bin/tool.real", "/usr/bin/mine", "/usr/bin/mine.real") == {
        "/usr/bin/tool": other,
        "/usr/bin/tool.real": one,
        "/usr/bin/mine.real": one,
    }
