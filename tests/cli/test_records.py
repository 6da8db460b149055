"""`--sbom`, `--with package-records`, `--with licenses`: what is recorded of a bundle, and who can read it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from debian.deb822 import Deb822

from magicpak.files.directory import DirectoryView
from magicpak.packages.owners import owners
from support.elf_files import X86_64
from support.record_files import files_of_cyclonedx, loaded, packages_of_cyclonedx
from support.run_magicpak import RunResult, compiled, done, executable, magicpak, quickly
from support.sectioned_elf import sectioned_elf

HELP_HINT = "hint: magicpak --help lists all options\n"
INPUTS = ("/usr/bin/python3", "/usr/sbin/nginx", "/usr/bin/rg")
"""Packages of many kinds: C with plugins, Python with its library, and Rust."""


def sha256_of(root: Path) -> dict[str, str]:
    """Return the hash of each regular file below `root`."""
    files = [each for each in root.rglob("*") if each.is_file() and not each.is_symlink()]
    return {f"/{each.relative_to(root)}": hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


class OfDpkg(NamedTuple):
    """What dpkg says of a package."""

    version: str
    architecture: str
    source: str
    source_version: str
    maintainer: str


def dpkg(names: Iterable[str]) -> dict[str, OfDpkg]:
    fields = ("Package", "Version", "Architecture", "source:Package", "source:Version", "Maintainer")
    form = "\t".join(f"${{{field}}}" for field in fields)
    ran = subprocess.run(["dpkg-query", "-W", "-f", f"{form}\n", *names], capture_output=True, check=True)
    found = (line.split("\t") for line in ran.stdout.decode().splitlines())
    return {name: OfDpkg(*rest) for name, *rest in found}


def owners_by_dpkg(bundle: Path) -> set[str]:
    """Return the packages that dpkg names for what is in `bundle`, by the names that it has from before /usr merged."""
    paths = [f"/{each.relative_to(bundle)}" for each in bundle.rglob("*") if each.is_symlink() or each.is_file()]
    plain = [path for path in paths if not (bundle / path[1:]).is_dir()]
    names = {name for path in plain for name in (path, path.removeprefix("/usr"))}
    ran = subprocess.run(["dpkg-query", "-S", *names], capture_output=True, check=False)
    found = (line.split(": ", 1) for line in ran.stdout.decode().splitlines() if not line.startswith("diversion"))
    return {each.partition(":")[0] for owner, path in found if path in names for each in owner.split(", ")}


class Recorded(NamedTuple):
    """A directory with a bundle, `out`, and both records of it, which are valid."""

    here: Path
    out: Path
    cyclonedx: Any
    spdx: Any

    @property
    def packages(self) -> dict[str, Any]:
        return packages_of_cyclonedx(self.cyclonedx)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A bundle that has what scanners of an image read, too."""
    here = tmp_path_factory.mktemp("recorded")
    options = ["--with=python", "--with=package-records", "--with=licenses", "--no-hints"]
    records = [f"--sbom={here}/{name}" for name in ("bundle.cdx.json", "bundle.spdx.json")]
    assert quickly(*options, *records, *INPUTS, here / "out") == 0
    return Recorded(here, here / "out", loaded(here / "bundle.cdx.json"), loaded(here / "bundle.spdx.json"))


class TestOfThreePrograms:
    def test_cyclonedx_has_each_package_as_dpkg_has_it(self, recorded: Recorded) -> None:
        packages = recorded.packages
        assert packages.keys() == owners_by_dpkg(recorded.out)
        assert len(packages) > 30
        known = dpkg(packages)
        for name, each in packages.items():
            properties = {one["name"]: one["value"] for one in each["properties"]}
            source = properties["magicpak:source:name"], properties["magicpak:source:version"]
            expected = known[name]
            assert (each["version"], *source) == (expected.version, expected.source, expected.source_version)
            quoted = f"{name}@{expected.version}".replace("+", "%2B")
            pattern = rf"pkg:deb/[a-z]+/{re.escape(quoted)}\?arch={expected.architecture}&distro=[a-z]+-[a-z0-9.]+"
            assert re.fullmatch(pattern, each["purl"])
            assert expected.maintainer.startswith(each["supplier"]["name"])

    def test_each_file_has_its_hash(self, recorded: Recorded) -> None:
        expected = sha256_of(recorded.out)
        assert files_of_cyclonedx(recorded.cyclonedx) == expected
        spdx = {
            each["fileName"][1:]: {one["algorithm"]: one["checksumValue"] for one in each["checksums"]}
            for each in recorded.spdx["files"]
        }
        assert {path: sums["SHA256"] for path, sums in spdx.items()} == expected
        python = recorded.out / "usr/bin/python3"
        assert spdx[f"/{python.resolve().relative_to(recorded.out)}"]["SHA1"] == (
            hashlib.sha1(python.read_bytes()).hexdigest()
        )

    def test_both_forms_have_the_same(self, recorded: Recorded) -> None:
        cyclonedx, spdx = recorded.cyclonedx, recorded.spdx
        urls = {
            one["referenceLocator"]: (each["name"], each["versionInfo"], each["licenseDeclared"])
            for each in spdx["packages"]
            for one in each.get("externalRefs", ())
        }
        components = packages_of_cyclonedx(cyclonedx).values()
        assert {url: each[:2] for url, each in urls.items()} == {
            each["purl"]: (each["name"], each["version"]) for each in components
        }
        assert len(spdx["files"]) == len(files_of_cyclonedx(cyclonedx))
        licences = {each["purl"]: licence_of(each, spdx) for each in components}
        assert licences == {url: each[2] for url, each in urls.items()}

    def test_licences_are_those_of_the_copyright_files(self, recorded: Recorded) -> None:
        packages = recorded.packages
        for name, each in packages.items():
            text = Path(f"/usr/share/doc/{name}/copyright").read_text(errors="replace")
            names = re.findall(r"^Files:.*?^License: *([^\n]+)", text, re.MULTILINE | re.DOTALL)
            expression = each.get("licenses", [{}])[0]
            if not re.search(r"^Format: .*copyright-format", text, re.MULTILINE):
                refers = ", which refers to " if re.search("/usr/share/common-licenses/[A-Z]", text) else ""
                assert expression["license"]["name"].startswith(f"see /usr/share/doc/{name}/copyright{refers}")
            elif "GPL-2+" in names:
                assert "GPL-2.0-or-later" in json.dumps(expression)
        assert packages["zlib1g"]["licenses"] == [{"license": {"id": "Zlib"}}]

    def test_packages_need_those_whose_libraries_theirs_load(self, recorded: Recorded) -> None:
        record = recorded.cyclonedx
        names = {each["bom-ref"]: each["name"] for each in record["components"]}
        needs = {
            names.get(each["ref"], each["ref"]): {names.get(one) for one in each["dependsOn"]}
            for each in record["dependencies"]
        }
        assert {"libc6", "libssl3", "zlib1g"} <= needs["nginx"] | needs[
            "libssl3t64" if "libssl3t64" in needs else "nginx"
        ]
        assert needs["zlib1g"] == {"libc6"}
        assert {"nginx", "ripgrep"} <= needs["bundle"]
        assert "libc6" not in needs["bundle"]
        root = record["metadata"]["component"]
        assert (root["name"], root["type"]) == ("python3", "application")

    def test_the_records_in_the_bundle_list_exactly_its_packages(self, recorded: Recorded) -> None:
        out = recorded.out
        directory = out / "var/lib/dpkg/status.d"
        paragraphs = [Deb822(each.read_text()) for each in directory.iterdir() if each.suffix != ".md5sums"]
        assert {each["Status"] for each in paragraphs} == {"install ok installed"}
        listed = {each["Package"]: each["Version"] for each in paragraphs}
        packages = recorded.packages
        assert listed == {name: each["version"] for name, each in packages.items()}
        assert (out / "etc/os-release").read_bytes() == Path("/etc/os-release").read_bytes()
        sums = [each.name for each in directory.iterdir() if each.suffix == ".md5sums"]
        ran = subprocess.run(
            ["md5sum", "--check", "--quiet", *(f"var/lib/dpkg/status.d/{name}" for name in sums)],
            cwd=out, capture_output=True, check=False, text=True,
        )  # fmt: skip
        assert (ran.returncode, ran.stdout, len(sums)) == (0, "", len(listed))

    def test_magicpak_itself_reads_them(self, recorded: Recorded) -> None:
        found = owners(["/usr/sbin/nginx", "/usr/bin/rg"], DirectoryView(str(recorded.out)))
        assert {path: package.name for path, package in found.by_path.items()} == {
            "/usr/sbin/nginx": "nginx", "/usr/bin/rg": "ripgrep",
        }  # fmt: skip

    def test_the_licences_of_all_packages_are_in_with_what_they_refer_to(self, recorded: Recorded) -> None:
        docs = recorded.out / "usr/share/doc"
        packages = recorded.packages
        there = {name for name in packages if (docs / name / "copyright").is_file()}
        assert there == {name for name in packages if Path(f"/usr/share/doc/{name}/copyright").is_file()}
        assert "libc6" in there
        assert (recorded.out / "usr/share/common-licenses/GPL-2").is_file()

    @pytest.mark.skipif(os.uname().machine != "x86_64", reason="PyPI has syft for amd64")
    def test_a_scanner_finds_the_packages_in_the_bundle_and_in_both_records(self, recorded: Recorded) -> None:
        packages = recorded.packages
        expected = {("debian", name, each["version"]) for name, each in packages.items()}
        assert found_by_syft("scan", f"dir:{recorded.out}") == expected
        for name in ("bundle.cdx.json", "bundle.spdx.json"):
            assert found_by_syft("convert", str(recorded.here / name)) == expected

    @pytest.mark.skipif(os.uname().machine != "x86_64", reason="PyPI has syft for amd64")
    def test_a_scanner_knows_the_source_packages_that_advisories_are_for(self, recorded: Recorded) -> None:
        found = said_by_syft("convert", str(recorded.here / "bundle.cdx.json"))["artifacts"]
        sources = {each["name"]: (each.get("metadata") or {}).get("source") for each in found if each["type"] == "deb"}
        known = dpkg(sources)
        for name, source in sources.items():
            assert source in (known[name].source, None)
            assert (source is None) == ((known[name].source, known[name].source_version) == (name, known[name].version))
        assert sources["libc6"] == "glibc"


def licence_of(component: Mapping[str, Any], spdx: Mapping[str, Any]) -> str:
    """Return the licence of a component of CycloneDX as SPDX has it."""
    (licence,) = component.get("licenses", [{"license": {"name": "see "}}])
    if "expression" in licence:
        return str(licence["expression"])
    if "id" in licence["license"]:
        return str(licence["license"]["id"])
    name = licence["license"]["name"]
    refs = {each["name"]: each["licenseId"] for each in spdx["hasExtractedLicensingInfos"]}
    return "NOASSERTION" if name.startswith("see ") else refs[name]


def found_by_syft(*words: str) -> set[tuple[str, str, str]]:
    """Return the distribution, name and version of each package of Debian that syft finds."""
    found = said_by_syft(*words)
    return {
        (found["distro"]["id"], each["name"], each["version"]) for each in found["artifacts"] if each["type"] == "deb"
    }


@cache
def said_by_syft(*words: str) -> Any:
    syft = shutil.which("syft", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert syft is not None
    with tempfile.TemporaryDirectory() as home:  # for its cache
        ran = subprocess.run(
            [syft, *words, "--quiet", "--output", "syft-json"], capture_output=True, check=True,
            env={"PATH": "/usr/bin", "SYFT_CHECK_FOR_APP_UPDATE": "false", "HOME": home},
        )  # fmt: skip
    return json.loads(ran.stdout)


def both(here: Path) -> list[str]:
    return [f"--sbom={here}/{name}" for name in ("a.cdx.json", "a.spdx.json")]


def test_two_runs_write_the_same_bytes(prog: Path, here: Path) -> None:
    (here / "second").mkdir()
    done(*both(here), prog, here / "one")
    done(*both(here / "second"), prog, here / "two.tar")
    for name in ("a.cdx.json", "a.spdx.json"):
        assert (here / name).read_bytes() == (here / "second" / name).read_bytes()
        loaded(here / name)


def test_the_time_is_that_of_the_youngest_file_or_of_source_date_epoch(prog: Path, here: Path) -> None:
    os.utime(prog, (1_000_000_000, 1_000_000_000))
    done("--dry-run", "--report-file=/dev/null", *both(here), prog)
    assert loaded(here / "a.cdx.json")["metadata"]["timestamp"] == "2001-09-09T01:46:40Z"
    assert loaded(here / "a.spdx.json")["creationInfo"]["created"] == "2001-09-09T01:46:40Z"
    done("--dry-run", "--report-file=/dev/null", *both(here), prog, env={"SOURCE_DATE_EPOCH": "0"})
    assert loaded(here / "a.cdx.json")["metadata"]["timestamp"] == "1970-01-01T00:00:00Z"


def test_a_file_that_no_package_owns_is_one_of_the_bundle(prog: Path, here: Path) -> None:
    (here / "caf\udce9 %").write_bytes(b"1")
    done(*both(here), f"--include={here}/caf*", "--install-to=/app/", prog, here / "out")
    cyclonedx, spdx = loaded(here / "a.cdx.json"), loaded(here / "a.spdx.json")
    files = [each for each in cyclonedx["components"] if each["type"] == "file"]
    assert [each["name"] for each in files] == ["/app/prog", f"{here}/caf\\xe9 %"]
    assert files[1]["bom-ref"] == f"file:{here}/caf%E9%20%25"
    sums = [hashlib.sha1(content).hexdigest() for content in (b"1", prog.read_bytes())]
    root = next(each for each in spdx["packages"] if each["name"] == "prog")
    assert root["packageVerificationCode"]["packageVerificationCodeValue"] == (
        hashlib.sha1("".join(sorted(sums)).encode()).hexdigest()
    )


def test_what_magicpak_makes_is_a_file_that_says_so(prog: Path, here: Path) -> None:
    done(*both(here), "--with=users", prog, here / "out")
    made = {each["name"]: each.get("description") for each in loaded(here / "a.cdx.json")["components"]}
    assert made["/etc/passwd"] == "made by magicpak"
    comments = {each["fileName"]: each.get("comment") for each in loaded(here / "a.spdx.json")["files"]}
    assert (comments["./etc/passwd"], comments[f".{prog}"]) == ("made by magicpak", None)


def test_modules_of_executables_are_packages_of_their_own(here: Path) -> None:
    crates = [{"name": "tool", "version": "1.0.0", "dependencies": [1]}, {"name": "libc", "version": "0.2.9"}]
    info = b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\x08go1.21.5\0"
    sections = {".go.buildinfo": info, ".dep-v0": zlib.compress(json.dumps({"packages": crates}).encode())}
    (here / "prog").write_bytes(sectioned_elf(X86_64, sections)[0])
    (here / "prog").chmod(0o755)
    done(*both(here), here / "prog", here / "out")
    urls = ["pkg:cargo/libc@0.2.9", "pkg:cargo/tool@1.0.0", "pkg:golang/stdlib@1.21.5"]
    cyclonedx, spdx = loaded(here / "a.cdx.json"), loaded(here / "a.spdx.json")
    assert [each["purl"] for each in cyclonedx["components"] if "purl" in each] == urls
    needs = {each["ref"]: each["dependsOn"] for each in cyclonedx["dependencies"]}
    assert (needs[f"file:{here}/prog"], needs[urls[1]]) == (urls, [urls[0]])
    ids = {one["referenceLocator"]: each["SPDXID"] for each in spdx["packages"] for one in each.get("externalRefs", ())}
    linked = [each for each in spdx["relationships"] if each["relationshipType"] == "STATIC_LINK"]
    assert [each["relatedSpdxElement"] for each in linked] == [ids[url] for url in urls]


@pytest.mark.needs("upx")
def test_of_what_upx_packs_the_hash_is_that_of_the_packed_file_and_the_owner_that_of_the_original(here: Path) -> None:
    done(*both(here), "--compress", "--no-hints", "/usr/bin/rg", here / "out")
    assert files_of_cyclonedx(loaded(here / "a.cdx.json")) == sha256_of(here / "out")
    component = packages_of_cyclonedx(loaded(here / "a.cdx.json"))["ripgrep"]
    assert [each["name"] for each in component["components"]] == ["/usr/bin/rg"]


@pytest.mark.needs("compiler")
def test_of_what_strip_makes_smaller_the_hash_is_that_of_the_file_in_the_bundle(here: Path) -> None:
    program = compiled(here / "program", "int main(void) { return 0; }", "-g")
    before = sha256_of(here)["/program"]
    done(*both(here), "--strip", "--no-hints", program, here / "out")
    recorded = files_of_cyclonedx(loaded(here / "a.cdx.json"))
    assert recorded == sha256_of(here / "out")
    assert recorded[str(program)] != before


def test_an_image_is_called_by_its_tag(prog: Path, here: Path) -> None:
    done(*both(here), "--tag=team/app:1", prog, here / "app.oci.tar")
    root = loaded(here / "a.cdx.json")["metadata"]["component"]
    assert (root["type"], root["name"]) == ("container", "team/app:1")
    packages = loaded(here / "a.spdx.json")["packages"]
    assert packages[0]["primaryPackagePurpose"] == "CONTAINER"


def test_without_a_known_end_a_name_is_refused(prog: Path, here: Path) -> None:
    for name in ("a.json", "-", ".cdx.json.gz", "a.CDX.JSON"):
        assert magicpak(f"--sbom={name}", prog, here / "out") == RunResult(
            2,
            "",
            f"error: Invalid value for '--sbom': '{name}' ends neither in .cdx.json nor in .spdx.json\n" + HELP_HINT,
        )


def test_a_report_and_a_record_have_files_of_their_own(prog: Path, here: Path) -> None:
    result = magicpak("--sbom=a.cdx.json", "--report-file=a.cdx.json", prog, here / "out")
    assert result == RunResult(2, "", "error: --report-file and --sbom both write to a.cdx.json\n" + HELP_HINT)


def test_a_run_that_fails_writes_none(prog: Path, here: Path) -> None:
    failed = magicpak(*both(here), "--size-limit=1", prog, here / "out")
    assert failed.code == 10
    (here / "full").mkdir()
    (here / "full/file").touch()
    assert magicpak(*both(here), prog, here / "full").code == 5
    absent = magicpak(f"--sbom={here}/none/a.cdx.json", prog, here / "out")
    assert absent == RunResult(
        5, "", f"error: report {here}/none/a.cdx.json cannot be written: its directory does not exist\n"
    )
    inside = magicpak(f"--sbom={here}/out/a.cdx.json", prog, here / "out")
    assert inside.code == 5
    assert sorted(each.name for each in here.iterdir()) == ["full", "prog"]


@pytest.mark.needs("root", "chroot")
def test_a_bundle_that_fails_its_test_leaves_no_record(prog: Path, here: Path) -> None:
    (here / "a.spdx.json").write_text("earlier")
    assert magicpak(*both(here), "--test", "--test-exit-code=5", prog, here / "out").code == 8
    assert {each.name: each.read_text() for each in here.iterdir() if each != prog} == {"a.spdx.json": "earlier"}
    done(*both(here), prog, here / "out")
    assert sorted(each.name for each in here.iterdir()) == ["a.cdx.json", "a.spdx.json", "out", "prog"]
    loaded(here / "a.spdx.json")


def test_a_record_may_be_excluded_like_anything_else(here: Path) -> None:
    options = ["--with=package-records", "--with=licenses", "--exclude=/usr/share/doc/*", "--exclude=*.md5sums"]
    done(*options, "/usr/bin/ls", here / "out")
    assert not (here / "out/usr/share/doc").exists()
    assert not list((here / "out/var/lib/dpkg/status.d").glob("*.md5sums"))
    assert (here / "out/var/lib/dpkg/status.d/coreutils").is_file()


def test_a_bundle_without_packages_has_no_licences(prog: Path, here: Path) -> None:
    assert magicpak("--with=licenses", prog, here / "out") == RunResult(
        1,
        "",
        "error: --with licenses finds nothing on this host\n"
        "  looked for a package of dpkg, apk or rpm that owns a file of the bundle\n",
    )


def test_a_run_without_records_imports_nothing_of_them(prog: Path, here: Path) -> None:
    source = (
        "import sys; from magicpak.cli.main import run; code = run(sys.argv[1:]); "
        "sys.exit(code or any('record' in name or 'bundle_needs' in name for name in sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", source, prog, here / "out"], env={"PYTHONPATH": os.pathsep.join(sys.path)}, check=False
    )
    assert ran.returncode == 0


ALPINE = """\
C:Q1abc=
P:musl
V:1.2.4-r2
A:x86_64
S:383459
T:the musl c library (libc) implementation
U:https://musl.libc.org/
L:MIT
o:musl
m:Timo Teräs <timo.teras@iki.fi>
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1abc=
R:other
F:usr
F:usr/bin
R:ls
Z:Q1def=

P:tool-libs
V:1-r0
A:x86_64
L:GPL-2.0-or-later AND custom
o:tool
F:etc
R:other
"""


@pytest.mark.parametrize("database", ["lib/apk/db/installed", "usr/lib/apk/db/installed"])
def test_packages_of_alpine_are_as_apk_has_them(database: str, here: Path, static: Path) -> None:
    root = here / "alpine"
    (root / database).parent.mkdir(parents=True)
    (root / database).write_text(ALPINE)
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text('ID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME="Alpine Linux v3.19"\n')
    executable(root / "usr/bin/ls", static.read_bytes())
    done(*both(here), f"--root={root}", "--with=package-records", "/usr/bin/ls", here / "out")
    assert (here / "out/lib/apk/db/installed").read_text() == (
        ALPINE.split("F:lib", maxsplit=1)[0] + "F:usr/bin\nR:ls\nZ:Q1def=\n\n"
    )
    assert (here / "out/etc/os-release").read_bytes() == (root / "etc/os-release").read_bytes()
    (package,) = packages_of_cyclonedx(loaded(here / "a.cdx.json")).values()
    assert [each.pop("name") for each in package.pop("components")] == ["/usr/bin/ls"]
    assert package == {
        "type": "library",
        "bom-ref": "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.19.1",
        "supplier": {"name": "Timo Teräs", "contact": [{"name": "Timo Teräs", "email": "timo.teras@iki.fi"}]},
        "name": "musl",
        "version": "1.2.4-r2",
        "licenses": [{"license": {"id": "MIT"}}],
        "purl": "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.19.1",
        "externalReferences": [{"type": "website", "url": "https://musl.libc.org/"}],
        "properties": [
            {"name": "magicpak:source:name", "value": "musl"},
            {"name": "magicpak:source:version", "value": "1.2.4-r2"},
        ],
    }
    packages = loaded(here / "a.spdx.json")["packages"]
    assert [each["licenseDeclared"] for each in packages if each["name"] == "musl"] == ["MIT"]


def test_what_a_database_has_in_another_encoding_has_escapes(here: Path, static: Path) -> None:
    (here / "alpine/lib/apk/db").mkdir(parents=True)
    (here / "alpine/lib/apk/db/installed").write_bytes(b"P:ls\nV:1\xff\nA:x86_64\nL:\xff\no:\xff\nF:usr/bin\nR:ls\n\n")
    executable(here / "alpine/usr/bin/ls", static.read_bytes())
    done(*both(here), f"--root={here}/alpine", "/usr/bin/ls", here / "out")
    cyclonedx, spdx = loaded(here / "a.cdx.json"), loaded(here / "a.spdx.json")
    versions = [each["version"] for each in (cyclonedx["metadata"]["component"], *cyclonedx["components"])]
    assert versions == [each["versionInfo"] for each in spdx["packages"]] == ["1\\xff"] * 2


def test_a_package_of_very_many_files_is_recorded_like_any_other(here: Path, static: Path) -> None:
    database = "lib/apk/db/installed"
    (here / f"alpine/{database}").parent.mkdir(parents=True)
    others = "".join(f"R:a-file-of-many-{number}\nZ:Q1abcdefghijklmnopqrstuvwxyz0=\n" for number in range(30_000))
    (here / f"alpine/{database}").write_text(f"P:many\nV:1\nA:x86_64\nL:MIT\nF:usr/bin\n{others}R:ls\n\n")
    executable(here / "alpine/usr/bin/ls", static.read_bytes())
    done(*both(here), f"--root={here}/alpine", "--with=package-records", "/usr/bin/ls", here / "out")
    assert (here / "out" / database).read_text() == "P:many\nV:1\nA:x86_64\nL:MIT\nF:usr/bin\nR:ls\n\n"
    (package,) = packages_of_cyclonedx(loaded(here / "a.cdx.json")).values()
    assert package["licenses"] == [{"license": {"id": "MIT"}}]
