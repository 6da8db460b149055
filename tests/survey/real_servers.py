"""Servers on loopback for real programs: names (DNS), HTTPS with a certificate of the host's store, databases, X11."""

import http.server
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from survey.real_cases import DATA

HOST = "tls.example"
AUTHORITY = Path("/usr/local/share/ca-certificates/magicpak-survey.crt")
_POSTGRES = "/usr/lib/postgresql/*/bin"
_SECONDS = 30


@contextmanager
def running_servers() -> Iterator[None]:
    """Run all of them: those of which the program is installed."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory.chmod(0o755)
        _run("ip", "link", "set", "lo", "up")
        Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
        _thread(_name_server)
        _certificates(directory)
        _data()
        _web_server(directory)
        commands = [
            ("redis-server", "--port", "6379", "--save", "", "--dir", str(directory)),
            ("Xvfb", ":9", "-listen", "tcp", "-ac", "-noreset", "-screen", "0", "800x600x24"),
            ("mosquitto", "-p", "1883"),
            *_postgres(directory),
            *_kerberos(directory),
            *_ssh(directory),
            *_mariadb(directory),
            *_ldap(directory),
        ]
        for command in commands:
            stack.callback(_ended, _started(command, directory))
        for port in (53, 8443, 6379, 5432, 6009, 88, 22, 3306, 389):
            _wait_for(port)
        yield


def _started(command: Sequence[str], directory: Path) -> "subprocess.Popen[bytes] | None":
    if shutil.which(command[0]) is None:
        return None
    log = (directory / f"{Path(command[0]).name}.log").open("wb")
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _ended(process: "subprocess.Popen[bytes] | None") -> None:
    if process is not None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_for(port: int) -> None:
    """Wait until something listens at `port`, TCP."""
    if port == 53:
        return
    for _ in range(_SECONDS * 10):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    print(f"nothing listens at {port}", flush=True)


def _run(*command: str, **options: object) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload]


def _thread(target: object) -> None:
    threading.Thread(target=target, daemon=True).start()  # type: ignore[arg-type]


def _name_server() -> None:
    """Answer 127.0.0.1 for all names, and no other kind of record (RFC 1035)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        while True:
            query, client = server.recvfrom(512)
            end = query.index(b"\0", 12) + 5
            is_address = query[end - 4 : end - 2] == b"\0\1"
            head = query[:2] + b"\x81\x80" + struct.pack(">4H", 1, is_address, 0, 0)
            record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1])
            server.sendto(head + query[12:end] + record * is_address, client)


def _certificates(directory: Path) -> None:
    """Make an authority of the host's store, and a certificate for HOST."""
    authority, key = directory / "authority.crt", directory / "authority.key"
    subject = ("-subj", "/CN=magicpak survey")
    new = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    _run("openssl", "req", *new, *subject, "-keyout", str(key), "-out", str(authority))
    extension = ("-addext", f"subjectAltName=DNS:{HOST}", "-addext", "basicConstraints=CA:FALSE")
    request = ("-CA", str(authority), "-CAkey", str(key), "-subj", f"/CN={HOST}")
    own = ("-keyout", str(directory / "key"), "-out", str(directory / "crt"))
    _run("openssl", "req", *new, *request, *extension, *own)
    shutil.copy(authority, AUTHORITY)
    _run("update-ca-certificates")


def _data() -> None:
    """Make the files that the commands are about."""
    data = Path(DATA)
    data.mkdir(parents=True, exist_ok=True)
    (data / "hello").write_text("hello world\n")
    chunks = ((b"IHDR", struct.pack(">2I5B", 1, 1, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b""))
    png = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    (data / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(png))
    size = 'width="20" height="10"'
    (data / "picture.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size}><rect {size}/></svg>\n')
    page = "%!PS\n/Helvetica findfont 12 scalefont setfont 72 72 moveto (hello) show showpage\n"
    (data / "page.ps").write_text(page)
    times = "".join(f" timeout {each} 1s\n" for each in ("connect", "client", "server"))
    (data / "haproxy.cfg").write_text(f"defaults\n mode http\n{times}listen x\n bind :81\n")
    if shutil.which("gs"):
        _run(
            "gs", "-q", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pdfwrite", f"-sOutputFile={data}/page.pdf", f"{data}/page.ps"
        )


def _web_server(directory: Path) -> None:
    """Serve `hello`, and a repository of git that can be cloned over plain files, by HTTPS."""
    files = directory / "www"
    files.mkdir()
    shutil.copytree(DATA, files, dirs_exist_ok=True)
    if shutil.which("git"):
        author = {
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b",
        }
        work, env = directory / "work", {**os.environ, **author, "HOME": str(directory)}
        _run("git", "init", str(work), env=env)
        _run("git", "-C", str(work), "commit", "--allow-empty", "-m", "first", env=env)
        _run("git", "clone", "--bare", str(work), str(files / "repo.git"), env=env)
        _run("git", "-C", str(files / "repo.git"), "update-server-info", env=env)
    handler = partial(_Quiet, directory=str(files))
    server = _QuietServer(("127.0.0.1", 8443), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "crt", directory / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    _thread(server.serve_forever)


class _QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Write nothing: clients refuse the certificate where they lack the authority."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Write nothing."""


def _postgres(directory: Path) -> list[Sequence[str]]:
    found = sorted(Path("/").glob(f"{_POSTGRES}/postgres".lstrip("/")))
    if not found:
        return []
    data, user = directory / "postgres", ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
    data.mkdir()
    shutil.chown(data, "postgres", "postgres")
    _run(*user, str(found[-1].with_name("initdb")), "-A", "trust", "-U", "postgres", "-D", str(data), cwd="/")
    return [(*user, str(found[-1]), "-D", str(data), "-k", "", "-c", "listen_addresses=127.0.0.1")]


def _kerberos(directory: Path) -> list[Sequence[str]]:
    if not shutil.which("krb5kdc"):
        return []
    Path("/etc/krb5.conf").write_text(
        "[libdefaults]\ndefault_realm = EXAMPLE\ndns_canonicalize_hostname = false\n"
        f"[realms]\nEXAMPLE = {{\n kdc = {HOST}\n}}\n[domain_realm]\n.example = EXAMPLE\n"
    )
    conf = Path("/etc/krb5kdc/kdc.conf")
    conf.parent.mkdir(exist_ok=True)
    conf.write_text(
        f"[realms]\nEXAMPLE = {{\n database_name = {directory}/principal\n key_stash_file = {directory}/stash\n"
        " kdc_ports = 88\n kdc_tcp_ports = 88\n}\n"
    )
    _run("kdb5_util", "create", "-s", "-r", "EXAMPLE", "-P", "secret")
    _run("kadmin.local", "-q", "addprinc -pw secret user")
    return [("krb5kdc", "-n")]


def _ssh(directory: Path) -> list[Sequence[str]]:
    if not shutil.which("sshd"):
        return []
    key = directory / "host_key"
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    Path("/run/sshd").mkdir(exist_ok=True)
    return [(str(shutil.which("sshd")), "-D", "-h", str(key), "-p", "22")]


def _mariadb(directory: Path) -> list[Sequence[str]]:
    if not shutil.which("mariadbd"):
        return []
    data = directory / "mariadb"
    own = ("--no-defaults", f"--datadir={data}", "--user=mysql", "--auth-root-authentication-method=normal")
    _run("mariadb-install-db", *own)
    listen = ("--bind-address=127.0.0.1", f"--socket={data}/socket", "--skip-grant-tables")
    return [("mariadbd", "--no-defaults", f"--datadir={data}", "--user=mysql", *listen)]


def _ldap(directory: Path) -> list[Sequence[str]]:
    if not shutil.which("slapd"):
        return []
    data, conf = directory / "ldap", directory / "slapd.conf"
    data.mkdir()
    conf.write_text(
        "include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n"
        f'database mdb\nsuffix "dc=example"\nrootdn "cn=admin,dc=example"\nrootpw secret\ndirectory {data}\n'
    )
    return [("slapd", "-d", "0", "-f", str(conf), "-h", "ldap://127.0.0.1:389")]
