"""What a program finds in each place where a bundle is tried, as the program itself sees it.

It is static, does what the words in its variable DO say, and tells what it sees on stdout.
"""

import ctypes
import errno
import itertools
import os
import shutil
import signal
import struct
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from magicpak import errors
from magicpak.bundle.path import BundlePath
from magicpak.process import prctl
from magicpak.sandbox import container_fs, kernel, rootfs, user
from magicpak.sandbox.user import RunAs
from magicpak.trial import busybox
from magicpak.trial.attempt import HEAD, Attempt, attempt
from magicpak.trial.expectations import Expectations
from magicpak.trial.invocation import ProgramCommand
from magicpak.trial.sandbox_fallback import SandboxFallback, SandboxKind
from support.loader_oracle import inside
from support.run_magicpak import compiled, executable, names, tree

pytestmark = pytest.mark.needs("compiler", "root", "mount")

DOER = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

extern char **environ;

static int by_text(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static void show(const char *path) {
    char buffer[4096];
    ssize_t count;
    int file = open(path, O_RDONLY);
    if (file < 0) printf("%s: %s\n", path, strerror(errno));
    while (file >= 0 && (count = read(file, buffer, sizeof buffer)) > 0) fwrite(buffer, 1, count, stdout);
    if (file >= 0) close(file);
}

static void take(void) {
    char buffer[4096];
    ssize_t count;
    while ((count = read(0, buffer, sizeof buffer)) > 0) fwrite(buffer, 1, count, stdout);
}

static void list(const char *path) {
    char *found[4096];
    int count = 0;
    DIR *directory = opendir(path);
    if (!directory) { printf("%s: %s\n", path, strerror(errno)); return; }
    for (struct dirent *entry; (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) found[count++] = strdup(entry->d_name);
    qsort(found, count, sizeof *found, by_text);
    for (int n = 0; n < count; n++) puts(found[n]);
    closedir(directory);
}

static void tell(const char *path) {
    struct stat it;
    if (lstat(path, &it)) printf("%s: %s\n", path, strerror(errno));
    else printf("%s %o %u:%u %u,%u\n", path, it.st_mode, it.st_uid, it.st_gid, major(it.st_rdev), minor(it.st_rdev));
}

static void capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    unsigned long long bounds = 0;
    for (int n = 0; n < 64; n++) if (prctl(PR_CAPBSET_READ, n) == 1) bounds |= 1ULL << n;
    syscall(SYS_capget, &header, data);
    printf("%llx %x%08x\n", bounds, data[1].effective, data[0].effective);
}

static void talk(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server, (void *)&at, size) || listen(server, 1) || getsockname(server, (void *)&at, &size)) perror("bind");
    else puts(connect(client, (void *)&at, size) ? strerror(errno) : "connected");
}

static void leave(void) {
    int above = open("/", O_RDONLY | O_DIRECTORY);
    mkdir("/inner", 0755);
    if (chroot("/inner")) printf("chroot: %s\n", strerror(errno));
    if (fchdir(above)) perror("fchdir");
    for (int n = 0; n < 64; n++) if (chdir("..")) perror("chdir");
    list(".");
}

static void use_device(const char *path) {
    if (mknod(path, S_IFCHR | 0666, makedev(1, 5))) { printf("%s: not made\n", path); return; }
    printf("%s: %s\n", path, open(path, O_RDONLY) < 0 ? "not opened" : "opened");
    remove(path);
}

static void flood(long long megabytes) {
    static char block[1 << 20];
    memset(block, 'x', sizeof block);
    for (; megabytes > 0; megabytes--)
        for (size_t done = 0; done < sizeof block;) done += write(1, block + done, sizeof block - done);
}

static int report(const char *what, int result) {
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done");
    return result;
}

static void opened(const char *path, int flags) {
    int file = report(path, open(path, flags, 0666));
    if (file >= 0) close(file);
}

int main(int argc, char **argv) {
    char *first = getenv("DO"), *value, name[256];
    int count;
    if (argc > 1) first = argv[1];
    for (char *word = strtok(strdup(first ? first : ""), " "); word; word = strtok(NULL, " ")) {
        value = strchr(word, '=');
        if (value) *value++ = 0;
        if (!strcmp(word, "say")) puts(value);
        else if (!strcmp(word, "complain")) fprintf(stderr, "%s\n", value);
        else if (!strcmp(word, "show")) show(value);
        else if (!strcmp(word, "stdin")) take();
        else if (!strcmp(word, "list")) list(value);
        else if (!strcmp(word, "stat")) tell(value);
        else if (!strcmp(word, "link")) name[(count = readlink(value, name, 255)) < 0 ? 0 : count] = 0, puts(name);
        else if (!strcmp(word, "open")) opened(value, O_RDWR);
        else if (!strcmp(word, "write")) opened(value, O_RDWR | O_CREAT | O_TRUNC);
        else if (!strcmp(word, "append")) opened(value, O_WRONLY | O_APPEND);
        else if (!strcmp(word, "remove")) report(value, remove(value));
        else if (!strcmp(word, "mkdir")) report(value, mkdir(value, 0777));
        else if (!strcmp(word, "chmod")) report(value, chmod(value, 0));
        else if (!strcmp(word, "exit")) { fflush(stdout); _exit(atoi(value)); }
        else if (!strcmp(word, "signal")) { fflush(stdout); raise(atoi(value)); }
        else if (!strcmp(word, "ignore")) signal(atoi(value), SIG_IGN);
        else if (!strcmp(word, "crash")) *(volatile int *)0 = 1;
        else if (!strcmp(word, "flood")) flood(atoll(value));
        else if (!strcmp(word, "run")) { fflush(stdout); execl(value, value, NULL); report(value, -1); }
        else if (!strcmp(word, "env")) {
            for (count = 0; environ[count]; count++);
            qsort(environ, count, sizeof *environ, by_text);
            for (char **each = environ; *each; each++) puts(*each);
        }
        else if (!strcmp(word, "arguments")) { for (char **each = argv; *each; each++) puts(*each); }
        else if (!strcmp(word, "cwd")) puts(getcwd(name, sizeof name));
        else if (!strcmp(word, "umask")) printf("%03o\n", umask(0));
        else if (!strcmp(word, "ids")) {
            uid_t u[3]; gid_t g[3];
            getresuid(u, u + 1, u + 2), getresgid(g, g + 1, g + 2);
            printf("%u %u %u, %u %u %u\n", u[0], u[1], u[2], g[0], g[1], g[2]);
        }
        else if (!strcmp(word, "groups")) {
            gid_t groups[64];
            int found = getgroups(64, groups);
            for (int n = 0; n < found; n++) printf("group %u\n", groups[n]);
        }
        else if (!strcmp(word, "capabilities")) capabilities();
        else if (!strcmp(word, "pid")) printf("%d %d %d\n", getpid(), getppid(), getsid(0) == getpid());
        else if (!strcmp(word, "talk")) talk();
        else if (!strcmp(word, "hostname")) gethostname(name, sizeof name), puts(name);
        else if (!strcmp(word, "interfaces"))
            for (struct if_nameindex *each = if_nameindex(); each && each->if_index; each++) puts(each->if_name);
        else if (!strcmp(word, "descriptors"))
            for (count = 0; count < 1024; count++) { if (fcntl(count, F_GETFD) >= 0) printf("%d\n", count); }
        else if (!strcmp(word, "signals")) {
            sigset_t mask; struct sigaction how;
            sigprocmask(SIG_BLOCK, NULL, &mask);
            for (int n = 1; n < 32; n++) {
                sigaction(n, NULL, &how);
                if (sigismember(&mask, n) || how.sa_handler != SIG_DFL) printf("%d\n", n);
            }
        }
        else if (!strcmp(word, "daemon")) { if (!fork()) { setsid(); if (!fork()) for (;;) pause(); _exit(0); } }
        else if (!strcmp(word, "child")) { if (!fork()) for (;;) pause(); }
        else if (!strcmp(word, "leave")) leave();
        else if (!strcmp(word, "user")) report("user", unshare(CLONE_NEWUSER));
        else if (!strcmp(word, "device")) use_device(value);
        else if (!strcmp(word, "forever")) { signal(SIGTERM, SIG_IGN); fflush(stdout); for (;;) pause(); }
        else fprintf(stderr, "%s?\n", word), exit(64);
    }
    return 0;
}
"""

DOCKERS = 0xA80425FB
WITHOUT_CHROOT = DOCKERS & ~(1 << 18)  # CAP_SYS_CHROOT
ROOT, USER_1234 = RunAs(), RunAs(1234, 5678)
NAMESPACES = SandboxKind(has_proc=True)
USER = SandboxKind(has_proc=True, user_namespace=True)
CHROOT = SandboxKind(has_proc=False, is_copied=True)
WITH_PROC = {
    "namespaces": NAMESPACES,
    "namespaces, copy": NAMESPACES._replace(is_copied=True),
    "user namespace": USER,
    "user namespace, copy": USER._replace(is_copied=True),
}
PLACES = {**WITH_PROC, "chroot": CHROOT}
everywhere = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
in_namespaces = pytest.mark.parametrize("place", WITH_PROC.values(), ids=WITH_PROC)


@pytest.fixture(scope="session")
def doer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("doer") / "doer", DOER, "-static")


@pytest.fixture
def bundle(tmp_path: Path, doer: Path) -> Path:
    """A bundle that holds the program and a file, and no directory beside the root."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    shutil.copy(doer, bundle / "doer")
    (bundle / "file").write_text("text\n")
    return bundle


class Tried(NamedTuple):
    """How a run went."""

    code: int | None
    stdout: str
    stderr: str


def attempted(
    bundle: Path, place: SandboxKind, *words: str, run_as: RunAs = ROOT, network: bool = False, **expectations: object
) -> Attempt:
    """Let the program of the bundle do what `words` say in this place, or in another one below it."""
    root = os.open(bundle, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fallback = SandboxFallback(root, lambda path: _copy(bundle, path), run_as, network=network)
        fallback._kinds = [place]
        env = {"DO": " ".join(words), **expectations.pop("env", {})}  # type: ignore[dict-item]
        wanted = Expectations(env=env, run_as=run_as, network=network, **expectations)  # type: ignore[arg-type]
        return attempt(ProgramCommand(BundlePath("/doer")), wanted, fallback)
    finally:
        os.close(root)


def _copy(bundle: Path, path: str) -> None:
    shutil.copytree(bundle, path, symlinks=True)
    os.chmod(path, 0o755)


def tried(bundle: Path, place: SandboxKind, *words: str, **how: object) -> Tried:
    done = attempted(bundle, place, *words, **how)  # type: ignore[arg-type]
    return Tried(done.returncode, os.fsdecode(done.stdout.text), os.fsdecode(done.stderr))


def seen(bundle: Path, place: SandboxKind, *words: str, **how: object) -> list[str]:
    """Return the lines in which the program tells what it has seen; it must end well and complain of nothing."""
    result = tried(bundle, place, *words, **how)
    assert (result.code, result.stderr) == (0, "")
    return result.stdout.splitlines()


@everywhere
def test_the_environment_is_path_home_and_what_is_asked_for(place: SandboxKind, bundle: Path) -> None:
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert seen(bundle, place, "env") == ["DO=env", "HOME=/", path]
    assert seen(bundle, place, "env", env={"HOME": "/x", "A": "b=c"}) == ["A=b=c", "DO=env", "HOME=/x", path]


@everywhere
def test_it_is_the_first_of_its_session_in_the_root_directory_with_nothing_of_ours(
    place: SandboxKind, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/tmp")
    old = os.umask(0o077), signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        words = ["arguments", "cwd", "umask", "ids", "descriptors", "stat=/", "stat=/doer"]
        assert seen(bundle, place, *words) == [
            "/doer",
            "/",
            "022",
            "0 0 0, 0 0 0",
            "0",
            "1",
            "2",
            "/ 40755 0:0 0,0",
            "/doer 100755 0:0 0,0",
        ]
    finally:
        os.umask(old[0])
        signal.signal(signal.SIGUSR2, old[1])


@everywhere
def test_no_signal_is_blocked_or_ignored(place: SandboxKind, bundle: Path) -> None:
    assert seen(bundle, place, "signals") == []


@everywhere
def test_root_has_the_capabilities_that_docker_gives(place: SandboxKind, bundle: Path) -> None:
    """But the one by which it could leave a bare chroot."""
    given = DOCKERS if place.has_proc else WITHOUT_CHROOT
    assert seen(bundle, place, "capabilities") == [f"{given:x} {given:09x}"]


@everywhere
def test_the_program_cannot_leave_the_bundle(place: SandboxKind, bundle: Path) -> None:
    inside = [*(["dev", "doer", "etc", "file", "inner"]), *(["proc", "sys"] if place.has_proc else [])]
    refused = [] if place.has_proc else ["chroot: Operation not permitted"]
    assert seen(bundle, place, "leave") == [*refused, *inside]
    in_user_namespace = ["user: done"] if place.has_proc else ["user: Operation not permitted", *refused]
    assert seen(bundle, place, "user", "leave") == [*in_user_namespace, *inside]


@in_namespaces
def test_where_the_root_cannot_be_pivoted_the_program_cannot_leave_either(
    place: SandboxKind, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, kernel, "pivot_root", lambda _: True, errno.EINVAL)
    words = ["leave", "user", "capabilities"]
    assert seen(bundle, place, *words) == [
        "chroot: Operation not permitted",
        *["dev", "doer", "etc", "file", "inner", "proc", "sys"],
        "user: Operation not permitted",
        f"{WITHOUT_CHROOT:x} {WITHOUT_CHROOT:09x}",
    ]


def test_nor_where_we_have_been_started_in_a_mount_point_that_is_the_root_directory_of_a_chroot(
    bundle: Path, tmp_path: Path
) -> None:
    """Its mount gives way to the bundle's, but the one that it is mounted on is still above."""

    def in_mount_point() -> list[str]:
        root = str(tmp_path / "root")
        os.mkdir(root)
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
        kernel.mount("/", root, "", kernel.MS_BIND | kernel.MS_REC)
        os.chroot(root)
        return seen(bundle, NAMESPACES, "leave", "user")

    assert inside(Path("/"), in_mount_point) == [
        "chroot: Operation not permitted",
        *["dev", "doer", "etc", "file", "inner", "proc", "sys"],
        "user: Operation not permitted",
    ]


def test_where_the_bounding_set_cannot_be_changed_the_program_cannot_leave_a_bare_chroot_either(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, kernel, "prctl", lambda words: words[0] == prctl.PR_CAPBSET_DROP)
    inside = ["dev", "doer", "etc", "file", "inner"]
    assert seen(bundle, CHROOT, "leave", "run=/doer", env={"DO": "leave"}) == [
        "chroot: Operation not permitted",
        *inside,
    ]


@everywhere
def test_no_capability_is_inherited(place: SandboxKind, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By execve(2), root would get back what is not in the bounding set."""
    original = user.capabilities_to_drop

    def with_inheritable() -> list[int]:
        header = struct.pack("@Ii", 0x20080522, 0)
        data = ctypes.create_string_buffer(24)
        assert ctypes.CDLL(None).capget(header, data) == 0
        words = list(struct.unpack("@6I", data.raw))
        words[2], words[5] = words[1], words[4]
        assert ctypes.CDLL(None).capset(header, struct.pack("@6I", *words)) == 0
        return original()

    monkeypatch.setattr(user, "capabilities_to_drop", with_inheritable)
    given = DOCKERS if place.has_proc else WITHOUT_CHROOT
    assert seen(bundle, place, "capabilities") == [f"{given:x} {given:09x}"]


@in_namespaces
def test_no_device_can_be_made_and_used(place: SandboxKind, bundle: Path) -> None:
    paths = ["/x", "/dev/x", "/dev/shm/x"]
    why = "not made" if place.user_namespace else "not opened"
    assert seen(bundle, place, *(f"device={path}" for path in paths)) == [f"{path}: {why}" for path in paths]


@in_namespaces
def test_only_mounts_of_single_devices_and_of_terminals_can_hold_devices(place: SandboxKind, bundle: Path) -> None:
    mounts = [line.split() for line in seen(bundle, place, "show=/proc/self/mountinfo")]
    with_devices = {words[4] for words in mounts if "nodev" not in words[5].split(",")}
    allowed = {"/dev/pts", "/proc/kcore", "/proc/keys", "/proc/timer_list"}
    assert with_devices - allowed == {f"/dev/{name}" for name in container_fs.DEVICES}


@everywhere
def test_another_user_has_no_capability_in_effect(place: SandboxKind, bundle: Path) -> None:
    words = ["ids", "capabilities", "write=/file"]
    denied = "done" if place.user_namespace else "Permission denied"  # there all files are the one user's
    assert seen(bundle, place, *words, run_as=USER_1234) == [
        "1234 1234 1234, 5678 5678 5678",
        f"{DOCKERS if place.has_proc else WITHOUT_CHROOT:x} 000000000",
        f"/file: {denied}",
    ]


@pytest.mark.parametrize("place", [NAMESPACES, CHROOT], ids=["namespaces", "chroot"])
def test_it_is_in_no_other_group_than_its_own(place: SandboxKind, bundle: Path) -> None:
    old = os.getgroups()
    os.setgroups([1, 2, 3])
    try:
        assert seen(bundle, place, "groups") == ["group 0"]
        assert seen(bundle, place, "groups", run_as=USER_1234) == ["group 5678"]
    finally:
        os.setgroups(old)


@in_namespaces
def test_it_is_process_1_and_sees_no_other(place: SandboxKind, bundle: Path) -> None:
    numbers = [line for line in seen(bundle, place, "pid", "link=/proc/self", "list=/proc") if line[0].isdigit()]
    assert numbers == ["1 0 1", "1", "1"]


@in_namespaces
def test_there_are_the_directories_of_a_container(place: SandboxKind, bundle: Path) -> None:
    (bundle / "etc").mkdir()
    (bundle / "etc/own").write_text("")
    assert seen(bundle, place, "list=/", "list=/dev", "list=/etc", "link=/proc/self/exe", "show=/proc/1/comm") == [
        *["dev", "doer", "etc", "file", "proc", "sys"],
        *["fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"],
        *["hostname", "hosts", "mtab", "own", "resolv.conf"],
        "/doer",
        "doer",
    ]


@in_namespaces
def test_devices_can_be_read_and_written_by_every_user(place: SandboxKind, bundle: Path) -> None:
    devices = ["null", "zero", "full", "random", "urandom", "ptmx"]
    words = [f"open=/dev/{name}" for name in devices]
    for run_as in (ROOT, USER_1234):
        assert seen(bundle, place, *words, run_as=run_as) == [f"/dev/{name}: done" for name in devices]
    assert seen(bundle, place, "open=/dev/tty") == [f"/dev/tty: {os.strerror(6)}"]  # ENXIO: it has no terminal


@in_namespaces
def test_streams_can_be_opened_by_their_names_by_every_user(place: SandboxKind, bundle: Path) -> None:
    words = ["append=/dev/stdout", "append=/dev/stderr", "append=/proc/self/fd/1", "show=/dev/stdin"]
    for run_as in (ROOT, USER_1234):
        assert seen(bundle, place, *words, run_as=run_as, stdin=b"fed\n") == [
            "/dev/stdout: done",
            "/dev/stderr: done",
            "/proc/self/fd/1: done",
            "fed",
        ]


@in_namespaces
def test_the_kernel_of_the_host_cannot_be_changed(place: SandboxKind, bundle: Path) -> None:
    read_only = os.strerror(30)
    assert seen(bundle, place, "write=/proc/sys/kernel/panic", "chmod=/proc/fs", "mkdir=/sys/x") == [
        f"/proc/sys/kernel/panic: {read_only}",
        f"/proc/fs: {read_only}",
        f"/sys/x: {read_only}",
    ]


@in_namespaces
def test_the_host_and_the_network_are_its_own(place: SandboxKind, bundle: Path) -> None:
    words = ["hostname", "show=/etc/hostname", "interfaces", "talk", "show=/etc/resolv.conf", "show=/etc/hosts"]
    assert seen(bundle, place, *words) == [
        "magicpak",
        "magicpak",
        "lo",
        "connected",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "127.0.0.1\tmagicpak",
    ]
    assert os.uname().nodename != "magicpak"


@in_namespaces
def test_with_the_network_there_are_the_interfaces_and_the_resolver_of_the_host(
    place: SandboxKind, bundle: Path
) -> None:
    resolver = Path("/etc/resolv.conf")
    expected = resolver.read_text().strip().splitlines() if resolver.exists() else []
    found = seen(bundle, place, "interfaces", "talk", "show=/etc/resolv.conf", network=True)
    talked = found.index("connected")
    assert (lasting(found[:talked]), found[talked:]) == (
        lasting(os.listdir("/sys/class/net")),
        ["connected", *expected],
    )


def lasting(interfaces: Sequence[str]) -> list[str]:
    """Return those that do not come and go with a container of another test."""
    return sorted(name for name in interfaces if not name.startswith("veth"))


def test_files_of_the_network_take_the_place_of_links_and_leave_what_they_led_to(bundle: Path) -> None:
    (bundle / "etc").mkdir()
    (bundle / "etc/hosts").symlink_to("/file")
    (bundle / "etc/resolv.conf").symlink_to("../run/none")
    for place in PLACES.values():
        assert seen(bundle, place, "show=/file", "stat=/etc/hosts", "stat=/etc/resolv.conf") == [
            "text",
            "/etc/hosts 100644 0:0 0,0",
            "/etc/resolv.conf 100644 0:0 0,0",
        ]


@in_namespaces
def test_links_of_the_bundle_lead_nowhere_outside(place: SandboxKind, bundle: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    for name in ("etc", "dev", "sys", "proc"):
        for root in (outside, Path(f"{bundle}{outside}")):
            (root / name).mkdir(parents=True)
        (bundle / name).symlink_to(outside / name)
    assert seen(bundle, place, "show=/etc/hostname", "open=/dev/null", "link=/dev") == [
        "magicpak",
        "/dev/null: done",
        str(outside / "dev"),
    ]
    assert names(outside) == ["dev/", "etc/", "proc/", "sys/"]


def test_a_bare_chroot_has_neither_proc_nor_sys_and_of_the_devices_the_simplest(bundle: Path) -> None:
    devices = ["full", "null", "random", "tty", "urandom", "zero"]
    usable = [name for name in devices if name != "tty"]
    words = ["list=/", "list=/dev", *(f"open=/dev/{name}" for name in usable), "talk"]
    assert seen(bundle, CHROOT, *words, run_as=USER_1234) == [
        *["dev", "doer", "etc", "file"],
        *devices,
        *[f"/dev/{name}: done" for name in usable],
        "connected",
    ]


def test_where_no_device_can_be_made_null_is_a_file(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "")

    monkeypatch.setattr(os, "mknod", refuse)
    assert seen(bundle, CHROOT, "list=/dev", "write=/dev/null", "stat=/dev/null", run_as=RunAs(1, 1)) == [
        "null",
        "/dev/null: done",
        "/dev/null 100666 0:0 0,0",
    ]


@everywhere
def test_all_that_it_changes_is_thrown_away_and_each_run_finds_the_bundle_as_it_was(
    place: SandboxKind, bundle: Path
) -> None:
    (bundle / "directory").mkdir()
    (bundle / "directory/below").write_text("x")
    before = tree(bundle)
    words = ["write=/file", "write=/new", "mkdir=/tmp", "write=/tmp/x", "remove=/directory/below", "remove=/directory"]
    words += ["chmod=/doer", "write=/etc/hosts", "write=/dev/x", "chmod=/"]
    expected = [f"{word.partition('=')[2]}: done" for word in words]
    for _ in range(2):
        assert seen(bundle, place, *words) == expected
        assert tree(bundle) == before


@everywhere
def test_a_bundle_that_has_the_directories_of_a_container_keeps_what_it_has_in_them(
    place: SandboxKind, bundle: Path
) -> None:
    for name in ("dev", "proc", "sys", "etc"):
        (bundle / name).mkdir(mode=0o700)
        (bundle / name / "own").write_text(name)
    (bundle / "etc/hosts").write_text("own")
    before = tree(bundle)
    assert seen(bundle, place, "list=/") == ["dev", "doer", "etc", "file", "proc", "sys"]
    assert tree(bundle) == before


@everywhere
def test_stdin_is_what_is_given_and_then_ends_or_is_empty(place: SandboxKind, bundle: Path) -> None:
    words = ["stdin", "say=over"]
    assert seen(bundle, place, *words, stdin=b"one\ntwo\xff\n") == ["one", "two\udcff", "over"]
    assert seen(bundle, place, *words, stdin=b"") == ["over"]
    assert seen(bundle, place, *words) == ["over"]
    much = b"x" * 300_000
    assert (attempted(bundle, place, "say=unread", stdin=much).stdout.text, len(much)) == (b"unread", 300_000)


@everywhere
def test_how_it_ends_is_told_as_it_is(place: SandboxKind, bundle: Path) -> None:
    assert tried(bundle, place, "say=out", "complain=why", "exit=7") == Tried(7, "out", "why\n")
    assert tried(bundle, place, "crash") == Tried(-signal.SIGSEGV, "", "")


@in_namespaces
def test_process_1_is_not_ended_by_its_own_signals_as_in_a_container(place: SandboxKind, bundle: Path) -> None:
    assert seen(bundle, place, "signal=15", "signal=9", "say=on") == ["on"]


def test_in_a_bare_chroot_signals_end_it(bundle: Path) -> None:
    assert [tried(bundle, CHROOT, f"signal={number}").code for number in (6, 9, 15)] == [-6, -9, -15]


@everywhere
def test_what_cannot_be_executed_is_told_in_the_words_of_the_system(place: SandboxKind, bundle: Path) -> None:
    for data, mode, why in [
        (b"#!/none\n", 0o755, "No such file or directory"),
        (b"\x7fELF", 0o755, "Exec format error"),
        (b"#!/doer\n", 0o644, "Permission denied"),
    ]:
        executable(bundle / "doer", data, mode)
        done = attempted(bundle, place)
        assert (done.returncode, done.why) == (None, f"cannot run /doer: {why}")


@pytest.fixture
def orphans_are_ours() -> Iterator[None]:
    """What a run leaves behind becomes a child of this process."""
    prctl.prctl(prctl.PR_SET_CHILD_SUBREAPER, 1)
    yield
    prctl.prctl(prctl.PR_SET_CHILD_SUBREAPER, 0)


def nobody_is_left() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


@everywhere
@pytest.mark.parametrize(
    ("call", "good", "number"),
    [*(("fork", good, errno.EAGAIN) for good in range(2)), *(("pipe", good, errno.EMFILE) for good in range(4))],
)
def test_where_it_cannot_be_started_that_is_no_failure_of_the_bundle(
    call: str, good: int, number: int, place: SandboxKind, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = itertools.count()
    refuse(monkeypatch, os, call, lambda _: next(calls) >= good, number)
    with pytest.raises(errors.TestUnavailable) as caught:
        seen(bundle, place, "say=on", stdin=b"")
    assert caught.value.message == f"the test of /doer cannot be started: {os.strerror(number)}"
    assert len(caught.value.hints) == 1


def test_where_the_user_may_have_no_more_processes_it_cannot_be_started_either(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As execve(2) says of a process that has changed its user."""
    refuse(monkeypatch, os, "execve", lambda _: True, errno.EAGAIN)
    with pytest.raises(errors.TestUnavailable, match=r"^/doer cannot be started: Resource temporarily unavailable$"):
        seen(bundle, NAMESPACES, "say=on")


@everywhere
@pytest.mark.usefixtures("orphans_are_ours")
@pytest.mark.parametrize("left", ["child", "daemon"])
def test_all_that_it_leaves_running_is_ended_with_it(left: str, place: SandboxKind, bundle: Path) -> None:
    started = time.monotonic()
    assert seen(bundle, place, left, left, "say=done") == ["done"]
    assert (nobody_is_left(), time.monotonic() - started < 5) == (True, True)


@everywhere
@pytest.mark.usefixtures("orphans_are_ours")
def test_when_its_time_is_up_all_is_ended_however_it_defends_itself(place: SandboxKind, bundle: Path) -> None:
    started = time.monotonic()
    done = attempted(bundle, place, "daemon", "child", "forever", timeout=0.3)
    assert (done.timed_out, nobody_is_left()) == (True, True)
    assert 0.3 <= time.monotonic() - started < 5


@everywhere
def test_output_is_kept_in_bounded_memory_and_all_of_it_is_taken(place: SandboxKind, bundle: Path) -> None:
    done = attempted(bundle, place, "flood=20", "say=end")
    assert (done.returncode, len(done.stdout.text), done.stdout.is_whole) == (0, HEAD, False)


@pytest.mark.needs("busybox")
class TestBusybox:
    """Whether a busybox is one, before it is trusted."""

    @pytest.mark.parametrize("body", ["for (;;) pause();", 'for (;;) puts("sh");', "if (!fork()) for (;;) pause();"])
    def test_one_that_hangs_or_never_stops_talking_is_ended_and_named(
        self, body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(busybox, "_SECONDS", 0.3)
        source = f"#include <stdio.h>\n#include <unistd.h>\nint main(void) {{ {body} return 0; }}\n"
        program = str(compiled(tmp_path / "busybox", source, "-static"))
        started = time.monotonic()
        with pytest.raises(errors.ToolFailed) as caught:
            busybox.find_busybox(program)
        assert (program in caught.value.message, len(caught.value.hints), time.monotonic() - started < 5) == (
            True,
            1,
            True,
        )

    def test_without_a_process_for_it_the_bundle_cannot_be_tested(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_process(*_: object, **_how: object) -> int:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

        monkeypatch.setattr(os, "posix_spawn", no_process)
        with pytest.raises(errors.TestUnavailable) as caught:
            busybox.find_busybox("busybox")
        message = f"cannot run {shutil.which('busybox')}: {os.strerror(errno.EAGAIN)}"
        assert (caught.value.message, len(caught.value.hints)) == (message, 1)

    def test_of_a_name_a_static_one_under_another_name_is_taken_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        static = shutil.which("busybox")
        assert static
        shutil.copy("/bin/ls", tmp_path / "busybox")
        shutil.copy(static, tmp_path / "busybox.static")
        monkeypatch.setenv("PATH", str(tmp_path))
        found = busybox.find_busybox("busybox")
        assert (found.path, {"sh", "grep"} <= found.applets) == (str(tmp_path / "busybox.static"), True)


def is_of_root_alone(words: Sequence[int]) -> bool:
    """Return whether a call of unshare(2) makes the namespaces without one of users."""
    return bool(words[0] & kernel.CLONE_NEWPID) and not words[0] & kernel.CLONE_NEWUSER


class TestSandboxFallback:
    """Which place is taken."""

    @pytest.fixture
    def fallback(self, bundle: Path) -> Iterator[SandboxFallback]:
        root = os.open(bundle, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        yield SandboxFallback(root, lambda path: _copy(bundle, path), ROOT, network=False)
        os.close(root)

    @staticmethod
    def run(fallback: SandboxFallback) -> str:
        expectations = Expectations(env={"DO": "show=/file"})
        return os.fsdecode(attempt(ProgramCommand(BundlePath("/doer")), expectations, fallback).stdout.text)

    def test_namespaces_and_an_overlay_are_the_best_for_root(self, fallback: SandboxFallback) -> None:
        assert (self.run(fallback), fallback.kind) == ("text", NAMESPACES)
        assert fallback.kind.words == "namespaces, with /proc and /dev, on an overlay"

    def test_where_no_overlay_can_be_mounted_it_is_a_copy(
        self, fallback: SandboxFallback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuse(monkeypatch, rootfs, "mount", lambda words: "overlay" in words)
        assert (self.run(fallback), fallback.kind) == ("text", NAMESPACES._replace(is_copied=True))
        assert fallback.kind.words == "namespaces, with /proc and /dev, on a copy"

    def test_where_only_a_user_namespace_is_allowed_it_is_one(
        self, fallback: SandboxFallback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuse(monkeypatch, kernel, "unshare", is_of_root_alone)
        assert (self.run(fallback), fallback.kind) == ("text", USER)
        assert fallback.kind.words == "a user namespace, with /proc and /dev, on an overlay"

    @pytest.mark.parametrize("call", ["unshare", "mount", "set_host_name", "start_loopback"])
    def test_where_namespaces_cannot_be_had_whole_it_is_a_bare_chroot(
        self, call: str, fallback: SandboxFallback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuse(monkeypatch, kernel, call, lambda _: True)
        assert (self.run(fallback), fallback.kind, fallback.kind.words) == ("text", CHROOT, "a bare chroot on a copy")

    def test_where_proc_cannot_be_mounted_it_is_a_bare_chroot(
        self, fallback: SandboxFallback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuse(monkeypatch, container_fs, "mount", lambda words: "/proc" in words)
        assert (self.run(fallback), fallback.kind) == ("text", CHROOT)

    def test_where_nothing_is_allowed_each_refusal_is_told(
        self, fallback: SandboxFallback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuse(monkeypatch, kernel, "unshare", lambda _: True)
        refuse(monkeypatch, os, "chroot", lambda _: True)
        with pytest.raises(errors.TestUnavailable) as caught:
            self.run(fallback)
        assert caught.value.details == (
            "namespaces, with /proc and /dev, on an overlay: unshare: Operation not permitted",
            "a user namespace, with /proc and /dev, on an overlay: unshare: Operation not permitted",
            f"a bare chroot on a copy: chroot {caught.value.details[2].split()[-4][:-1]}: Operation not permitted",
        )

    def test_what_was_refused_once_is_not_tried_again(
        self, fallback: SandboxFallback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuse(monkeypatch, kernel, "unshare", lambda _: True)
        self.run(fallback)
        monkeypatch.undo()
        assert (self.run(fallback), fallback.kind) == ("text", CHROOT)

    def test_nothing_temporary_is_left(
        self, fallback: SandboxFallback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "tmp").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
        monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
        refuse(monkeypatch, kernel, "unshare", is_of_root_alone)
        self.run(fallback)
        refuse(monkeypatch, kernel, "unshare", lambda _: True)
        self.run(fallback)
        assert (fallback.kind, os.listdir(tmp_path / "tmp")) == (CHROOT, [])


def refuse(
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    name: str,
    when: Callable[[Sequence[Any]], bool],
    number: int = errno.EPERM,
) -> None:
    """Let a call of the module fail with the error `number` when `when` is true of its arguments."""
    original = getattr(module, name)

    def call(*words: Any) -> Any:
        if when(words):
            raise OSError(number, os.strerror(number), name)
        return original(*words)

    monkeypatch.setattr(module, name, call)
