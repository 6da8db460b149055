"""The compiler is zig: one program that compiles C for each machine, and includes musl and old versions of glibc."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from standalone.commands import run

_FLAGS = (
    "-O2",
    "-g0",
    "-fno-sanitize=undefined",  # zig enables the sanitizer by default, which halves the speed
    "-ffunction-sections",
    "-fdata-sections",  # both, so that the linker can drop unused code
    "-Wno-date-time",  # zig rejects __DATE__, which CPython uses; SOURCE_DATE_EPOCH fixes its value
)


class TargetMachine(NamedTuple):
    """A target machine: its name as in uname(2), libffi's name for it, and libffi's files for it."""

    name: str
    ffi_target: str
    ffi_files: tuple[str, ...]


MACHINES = {
    machine.name: machine
    for machine in (
        TargetMachine("x86_64", "X86_64", ("x86/ffi64.c", "x86/unix64.S", "x86/ffiw64.c", "x86/win64.S")),
        TargetMachine("aarch64", "AARCH64", ("aarch64/ffi.c", "aarch64/sysv.S")),
    )
}


class Zig:
    """The compiler for one target, as zig names it: `x86_64-linux-musl`.

    `wheels` is the directory with zig's wheel, `cache` zig's own cache; results do not contain the path `hidden`.
    """

    def __init__(self, wheels: Path, target: str, cache: Path, *, hidden: Path) -> None:
        self.directory = wheels / "ziglang"
        self.target = target
        program = str(self.directory / "zig")
        self.cc = [program, "cc", "-target", target, *_FLAGS, f"-ffile-prefix-map={hidden}=."]
        self.ar = [program, "ar"]
        self.ranlib = [program, "ranlib"]
        self.environment = {"ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}

    def compile(self, *arguments: str | Path, cwd: Path) -> None:
        """Compile and link in the directory `cwd`. Raises CommandFailedError."""
        run([*self.cc, *map(str, arguments)], cwd=cwd, env=self.environment)

    def archive(self, library: str | Path, objects: Sequence[str], cwd: Path) -> None:
        """Create a static library from `objects`, without times and owners (`D`). Raises CommandFailedError."""
        run([*self.ar, "rcsD", str(library), *objects], cwd=cwd, env=self.environment)
