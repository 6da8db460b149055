"""Readers of scripts as targets: each reads a script, and as a module that the script loads, what it is given."""

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from magicpak.files.env_line import env_command
from magicpak.files.script import HEAD, parse_script
from magicpak.scripts.needs import Language, ScriptFile
from magicpak.scripts.perl.language import Perl
from magicpak.scripts.python.language import Python
from magicpak.scripts.ruby.language import Ruby
from magicpak.scripts.shell.language import Shell
from magicpak.scripts.sources import Sources

_SECONDS = 10  # for a script of some kilobytes, which takes milliseconds

PIECES: Mapping[str, list[bytes]] = {
    "shell": [
        *(b"$(", b"${", b"`", b"((", b"<<E\n", b"<<-'E'\n", b"\nE\n", b"case x in ", b" esac", b"if "),
        *(b"; then ", b" fi\n", b"for i in ", b"; do ", b" done\n", b"{ ", b"}", b"()", b"exec ", b". /"),
        *(b"env A=1 ", b"command -v ", b"/bin/x", b"$'\\x", b'"', b"'", b"\\", b"#", b"A=/a", b"$A", b"${A:-"),
        *(b"[[ ", b"eval ", b"trap '", b"\x00", b"\xff", b"&&"),
    ],
    "python": [
        *(b"import m\n", b"from . import ", b"from m import (", b"importlib.import_module('", b"('", b"')\n"),
        *(b"[", b"{", b"subprocess.run(['", b"os.path.join(", b"__file__", b"f'{", b"}'", b'"""', b"\\\n"),
        *(b"lambda:", b"def f():\n", b"sys.path.insert(0, ", b"'\\x00'", b"'/a\\0b'", b"'\\ud800'"),
        *(b"# coding: utf-7\n", b"\xef\xbb\xbf", b"\x0c", b"\x00", b"9" * 5000, b"-" * 400, b"(" * 250),
        *(b"a." * 300, b"if x:\n\t", b"'%s' % ", b" + ", b"async ", b"match x:\n"),
    ],
    "perl": [
        *(b"use lib '", b"require 'm.pl';", b"use m;", b"qw(", b"q{", b"m/", b"s{", b"<<E;\n", b"\nE\n"),
        *(b"=pod\n", b"\n=cut\n", b"system('", b"exec ", b"`", b"$0", b"__FILE__", b"dirname(", b"@{[", b"]}"),
        *(b"__END__\n", b"format X =\n", b"$x{'", b"tr/a/b/", b"y'", b"%", b"?", b"'/a\\0b'", b'"\\x{', b'"'),
        *(b"'", b"\x00", b"\xff", b"use constant A => ", b"(" * 300),
    ],
    "ruby": [
        *(b"require 'm'\n", b"require_relative '", b"%w[", b"%Q(", b"%x{", b"<<~E\n", b"\nE\n", b"=begin\n"),
        *(b"\n=end\n", b"#{", b"system '", b"Open3.capture2e(", b"`", b"__dir__", b"File.join("),
        *(b"File.expand_path(", b"$:.unshift ", b"gem '", b"/x/", b"?a", b":'", b"__END__\n", b"'/a\\0b'"),
        *(b'"\\u{', b'"', b"'", b"\x00", b"\xff", b"x = ", b"Etc.getpwnam", b"{" * 300),
    ],
    "first_line": [
        *(b"#!", b"/usr/bin/env ", b"-S", b" -i ", b"'", b'"', b"\\c", b"\\_", b"${A}", b"\x00", b"\t", b"\xff"),
        *(b"A=b ",),
    ],
}
"""What the languages are made of, and what readers may stumble over."""

SEEDS: Mapping[str, list[bytes]] = {
    "shell": [b'#!/bin/sh\nA=/usr/bin\nif [ -x $A/x ]; then exec $A/x "$@"; fi\ncat <<E | sed s/a/b/\n$(date)\nE\n'],
    "python": [b"#!/usr/bin/python3\nimport m, sys\nsys.path.insert(0, '/a')\nfrom os import path\nopen('/a/b')\n"],
    "perl": [b"#!/usr/bin/perl\nuse lib '/a';\nuse m;\nmy $x = '/a/b';\nsystem('ls', $x);\nprint <<E;\ntext\nE\n"],
    "ruby": [b"#!/usr/bin/ruby\nrequire 'm'\nX = '/a/b'\nsystem \"ls #{X}\"\nputs <<~E\n  text\nE\n"],
    "first_line": [b"#!/usr/bin/env -S -i A=b python3 -c\n", b"#! /bin/sh -e\n"],
}


def first_line(data: bytes) -> None:
    script = parse_script(data[:HEAD])
    if script is not None:
        assert script.interpreter
        assert "\0" not in script.interpreter
        command = env_command(script)
        assert command is None or "\0" not in "".join((command.program, *command.arguments))


def _reader(language: Callable[[], Language], modules: Mapping[str, str], program: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            for name, text in modules.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text.format(root=root))
            for name in ("script", "m.py", "m.pl", "m.pm", "m.rb"):
                (root / name).write_bytes(data)
            sources = Sources()
            begin = time.process_time()
            reader, interpreter = language(), str(root / program)
            script = ScriptFile(
                str(root / "script"), interpreter, environment={"PERL5LIB": directory, "RUBYLIB": directory}
            )
            for needs in (reader.library(interpreter, sources), reader.script(script, sources, whole=False)):
                assert all(os.path.isabs(each.path) for each in (*needs.files, *needs.programs))
                assert not any("\0" in each.path for each in (*needs.files, *needs.programs))
                assert all(line.isprintable() for line in (*needs.warnings, *needs.hints, *sources.warnings()))
            assert time.process_time() - begin < _SECONDS

    return read


READERS: Mapping[str, Callable[[bytes], None]] = {
    "shell": _reader(Shell, {}, "bin/sh"),
    "python": _reader(Python, {"bin/python3.12": "", "lib/python3.12/os.py": ""}, "bin/python3.12"),
    "perl": _reader(Perl, {"bin/perl": "\0{root}/perl\0", "perl/strict.pm": ""}, "bin/perl"),
    "ruby": _reader(Ruby, {"bin/ruby": "\0{root}/ruby\0", "ruby/English.rb": ""}, "bin/ruby"),
    "first_line": first_line,
}
