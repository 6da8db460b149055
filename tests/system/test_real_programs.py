"""Debian's programs of all sorts: alone in their bundles they do what they do on the host, however they were resolved.

All are of the packages in tests/needs.txt or of Debian's smallest system. Each gets arguments that need no file beside
the libraries: what a program opens while it runs (plugins, data, /proc) is not what a plain bundle is for.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.run_magicpak import quickly

pytestmark = pytest.mark.needs("root", "chroot")

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LC_ALL": "C"}
RESOLVERS = ["static", pytest.param("dlopen", marks=pytest.mark.needs("compiler"))]

JSON = '{"planets": [{"name": "Earth", "moons": 1}, {"name": "Mars", "moons": 2}]}\n'
XML = "<planets><planet>Earth</planet><planet>Mars</planet></planets>\n"
LINES = "Venus\nEarth\nMars\nEarth\n"
PIXELS = b"P6\n2 2\n255\n" + bytes(range(12))


class RealProgram(NamedTuple):
    """A program by its path, its arguments, and what it is told on stdin."""

    path: str
    arguments: tuple[str, ...]
    stdin: bytes = b""


def program(path: str, *arguments: str, stdin: str | bytes = b"") -> RealProgram:
    return RealProgram(path, arguments, stdin.encode() if isinstance(stdin, str) else stdin)


C = [
    program("/bin/ls", "--version"),
    program("/bin/cat", "-n", stdin=LINES),
    program("/bin/bash", "-c", "read word; echo ${word^^} $((6 * 7)); exit 3", stdin=LINES),
    program("/bin/dash", "-c", "while read word; do echo $word; done; exit 4", stdin=LINES),
    program("/bin/grep", "-c", "Earth", stdin=LINES),
    program("/bin/grep", "-P", r"^(?=E).*h$", stdin=LINES),
    program("/bin/sed", "-E", "s/(.)a/a\\1/", stdin=LINES),
    program("/bin/tar", "--version"),
    program("/usr/bin/factor", "1000000016000000063"),
    program("/usr/bin/sha512sum", stdin=LINES),
    program("/usr/bin/sort", "-u", stdin=LINES),
    program("/usr/bin/perl", "-v"),
    program("/usr/bin/gawk", '{ moons[$1]++ } END { print moons["Earth"], sqrt(2) }', stdin=LINES),
    program("/usr/bin/bc", "-l", stdin="scale=40; 4*a(1)\n"),
    program("/usr/bin/dc", "-e", "2 1000 ^ p"),
    program("/bin/ed", "--version"),
    program("/usr/bin/datamash", "-g", "1", "count", "1", stdin=LINES),
    program("/usr/bin/m4", stdin="define(`planet', `Mars')planet has eval(1 + 1) moons\n"),
    program("/usr/bin/make", "--version"),
    program("/usr/bin/mandoc", "-T", "ascii", stdin=".TH MARS 6\n.SH NAME\nmars \\- a planet\n"),
    program("/usr/bin/jo", "name=Mars", "moons=2"),
    program("/usr/bin/jq", ".planets | map(.moons) | add", stdin=JSON),
    program("/usr/bin/sqlite3", ":memory:", "select sqlite_version(), 6 * 7, upper('mars')"),
    program("/usr/bin/xmllint", "--format", "-", stdin=XML),
    program("/usr/bin/xmlstarlet", "sel", "-t", "-v", "count(//planet)", stdin=XML),
    program("/usr/bin/xsltproc", "--version"),
    program("/usr/bin/tidy", "-quiet", stdin="<title>Mars</title><p>two moons"),
    program("/usr/bin/yara", "--version"),
    program("/usr/bin/units", "--version"),
    program("/usr/bin/xxd", stdin=PIXELS),
    program("/usr/bin/less", "--version"),
    program("/usr/bin/nano", "--version"),
    program("/usr/bin/ncdu", "--version"),
    program("/usr/bin/htop", "--version"),
    program("/usr/bin/vim.tiny", "--version"),
    program("/usr/bin/file", "--version"),
    program("/usr/bin/strace", "--version"),
    program("/usr/bin/pv", "-q", stdin=LINES),
    program("/usr/bin/tree", "--version"),
    program("/usr/bin/readelf", "--version"),
    program("/usr/bin/scanelf", "--version"),
    program("/usr/bin/pstree", "--version"),
    program("/sbin/mke2fs", "-V"),
    program("/usr/bin/tini", "--version"),
]
INTERPRETERS = [
    program("/usr/bin/lua5.4", "-e", "for line in io.lines() do print(line:upper()) end os.exit(6)", stdin=LINES),
    program("/usr/bin/luajit", "-e", "print(6 * 7, jit and jit.arch)"),
    program("/bin/mksh", "-c", "print $((6 * 7)); exit 7"),
    program("/bin/zsh", "-f", "-c", "print ${(U)1} $((6 * 7)); exit 8", "zsh", "mars"),
]
NETWORKS = [
    program("/usr/bin/curl", "--version"),
    program("/bin/ss", "--help"),
    program("/bin/nc", "-h"),
    program("/usr/bin/klist", "-V"),
    program("/usr/bin/ldapsearch", "-VV"),
    program("/usr/bin/redis-cli", "--version"),
    program("/usr/bin/rsync", "--no-such-option"),
    program("/usr/bin/socat", "-V"),
    program("/usr/bin/openssl", "dgst", "-sha3-256", stdin=LINES),
    program("/usr/bin/gpgconf", "--version"),
]
COMPRESSION = [
    program("/usr/bin/brotli", "-c", stdin=LINES),
    program("/bin/bzip2", "-c", stdin=LINES),
    program("/usr/bin/lz4", "-c", stdin=LINES),
    program("/usr/bin/lzip", "-c", stdin=LINES),
    program("/usr/bin/pigz", "-n", "-c", stdin=LINES),
    program("/usr/bin/unzip", "-v"),
    program("/usr/bin/xz", "-c", stdin=LINES),
    program("/usr/bin/zip", "--version"),
    program("/usr/bin/zstd", "-c", stdin=LINES),
]
CPP_AND_MANY_LIBRARIES = [
    program("/usr/bin/dpkg", "--version"),
    program("/usr/bin/c++filt", stdin="_ZNSt6vectorIiSaIiEE9push_backERKi\n"),
    program("/usr/bin/patchelf", "--version"),
    program("/usr/bin/pdftotext", "-v"),
    program("/usr/bin/qpdf", "--version"),
    program("/usr/bin/fish", "--version"),
    program("/usr/bin/gm", "version"),
    program("/usr/bin/cjpeg", stdin=PIXELS),
    program("/usr/bin/jpegoptim", "--version"),
    program("/usr/bin/optipng", "--version"),
    program("/usr/bin/flac", "--version"),
    program("/usr/bin/sox", "--version"),
]
RUST = [
    program("/usr/bin/batcat", "--plain", "--color=never", stdin=LINES),
    program("/usr/bin/fdfind", "--version"),
    program("/usr/bin/hexyl", "--color=never", stdin=PIXELS),
    program("/usr/bin/hyperfine", "--version"),
    program("/usr/bin/rg", "--line-number", "Ea", "-", stdin=LINES),
    program("/usr/bin/sd", "E(a)", "e${1}", stdin=LINES),
    program("/usr/bin/zoxide", "--version"),
]
GO = [
    program("/usr/bin/age", "--version"),
    program("/usr/bin/fzf", "--filter", "ea", stdin=LINES),
    program("/usr/bin/gron", stdin=JSON),
]
HASKELL_AND_OCAML = [
    program("/usr/bin/shellcheck", "--shell=sh", "-", stdin="echo $1\n"),
    program("/usr/bin/csvtool", "transpose", "-", stdin="planet,moons\nMars,2\n"),
    program("/usr/bin/ocamlrun", "-version"),
]
STATIC = [
    program("/bin/busybox", "sh", "-c", "busybox sha1sum; exit 9", stdin=LINES),
    program("/usr/bin/tini-static", "--version"),
    program("/sbin/ldconfig", "--version"),
]
PROGRAMS = [
    *(C + INTERPRETERS + NETWORKS + COMPRESSION),
    *(CPP_AND_MANY_LIBRARIES + RUST + GO + HASKELL_AND_OCAML + STATIC),
]


class ProgramEnding(NamedTuple):
    stdout: bytes
    stderr: bytes
    code: int


def ran(what: RealProgram, root: str) -> ProgramEnding:
    """Run a program with `root` as its root directory, in which it finds nothing but files."""

    def confine() -> None:
        os.chroot(root)
        os.chdir("/")

    done = subprocess.run(
        [what.path, *what.arguments],
        input=what.stdin,
        capture_output=True,
        env=ENVIRONMENT,
        preexec_fn=confine,
        timeout=60,
        check=False,
    )
    return ProgramEnding(done.stdout, done.stderr, done.returncode)


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[str]:
    """The path of a bundle that a test will make; all bundles together would fill a disk."""
    path = tmp_path / "bundle"
    yield str(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.parametrize("resolver", RESOLVERS)
@pytest.mark.parametrize(
    "what", PROGRAMS, ids=lambda what: " ".join([os.path.basename(what.path), *what.arguments[:1]])
)
def test_a_program_does_in_its_bundle_what_it_does_on_the_host(what: RealProgram, resolver: str, bundle: str) -> None:
    if not os.path.exists(what.path):
        pytest.skip(f"{what.path} is not installed: see tests/needs.txt")
    assert quickly("--resolver", resolver, what.path, bundle) == 0
    assert ran(what, bundle) == ran(what, "/")


def test_there_are_fifty_programs_at_least() -> None:
    assert len({each.path for each in PROGRAMS}) >= 50
