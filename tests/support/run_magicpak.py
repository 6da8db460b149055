"""Runs magicpak as a user does, and shows a whole tree as one value that can be compared."""

import codecs
import hashlib
import os
import pty
import re
import select
import stat
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from magicpak.cli.main import run

SECONDS = 120
NOBODY = 65534

Text = str | bytes | Path


class RunResult(NamedTuple):
    """How a run ended."""

    code: int
    stdout: str
    stderr: str


def command(*args: Text) -> list[Text]:
    """Return the command line: the program that MAGICPAK names, or else this interpreter's magicpak."""
    program = os.environ.get("MAGICPAK")
    return [*([program] if program else [sys.executable, "-m", "magicpak"]), *args]


def program_included() -> list[str]:
    """Return the options that put the program that MAGICPAK names into a bundle, at its own path."""
    return [f"--include={os.environ['MAGICPAK']}"] if "MAGICPAK" in os.environ else []


def environment(**more: str) -> dict[str, str]:
    """Return an environment that neither the user's settings nor the current directory has a part in."""
    source = str(Path(__file__).parent.parent.parent / "src")
    names = ("PATH", "HOME", "TMPDIR", "MAGICPAK", "COVERAGE_PROCESS_CONFIG")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "PYTHONPATH": source, **more}


def magicpak(
    *args: Text,
    cwd: Text | None = None,
    env: Mapping[str, str] | None = None,
    umask: int = -1,
    preexec_fn: Callable[[], None] | None = None,
) -> RunResult:
    """Run `magicpak args`; `env` comes on top of `environment()`. Bytes that are no text are shown as surrogates."""
    ran = subprocess.run(
        command(*args),
        cwd=cwd,
        env=environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
        umask=umask,
        preexec_fn=preexec_fn,
    )
    return _result(ran)


def magicpak_with_mounts(script: str, *args: Text, cwd: Text) -> RunResult:
    """Run the shell `script` in a mount namespace of its own, with the command `magicpak args` as its `"$@"`."""
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *command(*args)],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return _result(ran)


_AS_NOBODY = f"""
import ctypes, difflib, importlib, os, pkgutil, shlex, tomllib, traceback
import structlog, wcmatch.fnmatch, wcmatch.glob
import magicpak.__main__
for module in pkgutil.walk_packages(magicpak.__path__, "magicpak."):
    importlib.import_module(module.name)
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: setuid(2) has cleared it
magicpak.__main__.main()
"""


def magicpak_as_nobody(*args: Text, cwd: Text, **env: str) -> RunResult:
    """Run `magicpak args` as an ordinary user, who need not be able to read this interpreter or reach the program."""
    program = os.environ.get("MAGICPAK", os.devnull)
    with open(program, "rb") as file:
        own = file.fileno()
        ran = subprocess.run(
            [program, *args] if "MAGICPAK" in os.environ else [sys.executable, "-c", _AS_NOBODY, *args],
            executable=f"/proc/self/fd/{own}" if "MAGICPAK" in os.environ else None,
            pass_fds=[own],
            preexec_fn=become_nobody if "MAGICPAK" in os.environ else None,
            cwd=cwd,
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    return _result(ran)


def become_nobody() -> None:
    """Become an ordinary user, if we are root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


_WORDS_OF_MUSL = {
    "Filename too long": "File name too long",
    "Symbolic link loop": "Too many levels of symbolic links",
    "No file descriptors available": "Too many open files",
}


def _result(ran: "subprocess.CompletedProcess[bytes]") -> RunResult:
    """Return how a run ended; what a standalone executable has of musl's strerror(3) in the words of glibc's."""
    said = os.fsdecode(ran.stderr)
    for words, glibc in _WORDS_OF_MUSL.items() if "MAGICPAK" in os.environ else ():
        said = said.replace(words, glibc)
    return RunResult(ran.returncode, os.fsdecode(ran.stdout), said)


def quickly(*args: Text) -> int:
    """Run `magicpak args` in this process, which spares its start, unless MAGICPAK names a program; return its code."""
    if "MAGICPAK" in os.environ:
        result = magicpak(*args)
        sys.stderr.write(result.stderr)
        return result.code
    return run([os.fsdecode(argument) for argument in args])


def on_terminal(*args: Text, cwd: Path, **env: str) -> str:
    """Run magicpak with a terminal for stderr, and return what is written there."""
    return as_on_terminal(command(*args), cwd, environment(**env))


def as_on_terminal(
    words: Sequence[Text],
    cwd: Path,
    env: Mapping[str, str],
    *,
    awaited: str = "",
    then: "Callable[[subprocess.Popen[bytes]], object]" = lambda _process: None,
    code: int = 0,
) -> str:
    """Run `words` with a terminal for stderr, to the exit code `code`, and return what is written there.

    As soon as what the regular expression `awaited` matches is written, `then` is called; it must be written.
    """
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        said, has_come = "", not awaited
        for piece in _pieces(ours):
            said += piece
            if not has_come and re.search(awaited, said):
                has_come = True
                then(process)
        if not has_come:
            process.kill()
        assert (process.wait(SECONDS), has_come) == (code, True), said
    os.close(ours)
    return said.replace("\r\n", "\n")


def _pieces(terminal: int) -> Iterator[str]:
    """Yield what is written to a terminal until it is closed, or until nothing comes for a long time."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    while select.select([terminal], [], [], SECONDS)[0]:
        try:
            yield decoder.decode(os.read(terminal, 4096))
        except OSError:  # EIO: the other end is closed
            return


def on_screen(said: str) -> list[str]:
    """Return the rows of a terminal on which `said` was written: what is overwritten or erased is gone."""
    rows, column = [""], 0
    for sign in re.findall(r"\x1b\[K|.|\n", said):
        if sign in "\r\n":
            rows += [""] if sign == "\n" else []
            column = 0
        elif sign == "\x1b[K":
            rows[-1] = rows[-1][:column]
        else:
            rows[-1] = rows[-1][:column] + sign + rows[-1][column + 1 :]
            column += 1
    return rows


def done(*args: Text, stderr: str = "", **how: object) -> None:
    """Run `magicpak args`, which must end well and say `stderr`, by default nothing."""
    result = magicpak(*args, **how)  # type: ignore[arg-type]  # magicpak's own
    assert result == RunResult(0, "", stderr)


class Node(NamedTuple):
    """One path of a tree. `what` is a file's size and hash, a link's target, or nothing."""

    kind: str
    mode: int
    owner: tuple[int, int]
    what: tuple[int, str] | str | None
    mtime_ns: int
    xattrs: tuple[tuple[str, bytes], ...]
    same_as: str | None  # the first path, in order of names, of the file that this is a hard link of


def tree(path: Text) -> dict[str, Node]:
    """Return all that stands at and below `path`, the root as `.`, in order of names."""
    root = Path(os.fsdecode(path))
    by_inode: dict[tuple[int, int], list[str]] = defaultdict(list)
    nodes: dict[str, Node] = {}
    for each in [root, *sorted(root.rglob("*"))]:
        status = each.lstat()
        name = str(each.relative_to(root))
        names = by_inode[status.st_dev, status.st_ino]
        names.append(name)
        nodes[name] = Node(
            kind=_kind(status.st_mode),
            mode=stat.S_IMODE(status.st_mode),
            owner=(status.st_uid, status.st_gid),
            what=_content(each, status.st_mode),
            mtime_ns=status.st_mtime_ns,
            xattrs=_xattrs(each),
            same_as=names[0] if names[1:] else None,
        )
    return nodes


def names(path: Text) -> list[str]:
    """Return the paths below `path`, directories with a slash at their end and links with their targets."""
    marks = {"directory": "/", "fifo": "|"}
    return [
        f"{name} -> {node.what}" if node.kind == "link" else name + marks.get(node.kind, "")
        for name, node in tree(path).items()
        if name != "."
    ]


def chrooted(root: Text, *program: Text) -> RunResult:
    """Run a program with `root` as its root; the loader is told what `/proc/self/exe` would tell it for $ORIGIN."""
    path = os.fsdecode(program[0])

    def enter() -> None:
        os.chroot(root)
        os.chdir("/")
        os.execve(path, program, {"LD_ORIGIN_PATH": os.path.dirname(os.path.realpath(path))})

    ran = subprocess.run(program, capture_output=True, timeout=SECONDS, check=False, preexec_fn=enter)
    return RunResult(ran.returncode, os.fsdecode(ran.stdout), os.fsdecode(ran.stderr))


def compiled(path: Path, source: str, *options: Text, compiler: str = "gcc") -> Path:
    """Compile one C source to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [compiler, "-o", path, "-x", "c", "-", "-x", "none", *options],
        input=source.encode(),
        capture_output=True,
        check=True,
    )
    return path


def executable(path: Path, data: bytes, mode: int = 0o755) -> Path:
    """Write an executable file, and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    return path


def errors(result: RunResult) -> Sequence[str]:
    """Return the lines that begin with `error:`."""
    return [line for line in result.stderr.splitlines() if line.startswith("error:")]


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo"}
    return kinds.get(stat.S_IFMT(mode), "other")


def _content(path: Path, mode: int) -> tuple[int, str] | str | None:
    if stat.S_ISLNK(mode):
        return os.readlink(path)
    if not stat.S_ISREG(mode):
        return None
    data = path.read_bytes()
    return len(data), hashlib.sha256(data).hexdigest()


def _xattrs(path: Path) -> tuple[tuple[str, bytes], ...]:
    found = os.listxattr(path, follow_symlinks=False)
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(found))
