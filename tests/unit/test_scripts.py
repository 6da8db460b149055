import os

import pytest

from magicpak.files.env_line import EnvCommand, env_command
from magicpak.files.script import HEAD, Script, parse_script


@pytest.mark.parametrize(
    ("head", "script"),
    [
        (b"#!/bin/sh\necho", Script("/bin/sh", None)),
        (b"#!/bin/sh", Script("/bin/sh", None)),
        (b"#! \t/bin/sh \t\n", Script("/bin/sh", None)),
        (b"#!/bin/sh -e\n", Script("/bin/sh", "-e")),
        (b"#!/bin/sh -e", Script("/bin/sh", "-e")),
        (b"#!/bin/awk  -f  -v x \n", Script("/bin/awk", "-f  -v x")),
        (b"#!/bin/\xff\n", Script("/bin/\udcff", None)),
        (b"#!/bin/sh\r\n", Script("/bin/sh\r", None)),
        (b"#!bin/sh\n", Script("bin/sh", None)),
        (b"#!/bin/sh\0x -e\n", Script("/bin/sh", None)),
        (b"#!/bin/sh a\0b\n", Script("/bin/sh", "a")),
        (b"#!", None),
        (b"#! \t\n/bin/sh\n", None),
        (b"#!\n", None),
        (b"#!\0\n", None),
        (b" #!/bin/sh\n", None),
        (b"\x7fELF", None),
        (b"", None),
    ],
)
def test_the_first_line_is_read_as_the_kernel_does(head: bytes, script: Script | None) -> None:
    assert parse_script(head) == script


def test_a_line_is_cut_off_after_255_bytes_and_a_name_that_may_be_is_none() -> None:
    word = b"x" * 300
    assert parse_script((b"#!/bin/sh " + word)[:HEAD]) == Script("/bin/sh", "x" * 245)
    assert parse_script(b"#!/" + word) is None
    assert parse_script(b"#!/" + b"x" * 252 + b" y\n") == Script("/" + "x" * 252, None)
    assert parse_script(b"#!" + b" " * 300 + b"/bin/sh\n") is None


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("python3", ["python3"]),
        ("python3 -u", ["python3 -u"]),
        ("-S python3 -u", ["python3", "-u"]),
        ("-Spython3 -u", ["python3", "-u"]),
        ("-vS A=1 B=2 python3 -u", ["python3", "-u"]),
        ("--split-string=perl -w", ["perl", "-w"]),
        ("--split-string perl -w", []),
        ("-S -i -u HOME -uX --unset=Y --unset Z -C /tmp --chdir=/ -- ruby -x", ["ruby", "-x"]),
        ("-S -S'perl -w' x", ["perl", "-w", "x"]),
        ("-S printf [%s] a\\_b \"c\\_d\" 'e\\'f' g#h #i", ["printf", "[%s]", "a", "b", "c d", "e'f", "g#h"]),
        ('-S \'a b\'\\tc "\\"" \\c d', ["a b\tc", '"']),
        ("-S - A=1 sh", ["sh"]),
        ("-S --bad sh", ["sh"]),
        ("-i", []),
        ("-x sh", []),
        ("-S", []),
        ("-S A=1", []),
        (None, []),
    ],
)
def test_env_runs_the_first_word_that_is_no_option_and_no_assignment(argument: str | None, words: list[str]) -> None:
    found = env_command(Script("/usr/bin/env", argument))
    assert ([found.program, *found.arguments] if found else []) == words


def test_env_sets_variables_and_searches_the_path_that_it_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN", "own")

    def found(argument: str) -> EnvCommand | None:
        return env_command(Script("/usr/bin/env", f"-S {argument}"))

    assert found("A=1 B= PATH=/x:${OWN} C='${OWN}' prog") == EnvCommand(
        "prog", [], {"A": "1", "B": "", "PATH": "/x:own", "C": "${OWN}"}, clears=False
    )
    paths = [found(line) for line in ("prog", "PATH=/x prog", "-i prog", "- prog", "-i PATH=/y prog")]
    assert [each.search_path if each else "" for each in paths] == [None, "/x", os.defpath, os.defpath, "/y"]


def test_another_interpreter_runs_no_other_program() -> None:
    assert env_command(Script("/bin/sh", "python3")) is None
