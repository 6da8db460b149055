"""What is read of scripts of Python, held against what interpreters do: sys.path, and the modules of a real run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from magicpak.scripts.needs import ScriptFile
from magicpak.scripts.python.home import find_python
from magicpak.scripts.python.language import Python
from magicpak.scripts.python.path import search_path
from magicpak.scripts.sources import Sources

DEBIAN = "/usr/bin/python3"
SCRIPTS = [
    f"/usr/bin/{name}" for name in ("py3compile", "py3clean", "pydoc3", "2to3-3.11", "meson", "hg", "aws", "pip")
]
"""The first three are there wherever Python is; of the others those are tried that are."""

LOADED = """
import atexit, os, runpy, sys
out, script, *arguments = sys.argv[1:]
def loaded():
    found = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    with open(out, "w") as file:
        file.write("\\n".join(path for path in found if path))
before = set(sys.modules)
atexit.register(loaded)
sys.argv = [script, *arguments]
sys.path[0] = os.path.dirname(os.path.realpath(script))
runpy.run_path(script, run_name="__main__")
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a virtual environment of Debian's Python, with pip in it."""
    if not os.path.exists(DEBIAN):
        pytest.skip(f"{DEBIAN} is not there")
    directory = tmp_path_factory.mktemp("environment") / "w"
    subprocess.run([DEBIAN, "-m", "venv", str(directory)], check=True, capture_output=True)
    return directory


def is_loaded_at_start(path: str, interpreter: str) -> bool:
    """Return whether `path` is loaded by any program: by a .pth file, which is none of the script's."""
    code = "import sys; print(*[getattr(m, '__file__', '') for m in list(sys.modules.values())], sep='\\n')"
    ran = subprocess.run([interpreter, "-c", code], check=True, capture_output=True, text=True)
    return path in ran.stdout.split("\n")


def missing(interpreter: str, script: str, *arguments: str, out: Path) -> list[str]:
    """Return the files of the modules that a run of `script` has loaded, and that are not in the answer for it."""
    command = [interpreter, "-c", LOADED, str(out), script, *arguments]
    subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL)
    loaded = out.read_text().split("\n")
    assert len(loaded) > 30
    sources, python = Sources(), Python()
    library = python.library(interpreter, sources)
    needs = python.script(ScriptFile(script, interpreter), sources, whole=False)
    assert sources.warnings() == []
    answered = {each.path for each in (*library.files, *needs.files)} | {script}
    return [path for path in sorted(loaded) if not covers(answered, path) and not is_loaded_at_start(path, interpreter)]


def covers(answered: set[str], path: str) -> bool:
    """Return whether `path`, or a directory above it, is in `answered`."""
    parts = os.path.normpath(path).split("/")
    return any("/".join(parts[:length]) in answered for length in range(2, len(parts) + 1))


@pytest.mark.parametrize("command", ["--version", "--help", "list", "debug", "config list", "check"])
def test_all_that_pip_loads_in_an_environment_is_in_the_answer(environment: Path, tmp_path: Path, command: str) -> None:
    pip, python = f"{environment}/bin/pip", f"{environment}/bin/python3"
    assert missing(python, pip, *command.split(), out=tmp_path / "loaded") == []


@pytest.mark.parametrize("script", [each for each in SCRIPTS if os.path.exists(each)])
def test_all_that_a_script_of_debian_loads_is_in_the_answer(tmp_path: Path, script: str) -> None:
    assert missing(DEBIAN, script, "--help", out=tmp_path / "loaded") == []


def path_of(interpreter: str, script: Path, *flags: str) -> list[str]:
    """Return the directories of sys.path in a run of `script`."""
    script.write_text("import sys\nprint(*sys.path, sep='\\n')")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ran = subprocess.run(
        [interpreter, *flags, str(script)], check=True, capture_output=True, text=True, env=environment
    )
    return [os.path.realpath(each) for each in ran.stdout.splitlines() if os.path.exists(each)]


@pytest.mark.parametrize("flags", [(), ("-I",), ("-E", "-s"), ("-S",), ("-Ps",)], ids=" ".join)
def test_the_search_path_is_that_of_the_interpreter(environment: Path, tmp_path: Path, flags: tuple[str, ...]) -> None:
    for interpreter in (DEBIAN, f"{environment}/bin/python3", sys.executable):
        sources = Sources()
        home = find_python(interpreter, sources)
        assert home is not None
        script = ScriptFile(str(tmp_path / "x.py"), interpreter, flags)
        found = [each.directory for each in search_path(script, home, sources).entries]
        expected = path_of(interpreter, tmp_path / "x.py", *flags)
        assert [os.path.realpath(each) for each in found if os.path.exists(each)] == expected


def test_the_library_is_enough_for_an_interpreter_that_has_no_other(tmp_path: Path) -> None:
    """All of it can be imported from a copy, but for what is left out."""
    if not os.path.exists(DEBIAN):
        pytest.skip(f"{DEBIAN} is not there")
    name = os.path.basename(os.path.realpath(DEBIAN))
    (tmp_path / "lib" / name / "lib-dynload").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / name).symlink_to(os.path.realpath(DEBIAN))
    for each in Python().library(DEBIAN, Sources()).files:
        place = tmp_path / each.path.removeprefix("/usr/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(each.path)
    code = (
        "import asyncio, ctypes, decimal, difflib, email.mime.text, encodings.idna, http.client, sqlite3, ssl, textwrap"
    )
    command = [DEBIAN, "-S", "-c", f"{code}, unittest, xml.dom.minidom, zoneinfo"]
    ran = subprocess.run(command, env={"PYTHONHOME": str(tmp_path)}, check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
