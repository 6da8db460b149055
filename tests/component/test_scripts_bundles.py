"""Scripts of several languages, which print in their bundles what they print on the host. No run of them is watched."""

import os
import subprocess
from pathlib import Path

import pytest

from support.run_magicpak import magicpak

pytestmark = pytest.mark.needs("root", "chroot")

OF_THE_SYSTEM = [
    ("/usr/bin/ldd", ("--version",)),
    ("/usr/bin/gunzip", ("--version",)),
    ("/usr/bin/lsb_release", ("-a",)),
    ("/usr/bin/2to3", ("--list-fixes",)),
    ("/usr/bin/ptar", ("-h",)),
    ("/usr/bin/prename", ("--version",)),
    ("/usr/bin/gem", ("--version",)),
    ("/usr/bin/pip", ("--version",)),
]
"""Those that are not here are left out: Debian's essential packages have the first two."""

PIPELINE = "#!/bin/sh\nprintf 'b\\na\\nb\\n' | sort | uniq -c | tr -s ' ' | cut -d ' ' -f 2,3\n"
SPLIT = "#!/usr/bin/env -S -u NOTHING GREETING=hello sh -u\necho $GREETING $0\n"


def prints_the_same(script: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Require that `script` prints in its bundle what it prints on the host."""
    bundle = tmp_path / "bundle"
    assert magicpak(script, bundle, cwd=tmp_path).code == 0
    on_host = printed([script, *arguments])
    assert printed(["chroot", str(bundle), script, *arguments]) == on_host
    assert on_host[1] or on_host[2]


def printed(command: list[str]) -> tuple[int, bytes, bytes]:
    """Return the exit code of `command`, and what it prints on its standard output and error."""
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"}
    ran = subprocess.run(command, capture_output=True, env=environment, cwd="/", check=False)
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize(("script", "arguments"), [each for each in OF_THE_SYSTEM if os.path.exists(each[0])])
def test_a_script_of_the_system(script: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    prints_the_same(script, arguments, tmp_path)


@pytest.mark.parametrize("text", [PIPELINE, SPLIT])
def test_a_script_that_is_written_here(text: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(text)
    script.chmod(0o755)
    prints_the_same(str(script), (), tmp_path)


@pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="there is no /usr/bin/python3")
def test_a_script_of_a_virtual_environment(tmp_path: Path) -> None:
    home = tmp_path / "venv"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", home], check=True)
    (site,) = home.glob("lib/python3*/site-packages")
    (site / "tool.py").write_text("import textwrap\nWORDS = textwrap.wrap('a b', 1)\n")
    script = home / "bin/tool"
    script.write_text(f"#!{home}/bin/python3\nimport sys, tool\nprint(tool.WORDS, tool.__file__, sys.prefix)\n")
    script.chmod(0o755)
    prints_the_same(str(script), (), tmp_path)


@pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="there is no /usr/bin/python3")
@pytest.mark.parametrize("whole", [True, False])
def test_code_that_is_included_is_read_for_the_interpreter_of_the_input(tmp_path: Path, *, whole: bool) -> None:
    home, application = tmp_path / "venv", tmp_path / "app"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", home], check=True)
    (site,) = home.glob("lib/python3*/site-packages")
    (site / "tool.py").write_text("WORDS = 'a b'\n")
    (site / "unused.py").write_text("")
    application.mkdir()
    (application / "served.py").write_text("import tool\nprint(tool.WORDS)\n")
    script = home / "bin/serve"
    run = f"import importlib, sys\nsys.path.append('{application}')\nimportlib.import_module(sys.argv[1])\n"
    script.write_text(f"#!{home}/bin/python3\n{run}")
    script.chmod(0o755)
    bundle = tmp_path / "bundle"
    assert magicpak("--include", application if whole else application / "served.py", script, bundle).code == 0
    assert printed(["chroot", str(bundle), str(script), "served"]) == (0, b"a b\n", b"")
    assert not (bundle / f"{site}/unused.py".lstrip("/")).exists()
