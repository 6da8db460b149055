"""Which constant paths in scripts are data of their own, and which programs a command line executes."""

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from magicpak.scripts.command_line import executed_by_shell
from magicpak.scripts.data_paths import application_of, own_data
from magicpak.scripts.sources import MAX_TOTAL, Sources

FILE, DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755


class HostOfModes(Sources):
    """A host that has certain paths, whose modes are given."""

    def __init__(self, modes: Mapping[str, int]) -> None:
        super().__init__()
        for path, mode in modes.items():
            above, _, name = path.rpartition("/")
            self._names[above] = self._names.get(above, frozenset()) | {name}
            self._statuses[path] = mode, 0

    def _status(self, path: str) -> tuple[int, int]:
        return self._statuses.get(path, (0, 0))


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("/usr/share/tool", DIRECTORY),
        ("/usr/share/tool/", DIRECTORY),
        ("/usr/share/tool/data.txt", FILE),
        ("/usr/lib/tool/plugins", DIRECTORY),
        ("/usr/local/share/tool", DIRECTORY),
        ("/opt/tool", DIRECTORY),
        ("/etc/tool.conf", FILE),
        ("/etc/os-release", FILE),
        ("/etc/tool", DIRECTORY),
        ("/usr/share/dict/words", FILE),
        ("/usr/share/lintian", DIRECTORY),
        ("/usr/share/dpkg", DIRECTORY),
        ("/usr/share/perl5/Tool/data.txt", FILE),
        ("/usr/lib/x86_64-linux-gnu/libtool.so", FILE),
        ("/etc/ssl/tool.pem", FILE),
        ("/etc/ssl/certs/ca-certificates.crt", FILE),
        ("/usr/share/applications/tool.desktop", FILE),
        ("/usr/lib/x86_64-linux-gnu/tool", DIRECTORY),
        ("/lib/tool", DIRECTORY),
        ("/usr/local/lib/tool", DIRECTORY),
        ("/opt/java", DIRECTORY),
        ("/app/templates", DIRECTORY),
        ("/app/locale/de", DIRECTORY),
        ("/usr/src/app/views", DIRECTORY),
    ],
)
def test_data_of_its_own_is(path: str, mode: int) -> None:
    assert own_data(path, HostOfModes({path: mode, path.rstrip("/"): mode}))
    assert not own_data(path, HostOfModes({}))


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("/usr/share", DIRECTORY),
        *((each, DIRECTORY) for each in ("/", "/usr", "/usr/local/share", "/usr/lib", "/etc", "/opt", "/srv", "/app")),
        ("/usr/src/linux-headers", DIRECTORY),
        ("/lib/systemd", DIRECTORY),
        ("/lib/x86_64-linux-gnu", DIRECTORY),
        ("/usr/lib/python3/dist-packages", DIRECTORY),
        ("/usr/share/applications", DIRECTORY),
        ("/etc/apt", DIRECTORY),
        ("/usr/share/perl5", DIRECTORY),
        ("/usr/share/perl/5.36", DIRECTORY),
        ("/usr/lib/python3", DIRECTORY),
        ("/usr/lib/x86_64-linux-gnu", DIRECTORY),
        ("/usr/share/doc/tool", DIRECTORY),
        ("/usr/share/doc/tool/README", FILE),
        ("/etc/ssl/private/key.pem", FILE),
        ("/etc/init.d/tool", FILE),
        ("/usr/share/locale", DIRECTORY),
        ("/etc/ssl/certs", DIRECTORY),
        ("/etc/passwd", FILE),
        ("/etc/resolv.conf", FILE),
        ("/usr/bin/tool", FILE),
        ("/usr/share/tool/../other", DIRECTORY),
        ("/usr/share/../../proc/x", FILE),
        ("//usr/share/tool", DIRECTORY),
        ("usr/share/tool", DIRECTORY),
        ("/var/lib/tool", DIRECTORY),
        ("/dev/null", stat.S_IFCHR | 0o666),
        ("/tmp/tool", DIRECTORY),
        ("/home/me/tool", DIRECTORY),
        ("/root/tool/x", FILE),
        ("/var/lib/tool/x", FILE),
        ("/srv/tool/x", FILE),
        ("/usr/share/tool.socket", stat.S_IFSOCK | 0o666),
        ("/etc/tool/key", stat.S_IFREG | 0o640),
        ("/etc/tool", stat.S_IFDIR | 0o700),
    ],
)
def test_no_data_of_its_own_is(path: str, mode: int) -> None:
    assert not own_data(path, HostOfModes({path: mode}))


def test_a_directory_of_etc_with_a_secret_is_no_data() -> None:
    modes = {"/etc/tool": DIRECTORY, "/etc/tool/a": FILE, "/etc/tool/inner": DIRECTORY, "/etc/tool/inner/b": FILE}
    assert own_data("/etc/tool", HostOfModes(modes))
    assert not own_data("/etc/tool", HostOfModes({**modes, "/etc/tool/inner/key": stat.S_IFREG | 0o600}))


def test_what_is_beside_a_directory_of_modules_belongs_to_it() -> None:
    assert application_of("/usr/share/tool/lib") == "/usr/share/tool"
    assert application_of("/opt/tool/lib/perl5") == "/opt/tool"
    assert application_of("/usr/lib/x86_64-linux-gnu/tool/perl") == "/usr/lib/x86_64-linux-gnu/tool"
    assert application_of("/usr/share/tool") == "/usr/share/tool"
    assert application_of("/usr/share/tool/other/lib") == "/usr/share/tool/other/lib"


@pytest.mark.parametrize(
    ("line", "programs"),
    [
        ("tar xf a", ["tar"]),
        ("  /usr/bin/tar xf a", ["/usr/bin/tar"]),
        ("a | b || c && d; e & f\ng", list("abcdefg")),
        ("LANG=C A+=b a b c", ["a"]),
        ("a > b 2>&1 < c; >d e", ["a", "e"]),
        ("if a; then b; else ! c; fi; while d; do e; done", list("abcde")),
        ("cd x && echo $(a b) `c d`; { e; }", ["a", "c", "e"]),
        ("'a' 'b | c' \"d; e\"", ["a"]),
        ("$a b; ${a}c d; a$b c; \0 d; *a b", []),
        ("a \\; b", ["a"]),
        ("exec a b", ["a"]),
        ("- a; -v b", []),
        ("", []),
    ],
)
def test_a_shell_executes(line: str, programs: list[str]) -> None:
    assert list(executed_by_shell(line)) == programs


def test_a_file_that_is_read_twice_is_counted_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(10))
    sources = Sources()
    assert sources.read(f"{tmp_path}/a") == sources.read(f"{tmp_path}/a") == bytes(10)
    assert sources._left == MAX_TOTAL - 10
