"""Who owns a file, by databases that rpm makes, of packages that rpmbuild makes; and what rpm does wrong."""

import os
import sqlite3
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from magicpak.bundle.path import BundlePath
from magicpak.files.directory import DirectoryView
from magicpak.packages import rpm
from magicpak.packages.database import Package
from magicpak.packages.owners import FileOwners
from magicpak.records import origins
from support.elf_files import X86_64_EXIT_0, make_elf
from support.package_roots import owners, package_contents
from support.record_files import loaded, packages_of_cyclonedx
from support.run_magicpak import executable, quickly

SPEC = """
Name: small
Version: 1.5
Release: 3
Summary: a test
License: MIT
BuildArch: noarch
%description
%package epoch
Summary: a test
Epoch: 2
%description epoch
%package twin
Summary: a test
Requires: /bin/epoch, (small-none or small-empty)
%description twin
%package empty
Summary: a test
%description empty
%install
mkdir -p %{buildroot}/bin %{buildroot}/usr/share/small/doc
cd %{buildroot}
touch bin/small bin/epoch bin/shared usr/share/small/README "usr/share/small/a b" "$(printf 'usr/share/small/caf\\351')"
ln -s ../small usr/share/small/doc/link
%files
/bin/small
/bin/shared
/usr/share/small
%doc /usr/share/small/README
%files epoch
/bin/epoch
%files twin
/bin/shared
%files empty
"""
SMALL = Package("rpm", "small", "1.5-3", "noarch")
EPOCH = SMALL._replace(name="small-epoch", version="2:1.5-3")
TWIN = SMALL._replace(name="small-twin")
EMPTY = SMALL._replace(name="small-empty")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the packages that were built, by their names."""
    directory = tmp_path_factory.mktemp("rpm")
    (directory / "small.spec").write_text(SPEC)
    settings = {"_topdir": directory, "_invalid_encoding_terminates_build": 0, "__os_install_post": "%{nil}"}
    defined = [word for name, value in settings.items() for word in ("--define", f"{name} {value}")]
    command("rpmbuild", "-bb", "--quiet", *defined, str(directory / "small.spec"), home=directory)
    return {path.name.rpartition("-1.5-3")[0]: str(path) for path in directory.glob("RPMS/noarch/*.rpm")}


def command(*words: str, home: Path) -> None:
    """Run what is part of rpm; in its home, Debian's leaves a database."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    ran = subprocess.run(words, capture_output=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr


def install(root: Path, *packages: str, database: str = "var/lib/rpm") -> Path:
    """Enter packages into the database of a root; return its directory."""
    (root / database).mkdir(parents=True, exist_ok=True)
    words = ["--install", "--justdb", "--nodeps"]
    command("rpm", "--dbpath", str(root / database), *words, *packages, home=root)
    return root / database


@pytest.fixture
def installed(tmp_path: Path, packages: dict[str, str]) -> Path:
    """Return a root with merged /usr and all packages."""
    (tmp_path / "bin").symlink_to("usr/bin")
    install(tmp_path, *packages.values())
    return tmp_path


def fake_rpm(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "path").mkdir()
    (directory / "path/rpm").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "path/rpm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}/path:/usr/bin:/bin")


def with_database(root: Path) -> Path:
    directory = root / "var/lib/rpm"
    directory.mkdir(parents=True)
    (directory / "rpmdb.sqlite").write_bytes(b"no database\n")
    return directory


@pytest.mark.needs("rpm")
class TestRpm:
    def test_a_file_belongs_to_the_package_that_has_it(self, installed: Path) -> None:
        its = [f"/usr/share/small/{name}" for name in ("a b", "caf\udce9", "doc/link")]
        others = ["/usr/share/small/a", "/usr/share/small/café", "/usr/bin/none"]
        assert owners([*its, "/usr/bin/small", "/usr/bin/epoch", *others], str(installed)) == FileOwners(
            {**dict.fromkeys([*its, "/usr/bin/small"], SMALL), "/usr/bin/epoch": EPOCH}, ()
        )

    def test_a_package_has_its_files_and_what_it_needs_by_names_and_paths(self, installed: Path) -> None:
        root, of_the_last_installed = str(installed), {"/bin/shared"}
        assert set(package_contents(["small"], root).paths) - of_the_last_installed == {
            "/bin/small", "/usr/share/small", "/usr/share/small/README", "/usr/share/small/a b",
            "/usr/share/small/caf\udce9", "/usr/share/small/doc", "/usr/share/small/doc/link",
        }  # fmt: skip
        twin = package_contents(["small-twin", "none"], root, dependencies=True)
        assert (set(twin.paths) - of_the_last_installed, twin.unknown, twin.warnings) == ({"/bin/epoch"}, ["none"], [])

    def test_a_record_has_a_package_as_rpm_has_it(
        self, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (installed / "etc").mkdir()
        (installed / "etc/os-release").write_text("ID=fedora\nVERSION_ID=40\n")

        def of_one_file(paths: Mapping[BundlePath, str], _files: object) -> origins.Origins:
            return origins.origins_of(dict.fromkeys(paths, "/usr/bin/epoch"), DirectoryView(str(installed)))

        monkeypatch.setattr("magicpak.stages.recording.origins_of", of_one_file)
        records = [tmp_path / name for name in ("a.cdx.json", "a.spdx.json")]
        program = executable(tmp_path / "program", make_elf(type=2, dynamic=False, code=X86_64_EXIT_0))
        assert quickly("--dry-run", "--report-file=/dev/null", *(f"--sbom={each}" for each in records), program) == 0
        url = "pkg:rpm/fedora/small-epoch@1.5-3?arch=noarch&distro=fedora-40&epoch=2"
        (package,) = packages_of_cyclonedx(loaded(records[0])).values()
        assert [each.pop("name") for each in package.pop("components")] == [str(program)]
        assert package == {
            "type": "library", "bom-ref": url, "name": "small-epoch", "version": "2:1.5-3",
            "licenses": [{"license": {"id": "MIT"}}], "purl": url,
            "properties": [
                {"name": "magicpak:source:name", "value": "small"},
                {"name": "magicpak:source:version", "value": "1.5-3"},
                {"name": "syft:package:metadataType", "value": "rpm-db-entry"},
                {"name": "syft:metadata:sourceRpm", "value": "small-1.5-3.src.rpm"},
            ],
        }  # fmt: skip
        assert {"small-epoch", "fedora"} < {each["name"] for each in loaded(records[1])["packages"]}

    @pytest.mark.parametrize(("earlier", "later"), [(SMALL, TWIN), (TWIN, SMALL)])
    def test_of_a_file_of_several_packages_the_one_installed_last_counts(
        self, tmp_path: Path, packages: dict[str, str], earlier: Package, later: Package
    ) -> None:
        install(tmp_path, packages[earlier.name])
        assert owners(["/bin/shared"], str(tmp_path)) == FileOwners({"/bin/shared": earlier}, ())
        install(tmp_path, packages[later.name])
        assert owners(["/bin/shared"], str(tmp_path)) == FileOwners({"/bin/shared": later}, ())

    @pytest.mark.needs("root")
    @pytest.mark.parametrize(
        ("option", "left_out"), [("--excludedocs", ["/usr/share/small/README"]), ("--includedocs", [])]
    )
    def test_a_package_does_not_own_what_was_left_out_when_it_was_installed(
        self, tmp_path: Path, packages: dict[str, str], option: str, left_out: list[str]
    ) -> None:
        root = ["--root", str(tmp_path), "--dbpath", "/var/lib/rpm"]
        command("rpm", *root, "--install", "--nodeps", option, packages["small"], home=tmp_path)
        both = ["/bin/small", "/usr/share/small/README"]
        there = [path for path in both if os.path.exists(f"{tmp_path}{path}")]
        assert there == [path for path in both if path not in left_out]
        assert owners(both, str(tmp_path)) == FileOwners(dict.fromkeys(there, SMALL), ())

    def test_the_database_may_be_where_fedora_has_it_now(self, tmp_path: Path, packages: dict[str, str]) -> None:
        install(tmp_path, packages["small"], database="usr/lib/sysimage/rpm")
        (tmp_path / "var/lib").mkdir(parents=True)
        (tmp_path / "var/lib/rpm").symlink_to("../../usr/lib/sysimage/rpm")
        assert owners(["/bin/small"], str(tmp_path)) == FileOwners({"/bin/small": SMALL}, ())

    def test_settings_of_the_user_change_nothing(self, installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (installed / ".rpmmacros").write_text("%_db_backend dummy\n")
        (installed / ".popt").write_text("rpm alias --all --quiet\n")
        monkeypatch.setenv("HOME", str(installed))
        assert owners(["/usr/bin/small"], str(installed)) == FileOwners({"/usr/bin/small": SMALL}, ())

    def test_a_database_without_packages_owns_nothing(self, tmp_path: Path, packages: dict[str, str]) -> None:
        install(tmp_path, packages["small-empty"])
        assert owners(["/bin/small"], str(tmp_path)) == FileOwners({}, ())

    def test_a_package_that_is_damaged_is_told_and_the_others_are_read(
        self, tmp_path: Path, packages: dict[str, str]
    ) -> None:
        directory = install(tmp_path, packages["small"], packages["small-epoch"])
        with sqlite3.connect(directory / "rpmdb.sqlite") as database:
            for number, header in database.execute("SELECT hnum, blob FROM Packages").fetchall():
                if b"small-epoch" in header:
                    damaged = header[:100] + bytes(200) + header[300:]
                    database.execute("UPDATE Packages SET blob = ? WHERE hnum = ?", (damaged, number))
        database.close()
        found = owners(["/bin/small", "/bin/epoch"], str(tmp_path))
        assert found.by_path == {"/bin/small": SMALL}
        assert [each.partition(": ")[0] for each in found.warnings] == ["cannot read all of /var/lib/rpm"]

    def test_a_database_that_is_damaged_is_told(self, tmp_path: Path) -> None:
        with_database(tmp_path)
        found = owners(["/bin/small"], str(tmp_path))
        assert found.by_path == {}
        assert [each.partition(": ")[0] for each in found.warnings] == ["cannot read all of /var/lib/rpm"]

    def test_rpm_is_not_asked_for_what_dpkg_owns(self, installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        info = installed / "var/lib/dpkg/info"
        info.mkdir(parents=True)
        (info / "bash.list").write_text("/bin/small\n")
        (info.parent / "status").write_text("Package: bash\nVersion: 5\nArchitecture: all\n")
        bash = Package("dpkg", "bash", "5", "all")
        both = ["/usr/bin/small", "/usr/bin/epoch"]
        assert owners(both, str(installed)) == FileOwners({"/usr/bin/small": bash, "/usr/bin/epoch": EPOCH}, ())
        monkeypatch.setenv("PATH", str(installed))
        assert owners(both[:1], str(installed)) == FileOwners({"/usr/bin/small": bash}, ())


def test_without_rpm_its_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_database(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert owners(["/bin/small"], str(tmp_path)) == FileOwners(
        {}, ("cannot read all of /var/lib/rpm: rpm: no such program",)
    )


def test_rpm_is_not_led_out_of_a_tree_by_links_in_its_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = with_database(tmp_path)
    (database / "rpmdb.sqlite").rename(tmp_path / "elsewhere")
    (database / "rpmdb.sqlite").symlink_to("/elsewhere")
    fake_rpm(tmp_path, f"echo called >>{tmp_path}/calls", monkeypatch)
    warning = "cannot read /var/lib/rpm: rpm would follow its links out of the tree"
    assert owners(["/bin/small"], str(tmp_path)) == FileOwners({}, (warning,))
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("files", [(), ("rpmdb.sqlite",), ("Packages",), ("__db.001",)])
def test_where_rpm_has_left_no_database_it_is_not_asked(
    tmp_path: Path, files: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "var/lib/rpm").mkdir(parents=True)
    for file in files:
        (tmp_path / "var/lib/rpm" / file).touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert owners(["/bin/small"], str(tmp_path)) == FileOwners({}, ())


def test_rpm_is_asked_once_for_however_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_database(tmp_path)
    answer = r"\fsmall\t1.5-3\tnoarch\n0/bin/1\n1/bin/2\n0/bin/3\n"
    fake_rpm(tmp_path, f"echo called >>{tmp_path}/calls\nprintf '{answer}'", monkeypatch)
    assert owners([f"/bin/{number}" for number in range(2000)], str(tmp_path)) == FileOwners(
        {"/bin/1": SMALL, "/bin/3": SMALL}, ()
    )
    assert (tmp_path / "calls").read_text() == "called\n"


def test_an_answer_of_many_megabytes_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_database(tmp_path)
    files = "seq -f '0/usr/share/a-directory-with-a-long-name/%.0f' 200000"
    fake_rpm(
        tmp_path,
        rf"printf '\fsmall\t1.5-3\tnoarch\n'; {files}; printf '\fsmall-twin\t1.5-3\tnoarch\n0/x\n'",
        monkeypatch,
    )
    wanted = [f"/usr/share/a-directory-with-a-long-name/{number}" for number in (1, 200_000)]
    assert owners([*wanted, "/x"], str(tmp_path)) == FileOwners({**dict.fromkeys(wanted, SMALL), "/x": TWIN}, ())


@pytest.mark.parametrize(
    ("script", "remark"),
    [
        ("exit 3", "rpm exited with code 3"),
        ("kill -9 $$", "rpm was killed by SIGKILL"),
        ("echo 'warning: a' >&2; printf 'error: \\033[1m!\\nerror: b' >&2", r"\x1b[1m!"),
        ("printf '\\f\\f\\n\\377\\n0/bin/small\\n\\fsmall\\n0/bin/small\\n'; exit 1", "rpm exited with code 1"),
    ],
)
def test_an_rpm_that_fails_is_told(tmp_path: Path, script: str, remark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_database(tmp_path)
    fake_rpm(tmp_path, script, monkeypatch)
    assert owners(["/bin/small"], str(tmp_path)) == FileOwners({}, (f"cannot read all of /var/lib/rpm: {remark}",))


def test_an_rpm_that_hangs_is_ended_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpm, "SECONDS", 0.2)
    with_database(tmp_path)
    fake_rpm(tmp_path, "sleep 600", monkeypatch)
    remark = f"cannot read all of /var/lib/rpm: {tmp_path}/path/rpm did not finish within 0.2 seconds"
    assert owners(["/bin/small"], str(tmp_path)) == FileOwners({}, (remark,))


def test_what_rpm_warns_of_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_database(tmp_path)
    fake_rpm(tmp_path, r"echo 'warning: an old database' >&2; printf '\fsmall\t1.5-3\tnoarch\n0/x\n'", monkeypatch)
    assert owners(["/x"], str(tmp_path)) == FileOwners({"/x": SMALL}, ())
