"""A Debian in a directory, in which packages are installed, and commands that run in it without changing it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

MIRROR = "http://deb.debian.org/debian"

TIMEOUT = 20
"""Seconds of a run: a program that has not printed its help by then waits for something."""

APT = """\
APT::Install-Recommends "false";
DPkg::Options { "--force-confold"; "--force-unsafe-io"; };
Acquire::IndexTargets::deb::Contents-deb {
  MetaKey "$(COMPONENT)/Contents-$(ARCHITECTURE)";
  ShortDescription "Contents";
  Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Contents";
  KeepCompressed "true";
};
"""
"""With the names of all files of the architecture's packages and of those for all, as apt-file(1) gets them."""

CAPABILITIES = "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_raw,sys_chroot,audit_write,setfcap"
"""What Docker leaves to a container's root."""

CONTAINER = """\
set -eu
root=$1; tree=$2; shift 2
mount -t tmpfs none "$root"
mkdir "$root/upper" "$root/work" "$root/top"
mount -t overlay none -o "lowerdir=$tree,upperdir=$root/upper,workdir=$root/work" "$root/top"
root=$root/top
mkdir -p "$root/proc" "$root/dev" "$root/sys"
for each in null zero random urandom tty; do
  rm -f "$root/dev/$each"; cp -a "/dev/$each" "$root/dev/$each"
done
ln -sfn /proc/self/fd "$root/dev/fd"
ln -sfn /proc/self/fd/0 "$root/dev/stdin"
ln -sfn /proc/self/fd/1 "$root/dev/stdout"
ln -sfn /proc/self/fd/2 "$root/dev/stderr"
mkdir -p "$root/dev/shm" "$root/dev/pts"
mount -t devpts devpts "$root/dev/pts" -o newinstance,ptmxmode=0666,mode=620
ln -sfn pts/ptmx "$root/dev/ptmx"
mount -t tmpfs shm "$root/dev/shm"
mount -t proc none "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
test ! -e "$root/proc/sysrq-trigger" || mount --bind /dev/null "$root/proc/sysrq-trigger"
hostname survey
mkdir -p "$root/etc"
echo '127.0.0.1 localhost' > "$root/etc/hosts"
echo survey > "$root/etc/hostname"
: > "$root/etc/resolv.conf"
exec setpriv --bounding-set "-all$CAPABILITIES" --inh-caps=-all \\
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C chroot "$root" "$@"
"""
"""A throw-away copy of a tree, with what `docker run` adds to an image, and no network."""


class Printed(NamedTuple):
    """What a command has printed, and its exit code: -1 if it did not end in time."""

    stdout: str
    stderr: str
    code: int


class DebianTree:
    """A Debian in the directory `root`."""

    def __init__(self, root: Path, suite: str) -> None:
        self.root = root
        if not (root / "etc" / "debian_version").exists():
            subprocess.run(["debootstrap", "--variant=minbase", suite, str(root), MIRROR], check=True)
        (root / "etc" / "resolv.conf").write_bytes(Path("/etc/resolv.conf").read_bytes())
        (root / "etc" / "apt" / "apt.conf.d" / "60survey").write_text(APT, encoding="ascii")
        policy = root / "usr" / "sbin" / "policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")  # no server is started
        policy.chmod(0o755)
        if not list(root.glob("var/lib/apt/lists/*Contents*")):
            self.chroot("apt-get", "update")

    def chroot(self, *command: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """Run `command` in the tree itself, as root, with /proc and the network."""
        script = 'mount -t proc none "$1/proc"; exec chroot "$@"'
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
        whole = ["unshare", "-mpf", "--kill-child", "sh", "-c", script, "sh", str(self.root), *command]
        return subprocess.run(
            whole,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )

    def download(self, package: str) -> int:
        """Return how many bytes would be downloaded to install `package`; 0 if it is installed, or cannot be."""
        uris = self.chroot("apt-get", "install", "-qq", "--print-uris", package).stdout
        return sum(int(line.split()[2]) for line in uris.splitlines() if line.startswith("'"))

    def install(self, *packages: str) -> bool:
        """Install `packages`, and return whether that went well."""
        done = self.chroot("apt-get", "install", "-qy", *packages, timeout=1800)
        self.chroot("apt-get", "clean")
        return not done.returncode

    def contents(self) -> dict[str, list[str]]:
        """Return the paths of programs by package, of all packages that apt knows."""
        found: dict[str, list[str]] = {}
        for index in sorted(self.root.glob("var/lib/apt/lists/*Contents*")):
            text = self.chroot("/usr/lib/apt/apt-helper", "cat-file", f"/{index.relative_to(self.root)}").stdout
            for line in text.splitlines():
                if line.startswith(("usr/bin/", "usr/sbin/", "bin/", "sbin/")):
                    path, _, packages = line.rpartition(" ")
                    for package in packages.split(","):
                        found.setdefault(package.rpartition("/")[2], []).append(f"/{path.rstrip()}")
        return found


def run_alone(tree: Path, place: Path, command: Sequence[str]) -> Printed:
    """Run `command` in a throw-away copy of `tree` that is mounted at the empty directory `place`."""
    capabilities = "".join(f",+{each}" for each in CAPABILITIES.split(","))
    script = CONTAINER.replace("$CAPABILITIES", capabilities)
    whole = ["unshare", "-mpfniu", "--kill-child", "sh", "-c", script, "sh", str(place), str(tree), *command]
    with subprocess.Popen(
        whole,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as child:
        try:
            stdout, stderr = child.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()  # and, by --kill-child, all that it has started
            stdout, stderr = child.communicate()
            return Printed(stdout, stderr, -1)
    return Printed(stdout, stderr, child.returncode)
