"""What names of `--with` bring makes real programs of this system work, each in a root directory of its own."""

import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from support.run_magicpak import RunResult, compiled, done, magicpak, names

pytestmark = pytest.mark.needs("root", "chroot")


def ran(root: Path, *command: str, env: Mapping[str, str] | None = None, stdin: str = "") -> RunResult:
    """Run `command` with `root` as its root directory."""

    def enter() -> None:
        os.chroot(root)
        os.chdir("/")

    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", **(env or {})}
    how = {
        "input": stdin,
        "capture_output": True,
        "text": True,
        "encoding": "latin-1",
        "timeout": 60,
        "env": environment,
    }
    try:
        ended = subprocess.run(command, check=False, preexec_fn=enter, **how)  # type: ignore[call-overload]
    except FileNotFoundError:
        return RunResult(127, "", "no such program")
    return RunResult(ended.returncode, ended.stdout, ended.stderr)


def furnish(root: Path) -> None:
    """Make what a container has, whatever its image."""
    for directory in ("dev", "etc", "run"):
        (root / directory).mkdir(exist_ok=True)
    (root / "dev/null").touch()
    (root / "dev/urandom").write_bytes(os.urandom(1 << 16))
    (root / "etc/hosts").write_text("127.0.0.1 server.test\n")


class RowCase(NamedTuple):
    """Names of `--with`, programs, a command that prints `expected` in the bundle, and does not without the names."""

    names: Sequence[str]
    programs: Sequence[str]
    command: Sequence[str]
    expected: str
    env: Mapping[str, str] = {}
    stdin: str = ""


GIT_ENV = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
    "HOME": "/tmp",
}  # fmt: skip
PYTHON = (
    "import ssl, sqlite3, ctypes, decimal, zoneinfo, datetime;"
    "print(datetime.datetime.fromtimestamp(0, zoneinfo.ZoneInfo('Europe/Rome')).hour, ctypes.CDLL(None).getuid())"
)
PERL = "use POSIX; use Data::Dumper; use List::Util qw(sum); print strftime(q(%Y), gmtime(0)), sum(1, 2)"

GIT = "cd /tmp; git init -q r; cd r; git commit -q --allow-empty -m x; git log --format=%s"
CASES = {
    "users": RowCase(["users"], ["/usr/bin/id"], ["id", "-u", "nobody"], "65534\n"),
    "nss": RowCase(
        ["nss"], ["/usr/bin/getent"], ["getent", "ahosts", "server.test"], "127.0.0.1       STREAM server.test"
    ),
    "tmp": RowCase(["tmp"], ["/usr/bin/mktemp"], ["mktemp", "-p", "/var/tmp", "x.XXX"], "/var/tmp/x."),
    "sort": RowCase(
        ["tmp"],
        ["/usr/bin/sort"],
        ["sort", "-S", "1k"],
        "00000\n",
        stdin="".join(f"{n:05}\n" for n in range(9999, -1, -1)),
    ),
    "tz": RowCase(["tz=Europe/Rome"], ["/usr/bin/date"], ["date", "-d", "@0", "+%H"], "01\n", {"TZ": "Europe/Rome"}),
    "locale": RowCase(["locale=C.UTF-8"], ["/usr/bin/locale"], ["locale", "charmap"], "UTF-8\n", {"LC_ALL": "C.UTF-8"}),
    "gconv": RowCase(
        ["gconv=SHIFT_JIS"],
        ["/usr/bin/iconv"],
        ["iconv", "-f", "UTF-8", "-t", "SHIFT_JIS"],
        "\x82\xa0",
        stdin="\xe3\x81\x82",
    ),
    "gconv of an alias": RowCase(
        ["gconv=eucjp"], ["/usr/bin/iconv"], ["iconv", "-f", "UTF-8", "-t", "EUCJP"], "\xa4\xa2", stdin="\xe3\x81\x82"
    ),
    "terminfo": RowCase(["terminfo=xterm"], ["/usr/bin/tput"], ["tput", "-T", "xterm", "bold"], "\x1b[1m"),
    "openssl": RowCase(
        ["openssl"],
        ["/usr/bin/openssl"],
        ["openssl", "engine", "loader_attic"],
        "(loader_attic) ",
    ),
    "magic": RowCase(["magic"], ["/usr/bin/file"], ["file", "-b", "/usr/bin/file"], "ELF "),
    "shell": RowCase(["shell"], ["/usr/bin/env"], ["env", "sh", "-c", "echo $0"], "sh\n"),
    "busybox": RowCase(["shell=busybox"], ["/usr/bin/env"], ["env", "sh", "-c", "echo $0"], "sh\n"),
    "git": RowCase(["package", "shell", "tmp"], ["/usr/bin/git"], ["sh", "-ec", GIT], "x\n", GIT_ENV),
    "ssh-keygen": RowCase(
        ["users", "tmp"], ["/usr/bin/ssh-keygen"], ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/tmp/k"], ""
    ),
    "nginx": RowCase(["package+deps", "users=www-data", "tmp"], ["/usr/sbin/nginx"], ["/usr/sbin/nginx", "-t"], ""),
    "graphicsmagick": RowCase(
        ["graphicsmagick"], ["/usr/bin/gm"], ["gm", "convert", "-list", "delegate"], "Path: /usr/lib/"
    ),
    "python": RowCase(["python", "tz"], ["/usr/bin/python3"], ["python3", "-c", PYTHON], "1 0\n"),
    "perl": RowCase(["perl"], ["/usr/bin/perl"], ["perl", "-e", PERL], "19703"),
    "ruby": RowCase(["ruby"], ["/usr/bin/ruby"], ["ruby", "-rjson", "-rset", "-e", "puts [1].to_json"], "[1]\n"),
    "tcl": RowCase(["tcl"], ["/usr/bin/tclsh"], ["tclsh"], "1970\n", stdin="puts [clock format 0 -gmt 1 -format %Y]\n"),
    "guile": RowCase(
        ["guile"], ["/usr/bin/guile"], ["guile", "-c", "(use-modules (srfi srfi-1)) (display (fold + 0 '(1 2)))"], "3"
    ),
    "php": RowCase(["php"], ["/usr/bin/php"], ["php", "-r", "echo (int) extension_loaded('tokenizer');"], "1"),
}


HERE = {name: case for name, case in CASES.items() if all(map(os.path.exists, case.programs))}


@pytest.mark.parametrize("case", HERE.values(), ids=HERE)
def test_a_program_works_with_them_and_not_without(case: RowCase, tmp_path: Path) -> None:
    options = [f"--with={name}" for name in case.names]  # which can warn of what only a recommended package has
    assert magicpak("--no-hints", *options, *case.programs, tmp_path / "with").code == 0
    done("--no-hints", *case.programs, tmp_path / "without")
    for root in (tmp_path / "with", tmp_path / "without"):
        furnish(root)
    found = ran(tmp_path / "with", *case.command, env=case.env, stdin=case.stdin)
    assert (found.code, found.stdout[: len(case.expected)]) == (0, case.expected), found.stderr
    if case.names != ["nss"]:
        assert ran(tmp_path / "without", *case.command, env=case.env, stdin=case.stdin)[:2] != found[:2]


def test_curl_verifies_a_server_by_its_name_and_a_certificate_of_the_bundle(tmp_path: Path) -> None:
    done("--no-hints", "--with=certs", "--with=nss", "/usr/bin/curl", tmp_path / "out")
    furnish(tmp_path / "out")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", "/CN=server.test", "-addext", "subjectAltName=DNS:server.test"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening, context), daemon=True).start()
        url = f"https://server.test:{listening.getsockname()[1]}/"
        assert ran(tmp_path / "out", "curl", "-s", url).code == 60  # the authority is not known
        with open(tmp_path / "out/etc/ssl/certs/ca-certificates.crt", "a") as file:
            file.write(certificate.read_text())
        assert ran(tmp_path / "out", "curl", "-sS", url) == RunResult(0, "here", "")


def serve(listening: socket.socket, context: ssl.SSLContext) -> None:
    """Answer two requests, of which the first is broken off."""
    for _ in range(2):
        connection, _ = listening.accept()
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1 << 16)
            secure.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nhere")


def test_openssl_finds_certificates_by_their_hashes(tmp_path: Path) -> None:
    done("--no-hints", "--with=certs", "/usr/bin/openssl", tmp_path / "out")
    authority = min(Path("/etc/ssl/certs").glob("ISRG*.pem"))
    (tmp_path / "out/etc/ssl/certs/ca-certificates.crt").unlink()
    checked = ran(tmp_path / "out", "openssl", "verify", str(authority))
    assert (checked.code, checked.stdout) == (0, f"{authority}: OK\n")


CONVERTS = """
int puts(const char *); void *iconv_open(const char *, const char *); void exit(int);
void start(void) { puts(iconv_open("SHIFT_JIS", "UTF-8") == (void *) -1 ? "no" : "yes"); exit(0); }
"""


@pytest.mark.needs("i386")
def test_a_program_of_another_architecture_gets_the_modules_of_its_own(tmp_path: Path) -> None:
    options = ("-m32", "-fno-pic", "-no-pie", "-nostdlib", "-Wl,-e,start", "-Wl,--dynamic-linker=/lib/ld-linux.so.2")
    program = compiled(tmp_path / "program", CONVERTS, *options, "/usr/lib32/libc.so.6")
    done("--no-hints", "--with=gconv=SHIFT_JIS", program, "--install-to=/program", tmp_path / "with")
    done("--no-hints", program, "--install-to=/program", tmp_path / "without")
    assert [ran(tmp_path / root, "/program").stdout for root in ("with", "without")] == ["yes\n", "no\n"]
    assert not [name for name in names(tmp_path / "with") if "x86_64" in name]


NOTE = """
__asm__(".pushsection .note.dlopen, \\"a\\"; .balign 4; .long 4, 1f - 0f, 0x407c0c0a; .asciz \\"FDO\\";"
        "0: .asciz \\"%s\\"; 1: .balign 4; .popsection");
"""


def noted(*entries: dict[str, object]) -> str:
    return NOTE % json.dumps(entries).replace('"', r"\\\"")


@pytest.mark.needs("compiler")
class TestNotes:
    @pytest.fixture
    def program(self, tmp_path: Path) -> Path:
        """A program whose library says that it loads others, which are beside it."""
        libraries = tmp_path / "lib"
        beside = ("-shared", "-fPIC", "-nostdlib", f"-L{libraries}", "-Wl,-rpath,$ORIGIN", "-Wl,--no-as-needed")
        for name in ("deep", "more", "last"):
            compiled(libraries / f"lib{name}.so", "", *beside, f"-Wl,-soname,lib{name}.so")
        compiled(libraries / "libplugin.so.1", "", *beside, "-ldeep", "-Wl,-soname,libplugin.so.1")
        source = noted(
            {"soname": ["libplugin.so.2", "libplugin.so.1"], "priority": "recommended", "feature": "x"},
            {"soname": ["libmore.so"], "priority": "suggested"},
            {"soname": ["libc.so.6"], "priority": "required"},
        )
        compiled(libraries / "libuser.so", source, *beside, "-Wl,-soname,libuser.so")
        links = (f"-L{libraries}", "-Wl,--no-as-needed", "-luser", f"-Wl,-rpath,{libraries}")
        return compiled(tmp_path / "program", "int main(void) { return 0; }", *links)

    def test_a_library_comes_with_what_it_needs(self, program: Path, tmp_path: Path) -> None:
        done("--no-hints", "--with=dlopen", program, tmp_path / "out")
        found = {Path(name).name for name in names(tmp_path / "out") if "/lib/lib" in name}
        assert {"libplugin.so.1", "libdeep.so", "libuser.so"} <= found
        assert found.isdisjoint({"libmore.so", "liblast.so"})

    def test_the_argument_is_the_last_priority_that_counts(self, program: Path, tmp_path: Path) -> None:
        done("--no-hints", "--with=dlopen=suggested", program, tmp_path / "all")
        assert f"{tmp_path}/lib/libmore.so"[1:] in names(tmp_path / "all")
        assert magicpak("--with=dlopen=most", program, tmp_path / "none") == RunResult(
            2, "", "error: --with dlopen=most: most is not one of required, recommended, suggested\n"
        )

    def test_what_is_noted_and_not_here_is_an_error(self, tmp_path: Path) -> None:
        source = noted({"soname": ["libnone.so.1", "libnone.so"]}) + "int main(void) { return 0; }"
        program = compiled(tmp_path / "program", source)
        assert magicpak("--with=dlopen", program, tmp_path / "out") == RunResult(
            1,
            "",
            "error: --with dlopen finds nothing on this host\n"
            f"  looked for libnone.so.1 or libnone.so for {os.path.realpath(program)}\n",
        )
