"""zig as the compiler: one program that compiles C for each machine, and brings musl and old glibcs along."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from standalone.commands import run

_FLAGS = (
    "-O2",
    "-g0",
    "-fno-sanitize=undefined",  # zig's default where it is not asked for speed, and twice as slow
    "-ffunction-sections",
    "-fdata-sections",  # both, so that the linker can drop what nobody uses
    "-Wno-date-time",  # CPython prints __DATE__, which zig takes for a mistake; SOURCE_DATE_EPOCH makes it the same
)


class Machine(NamedTuple):
    """What can be built for: its name as uname(2) has it, libffi's name of it, and libffi's files for it."""

    name: str
    ffi_target: str
    ffi_files: tuple[str, ...]


MACHINES = {
    machine.name: machine
    for machine in (
        Machine("x86_64", "X86_64", ("x86/ffi64.c", "x86/unix64.S", "x86/ffiw64.c", "x86/win64.S")),
        Machine("aarch64", "AARCH64", ("aarch64/ffi.c", "aarch64/sysv.S")),
    )
}


class Zig:
    """The compiler for one target, as zig names it: `x86_64-linux-musl`."""

    def __init__(self, wheels: Path, target: str, cache: Path, *, hidden: Path) -> None:
        """Take where the wheel is, the target, a directory to cache in, and the path that no result may tell."""
        self.directory = wheels / "ziglang"
        self.target = target
        program = str(self.directory / "zig")
        self.cc = [program, "cc", "-target", target, *_FLAGS, f"-ffile-prefix-map={hidden}=."]
        self.ar = [program, "ar"]
        self.ranlib = [program, "ranlib"]
        self.environment = {"ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}

    def compile(self, *arguments: str | Path, cwd: Path) -> None:
        """Compile and link."""
        run([*self.cc, *map(str, arguments)], cwd=cwd, env=self.environment)

    def archive(self, library: str | Path, objects: Sequence[str], cwd: Path) -> None:
        """Make a static library; `D`: without times and owners."""
        run([*self.ar, "rcsD", str(library), *objects], cwd=cwd, env=self.environment)
