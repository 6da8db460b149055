"""Builds libffi, through which ctypes calls: eight files, for which a configure would have to be made first."""

from pathlib import Path

from standalone.pins import LIBFFI
from standalone.toolchain import Machine, Zig

_FILES = ("prep_cif.c", "types.c", "closures.c", "tramp.c")
_CONFIG = Path(__file__).with_name("fficonfig.h")


def build_libffi(tree: Path, machine: Machine, zig: Zig, target: Path) -> None:
    """Build the source in `tree` for `machine`; put libffi.a, its headers and its licence into `target`."""
    answers = {
        "VERSION": LIBFFI.version,
        "TARGET": machine.ffi_target,
        "HAVE_LONG_DOUBLE": "1",
        "FFI_EXEC_TRAMPOLINE_TABLE": "0",
    }
    header = (tree / "include" / "ffi.h.in").read_text()
    for name, answer in answers.items():
        header = header.replace(f"@{name}@", answer)
    target.mkdir()
    (target / "ffi.h").write_text(header)
    (target / "ffitarget.h").write_bytes((tree / "src" / machine.ffi_files[0]).with_name("ffitarget.h").read_bytes())
    (target / "LICENSE").write_bytes((tree / "LICENSE").read_bytes())
    (tree / "fficonfig.h").write_bytes(_CONFIG.read_bytes())
    sources = [f"src/{file}" for file in (*_FILES, *machine.ffi_files)]
    includes = [f"-I{each}" for each in (target, tree, tree / "include", tree / "src")]
    for each in sources:  # zig makes only the first object of several
        zig.compile("-c", *includes, each, cwd=tree)
    zig.archive(target / "libffi.a", [f"{Path(each).stem}.o" for each in sources], cwd=tree)
