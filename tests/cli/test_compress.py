"""`--compress`, with the real upx, and with scripts in its place that fail in every way."""

import os
import random
import re
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from support.elf_files import S390X, X86_64_EXIT_0, make_elf, with_header
from support.made_smaller import changed_bytes, give_attributes, without_root
from support.pids import is_alive, is_gone_soon
from support.run_magicpak import (
    SECONDS,
    RunResult,
    as_on_terminal,
    chrooted,
    command,
    compiled,
    done,
    environment,
    executable,
    magicpak,
    names,
    on_screen,
    on_terminal,
    tree,
)

HELLO = '#include <stdio.h>\nint main(int n, char **a) { return printf("%d %s\\n", n, a[n - 1]) < 0; }\n'
HINT = "hint: give it more time with --upx-timeout, or name another upx with --upx\n"


@pytest.fixture
def big(here: Path) -> Path:
    """A program, `big`, that upx packs."""
    return executable(here / "big", packable())


def packable(last: bytes = b"") -> bytes:
    return make_elf(type=2, dynamic=False, code=X86_64_EXIT_0 + bytes(20_000) + last)


@pytest.fixture
def fake(tmp_path: Path) -> Callable[[str], str]:
    """Make a script that stands for upx: `$in` is the file to be packed, `$out` what it is to make."""

    def make(body: str) -> str:
        lines = f'#!/bin/sh\nfor in; do :; done; out=$2\n[ "$1" = -t ] && test=1 || test=\n{body}\n'
        return str(executable(tmp_path / "bin/upx", lines.encode()))

    return make


def is_packed(path: Path) -> bool:
    return b"UPX!" in path.read_bytes()


@pytest.mark.needs("upx", "compiler", "chroot")
@pytest.mark.parametrize(
    "options", [["-pie"], ["-no-pie"], ["-static"], ["-static-pie"]], ids=lambda options: options[0]
)
def test_a_packed_program_runs_in_an_image_that_has_not_even_proc(options: Sequence[str], here: Path) -> None:
    program = compiled(here / "hello", HELLO, *options)
    before = program.read_bytes()
    done("-c", "hello", "out", cwd=here)
    assert chrooted(here / "out", "/hello", "world") == RunResult(0, "2 world\n", "")
    assert (is_packed(here / "out/hello"), program.read_bytes() == before) == (True, True)


@pytest.mark.needs("upx", "chroot")
def test_a_packed_program_finds_the_libraries_of_the_original(here: Path) -> None:
    done("-c", "/bin/ls", "plain.out", "--upx-arg", "--best", "--upx-arg=--lzma", cwd=here)
    done("/bin/ls", "out", cwd=here)
    assert names(here / "plain.out") == names(here / "out")
    ls = Path("/bin/ls").resolve().relative_to("/")
    assert (is_packed(here / "plain.out" / ls), is_packed(here / "out" / ls)) == (True, False)
    assert chrooted(here / "plain.out", "/bin/ls", "/bin/ls") == RunResult(0, "/bin/ls\n", "")


@pytest.mark.needs("upx", "root")
def test_all_but_the_bytes_stays_and_every_path_of_the_inode_is_packed(here: Path, big: Path) -> None:
    give_attributes(big)
    executable(here / "more/other", packable(b"x"))
    before = tree(here)
    done("./big", "out", "-i", "more", cwd=here)
    done("./big", "packed", "-i", "more", "-c", cwd=here)
    done("./big", "again", "-i", "more", "-c", cwd=here)
    packed = tree(here / "packed")
    assert changed_bytes(tree(here / "out"), packed) == ["big", "more/hard"]
    assert is_packed(here / "packed/big")
    assert packed == tree(here / "again")
    after = tree(here)
    assert {name: after[name] for name in before if name != "."} == without_root(before)


@pytest.mark.needs("upx")
def test_each_input_is_packed_and_those_that_are_one_file_once(here: Path, big: Path) -> None:
    (here / "same").hardlink_to(big)
    (here / "link").symlink_to("big")
    executable(here / "other", packable(b"x"))
    result = magicpak("-vc", "--upx-arg=-9", "./link", "same", "other", "big", "-r=kit/", "out", cwd=here)
    assert (result.code, result.stdout) == (0, "")
    old, new = (here / "big").stat().st_size, (here / "out/kit/big").stat().st_size
    assert [line for line in result.stderr.splitlines() if "compress" in line] == [
        "info: compressing ./link with upx -9",
        f"info: compressed ./link: {old / 1000:.1f} kB to {new / 1000:.1f} kB, {100 * new / old:.0f} %",
        "info: compressing other with upx -9",
        f"info: compressed other: {(old + 1) / 1000:.1f} kB to {new / 1000:.1f} kB, {100 * new / old:.0f} %",
    ]
    assert names(here / "out") == ["kit/", "kit/big", "kit/link", "kit/other", "kit/same"]
    assert [node.same_as for node in tree(here / "out/kit").values()] == [None, None, "big", None, "big"]
    assert [is_packed(here / "out/kit" / name) for name in ("big", "other")] == [True, True]


REFUSED = {
    "IOException: file is too small -- skipped": make_elf(type=2, dynamic=False, code=X86_64_EXIT_0),
    "UnknownExecutableFormatException": make_elf(kind=S390X, type=2, dynamic=False, code=bytes(20_000)),
    "NotCompressibleException": make_elf(
        type=2, dynamic=False, code=X86_64_EXIT_0 + random.Random(1).randbytes(20_000)
    ),
    "CantPackException: bad e_shoff": with_header(packable(), e_shoff=1 << 40, e_shnum=3, e_shentsize=64, e_shstrndx=1),
}


@pytest.mark.needs("upx")
@pytest.mark.parametrize(("why", "data"), REFUSED.items(), ids=REFUSED)
def test_what_upx_refuses_goes_in_as_it_is_with_a_warning_in_its_words(
    why: str, data: bytes, here: Path, big: Path
) -> None:
    executable(here / "odd", data)
    done("-c", "odd", "big", "out", cwd=here, stderr=f"warning: odd is not compressed: upx reports {why}\n")
    assert ((here / "out/odd").read_bytes() == data, is_packed(here / "out/big")) == (True, True)
    assert big.read_bytes() == packable()


@pytest.mark.needs("upx", "compiler")
@pytest.mark.parametrize("overlay", [[], ["--upx-arg=--overlay=copy"], ["--upx-arg=--overlay=strip"]])
@pytest.mark.parametrize("place", ["behind its end", "pydata", ".rackprog"])
def test_a_program_with_data_of_its_own_at_its_end_stays_as_it_is(
    place: str, overlay: Sequence[str], here: Path, tmp_path: Path
) -> None:
    data = random.Random(7).randbytes(40_000)
    program = compiled(here / "self", HELLO)
    (tmp_path / "data").write_bytes(data)
    if place == "behind its end":
        program.write_bytes(program.read_bytes() + data)
    else:
        subprocess.run(["objcopy", f"--add-section={place}={tmp_path}/data", program], check=True)
    said = "it has 40.0 kB of its own data at its end, which upx does not keep there"
    done("-c", *overlay, "self", "out", cwd=here, stderr=f"warning: self is not compressed: {said}\n")
    assert (here / "out/self").read_bytes() == program.read_bytes()


@pytest.mark.needs("upx", "compiler")
def test_sections_for_debuggers_are_no_data_of_a_program(here: Path) -> None:
    compiled(here / "debugged", HELLO, "-g", "-static")
    done("-c", "debugged", "out", cwd=here)
    assert is_packed(here / "out/debugged")


def test_a_upx_that_keeps_data_at_the_end_may_pack(here: Path, fake: Callable[[str], str]) -> None:
    data = packable() + b"data of its own"
    executable(here / "self", data)
    upx = fake('[ "$test" ] || { head -c 20000 "$in"; printf "data of its own"; } > "$out"; chmod +x "$out"')
    done("-c", f"--upx={upx}", "self", "out", cwd=here)
    assert (here / "out/self").read_bytes() == data[:20000] + b"data of its own"


@pytest.mark.needs("upx")
def test_what_is_packed_already_goes_in_as_it_is_however_quiet_upx_is_to_be(here: Path, big: Path) -> None:
    done("-c", "./big", "first", cwd=here)
    told = "warning: first/big is not compressed: upx has packed it already\n"
    done("-c", "--upx-arg=-qqq", "first/big", "-rbig", "second", cwd=here, stderr=told)
    assert tree(here / "first") == tree(here / "second")
    assert big.read_bytes() == packable()


@pytest.mark.needs("upx")
@pytest.mark.parametrize(
    ("arguments", "how"),
    [
        (
            ["--bestest"],
            "--bestest cannot compress big: it exited with code 1\n  upx: unrecognized option '--bestest'\n",
        ),
        (["-d"], "-d cannot compress big: it exited with code 2\n  upx: big: NotPackedException: not packed by UPX\n"),
        (["-9", "-of"], "-9 -of cannot compress big: it exited with code 1\n  upx: option '-o' more than once given\n"),
        (
            ["other"],
            "other cannot compress big: it exited with code 1\n  upx: need exactly one argument when using '-o'\n",
        ),
    ],
)
def test_a_bad_argument_is_an_error_in_the_words_of_upx(
    arguments: Sequence[str], how: str, here: Path, big: Path
) -> None:
    executable(here / "other", packable(b"x"))
    before = tree(here)
    options = [word for argument in arguments for word in ("--upx-arg", argument)]
    assert magicpak("-c", *options, "big", "out", cwd=here) == RunResult(1, "", f"error: upx {how}")
    assert magicpak("-c", *options, "big", "out", cwd=here, env={"POSIXLY_CORRECT": "1"}).code == 1
    assert (tree(here), big.read_bytes() == packable()) == (before, True)


@pytest.mark.needs("upx")
@pytest.mark.parametrize("argument", ["--help", "-V", "-L"])
def test_an_argument_that_makes_upx_do_something_else_is_an_error(argument: str, here: Path, big: Path) -> None:
    result = magicpak("-c", "--upx-arg", argument, "big", "out", cwd=here)
    first = f"error: upx {argument} produced no program from big: it wrote no output"
    assert (result.code, result.stderr.splitlines()[0], big.exists()) == (1, first, True)
    assert names(here) == ["big"]


@pytest.mark.needs("upx", "compiler", "ptrace")
def test_the_program_that_is_watched_is_not_the_packed_one(here: Path) -> None:
    source = (
        "#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
        'int main(void) { return !fopen("/proc/self/exe", "r") || !fopen("data", "r") || rename("new", "prog"); }\n'
    )
    old = compiled(here / "prog", source).read_bytes()
    (here / "data").write_text("text")
    executable(here / "new", packable())
    done("-dc", "./prog", "out", cwd=here)
    assert (here / "prog").read_bytes() == packable()
    assert is_packed(here / "out/prog")
    subprocess.run(["upx", "-qqq", "-d", here / "out/prog"], check=True)
    assert (here / "out/prog").read_bytes() == old
    assert (here / "out" / str(here)[1:] / "data").read_text() == "text"


def test_an_input_that_is_excluded_is_not_packed(here: Path, big: Path, fake: Callable[[str], str]) -> None:
    done("-c", f"--upx={fake('exit 1')}", "big", "out", "-e", "/big", "--mkdir=/tmp", cwd=here)
    assert (names(here / "out"), big.exists()) == (["tmp/"], True)


def test_an_input_behind_an_excluded_link_is_packed(here: Path, big: Path, fake: Callable[[str], str]) -> None:
    (here / "link").symlink_to("a/way")
    (here / "a").mkdir()
    (here / "a/way").symlink_to("../big")
    upx = fake('[ $test ] || { cat "$in" && echo packed; } > "$out"')
    done("-c", f"--upx={upx}", here / "link", "out", "-e", "*/way", cwd=here)
    assert (here / "out" / str(big)[1:]).read_bytes() == packable() + b"packed\n"


def test_arguments_reach_upx_in_order_and_may_begin_with_a_hyphen(here: Path, fake: Callable[[str], str]) -> None:
    executable(here / "big", packable())
    upx = fake('echo "$@" >> log; [ $test ] || cat "$in" > "$out"')
    done("--compress", "--upx-arg", "-9", "--upx-arg=--lzma", "--upx-arg", "a b", "--upx", upx, "big", "out", cwd=here)
    first, second = (here / "log").read_text().splitlines()
    private = first.split("/packed ")[0].removeprefix("-o ")
    assert [first, second] == [f"-o {private}/packed -9 --lzma a b -v {private}/original", f"-t {private}/packed"]
    assert (os.path.dirname(private), os.path.exists(private)) == (os.environ.get("TMPDIR", "/tmp"), False)


SAYS = "  \\x1b[31mred\\x00\\xff\n"
FAILURES = {
    "crashes": ("kill -SEGV $$", "{upx} cannot compress big: it was killed by SIGSEGV"),
    "fails": ("exit 7", "{upx} cannot compress big: it exited with code 7"),
    "leaves nothing": ("exit 0", "{upx} produced no program from big: it wrote no output"),
    "empty": (': > "$out"', "{upx} produced no program from big: its output is empty"),
    "text": ('echo x > "$out"', "{upx} produced no program from big: its output is not an ELF file"),
    "link": ('ln -s "$PWD/other" "$out"', "{upx} produced no program from big: its output is a link"),
    "directory": ('mkdir "$out"', "{upx} produced no program from big: its output is a directory"),
    "other machine": (
        'cat other > "$out"', "{upx} produced no program from big: its output is for another machine"
    ),
    "test": ('[ $test ] && exit 3; cat "$in" > "$out"', "{upx} -t rejects the compressed big: it exited with code 3"),
    "destroys its input": ('rm "$in"; exit 2', "{upx} cannot compress big: it exited with code 2"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "how"), FAILURES.values(), ids=FAILURES)
def test_a_upx_that_fails_is_an_error_and_nothing_is_written(
    body: str, how: str, here: Path, big: Path, fake: Callable[[str], str]
) -> None:
    executable(here / "other", REFUSED["UnknownExecutableFormatException"])
    upx = fake(f"printf '\\033[31mred\\000\\377\\n'; {body}")
    before = tree(here)
    result = magicpak("-c", "--upx", upx, "big", "out", cwd=here)
    assert result == RunResult(1, "", f"error: {how.format(upx=upx)}\n{SAYS}")
    assert (tree(here), big.read_bytes() == packable()) == (before, True)


def test_a_upx_that_talks_without_end_or_says_odd_things_harms_nothing(here: Path, fake: Callable[[str], str]) -> None:
    executable(here / "big", packable())
    odd = "yes '\033[31m' | head -c 3000000; cat /bin/sh"
    done("-c", "--upx", fake(f'{odd}; [ $test ] || cat "$in" > "$out"'), "big", "out", cwd=here)
    assert (here / "out/big").read_bytes() == packable()
    endless = fake("printf 'upx: x: CantPackException: '; head -c 90000 /dev/zero | tr '\\0' '\\033'; exit 1")
    result = magicpak("-c", "--upx", endless, "big", "out2", cwd=here)
    shown = "CantPackException: " + "\\x1b" * 398
    assert result == RunResult(0, "", f"warning: big is not compressed: upx reports {shown}\n")


def test_a_upx_that_is_missing_is_told_before_any_work(here: Path, tmp_path: Path) -> None:
    hint = "hint: apt-get install upx-ucl (Debian 12 has it in bookworm-backports), or --upx with its path\n"
    (tmp_path / "text").write_text("#!/bin/sh\n")
    for upx in ("no-such-upx", "/none/upx", str(here), str(tmp_path / "text")):
        assert magicpak("-c", "--upx", upx, "-d", "none", "out", cwd=here) == RunResult(
            1, "", f"error: {upx}: no such program (needed by --compress)\n{hint}"
        )


@pytest.mark.usefixtures("big")
def test_a_upx_for_another_machine_is_an_error(here: Path, tmp_path: Path) -> None:
    upx = executable(tmp_path / "upx", REFUSED["UnknownExecutableFormatException"])
    message = f"error: cannot run {upx}: Exec format error\n{HINT}"
    assert magicpak("-c", "--upx", upx, "big", "out", cwd=here) == RunResult(1, "", message)


@pytest.mark.usefixtures("big")
@pytest.mark.parametrize("when", ["", "[ $test ] &&"], ids=["packing", "testing"])
def test_a_upx_that_hangs_is_ended(when: str, here: Path, fake: Callable[[str], str]) -> None:
    upx = fake(f'{when} {{ echo $$ > pid; sleep 1000; }}; cat "$in" > "$out"')
    result = magicpak("-c", "--upx", upx, "--upx-timeout=0.5", "big", "out", cwd=here)
    error, detail, hint = result.stderr.splitlines(keepends=True)
    assert (result.code, error, hint) == (1, f"error: {upx} did not finish within 0.5 seconds\n", HINT)
    assert detail.startswith(f"  {upx} -")
    assert is_gone_soon(int((here / "pid").read_text()))
    assert names(here) == ["big", "pid"]


@pytest.mark.usefixtures("big")
def test_a_signal_ends_upx_and_leaves_nothing(here: Path, fake: Callable[[str], str]) -> None:
    upx = fake('echo $$ > "$out"; echo $$ > pid; mkfifo ready; echo > ready; sleep 1000')
    os.mkfifo(here / "ready")
    (here / "tmp").mkdir()
    arguments = command("-c", "--upx", upx, "big", "out")
    with subprocess.Popen(
        arguments, cwd=here, env=environment(TMPDIR=str(here / "tmp")), stderr=subprocess.PIPE
    ) as process:
        (here / "ready").read_text()
        pid = int((here / "pid").read_text())
        assert is_alive(pid)
        process.send_signal(signal.SIGTERM)
        assert (process.communicate(timeout=SECONDS)[1], process.returncode) == (b"", 143)
    assert (is_gone_soon(pid), os.listdir(here / "tmp"), (here / "out").exists()) == (True, [], False)


@pytest.mark.usefixtures("big")
def test_how_to_pack_has_no_effect_where_nothing_is_packed(here: Path) -> None:
    """Which upx it is, and how long it may take, also counts for what is packed already."""
    told = "warning: --upx-arg has no effect without --compress\n"
    done("--upx=none", "--upx-arg", "--compress", "--upx-timeout=1", "big", "out", cwd=here, stderr=told)
    assert (here / "out/big").read_bytes() == packable()


@pytest.mark.needs("terminal")
@pytest.mark.usefixtures("big")
def test_on_a_terminal_it_is_told_what_is_being_packed(here: Path, fake: Callable[[str], str]) -> None:
    upx = fake('[ $test ] || cat "$in" > "$out"')
    for level, expected in {"warn": f"compressing big with {upx} -9\n", "off": ""}.items():
        said = on_terminal("-c", f"--upx={upx}", "--upx-arg=-9", f"--log-level={level}", "big", level, cwd=here)
        assert said.partition(f"{level}: 1 file")[0] == expected


@pytest.mark.needs("terminal")
@pytest.mark.usefixtures("big")
def test_on_a_terminal_it_is_told_how_long_it_takes_and_gone_at_the_end(here: Path, fake: Callable[[str], str]) -> None:
    upx = fake('[ $test ] || { sleep 1.2; cat "$in" > "$out"; }')
    said = on_terminal("-c", f"--upx={upx}", "big", "out", cwd=here, TERM="xterm")
    assert said.startswith(f"compressing big with {upx}\n\rcompressing big … 1 s\x1b[K\r\x1b[Kout: 1 file")
    assert "\r" not in on_terminal("-c", f"--upx={upx}", "big", "out2", cwd=here, TERM="dumb")


@pytest.mark.needs("terminal")
@pytest.mark.usefixtures("big")
def test_on_a_terminal_it_is_told_how_many_programs_are_packed_already(here: Path, fake: Callable[[str], str]) -> None:
    executable(here / "other", packable(b"x"))
    upx = fake(
        '[ $test ] || { [ ! -e once ] || until [ -e open ]; do sleep 0.01; done; : > once; cat "$in" > "$out"; }'
    )
    words = command("-c", f"--upx={upx}", "big", "other", "out")
    told = r"\rcompressing 2 of 2: other … 1 s\x1b\[K"
    said = as_on_terminal(
        words, here, environment(TERM="xterm"), awaited=told, then=lambda _process: (here / "open").touch()
    )
    assert on_screen(said)[:2] == [f"compressing {name} with {upx}" for name in ("big", "other")]
    assert re.fullmatch(r"out: 2 files, \d+\.\d kB, in \d+\.\d s", on_screen(said)[2])
