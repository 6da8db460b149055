"""A program of 32 bits on a machine of 64, with a loader, default directories and a C library of its own."""

import subprocess
from pathlib import Path

import pytest

from support.run_magicpak import RunResult, magicpak, names

# No header and no start file of 32 bits is needed: gcc-multilib is not.
PROGRAM = 'int puts(const char *); void exit(int); void _start(void) { puts("thirty-two"); exit(3); }\n'
LOADER = "/lib/ld-linux.so.2"


@pytest.mark.needs("i386", "chroot")
@pytest.mark.parametrize("resolver", ["auto", "static"])
def test_it_runs_in_its_bundle(resolver: str, tmp_path: Path) -> None:
    (tmp_path / "program.c").write_text(PROGRAM)
    program = tmp_path / "program"
    options = ["-m32", "-nostdlib", "-fno-pie", "-no-pie", f"-Wl,--dynamic-linker={LOADER}"]
    libc = ["/lib32/libc.so.6"]
    subprocess.run(["gcc", *options, "-o", program, f"{program}.c", *libc], check=True)

    assert magicpak("--resolver", resolver, "--install-to=/program", program, tmp_path / "out") == RunResult(0, "", "")

    ran = subprocess.run(["/usr/sbin/chroot", tmp_path / "out", "/program"], capture_output=True, check=False)
    assert (ran.returncode, ran.stdout) == (3, b"thirty-two\n")
    assert [name for name in names(tmp_path / "out") if name.endswith("libc.so.6")] == ["usr/lib32/libc.so.6"]
