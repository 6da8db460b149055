"""Scripts of many languages in their bundles, which were made without a run: they do there what they do on the host."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.run_magicpak import done, executable

SCRIPTS = {
    "node": """
        const cp = require('child_process'), { x } = require('./lib/part'), one = require('one')
        console.log(cp.execSync('printf "b\\na\\n" | sort').toString(), x, one())
    """,
    "tclsh": """
        source [file join [file dirname [info script]] lib part.tcl]
        package require http
        puts "$x [exec printf "b\\na\\n" | sort] [clock format 0 -gmt 1] [encoding convertfrom cp1252 a]"
    """,
    "lua5.4": """
        package.path = '@/lib/?.lua;' .. package.path
        print(require('part'), io.popen('printf "b\\na\\n" | sort'):read('a'))
    """,
    "luajit": """
        package.path = '@/lib/?.lua;' .. package.path
        print(require('part'), os.execute('printf x | sort'))
    """,
    "php": """<?php
        require __DIR__ . '/lib/part.php';
        echo $x, shell_exec('printf "b\\na\\n" | sort'), json_encode([1]), date('c', 0);
    """,
    "guile": """!#
        (use-modules (ice-9 popen) (ice-9 rdelim) (srfi srfi-1))
        (display (read-line (open-input-pipe "printf x | sort"))) (display (fold + 0 '(1 2)))
    """,
    "gawk": """
        @include "join"
        @load "ordchr"
        BEGIN { "printf x | sort" | getline x; split("a b", a); print x, join(a, 1, 2), ord("a") }
    """,
    "expect": "puts [clock format 0 -gmt 1]",
    "Rscript": "library(tools); cat(toTitleCase('a b'), system('printf x | sort', intern=TRUE), sd(c(1, 2)))",
    "escript": 'main(_) -> io:format("~s ~p~n", [os:cmd("printf x | sort"), lists:sort([2, 1])]).',
    "ocaml": 'let () = Printf.printf "%d%!" (List.length [1; 2]); exit (Sys.command "printf x | sort")',
    "fish": "printf 'b\\na\\n' | sort; contains a b; or string upper no",
    "make": "all:\n\t@printf 'b\\na\\n' | sort",
}
OPTIONS = {"guile": " -s", "gawk": " -f", "make": " -f", "expect": " -f"}
PARTS = {
    "lib/part.js": "exports.x = 'part'",
    "node_modules/one/package.json": '{"main": "main", "dependencies": {"two": "1"}}',
    "node_modules/one/main.js": "const name = 'two'; module.exports = require(name)",
    "node_modules/two/index.js": "module.exports = () => 'two'",
    "lib/part.tcl": "set x part",
    "lib/part.lua": "return 'part'",
    "lib/part.php": "<?php $x = 'part';",
}


def run(root: Path, script: Path) -> subprocess.CompletedProcess[str]:
    """Run `script` in `root`, with the variables that docker sets."""

    def enter() -> None:
        os.chroot(root)
        os.chdir("/")

    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp"}
    return subprocess.run(
        [script], env=environment, capture_output=True, text=True, timeout=60, check=False, preexec_fn=enter
    )


@pytest.mark.needs("root", "chroot")
@pytest.mark.parametrize("name", sorted(filter(shutil.which, SCRIPTS)))
def test_a_script_does_in_its_bundle_what_it_does_on_the_host(name: str, tmp_path: Path) -> None:
    interpreter = shutil.which(name)
    for path, text in PARTS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    text = re.sub(r"^        ", "", SCRIPTS[name], flags=re.MULTILINE).replace("@/", f"{tmp_path}/").strip()
    script = tmp_path / "script"
    executable(script, f"#!{interpreter}{OPTIONS.get(name, '')}\n{text}\n".encode())
    bundle = tmp_path / "bundle"
    done(str(script), str(bundle), cwd=tmp_path)
    for directory in ("dev", "tmp"):
        (bundle / directory).mkdir(exist_ok=True)
    (bundle / "dev/null").touch()
    on_host, in_bundle = run(Path("/"), script), run(bundle, script)
    assert (in_bundle.returncode, in_bundle.stdout) == (0, on_host.stdout), in_bundle.stderr
    assert on_host.stdout, on_host.stderr


@pytest.mark.skipif(not os.path.exists("/usr/bin/tclsh"), reason="there is no tclsh")
@pytest.mark.needs("root", "chroot")
def test_a_tcl_program_that_begins_as_a_shell_script_has_its_packages(tmp_path: Path) -> None:
    start = b'#!/bin/sh\n# the shell reads this \\\nexec tclsh "$0" ${1+"$@"}\n'
    executable(tmp_path / "script", start + b"package require msgcat\nputs [exec sort << b\\na]\n")
    done(str(tmp_path / "script"), "bundle", cwd=tmp_path)
    (tmp_path / "bundle/tmp").mkdir(exist_ok=True)
    ran = run(tmp_path / "bundle", tmp_path / "script")
    assert (ran.returncode, ran.stdout.split()) == (0, ["a", "b"]), ran.stderr
