"""What tests need of the machine, the signals they start with, and the rule that in CI no test is skipped.

`@pytest.mark.needs("root", "mount")` skips a test on a machine that has not what it needs; each need is probed by
trying the thing, once. With MAGICPAK_NO_SKIP set, every skip, wherever it comes from, is a failure with its reason.
"""

import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cache
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("any machine", deadline=None)  # how long an example takes says nothing
hypothesis.settings.load_profile("any machine")

pytest_plugins = ["pytester"]

NO_SKIP = "MAGICPAK_NO_SKIP"
PROBE_SECONDS = 60

C_PROGRAM = "#include <stdio.h>\nint main(void) { return puts(__VERSION__) < 0; }\n"

# Needs no header and no library of 32 bits: exit(0) by the system call that all i386 kernels have.
I386_PROGRAM = 'void _start(void) { __asm__ volatile("int $0x80" : : "a"(1), "b"(0)); }\n'


def why_not(command: Sequence[str]) -> str | None:
    """Return None if `command` succeeds, otherwise what it says, on one line."""
    try:
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_SECONDS, check=False, text=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if ran.returncode == 0:
        return None
    said = " ".join((ran.stderr or ran.stdout).split())
    return f"`{' '.join(command)}` fails ({ran.returncode}): {said}"


def why_not_compiled(source: str, *compiler: str) -> str | None:
    """Return None if a program of this C source can be compiled and run, otherwise why not."""
    with tempfile.TemporaryDirectory() as directory:
        program = f"{directory}/program"
        Path(f"{program}.c").write_text(source)
        return why_not([*compiler, "-o", program, f"{program}.c"]) or why_not([program])


def root() -> str | None:
    return None if os.geteuid() == 0 else f"the user is {os.geteuid()}"


def chroot() -> str | None:
    return why_not([sys.executable, "-c", "import os; os.chroot('/')"])


def mount() -> str | None:
    return why_not(["unshare", "--mount", "sh", "-c", f"mount -t tmpfs none {tempfile.gettempdir()}"])


def compiler() -> str | None:
    return why_not_compiled(C_PROGRAM, "cc")


def musl() -> str | None:
    return why_not_compiled(C_PROGRAM, "musl-gcc")


def i386() -> str | None:
    """Try a dynamic program, for its loader is what a machine lacks most often."""
    if os.uname().machine != "x86_64" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return "the machine is not amd64"
    loader = "-Wl,--dynamic-linker=/lib/ld-linux.so.2"
    return why_not_compiled(I386_PROGRAM, "gcc", "-m32", "-nostdlib", "-fPIE", "-pie", loader)


def docker() -> str | None:
    return why_not(["docker", "version"])


def long_paths() -> str | None:
    """Whether the file system of temporary files treats names and trees that are too long as Linux's own do."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            os.stat(f"{directory}/{'x' * 300}")
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                return f"a name of 300 bytes is `{error.strerror}` in {directory}"
    return None


def terminal() -> str | None:
    return why_not([sys.executable, "-c", "import os; os.openpty()"])


def program(name: str, *arguments: str) -> Callable[[], str | None]:
    def probe() -> str | None:
        return why_not([name, *arguments]) if shutil.which(name) else "no such program"

    return probe


def user_namespaces() -> str | None:
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    return why_not([*as_nobody, "unshare", "--user", "--map-root-user", "--mount", "true"])


def builder() -> str | None:
    """Try what the standalone executable is built with, beside what it downloads."""
    tools = (
        ["make", "--version"],
        ["xz", "--version"],
        ["apt-get", "--version"],
        [sys.executable, "-c", "import venv"],
    )
    return next(filter(None, map(why_not, tools)), None)


PROBES: Mapping[str, Callable[[], str | None]] = {
    "arm64": program("qemu-aarch64-static", "--version"),
    "arm64 machine": program("qemu-system-aarch64", "--version"),
    "builder": builder,
    "busybox": program("busybox", "true"),
    "chroot": chroot,
    "compiler": compiler,
    "debootstrap": program("debootstrap", "--version"),
    "dpkg": program("dpkg", "--version"),
    "docker": docker,
    "fish": program("fish", "--version"),
    "i386": i386,
    "long paths": long_paths,
    "man": program("man", "--version"),
    "mount": mount,
    "musl": musl,
    "patchelf": program("patchelf", "--version"),
    "ptrace": program("strace", "-o", "/dev/null", "true"),
    "root": root,
    "rpm": program("rpmbuild", "--version"),
    "terminal": terminal,
    "strip": program("strip", "--version"),
    "upx": program("upx", "--version"),
    "user namespaces": user_namespaces,
    "zsh": program("zsh", "--version"),
}


@cache
def lacking(need: str) -> str | None:
    """Return None if the machine has what `need` names, otherwise why not."""
    return PROBES[need]()


def pytest_configure(config: pytest.Config) -> None:
    ignore_no_signal()
    config.addinivalue_line("markers", f"needs(*names): what the test needs of the machine: {', '.join(PROBES)}")


def ignore_no_signal() -> None:
    """Catch the signals that `nohup` and a shell in the background have us ignore.

    A signal that is ignored stays ignored in every program we start; one that is caught has its default action there
    (execve(2)), as the tests expect. We ourselves go on all the same.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    unknown = {need for item in items for mark in item.iter_markers("needs") for need in mark.args} - PROBES.keys()
    if unknown:
        message = f"no probe for the needs {sorted(unknown)}: see PROBES in {__file__}"
        raise pytest.UsageError(message)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for need in mark.args:
            if why := lacking(need):
                pytest.skip(f"needs {need}: {why}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):  # an expected failure is no skip
        refuse(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        refuse(report)
    return report


def refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn the report of a skip into that of a failure, if NO_SKIP is set."""
    if os.environ.get(NO_SKIP):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{NO_SKIP} is set, and this was skipped: {reason.removeprefix('Skipped: ')}"
