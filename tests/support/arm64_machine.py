"""Boots a Debian for arm64 in qemu, which emulates a whole machine: ptrace(2) and namespaces are a kernel's own there.

Nothing of it has been run while it is made: debootstrap fetches its packages, which are unpacked and not configured.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.docker_images import ROOT
from support.run_magicpak import RunResult

SUITE = "trixie"
PACKAGES = (
    "linux-image-cloud-arm64",  # its kernel has all that is needed to boot inside itself: NVMe, ext4, the console
    "binutils", "busybox-static", "gcc", "git", "iproute2", "libc6-dev", "musl-tools", "openssl", "patchelf", "strace",
    "upx-ucl", "xz-utils", "python3", "python3-click", "python3-hypothesis", "python3-pyelftools", "python3-pytest",
    "python3-structlog", "python3-wcmatch", "python3-jsonschema",
)  # fmt: skip
MAGICPAK, CHECKOUT = "/magicpak", "/checkout"
MEGABYTES, SECONDS = 2048, 3600

_FIRST = """#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc none /proc && mount -t sysfs none /sys && mount -t devtmpfs none /dev
mkdir /dev/pts /dev/shm && mount -t devpts none /dev/pts
for place in /dev/shm /tmp /run; do mount -t tmpfs none $place; done
ln -s /proc/self/fd /dev/fd
for stream in in:0 out:1 err:2; do ln -s fd/${stream#*:} /dev/std${stream%:*}; done
ip link set lo up
hostname guest
insmod "$(find /usr/lib/modules -name 'overlay.ko*')"
python3 /all.py
echo o > /proc/sysrq-trigger
sleep 60
"""
_ALL = """
import glob, json, subprocess
ended = {}
for name, command in json.load(open("/commands")).items():
    print(name, flush=True)
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    ended[name] = ran.returncode, ran.stdout, ran.stderr
with open("/dev/vport0p1", "w") as results:
    json.dump(ended, results)
"""


def debian(root: Path, magicpak: Path) -> None:
    """Make `root` the files of a Debian, with an executable of magicpak and the project in it."""
    fetching = ["debootstrap", "--foreign", "--arch=arm64", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    subprocess.run([*fetching, SUITE, root], check=True, stdout=subprocess.DEVNULL)
    archives = root / "var/cache/apt/archives"
    for package in archives.glob("*.deb"):
        files = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout
        subprocess.run(["tar", "--extract", "--keep-directory-symlink", "--directory", root], input=files, check=True)
    shutil.rmtree(archives)
    _settle(root)
    shutil.copy(magicpak, f"{root}{MAGICPAK}")
    for name in ("docs", "example", "src", "tests"):
        shutil.copytree(ROOT / name, f"{root}{CHECKOUT}/{name}", symlinks=True)
    for name in ("pyproject.toml", "README.md", "LICENSE-APACHE", "LICENSE-MIT"):
        shutil.copy(ROOT / name, f"{root}{CHECKOUT}")


def _settle(root: Path) -> None:
    """Do what the packages would do when they are configured, as far as it matters here."""
    (root / "proc").unlink()  # with --foreign this is a link to the host's
    (root / "proc").mkdir()
    for name, target in {"cc": "gcc", "upx": "upx-ucl"}.items():
        (root / "usr/bin" / name).symlink_to(target)
    for name in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / f"etc/{name}")
    shutil.copy(root / "usr/share/libc-bin/nsswitch.conf", root / "etc/nsswitch.conf")


def ran(root: Path, directory: Path, commands: Mapping[str, Sequence[str]]) -> Mapping[str, RunResult]:
    """Boot `root`, run the commands, and return how each has ended; what they change is gone afterwards."""
    (root / "first").write_text(_FIRST)
    (root / "first").chmod(0o755)
    (root / "all.py").write_text(_ALL)
    (root / "commands").write_text(json.dumps(commands))
    disk, results = directory / "disk", directory / "results"
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", root, disk, f"{MEGABYTES}M"], check=True)
    subprocess.run(_machine(root, disk, results), stdin=subprocess.DEVNULL, check=True, timeout=SECONDS)
    return {name: RunResult(*ended) for name, ended in json.loads(results.read_text()).items()}


def _machine(root: Path, disk: Path, results: Path) -> list[str]:
    (kernel,) = root.glob("boot/vmlinuz-*")
    return [
        "qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57", "-smp", str(os.cpu_count()),
        "-m", str(MEGABYTES), "-nographic", "-no-reboot", "-nic", "none",
        "-kernel", str(kernel), "-append", "root=/dev/nvme0n1 rw init=/first console=ttyAMA0 quiet panic=-1",
        "-drive", f"if=none,id=disk,file={disk},format=raw,cache=unsafe", "-device", "nvme,drive=disk,serial=disk",
        "-chardev", f"file,id=results,path={results}", "-device", "virtio-serial-pci",
        "-device", "virtserialport,chardev=results",
    ]  # fmt: skip
