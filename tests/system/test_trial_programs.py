"""`--test` tells the truth about real programs: what `--dynamic` has bundled passes; without one file of it, it fails.

The first hint of the failure names that file. What a program must print in its bundle is what it prints on the host.
All programs are of Debian's base system or of the packages in tests/needs.txt.
"""

import glob
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from support.run_magicpak import SECONDS, RunResult, Text, magicpak, magicpak_as_nobody

pytestmark = pytest.mark.needs("root", "mount", "ptrace", "busybox")

Run = Callable[..., RunResult]

# What is the same on the host and in the bundle.
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TERM": "xterm"}


class Case(NamedTuple):
    """A command that a shell runs on the host for `--dynamic`, and then in the bundle for `--test`.

    `options` tell magicpak what to watch. `gone` is a glob for the one file without which it goes wrong. `files` are in
    the current directory, and what `setup` makes there. HERE stands for that directory, PORT for a free port.
    `warning` is what magicpak says.
    """

    name: str
    text: str
    options: Sequence[str]
    gone: str
    files: Mapping[str, str] = {}
    setup: str = ":"
    env: Mapping[str, str] = {}
    warning: str = ""

    @property
    def programs(self) -> Sequence[str]:
        return [option for option in self.options if option.startswith("/")]


def program(line: str, *more: str, gone: str, **how: object) -> Case:
    """Return the case of one program; `more` are arguments of it that are taken as they are."""
    words = [*shlex.split(line), *more]
    options = [*(f"--dynamic-arg={argument}" for argument in words[1:]), words[0]]
    return Case(named(words[:1], gone), shlex.join(words), options, gone, **how)  # type: ignore[arg-type]


def command(text: str, *, gone: str, **how: object) -> Case:
    """Return the case of a command of the shell, of which the words that are absolute paths of programs are INPUTs."""
    programs = list(dict.fromkeys(re.findall(r"(?<!\S)/(?:usr/)?s?bin/\S+", text)))
    options = [f"--dynamic-command={text}", *programs]
    return Case(named(programs, gone), text, options, gone, **how)  # type: ignore[arg-type]


def named(programs: Sequence[str], gone: str) -> str:
    return f"{' and '.join(map(os.path.basename, programs))} without {os.path.basename(gone)}"


def served(server: str, client: str) -> str:
    """Return a command that runs `server`, and `client` until it succeeds, at most 20 times, and ends the server."""
    return f"{server} & for n in $(seq 20); do {client} && break; sleep 0.1; done; kill $!; wait"


MAN = {"mars.6": ".TH MARS 6\n.SH NAME\nmars \\- a planet\n"}
STYLE = '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">{}</xsl:stylesheet>'
NGINX = """
pid HERE/nginx.pid; error_log stderr crit; user root; events {}
http { access_log off; include /etc/nginx/mime.types; server { listen 127.0.0.1:PORT; } }
"""
CERTIFICATE = "openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost -keyout key -out crt 2>&1"
TLS_SERVER = "/usr/bin/openssl s_server -quiet -accept PORT -cert HERE/crt -key HERE/key -www"
KEY = "warning: HERE/key looks like a secret (private keys): exclude it with --exclude HERE/key\n"
REPOSITORY = "git init -q r && git -C r -c user.name=anna -c user.email=a@b commit -q --allow-empty -m one"

INTERPRETERS = [
    program("/usr/bin/python3 -c", "import json; print(json.dumps([7]))", gone="/usr/lib/python3.*/json/decoder.py"),
    program("/usr/bin/python3 -c", "import sqlite3", gone="/usr/lib/*/libsqlite3.so.0.*"),
    program(
        "/usr/bin/python3 -c",
        "import ssl; print(len(ssl.create_default_context().get_ca_certs()) > 10)",
        gone="/etc/ssl/certs/ca-certificates.crt",
    ),
    program(
        "/usr/bin/python3 -c",
        "import zoneinfo; print(zoneinfo.ZoneInfo('Asia/Tokyo'))",
        gone="/usr/share/zoneinfo/Asia/Tokyo",
    ),
    program(
        "/usr/bin/perl -e",
        "use List::Util 'sum'; print sum(1 .. 4)",
        gone="/usr/lib/*/perl-base/auto/List/Util/Util.so",
    ),
    program(
        "/usr/bin/perl -e", "use JSON::PP; print JSON::PP->new->encode([7])", gone="/usr/share/perl/5.*.*/JSON/PP.pm"
    ),
    program("/usr/bin/ruby -e", "require 'json'; puts [7].to_json", gone="/usr/lib/*/ruby/*/json/ext/generator.so"),
    program(
        "/usr/bin/lua5.4 HERE/main.lua",
        files={"main.lua": "package.path = 'HERE/?.lua' print(require('mars').x)", "mars.lua": "return {x = 7}"},
        gone="HERE/mars.lua",
    ),
    program("/usr/bin/luajit -b -l -e", "return 7", gone="/usr/share/luajit-2*/jit/bc.lua"),
    program("/usr/bin/guile -c", "(use-modules (ice-9 regex)) (display 7)", gone="/usr/lib/*/libguile-3.0.so.1.*"),
    command("echo 'package require http; puts 7' | /usr/bin/tclsh", gone="/usr/share/tcltk/tcl8.6/init.tcl"),
    program("/usr/bin/php -r", "echo ctype_alpha('x');", gone="/etc/php/*/mods-available/ctype.ini"),
    program("/usr/bin/php -r", "echo ctype_alpha('x');", gone="/usr/lib/php/*/ctype.so"),
    program("/usr/bin/gawk", 'BEGIN { system("echo 7") }', gone="/bin/sh"),
    program("/usr/bin/gawk -l filefuncs", 'BEGIN { print stat("/", x) }', gone="/usr/lib/*/gawk/filefuncs.so"),
]
SHELLS = [
    program("/bin/bash HERE/script", files={"script": "echo mars | tr a b\n"}, gone="/usr/bin/tr"),
    program(
        "/bin/bash HERE/script",
        files={"script": "set -e; . HERE/lib.sh; f\n", "lib.sh": "f() { echo 7; }"},
        gone="HERE/lib.sh",
    ),
    program("/bin/zsh -f -c", "zmodload zsh/mathfunc && echo $((sqrt(4)))", gone="/usr/lib/*/zsh/5.*/zsh/mathfunc.so"),
    program("/usr/bin/fish -c", "string upper x", gone="/usr/lib/*/libpcre2-32.so.0.*"),
    program(
        "/usr/bin/env HERE/script",
        files={"script": "#!/usr/bin/perl\nprint 7"},
        setup="chmod +x script",
        gone="/usr/bin/perl",
    ),
    program(
        "/bin/busybox sh -c",
        "echo mars | HERE/filter",
        files={"filter": "#!/bin/mksh\nread x; exec sed s/a/b/ <<< $x\n"},
        setup="chmod +x filter",
        gone="/usr/bin/sed",
    ),
    program(
        "/usr/bin/timeout 9 HERE/script",
        files={"script": "#!/usr/bin/env mksh\necho 7\n"},
        setup="chmod +x script",
        gone="/usr/bin/mksh",
    ),
]
PROGRAMS_THAT_RUN_OTHERS = [
    command("cd HERE/r && /usr/bin/git submodule foreach x", setup=REPOSITORY, gone="/usr/lib/git-core/git-submodule"),
    program("/usr/bin/git -C HERE log --format=%an", setup=f"{REPOSITORY}; mv r/.git .", gone="HERE/.git/HEAD"),
    program("/usr/bin/gcc -fsyntax-only HERE/a.c", files={"a.c": "#include <math.h>\n"}, gone="/usr/include/math.h"),
    program("/usr/bin/gcc -fsyntax-only HERE/a.c", files={"a.c": "int x;\n"}, gone="/usr/lib*/gcc/*/*/cc1"),
    program("/usr/bin/make -sf HERE/Makefile", files={"Makefile": "all:\n\t@echo mars | rev\n"}, gone="/usr/bin/rev"),
    program("/usr/bin/groff -man -Tascii HERE/mars.6", files=MAN, gone="/usr/bin/grotty"),
    program("/usr/bin/groff -man -Tascii HERE/mars.6", files=MAN, gone="/usr/share/groff/1.*/font/devascii/R"),
    program("/usr/bin/man -P cat HERE/mars.6", files=MAN, gone="/usr/bin/nroff"),
    program("/usr/bin/find HERE/a -exec sha256sum {} +", files={"a": ""}, gone="/usr/bin/sha256sum"),
    program("/usr/bin/tar xzOf HERE/a.tgz", files={"a": "7"}, setup="tar czf a.tgz a", gone="/usr/bin/gzip"),
]
SYSTEM = [
    program("/bin/date -d @0 +%Z", env={"TZ": "Asia/Tokyo"}, gone="/usr/share/zoneinfo/Asia/Tokyo"),
    program("/usr/bin/id -un", gone="/etc/passwd"),
    program("/usr/bin/getent passwd root", gone="/etc/passwd"),
    program("/usr/bin/getent -s compat passwd root", gone="/usr/lib/*/libnss_compat.so.2"),
    program("/usr/bin/getent group daemon", gone="/etc/group"),
    program(
        "/usr/bin/locale charmap",
        env={"LOCPATH": "HERE", "LC_ALL": "xx_XX.UTF-8"},
        setup="cp -r /usr/lib/locale/C.utf8 xx_XX.utf8",
        gone="HERE/xx_XX.utf8/LC_CTYPE",
    ),
    command("printf '\\244\\242' | /usr/bin/iconv -f EUC-JP -t UTF-8", gone="/usr/lib/*/gconv/EUC-JP.so"),
    program("/usr/bin/file -b HERE/a", files={"a": "%PDF-1.7"}, gone="/usr/lib/file/magic.mgc"),
    program("/usr/bin/tput cuu1", gone="/lib/terminfo/x/xterm"),
    program("/usr/bin/ls /etc/passwd", gone="/usr/lib/*/libselinux.so.1"),
    program("/usr/bin/xxd HERE/a", files={"a": "a"}, gone="/lib*/ld-linux-*.so.*"),
    program("/usr/bin/dpkg-query -W -f ${Package} base-files", gone="/var/lib/dpkg/status"),
]
DATA_AND_TEXT = [
    program(
        "/usr/bin/sqlite3 :memory:",
        ".mode csv",
        ".import HERE/in t",
        "select sum(n) from t",
        files={"in": "n\n1\n2\n"},
        gone="HERE/in",
    ),
    program(
        "/usr/bin/xsltproc HERE/a.xsl HERE/a.xml",
        files={
            "a.xsl": STYLE.format('<xsl:include href="b.xsl"/>'),
            "b.xsl": STYLE.format('<xsl:template match="/">7</xsl:template>'),
            "a.xml": "<a/>",
        },
        gone="HERE/b.xsl",
    ),
    program("/usr/bin/units -t", "3 miles", "km", gone="/usr/share/units/definitions.units"),
    program("/usr/bin/m4 HERE/a", files={"a": "include(HERE/b)", "b": "7"}, gone="HERE/b"),
    program(
        "/usr/bin/yara HERE/a HERE/b",
        files={"a": 'include "./c"', "b": "x", "c": "rule r { condition: true }"},
        gone="HERE/c",
    ),
    command(
        "/usr/bin/gm convert -size 9x9 gradient: png:- | /usr/bin/gm identify -format %m%w -",
        gone="/usr/lib/*/libpng16.so.16.*",
    ),
    command("/usr/bin/sox -n -t flac - synth 0.1 sine 440 | wc -c", gone="/usr/lib/*/sox/libsox_fmt_flac.so"),
]
NETWORKS_AND_KEYS = [
    program("/usr/bin/ssh -G -F HERE/config mars", files={"config": "HostName phobos\n"}, gone="HERE/config"),
    program("/usr/bin/ssh -V", gone="/etc/passwd"),
    command(
        "echo x | /usr/bin/openssl dgst -r -provider legacy -provider default -md4",
        gone="/usr/lib/*/ossl-modules/legacy.so",
    ),
    program(
        "/usr/bin/openssl req -new -newkey rsa:1024 -nodes -keyout /dev/null -subj /CN=x -noout",
        gone="/etc/ssl/openssl.cnf",
    ),
    program("/usr/sbin/nginx -t -q -c HERE/nginx.conf", files={"nginx.conf": NGINX}, gone="/etc/nginx/mime.types"),
    command(
        served("/usr/bin/redis-server HERE/conf >&2", "/usr/bin/redis-cli -p PORT eval 'return 6 * 7' 0 2>&-"),
        files={"conf": "port PORT\nsave ''\n"},
        gone="HERE/conf",
    ),
    command(
        served(TLS_SERVER, "/usr/bin/curl -s https://localhost:PORT; e=$?; [ $e != 7 ] && echo $e"),
        setup=CERTIFICATE,
        gone="/etc/ssl/certs/ca-certificates.crt",
        warning=KEY,
    ),
]
CASES = [*INTERPRETERS, *SHELLS, *PROGRAMS_THAT_RUN_OTHERS, *SYSTEM, *DATA_AND_TEXT, *NETWORKS_AND_KEYS]
OF_NOBODY = [case for case in CASES if re.search(r"python3|perl|date|tput|find|gawk|legacy|mksh|group", case.name)]


class CaseRunner:
    """A current directory with the files of a case, and a place for its bundle."""

    def __init__(self, case: Case, path: Path, port: int) -> None:
        self._case = case
        self._port = port
        self._here = path / "here"
        self.bundle = path / "bundle"
        self._home = path / "home"
        for directory in (path, self._here, self._home):
            directory.mkdir(exist_ok=True)
            directory.chmod(0o777)
        for name, text in case.files.items():
            (self._here / name).write_text(self.filled_in(text))
        self._printed_on_the_host(case.setup)

    def filled_in(self, text: str) -> str:
        return text.replace("PORT", str(self._port)).replace("HERE", str(self._here))

    @property
    def gone(self) -> str:
        """The real path of the file to be taken away."""
        (path,) = {os.path.realpath(path) for path in glob.glob(self.filled_in(self._case.gone))}
        return path

    def tried(self, run: Run, *options: str) -> RunResult:
        """Bundle and try with `options`; what must be printed is what is printed on the host."""
        text = self.filled_in(self._case.text)
        tests = [f"--test-command={text}", f"--test-stdout={self._printed_on_the_host(text)}"]
        tests += [f"--test-env={name}={value}" for name, value in self._settings.items()]
        watched = [self.filled_in(option) for option in self._case.options]
        options = ("--no-hints", *options)
        return run("--dynamic", *watched, "--test", *tests, *options, self.bundle, cwd=self._here, **self._environment)

    @property
    def _settings(self) -> dict[str, str]:
        return {**ENVIRONMENT, **{name: self.filled_in(value) for name, value in self._case.env.items()}}

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self._home), **self._settings}

    def _printed_on_the_host(self, text: str) -> str:
        ran = subprocess.run(
            ["sh", "-c", text],
            cwd=self._here,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=SECONDS,
            check=True,
        )
        return os.fsdecode(ran.stdout)


@pytest.fixture
def stage(case: Case) -> Iterator[CaseRunner]:
    """The stage of a case, in a place that is open to ordinary users."""
    absent = [path for path in case.programs if not os.path.exists(path)]
    if absent:
        pytest.skip(f"{absent[0]} is not installed: see tests/needs.txt")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as path:
        yield CaseRunner(case, Path(os.path.realpath(path)), port)


def as_root(*args: Text, cwd: Path, **env: str) -> RunResult:
    return magicpak(*args, cwd=cwd, env=env)


def check_that_what_is_bundled_passes(case: Case, stage: CaseRunner, run: Run) -> None:
    assert stage.tried(run) == RunResult(0, "", stage.filled_in(case.warning))
    assert stage.bundle.is_dir()


def check_that_the_first_hint_names_what_is_gone(stage: CaseRunner, run: Run) -> None:
    result = stage.tried(run, "--exclude", stage.gone)
    hints = [line for line in result.stderr.splitlines() if line.startswith("hint: ")]
    named = re.fullmatch(
        rf"hint: (/\S+)(?: \(.+\))? is excluded by --exclude {re.escape(stage.gone)}", (hints or [""])[0]
    )
    assert named, result.stderr
    assert os.path.realpath(named[1]) == stage.gone, result.stderr
    assert (result.code, result.stdout, stage.bundle.exists()) == (8, "", False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bundle_that_works_passes(case: Case, stage: CaseRunner) -> None:
    check_that_what_is_bundled_passes(case, stage, as_root)


@pytest.mark.usefixtures("case")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bundle_without_one_file_fails_and_the_first_hint_names_it(stage: CaseRunner) -> None:
    check_that_the_first_hint_names_what_is_gone(stage, as_root)


@pytest.mark.needs("user namespaces")
@pytest.mark.parametrize("case", OF_NOBODY, ids=lambda case: case.name)
def test_an_ordinary_user_learns_the_same(case: Case, stage: CaseRunner) -> None:
    check_that_what_is_bundled_passes(case, stage, magicpak_as_nobody)
    shutil.rmtree(stage.bundle)
    check_that_the_first_hint_names_what_is_gone(stage, magicpak_as_nobody)


def test_there_are_twenty_programs_at_least() -> None:
    assert len({case.programs[0] for case in CASES}) >= 20
