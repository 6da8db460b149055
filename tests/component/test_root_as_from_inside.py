"""`--root` makes the bundle that magicpak makes inside the tree: the same files, and the same words."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.run_magicpak import RunResult, compiled, done, environment, executable, magicpak, tree

FUNCTION, CALLER = "int f(void) { return 7; }", "int f(void); int main(void) { return f(); }"
SHARED = ("-shared", "-fPIC", "-Wl,-soname,libf.so.1")
_INSIDE = """
import difflib, functools, importlib, os, pkgutil, shlex, sys, tomllib, traceback
import structlog, wcmatch.fnmatch, wcmatch.glob
import magicpak.__main__, magicpak.resources
magicpak.resources.read = functools.cache(magicpak.resources.read)
for name in ("needs/needs.toml", "needs/signs.toml"):
    magicpak.resources.read(name)
for module in pkgutil.walk_packages(magicpak.__path__, "magicpak."):
    importlib.import_module(module.name)
os.chroot(sys.argv.pop(1))
os.chdir("/")
magicpak.__main__.main()
"""


def from_inside(root: Path, *words: str) -> RunResult:
    """Run `magicpak words` in a process that has `root` as its root directory."""
    ran = subprocess.run(
        [sys.executable, "-c", _INSIDE, root, *words], env=environment(), capture_output=True, text=True, check=False
    )
    return RunResult(ran.returncode, ran.stdout, ran.stderr)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small system from parts of this one, with absolute links, a cache of its loader, scripts and packages."""
    root = tmp_path_factory.mktemp("system") / "root"
    names = [f"--with={name}" for name in ("users", "certs", "tz=Europe/Rome", "tmp")]
    parts = ["/bin/sh", "/usr/bin/env", "/usr/bin/id", "/usr/bin/curl", "/usr/bin/perl"]
    done("--no-hints", "--log-level=error", *names, *parts, root)
    library = root / "opt/lib"
    library.mkdir(parents=True)
    compiled(library / "libf.so.1", FUNCTION, *SHARED)
    compiled(root / "usr/bin/tool", CALLER, library / "libf.so.1")
    (root / "etc/ld.so.conf").write_text("/conf\n")
    (root / "conf").symlink_to("/opt/lib")
    (root / "etc/alternatives").mkdir()
    (root / "usr/bin/choice").symlink_to("/etc/alternatives/choice")
    (root / "etc/alternatives/choice").symlink_to("/usr/bin/tool")
    subprocess.run(["/sbin/ldconfig", "-r", root], check=True)
    executable(root / "usr/bin/script", b"#!/usr/bin/env sh\nchoice </usr/share/tool/data && id\n")
    executable(root / "usr/bin/lines", b"#!/usr/bin/perl\nuse strict; use File::Basename; system('id');\n")
    (root / "usr/share/tool/deep").mkdir(parents=True)
    (root / "usr/share/tool/data").write_text("data\n")
    (root / "usr/share/tool/deep/all").symlink_to("/usr/share/tool")
    (root / "usr/share/tool/deep/lib").symlink_to("/conf/libf.so.1")
    info = root / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (info / "tool.list").write_text("/.\n/usr\n/usr/bin/tool\n/usr/share/tool\n/usr/share/tool/data\n")
    (root / "var/lib/dpkg/status").write_text("Package: tool\nStatus: x x installed\nVersion: 1\nArchitecture: all\n")
    shutil.copytree("/usr/share/perl", root / "usr/share/perl", symlinks=True, dirs_exist_ok=True)
    return root


@pytest.mark.needs("root", "chroot", "compiler")
@pytest.mark.parametrize(
    "words",
    [
        "/usr/bin/tool",
        "--layout=directories --include=/usr/share/tool usr/bin/choice",
        "--include=/usr/share/**/[ld]* --include=/etc/alternatives --exclude=*/deep /usr/bin/curl",
        "--with=users,certs,package --install-to=/bin/ /usr/bin/tool".replace(",", " --with="),
        "--with=tz=Europe/Rome --with=nss /usr/bin/script",
        "--with=suggested /usr/bin/curl",
        "/usr/bin/lines",
        "--dry-run --report=list /usr/bin/choice /usr/bin/script",
        "--include=/usr/bin/lines --include=/none /usr/bin/id",
        "/usr/bin/none",
    ],
)
def test_a_bundle_is_that_of_a_run_inside(system: Path, tmp_path: Path, words: str) -> None:
    expected = from_inside(system, "--resolver=static", *words.split(), "/bundle")
    assert magicpak("--root", system, *words.split(), tmp_path / "bundle") == expected
    if expected.code == 0 and "--dry-run" not in words:
        inside = tree(system / "bundle")
        shutil.rmtree(system / "bundle")
        assert {**tree(tmp_path / "bundle"), ".": None} == {**inside, ".": None}


@pytest.mark.needs("musl")
def test_the_path_file_of_musl_is_that_of_the_inside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "opt/lib").mkdir(parents=True)
    library = compiled(root / "opt/lib/libf.so.1", FUNCTION, *SHARED, compiler="musl-gcc")
    program = compiled(root / "bin/m", CALLER, library, compiler="musl-gcc")
    loader = f"ld-musl-{os.uname().machine}.so.1"
    executable(root / "lib" / loader, Path(os.path.realpath(f"/lib/{loader}")).read_bytes())
    (root / "search").write_text("/lib:/linked\n")
    (root / "linked").symlink_to("/opt/lib")
    (root / "etc" / f"ld-musl-{os.uname().machine}.path").symlink_to("/search")
    result = magicpak("--root", root, "/bin/m", tmp_path / "out")
    assert result.code == 0, result.stderr
    assert (tmp_path / "out/opt/lib/libf.so.1").read_bytes() == library.read_bytes()
    assert (tmp_path / "out/bin/m").read_bytes() == program.read_bytes()
