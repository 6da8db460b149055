"""Programs that need more than libraries: bundled by `--dynamic`, they do alone what they do on the host.

Each runs three times with the same arguments, environment and files: on the host, watched by magicpak, and in its
bundle, to which nothing is added but /proc, /dev and the current directory, as in a container. What it says, how it
ends and the names of the files that it makes are compared. All are of the packages in tests/needs.txt.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from support.run_magicpak import SECONDS, RunResult, environment, magicpak, names

pytestmark = pytest.mark.needs("root", "chroot", "mount")

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TERM": "xterm"}

# A namespace of processes too, so that none outlives the command. Its first process is a shell, and not the program,
# for the first one does not get signals as others do.
NAMESPACES = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
CONTAINER = """
mkdir -p "$1/proc" "$1/dev" "$1$PWD"
mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || exit 125
in="unshare --root=$1 --wd=$PWD --"
eval "$2"
"""


class Scene(NamedTuple):
    """A command for the shell, in which `$in` stands before each program of the bundle, and what is around it.

    `options` tell magicpak what to run. `files` are in the current directory, and what `setup` makes there. PORT stands
    for the number of a free port, HERE for the current directory. `warning` is what magicpak says; `stderr` tells
    whether the command says the same there each time.
    """

    name: str
    text: str
    options: Sequence[str]
    stdin: str = ""
    files: Mapping[str, str] = {}
    setup: str = ":"
    env: Mapping[str, str] = {}
    warning: str = ""
    stderr: bool = True

    @property
    def programs(self) -> Sequence[str]:
        return programs_in(self.text)


def program(line: str, *more: str, fails: bool = False, **how: object) -> Scene:
    """Return the scene of one program; `more` are arguments of it that are taken as they are."""
    path, *arguments = *shlex.split(line), *more
    options = [f"--dynamic-arg={argument}" for argument in arguments]
    if fails:
        options.append("--dynamic-allow-failure")
    name = " ".join([os.path.basename(path), *arguments[:1]])
    return Scene(name, f"$in {shlex.join([path, *arguments])}", [*options, path], **how)  # type: ignore[arg-type]


def command(text: str, **how: object) -> Scene:
    """Return the scene of a command that runs a program several times, or a server and its client."""
    programs = programs_in(text)
    name = " and ".join(map(os.path.basename, programs))
    return Scene(f"command of {name}", text, ["--dynamic-command", text, *programs], **how)  # type: ignore[arg-type]


def programs_in(text: str) -> Sequence[str]:
    return list(dict.fromkeys(re.findall(r"\$in (\S+)", text)))


def served(server: str, client: str) -> str:
    """Return a command that runs `server`, and `client` until it succeeds, at most 10 seconds, and ends the server."""
    return f"{server} & for n in $(seq 200); do {client} && break; sleep 0.05; done; kill $!; wait"


C = '#include <math.h>\n#include <stdio.h>\nint main(void) { return printf("%g\\n", sqrt(2)) < 0; }\n'
MAN = ".TH MARS 6\n.SH NAME\nmars \\- a planet\n.SH DESCRIPTION\nIt has two moons \\(co and no sea.\n"
STYLE = '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">{}</xsl:stylesheet>'
NGINX = """
pid nginx.pid; error_log error.log; user root; events {}
http { access_log off; include /etc/nginx/mime.types; server { listen 127.0.0.1:PORT; root HERE/html; } }
"""
CERTIFICATE = "openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost -keyout key -out crt 2>&1"
AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Anna"), ("EMAIL", "anna@example.org"), ("DATE", "2024-01-01T00:00:00Z"))
}

INTERPRETERS = [
    program(
        "/usr/bin/python3 -c",
        "import ctypes.util\nprint(ctypes.util.find_library('z'), ctypes.util.find_library('nowhere'))",
        warning="warning: created /etc/ld.so.cache with the libraries of the bundle, for the program that reads it; "
        "copied onto a base image, it replaces the image's own\n",
    ),
    program(
        "/usr/bin/python3 -c",
        "import ctypes, json, sqlite3, ssl\n"
        "print(json.dumps(ssl.OPENSSL_VERSION), sqlite3.connect(':memory:').execute('select 6 * 7').fetchone())\n"
        "print(len(ssl.create_default_context().get_ca_certs()) > 10)",
    ),
    program(
        "/usr/bin/python3 main.py",
        files={
            "main.py": "import planets.mars, subprocess, zoneinfo\nfrom datetime import datetime\n"
            "print(planets.mars.moons, datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin')))\n"
            "print(subprocess.run(['./script', 'x'], capture_output=True, check=True).stdout)\n",
            "planets/mars.py": "moons = 2\n",
            "script": '#!/usr/bin/env perl\nprint "@ARGV $^V";\n',
        },
        setup="chmod +x script",
    ),
    program(
        "/usr/bin/perl -e",
        "use Digest::MD5 'md5_hex'; use Encode; use JSON::PP; use List::Util 'sum'; use POSIX; use Socket;"
        " print floor(3.7), sum(1 .. 4), md5_hex('x'), JSON::PP->new->encode([decode('UTF-8', 'A')]);",
    ),
    program("/usr/bin/ruby -e", "require 'digest'; require 'json'; puts Digest::SHA256.hexdigest('x').to_json"),
    program("/usr/bin/lua5.4 main.lua", files={"main.lua": "print(require('m').x)", "m.lua": "return {x = 7}"}),
    program("/usr/bin/guile -c", '(use-modules (ice-9 regex)) (display (match:substring (string-match "b+" "abbc")))'),
    program("/usr/bin/tclsh", stdin="package require http\nputs [clock format 0 -timezone :Europe/Berlin]\n"),
    program("/usr/bin/php -r", "echo json_encode(['x' => hash('sha256', 'x')]), date_create('@0')->format('c');"),
    program("/usr/bin/gawk -l filefuncs", 'BEGIN { "cat in" | getline x; print x }', files={"in": "x\n"}),
    program("/bin/busybox sh -c", "cat in | sed s/a/b/; exec busybox wc in", files={"in": "aa\n"}),
]
SHELLS = [
    program("/bin/sh -c", "sort in | tee out; . ./lib; f", files={"lib": "f() { uname -s; }\n", "in": "b\na\n"}),
    program(
        "/bin/bash script", files={"script": "for x in *; do echo $x; done; tr a b < in; cat <<< $x\n", "in": "a\n"}
    ),
    program("/bin/zsh -f -c", "autoload -Uz zmv; zmv -n '(*).c' '$1.o'; zmodload zsh/mathfunc", files={"a.c": C}),
    program("/usr/bin/fish -c", "string upper (cat in); math 6 x 7", files={"in": "x\n"}),
]
PROGRAMS_THAT_RUN_OTHERS = [
    command(
        "$in /usr/bin/git init -q r && $in /usr/bin/git -C r add f && $in /usr/bin/git -C r commit -qm one"
        " && $in /usr/bin/git clone -q r s && $in /usr/bin/git -C s log --stat --format=%H",
        files={"r/f": "x\n"},
        env=AUTHOR,
    ),
    program("/usr/bin/gcc -O1 -o mars mars.c -lm", files={"mars.c": C}),
    program("/usr/bin/gcc -c mars.c", files={"mars.c": C}),
    program("/usr/bin/make", files={"Makefile": "out: in\n\tsed s/a/b/ $< | tee $@\n", "in": "aa\n"}),
    program("/usr/bin/groff -man -Tutf8 mars.6", files={"mars.6": MAN}),
    program("/usr/bin/man -P cat ./mars.6", files={"mars.6": MAN}),
    program("/usr/bin/find . -name *.c -exec sha256sum {} +", files={"a.c": "a", "d/b.c": "b", "d/c.h": "c"}),
    program("/usr/bin/xargs -n1 wc -c", stdin="a b\n", files={"a": "1", "b": "22"}),
    command("$in /bin/tar czf d.tgz d && $in /bin/tar xzvf d.tgz", files={"d/a": "1", "d/e/b": "2"}),
    program("/usr/bin/rsync -r d/ e", files={"d/a": "1", "d/e/b": "2"}),
    command(
        "$in /usr/bin/tmux -S s new -d cat && $in /usr/bin/tmux -S s ls -F '#S' && $in /usr/bin/tmux -S s kill-server"
    ),
]
SYSTEM = [
    program("/bin/date -d @0", env={"TZ": "America/New_York"}),
    program("/usr/bin/locale -a"),
    program("/usr/bin/iconv -f EUC-JP -t UTF-8", stdin="x\n"),
    program("/usr/bin/getent passwd root"),
    program("/usr/bin/getent group 0"),
    program("/usr/bin/id"),
    program("/bin/ls -l /etc/alternatives/awk /bin/sh"),
    program("/bin/ps -o user= -p 1"),
    program("/usr/bin/apt-cache policy bash"),
    program("/usr/bin/dpkg -L base-files"),
    program("/usr/bin/file in", files={"in": C}),
    program("/usr/bin/setpriv --reuid=65534 --clear-groups cat in", files={"in": "x\n"}),
]
DATA_AND_TEXT = [
    program("/usr/bin/sqlite3 db", ".mode csv", ".import in t", "select sum(n) from t", files={"in": "n\n1\n2\n"}),
    program(
        "/usr/bin/xsltproc a.xsl a.xml",
        files={
            "a.xsl": STYLE.format('<xsl:include href="b.xsl"/>'),
            "b.xsl": STYLE.format('<xsl:template match="/"><x/></xsl:template>'),
            "a.xml": "<a/>",
        },
    ),
    program("/usr/bin/units -t", "3 miles", "km"),
    program("/usr/bin/w3m -dump a.html", files={"a.html": "<h1>Mars</h1><table><tr><td>1<td>2</table>&copy;"}),
    program("/usr/bin/vim.tiny -es -u NONE -c", "%s/a/b/g", "-c", "%p", "-c", "wq", "in", files={"in": "aa\n"}),
    program("/usr/bin/less in", files={"in": "x\n"}),
    program("/usr/bin/batcat --color=always --paging=never a.py", files={"a.py": "import this\n"}),
    command("$in /usr/bin/gm convert -size 9x9 gradient: a.png && $in /usr/bin/gm identify -format %m%w a.png"),
    command("$in /usr/bin/sox -n a.wav synth 0.1 sine 440 && $in /usr/bin/sox a.wav a.flac"),
]
NETWORKS_AND_KEYS = [
    program("/usr/bin/ssh -V"),
    program("/usr/bin/openssl dgst -provider legacy -provider default -md4", stdin="x\n"),
    command("$in /usr/bin/openssl genrsa -out k && $in /usr/bin/openssl rsa -in k -pubout -out p", stderr=False),
    program(
        "/usr/bin/curl -s https://127.0.0.1:1/",
        fails=True,
        warning="warning: /usr/bin/curl -s https://127.0.0.1:1/ exited with code 7\n",
    ),
    program("/usr/sbin/nginx -t -p . -c nginx.conf", files={"nginx.conf": NGINX}),
    command(
        served("$in /usr/sbin/nginx -p . -c nginx.conf -g 'daemon off;'", "curl -sf http://127.0.0.1:PORT/"),
        files={"nginx.conf": NGINX, "html/index.html": "<p>Mars</p>\n"},
    ),
    command(
        served(
            "$in /usr/bin/redis-server --port PORT --save '' --logfile log",
            "redis-cli -p PORT eval 'return 6 * 7' 0 2>/dev/null",
        )
    ),
    command(
        served(
            "$in /usr/bin/openssl s_server -quiet -accept PORT -cert crt -key key -HTTP",
            "$in /usr/bin/curl -sf --cacert crt https://localhost:PORT/page",
        ),
        files={"page": "HTTP/1.0 200 OK\r\n\r\nMars\n"},
        setup=CERTIFICATE,
        warning="warning: HERE/key looks like a secret (private keys): exclude it with --exclude HERE/key\n",
    ),
]
SCENES = [*(INTERPRETERS + SHELLS + PROGRAMS_THAT_RUN_OTHERS + SYSTEM), *(DATA_AND_TEXT + NETWORKS_AND_KEYS)]


class Played(NamedTuple):
    """How a command ended, and which files are there since."""

    result: RunResult
    made: Sequence[str]


class SceneRunner:
    """A current directory and a home for one scene, with the same files at the beginning of each run."""

    def __init__(self, scene: Scene, path: Path, port: int) -> None:
        self._scene = scene
        self._port = port
        self._here = path / "stage/here"
        self._bundle = path / "bundle"
        self._furniture = path / "furniture"
        here = self._furniture / "here"
        for directory in (self._furniture / "home", here):
            directory.mkdir(parents=True)
        for name, text in scene.files.items():
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_text(self.filled_in(text))
        subprocess.run(["sh", "-c", scene.setup], cwd=here, stdout=subprocess.DEVNULL, check=True)

    def filled_in(self, text: str) -> str:
        return text.replace("PORT", str(self._port)).replace("HERE", str(self._here))

    def played_on_the_host(self) -> Played:
        return self._played(["sh", "-c", self.filled_in(self._scene.text)], Path("/"))

    def bundled(self) -> RunResult:
        self._furnish()
        options = [self.filled_in(option) for option in self._scene.options]
        if self._scene.stdin:
            options += ["--dynamic-stdin", self._scene.stdin]
        return magicpak("--no-hints", "--dynamic", *options, self._bundle, cwd=self._here, env=self._env)

    def played_in_the_bundle(self) -> Played:
        arguments = [str(self._bundle), self.filled_in(self._scene.text)]
        return self._played([*NAMESPACES, "sh", "-c", CONTAINER, "sh", *arguments], self._bundle)

    @property
    def _env(self) -> dict[str, str]:
        return environment(**{**ENVIRONMENT, "HOME": str(self._here.parent / "home"), **self._scene.env})

    def _furnish(self) -> None:
        shutil.rmtree(self._here.parent, ignore_errors=True)
        shutil.copytree(self._furniture, self._here.parent, symlinks=True)

    def _played(self, words: Sequence[str], root: Path) -> Played:
        self._furnish()
        stage = root / str(self._here.parent)[1:]
        before = {"here/", *(names(stage) if stage.exists() else ())}
        ran = subprocess.run(
            words,
            cwd=self._here,
            env=self._env,
            input=self._scene.stdin.encode(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        stderr = os.fsdecode(ran.stderr) if self._scene.stderr else ""
        made = sorted(set(names(stage)) - before)
        return Played(RunResult(ran.returncode, os.fsdecode(ran.stdout), stderr), made)


@pytest.fixture
def stage(scene: Scene, tmp_path: Path) -> Iterator[SceneRunner]:
    """The stage of a scene; all bundles together would fill a disk."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    yield SceneRunner(scene, tmp_path, port)
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_program_does_in_its_bundle_what_it_does_on_the_host(scene: Scene, stage: SceneRunner) -> None:
    absent = [path for path in scene.programs if not os.path.exists(path)]
    if absent:
        pytest.skip(f"{absent[0]} is not installed: see tests/needs.txt")
    on_the_host = stage.played_on_the_host()
    assert stage.bundled() == RunResult(0, "", stage.filled_in(scene.warning))
    assert stage.played_in_the_bundle() == on_the_host


def test_there_are_thirty_programs_at_least() -> None:
    assert len({path for scene in SCENES for path in scene.programs}) >= 30
