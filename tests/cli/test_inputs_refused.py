import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.elf_files import S390X, X86_64_EXIT_0, make_elf, with_header
from support.run_magicpak import RunResult, executable, magicpak, magicpak_as_nobody, names, tree

HOLE = 8 << 30


pytestmark = pytest.mark.usefixtures("prog")


def refusal(here: Path, *arguments: str) -> str:
    """Bundle what must be refused with exit code 4 at once, nothing written; return what is said."""
    before = tree(here)
    result = magicpak(*arguments, "out", cwd=here)
    assert (result.code, result.stdout) == (4, ""), result
    assert tree(here) == before
    return result.stderr


INSTALL = "install it, or change the first line of the script"


@pytest.mark.parametrize(
    ("line", "why", "cure"),
    [
        ("/no/sh", "'/no/sh' is not installed", INSTALL),
        (
            "/etc/passwd",
            "'/etc/passwd' is not an executable file",
            INSTALL,
        ),
        (
            "/usr/bin/env no-such-one",
            "'no-such-one' is not installed",
            INSTALL,
        ),
        ("/usr/bin/env sh -e", "'sh -e' is one word for env", "#!/usr/bin/env -S sh -e"),
        ("/usr/bin/env -S PATH=/no sh", "'sh' is not installed", INSTALL),
        (
            "bin/sh",
            "'bin/sh' is a relative path, which leads elsewhere in another current directory",
            "name the interpreter by its absolute path, or with #!/usr/bin/env",
        ),
        *[
            (
                f"{line}\r",
                f"'{name}\\r' ends with the CR of a Windows line end",
                "change its line ends: sed -i 's/\\r$//' script",
            )
            for line, name in (("/bin/sh", "/bin/sh"), ("/usr/bin/env sh", "sh"))
        ],
    ],
)
def test_a_script_that_nothing_can_run_is_refused_with_the_reason(line: str, why: str, cure: str, here: Path) -> None:
    executable(here / "script", f"#!{line}\necho here\n".encode())
    assert refusal(here, "script") == f"error: script is a script whose interpreter {why}\nhint: {cure}\n"


def test_a_first_line_that_the_kernel_does_not_take_is_refused(here: Path) -> None:
    executable(here / "script", b"#!" + b"/x" * 150 + b"\necho\n")
    assert refusal(here, "script").startswith("error: script is a script (it begins with #!/x/x")


def test_a_script_cannot_put_control_characters_on_the_terminal(here: Path) -> None:
    executable(here / "script", b"#!/bin/\x1b[31m\xff\r\nprint()\n")
    said = refusal(here, "script")
    assert said.startswith("error: script is a script")
    assert not set(said) & {"\x1b", "\r", "\udcff"}


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("core", make_elf(type=4), "is a core dump"),
        ("x.o", make_elf(type=1), "is a relocatable object file (.o)"),
        ("none", make_elf(type=0), "is an ELF file of type 0, not an executable"),
        ("odd", make_elf(type=0xFE00), "is an ELF file of type 65024, not an executable"),
        ("empty", b"", "is empty"),
        ("text", b"hello\n", "is not an ELF file"),
        ("zeros", bytes(5000), "is not an ELF file"),
        ("\x1b[31m\n", b"hello\n", "is not an ELF file"),
    ],
)
def test_files_that_are_no_executables_are_refused(name: str, data: bytes, why: str, here: Path) -> None:
    executable(here / name, data)
    shown = name.replace("\x1b", "\\x1b").replace("\n", "\\n")
    assert refusal(here, "prog", name) == f"error: {shown} {why}\n"


@pytest.mark.parametrize("data", [b"\x7fELF", make_elf()[:40], with_header(make_elf(), e_phnum=60000)])
def test_broken_elf_files_are_refused_by_name(data: bytes, here: Path) -> None:
    executable(here / "broken", data)
    assert refusal(here, "broken").startswith("error: broken ")


def test_a_shared_library_without_an_entry_point_is_refused_with_a_hint(here: Path) -> None:
    executable(here / "libx.so", make_elf(soname="libx.so"))
    assert refusal(here, "libx.so") == (
        "error: libx.so is a shared library: it has no entry point\n"
        "hint: bundle the program that loads it, with --include libx.so\n"
    )


@pytest.fixture
def special(here: Path) -> Iterator[Path]:
    os.mkfifo(here / "fifo")
    (here / "dir").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(here)  # the name of a socket may be 107 bytes long
        listening.bind("socket")
        yield here


def test_what_is_no_file_is_refused_without_being_read(special: Path) -> None:
    assert refusal(special, "dir") == "error: dir is a directory, not an executable\n"
    assert refusal(special, "fifo") == "error: fifo is a named pipe, not an executable\n"
    assert refusal(special, "socket") == "error: socket is a socket, not an executable\n"
    assert refusal(special, "/dev/zero") == "error: /dev/zero is a device, not an executable\n"
    assert refusal(special, "/dev/full") == "error: /dev/full is a device, not an executable\n"


def test_links_that_lead_in_a_circle_or_nowhere_are_refused(here: Path) -> None:
    (here / "loop").symlink_to("pool")
    (here / "pool").symlink_to("loop")
    (here / "dangling").symlink_to("nothing")
    assert refusal(here, "loop") == "error: loop cannot be read: Too many levels of symbolic links\n"
    assert refusal(here, "loop/x") == "error: loop/x cannot be read: Too many levels of symbolic links\n"
    assert refusal(here, "dangling") == "error: dangling cannot be read: No such file or directory\n"


@pytest.mark.needs("long paths")
def test_names_that_cannot_be_are_refused(here: Path) -> None:
    assert refusal(here, "") == "error: INPUT is an empty name\n"
    assert refusal(here, "prog/") == "error: prog/ cannot be read: Not a directory\n"
    assert refusal(here, "x" * 256) == f"error: {'x' * 256} cannot be read: File name too long\n"
    assert refusal(here, "x/" * 2500) == f"error: {'x/' * 2500} cannot be read: File name too long\n"


def test_a_name_that_is_not_found_gets_the_hint_where_path_has_it(here: Path) -> None:
    (here / "bin").mkdir()
    (here / "bin/directory").mkdir()
    executable(here / "bin/tool", b"")
    executable(here / "bin/data", b"", mode=0o644)
    env = {"PATH": f"::{here}/none:{here}/bin:/bin"}
    absent = "cannot be read: No such file or directory\n"
    hint = f"hint: INPUT is a path; did you mean {here}/bin/tool?\n"
    assert magicpak("tool", "out", cwd=here, env=env) == RunResult(4, "", f"error: tool {absent}{hint}")
    for name in ("./tool", "directory", "data", "none"):
        assert magicpak(name, "out", cwd=here, env=env) == RunResult(4, "", f"error: {name} {absent}")


def test_a_file_that_may_not_be_read_is_refused(public: Path) -> None:
    executable(public / "prog", make_elf(code=X86_64_EXIT_0), mode=0o111)
    executable(public / "closed/prog", make_elf(code=X86_64_EXIT_0))
    (public / "prog").chmod(0o100)
    (public / "closed").chmod(0)
    for name in ("prog", "closed/prog"):
        result = magicpak_as_nobody(name, "out", cwd=public)
        assert result == RunResult(4, "", f"error: {name} cannot be read: Permission denied\n")
    (public / "closed").chmod(0o700)


def test_a_file_in_proc_has_no_place_in_a_bundle_unless_one_is_given(here: Path) -> None:
    (here / "prog").rename(here / "moved")
    assert refusal(here, "/proc/self/exe") == (
        "error: /proc/self/exe is in /proc, which no bundle has\nhint: set its place with --install-to\n"
    )
    descriptor = os.open(here / "moved", os.O_RDONLY)
    result = magicpak(f"/proc/{os.getpid()}/fd/{descriptor}", "out", "--install-to=x", cwd=here)
    os.close(descriptor)
    assert (result, names(here / "out")) == (RunResult(0, "", ""), ["x"])


@pytest.mark.parametrize("kind", ["deleted", "in memory", "replaced"])
def test_a_file_that_no_path_leads_to_is_refused(kind: str, here: Path, prog: Path) -> None:
    data, in_memory = prog.read_bytes(), kind == "in memory"
    descriptor = os.memfd_create("prog") if in_memory else os.open(here / "file", os.O_RDWR | os.O_CREAT, 0o755)
    os.write(descriptor, data)
    if not in_memory:
        (here / "file").unlink()
    if kind == "replaced":
        executable(here / "file (deleted)", data)
    path = f"/proc/{os.getpid()}/fd/{descriptor}"
    for options in ([], ["--install-to=x"]):
        assert refusal(here, path, *options) == (
            f"error: {path} has no path here: it was deleted, is in memory only, or has another root directory\n"
            f"hint: copy it first: cp {path} FILE\n"
        )
    os.close(descriptor)


def limited() -> None:
    """Give a run 1 GiB of addresses: far more than it needs, far less than what it could be made to read."""
    import resource  # in the child only

    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#!",
        b"\x7fELF",
        make_elf(interpreter="/lib64/ld-linux-x86-64.so.2", code=X86_64_EXIT_0, needed=["x"], more=[(5, 1 << 40)]),
        make_elf(
            interpreter="/lib64/ld-linux-x86-64.so.2", code=X86_64_EXIT_0, needed=["x"], more=[(5, 0), (10, HOLE)]
        ),
        make_elf(kind=S390X, interpreter="/x" * 2000),
    ],
    ids=["nothing", "script", "magic", "strings beyond", "strings of 8 GiB", "long interpreter"],
)
def test_a_file_with_a_hole_of_several_gigabytes_is_refused_in_little_memory(data: bytes, here: Path) -> None:
    executable(here / "hole", data)
    os.truncate(here / "hole", HOLE)
    result = magicpak("hole", "out", cwd=here, preexec_fn=limited)
    assert (result.code in (3, 4), result.stderr.startswith("error: ")) == (True, True), result
    assert "hole" in result.stderr
    assert not (here / "out").exists()


@pytest.mark.parametrize("data", [b"\x7fELF", b"#!", b"text"])
def test_a_file_that_keeps_growing_is_refused(data: bytes, here: Path) -> None:
    executable(here / "growing", data)
    stop = threading.Event()

    def grow() -> None:
        with (here / "growing").open("ab", buffering=0) as file:
            while not stop.wait(0.0005) and file.tell() < 64 << 20:
                file.write(bytes(4096))

    growing = threading.Thread(target=grow)
    growing.start()
    try:
        result = magicpak("growing", "out", cwd=here)
    finally:
        stop.set()
        growing.join()
    assert (result.code, result.stderr.startswith("error: growing ")) == (4, True), result
    assert not (here / "out").exists()


def test_the_first_input_that_will_not_do_is_named_and_nothing_is_written_for_the_others(here: Path) -> None:
    executable(here / "bad", b"")
    assert refusal(here, "prog", "bad", "none") == "error: bad is empty\n"


def test_a_file_without_permission_to_execute_is_bundled_as_it_is(here: Path) -> None:
    (here / "prog").chmod(0o640)
    assert magicpak("prog", "out", cwd=here) == RunResult(
        0, "", "warning: /prog is not executable: the image cannot start it\n"
    )
    assert stat.S_IMODE((here / "out/prog").stat().st_mode) == 0o640
