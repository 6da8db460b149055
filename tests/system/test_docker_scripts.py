"""Scripts in images FROM scratch: each runs there as it is, without a traced run; one Dockerfile has all of them."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from support.run_magicpak import compiled, executable, magicpak

pytestmark = pytest.mark.needs("docker")

FIVE = b"""#!/bin/sh
test "$(printf 'b\\nA\\na\\n' | tr A-Z a-z | sort | uniq -c | sort -k1,1nr | head -n 1 | tr -d ' ')" = 2a
"""
ENV = b"#!/usr/bin/env -S A=1 sh -eu\ntest $A$# = 11\n"
MODULE = b"#!/bin/bash\nparts=(`seq 1 3`)\ntest ${#parts[@]} = 3 && exec /usr/bin/python3 -m json.tool --help\n"
NUMPY = f"""#!{sys.prefix}/bin/python3
import numpy
matrix = numpy.arange(4.0).reshape(2, 2)
assert (matrix @ numpy.linalg.inv(matrix)).round(6).tolist() == [[1, 0], [0, 1]]
assert numpy.random.default_rng(1).integers(9) in range(9)
"""
FLASK = "import flask\napp = flask.Flask(__name__)\n"

COMMANDS = {
    "/usr/bin/gem": ["--version"],
    "/usr/bin/ptar": ["-cf", "/tmp/made.tar", "/usr/bin/ptar"],
    "/usr/bin/ldd": ["--version"],
    "/bin/gunzip": ["--version"],
    "/usr/bin/lsb_release": ["-a"],
    "/usr/bin/prename": ["-n", "s/a/b/", "/tmp/a"],
    "/usr/bin/2to3": ["--list-fixes"],
    f"{sys.prefix}/bin/pip": ["list"],
}
"""Scripts of packages: 2to3 is on Debian 12, the others on every Debian on which the tests run."""

MUSL_SHELL = r"""
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char line[256], *words[9];
    FILE *script = fopen(argv[argc - 1], "r");

    while (script && fgets(line, sizeof line, script)) {
        int count = 0, status = 1;
        for (char *word = strtok(line, " \n"); word && count < 8; word = strtok(NULL, " \n"))
            words[count++] = word;
        words[count] = NULL;
        if (!count || *line == '#')
            continue;
        if (!fork())
            execvp(*words, words), _exit(127);
        if (wait(&status) < 0 || status)
            return 1;
    }
    return !script;
}
"""
MUSL_PROGRAM = """
#include <string.h>

int main(int argc, char **argv) { return argc != 2 || strcmp(argv[1], "x"); }
"""


def test_scripts_of_many_languages_run_in_images_from_scratch(tmp_path: Path) -> None:
    commands = {path: arguments for path, arguments in COMMANDS.items() if Path(path).exists()}
    for name, code in (("five", FIVE), ("env", ENV), ("module", MODULE), ("numbers", NUMPY.encode())):
        executable(tmp_path / name, code)
        commands[f"{tmp_path}/{name}"] = ["x"]
    commands[musl_script(tmp_path)] = []
    (tmp_path / "served.py").write_text(FLASK)
    gunicorn = f"{sys.prefix}/bin/gunicorn"
    commands[gunicorn] = ["--check-config", "--chdir", str(tmp_path), "served:app"]
    stages, copies = [], []
    for number, (path, arguments) in enumerate(commands.items()):
        included = ["--include", str(tmp_path / "served.py")] if path == gunicorn else []
        assert magicpak(*included, path, str(tmp_path / f"bundle{number}")).code == 0
        command = ", ".join(f'"{word}"' for word in (path, *arguments))
        stages.append(f"FROM scratch AS stage{number}\nCOPY bundle{number} /\nRUN [{command}]")
        copies.append(f"COPY --from=stage{number} /tmp /{number}")
    (tmp_path / "Dockerfile").write_text("\n".join([*stages, "FROM scratch", *copies, ""]))
    image = f"magicpak-test-{uuid4().hex}"
    built = subprocess.run(
        ["docker", "build", "-q", "-t", image, "--network=none", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    subprocess.run(["docker", "image", "rm", "-f", image], capture_output=True, check=False)
    assert built.returncode == 0, built.stderr


def musl_script(directory: Path) -> str:
    """Return the path of a script whose shell, and the program that it executes, are linked against musl."""
    shell = compiled(directory / "bin/mksh", MUSL_SHELL, compiler="musl-gcc")
    program = compiled(directory / "bin/compares", MUSL_PROGRAM, compiler="musl-gcc")
    return str(executable(directory / "musl", f"#!{shell}\n{program} x\n".encode()))
