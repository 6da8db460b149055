"""What strace -f sees of real programs is seen: the same names, by the same calls, with the same results."""

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from magicpak.tracing.trace import Trace
from support.traced_programs import SECONDS, watched_apart

pytestmark = pytest.mark.needs("ptrace")

CALLS = (
    "open,openat,openat2,creat,execve,execveat,stat,lstat,newfstatat,statx,access,faccessat,faccessat2,readlink,"
    "readlinkat,statfs,chdir,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,"
    "truncate,chmod,fchmodat,chown,lchown,fchownat,mknodat,getxattr,lgetxattr"
)
ONE_NAME = ("execve", "execveat", "readlink", "readlinkat", "getxattr", "lgetxattr")  # other strings are no names
SECOND_NAME = ("symlink", "symlinkat")

STARTED = re.compile(r"(\d+) +(.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)$")
ENDED = re.compile(r"\d+ +(\w+)\((.*)\) += (-?\d+)(?: (E\w+))?")
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')

Seen = set[tuple[str, str, str]]
"""Calls, the last parts of names, and the names of errors."""

SETTINGS = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "HOME": "/nonexistent",
    "GIT_AUTHOR_DATE": "@0 +0000",
    "GIT_COMMITTER_DATE": "@0 +0000",
}
COMMANDS = [
    "for i in 1 2 3 4 5; do (cat there; true) | sort; done; cd d; ls -l . ..; mv in out; rm out; test ! -e /nowhere",
    "python3 -c 'import json, sqlite3, ssl, ctypes'",
    "perl -e 'use POSIX; use File::Find; use Data::Dumper; opendir D, q(.); readdir D; mkdir q(x); rename q(x), q(y)'",
    "tar -czf all.tgz there d link && tar -xzf all.tgz -C jail",
    "printf 'all: a b c\\n%%: ; @cat there; mv other $@; mv $@ other\\n' > Makefile; make -s",
    "seq 1 40 | xargs -P8 -I{} sh -c 'test -e /nowhere{} || cat there'",
    "git init -q . && git add there && git -c user.name=a -c user.email=b commit -qm m && git log --oneline",
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: re.findall(r"\w+", command)[0])
def test_strace_sees_the_same(tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    work = prepared(tmp_path / "work")
    by_strace = set(strace(["/bin/sh", "-c", command], work, tmp_path / "log"))
    shutil.rmtree(work)
    watched = watched_apart(["/bin/sh", "-c", command], prepared(work))
    assert watched.returncode == 0
    assert ours(watched.trace) == by_strace


def prepared(directory: Path) -> Path:
    for name in ("there", "other", "d/in"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(name)
    (directory / "link").symlink_to("there")
    (directory / "jail").mkdir()
    return directory


def ours(trace: Trace) -> Seen:
    uses = (use for use in trace.uses if use.call in CALLS.split(","))
    return {(use.call, last_part(use.path), errno.errorcode[use.error] if use.error else "") for use in uses}


def strace(command: list[str], cwd: Path, log: Path) -> Iterator[tuple[str, str, str]]:
    """Yield what strace sees, but for the start of the command itself."""
    options = ["-f", "-qqq", "-xx", "-s", "5000", "-e", "signal=none", "-e", f"trace={CALLS}", "-o", str(log)]
    subprocess.run(
        ["strace", *options, *command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=True,
    )
    begun: dict[str, str] = {}
    lines = log.read_text().splitlines()
    for line in lines[1:]:
        if started := STARTED.match(line):
            begun[started[1]] = started[2]
            continue
        resumed = RESUMED.match(line)
        if ended := ENDED.match(f"{resumed[1]} {begun.pop(resumed[1])}{resumed[2]}" if resumed else line):
            yield from calls(*ended.groups(default=""))


def calls(call: str, arguments: str, _result: str, error: str) -> Iterator[tuple[str, str, str]]:
    names = [os.fsdecode(bytes.fromhex(text.replace("\\x", ""))) for text in STRING.findall(arguments)]
    named = names[:1] if call in ONE_NAME else names[1:2] if call in SECOND_NAME else names[:2]
    yield from ((call, last_part(name), error) for name in named if name)


def last_part(name: str) -> str:
    """Return it without what differs from run to run: numbers of processes, and random letters."""
    part = os.path.basename(name.rstrip("/"))
    return re.sub(r"^(t|tmp_obj_)?\w{6}$|\d{3,}", "*", part)
