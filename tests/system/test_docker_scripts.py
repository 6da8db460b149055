"""Scripts in images FROM scratch: each runs there as it is, without a traced run; one Dockerfile has all of them."""

import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from support.run_magicpak import executable, magicpak

pytestmark = pytest.mark.needs("docker")

FIVE = b"""#!/bin/sh
test "$(printf 'b\\nA\\na\\n' | tr A-Z a-z | sort | uniq -c | sort -k1,1nr | head -n 1 | tr -d ' ')" = 2a
"""
ENV = b"#!/usr/bin/env -S A=1 sh -eu\ntest $A$# = 11\n"
MODULE = b"#!/bin/bash\nparts=(`seq 1 3`)\ntest ${#parts[@]} = 3 && exec /usr/bin/python3 -m json.tool --help\n"

COMMANDS = {
    "/usr/bin/gem": ["--version"],
    "/usr/bin/ptar": ["-cf", "/tmp/made.tar", "/usr/bin/ptar"],
    "/usr/bin/ldd": ["--version"],
    "/bin/gunzip": ["--version"],
}
"""Scripts of packages that are on every Debian on which the tests run."""


def test_scripts_of_many_languages_run_in_images_from_scratch(tmp_path: Path) -> None:
    commands = {path: arguments for path, arguments in COMMANDS.items() if Path(path).exists()}
    for name, code in (("five", FIVE), ("env", ENV), ("module", MODULE)):
        executable(tmp_path / name, code)
        commands[f"{tmp_path}/{name}"] = ["x"]
    stages, copies = [], []
    for number, (path, arguments) in enumerate(commands.items()):
        assert magicpak(path, str(tmp_path / f"bundle{number}")).code == 0
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
