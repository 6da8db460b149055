"""What scripts of Python need, read from small trees: the library, sys.path, imports, programs and data."""

import re
import stat
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from magicpak.scripts.needs import ScriptFile, ScriptNeeds
from magicpak.scripts.python.code import read_code
from magicpak.scripts.python.companions import companions, shared_data
from magicpak.scripts.python.home import find_python
from magicpak.scripts.python.import_lines import imported_names
from magicpak.scripts.python.language import Python
from magicpak.scripts.python.path import search_path
from magicpak.scripts.python.values import UNKNOWN, known_path
from magicpak.scripts.sources import MAX_SOURCE, MAX_TOTAL, Sources

Tree = Callable[[Mapping[str, str]], None]

STANDARD = (
    "os.py",
    "json/__init__.py",
    "test/__init__.py",
    "ensurepip/__init__.py",
    "tkinter/__init__.py",
    "turtle.py",
)
ASIDE = ("config-3.12-x86_64-linux-gnu/libpython3.12.a", "idlelib/__init__.py", "venv/__init__.py")
MODULES = ("lib-dynload/_json.cpython-312-x86_64-linux-gnu.so", "lib-dynload/_tkinter.cpython-312-x86_64-linux-gnu.so")


@pytest.fixture(autouse=True)
def no_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library be in the test's directory alone."""
    monkeypatch.setattr("magicpak.scripts.python.library._LOCALES", ())


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return what makes files below the test's directory, and links for texts that begin with `->`."""

    def make(files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("->"):
                path.symlink_to(text[2:])
            else:
                path.write_text(text)
            if "/bin/" in name and not path.is_symlink():
                path.chmod(0o755)

    return make


class Existing(Sources):
    """Public files, or directories, at all paths."""

    def __init__(self, *, are_directories: bool) -> None:
        super().__init__()
        self._mode = stat.S_IFDIR | 0o755 if are_directories else stat.S_IFREG | 0o644

    def _status(self, path: str) -> tuple[int, int]:
        return self._statuses.setdefault(path, (self._mode, 0))


def installed(tree: Tree, prefix: str = "usr", lib: str = "lib", name: str = "python3.12") -> None:
    """Make an interpreter with its library below `prefix`."""
    tree({f"{prefix}/bin/{name}": "", f"{prefix}/bin/python3": f"->{name}"})
    tree({f"{prefix}/{lib}/{name}/{each}": "" for each in (*STANDARD, *ASIDE, *MODULES, "site-packages/README")})


def below(paths: object, root: Path) -> list[str]:
    return [str(path).removeprefix(f"{root}/") for path in paths]  # type: ignore[attr-defined]


def library(root: Path, interpreter: str) -> list[str]:
    return below([each.path for each in Python().library(f"{root}/{interpreter}", Sources()).files], root)


def needs(root: Path, *, whole: bool = False) -> ScriptNeeds:
    script = ScriptFile(f"{root}/app/run", f"{root}/usr/bin/python3")
    return Python().script(script, Sources(), whole=whole)


def files(root: Path) -> list[str]:
    return below([each.path for each in needs(root).files], root)


# --- the library


def test_the_locale_that_an_interpreter_starts_with_is_part_of_it(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tree)
    monkeypatch.setattr("magicpak.scripts.python.library._LOCALES", (f"{tmp_path}/C.utf8", f"{tmp_path}/C.UTF-8"))
    tree({"C.utf8/LC_CTYPE": ""})
    assert library(tmp_path, "usr/bin/python3")[-1] == "C.utf8"


@pytest.mark.parametrize(
    ("prefix", "lib"),
    [("usr", "lib"), ("usr/local", "lib"), ("usr", "lib64"), ("home/me/.pyenv/versions/3.12.1", "lib")],
)
def test_the_library_is_found_from_where_the_interpreter_is(tree: Tree, tmp_path: Path, prefix: str, lib: str) -> None:
    installed(tree, prefix, lib)
    names = ["json", "os.py", "venv", "lib-dynload/_json.cpython-312-x86_64-linux-gnu.so"]
    assert library(tmp_path, f"{prefix}/bin/python3") == [f"{prefix}/{lib}/python3.12/{each}" for each in names]


def test_tests_and_what_is_compiled_for_other_options_are_left_out(tree: Tree, tmp_path: Path) -> None:
    lib = "usr/lib/python3.12"
    caches = [f"__pycache__/x.cpython-312{each}.pyc" for each in ("", ".opt-1", ".opt-2")]
    tree(
        {"usr/bin/python3.12": "", **{f"{lib}/{each}": "" for each in ("os.py", *caches, "a/b/x.py", "a/__init__.py")}}
    )
    tree({f"{lib}/ctypes/{each}": "" for each in ("__init__.py", "test/x.py", *caches, "macholib/x.py")})
    parts = [caches[0], "a", "ctypes/__init__.py", f"ctypes/{caches[0]}", "ctypes/macholib", "os.py"]
    assert library(tmp_path, "usr/bin/python3.12") == [f"{lib}/{each}" for each in parts]


def test_each_part_of_the_library_is_there_because_of_the_interpreter(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    found = Python().library(f"{tmp_path}/usr/bin/python3", Sources())
    assert {str(each.because) for each in found.files} == {f"the standard library of {tmp_path}/usr/bin/python3"}


def test_the_library_is_that_of_the_version_in_the_name_and_not_the_newest(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    installed(tree, "usr/x", name="python3.9")
    tree({"usr/lib/python3.13/os.py": "", "usr/lib/python3.9/os.py": "", "usr/bin/python3.9": ""})
    assert library(tmp_path, "usr/bin/python3.9") == ["usr/lib/python3.9/os.py"]


def test_a_name_without_a_version_stands_for_the_newest_at_hand(tree: Tree, tmp_path: Path) -> None:
    tree({f"usr/lib/python3.{each}/os.py": "" for each in (9, 13, 7)})
    tree({"usr/bin/python3": "", "usr/lib/python2.7/os.py": ""})
    assert library(tmp_path, "usr/bin/python3") == ["usr/lib/python3.13/os.py"]


def test_a_virtual_environment_has_the_library_of_its_home(tree: Tree, tmp_path: Path) -> None:
    installed(tree, "usr/local")
    cfg = f"home = {tmp_path}/usr/local/bin\nversion = 3.12.1\n"
    tree({"w/.venv/pyvenv.cfg": cfg, "w/.venv/bin/python3": "->../../../usr/local/bin/python3.12"})
    found = library(tmp_path, "w/.venv/bin/python3")
    assert found[0] == "usr/local/lib/python3.12/json"
    assert found[-1] == "w/.venv/pyvenv.cfg"


def test_a_copied_interpreter_has_the_version_that_pyvenv_cfg_says(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"usr/lib/python3.14/os.py": "", "w/bin/python": ""})
    tree({"w/pyvenv.cfg": f"home = {tmp_path}/usr/bin\nversion = 3.12.1\n"})
    assert library(tmp_path, "w/bin/python")[0] == "usr/lib/python3.12/json"


def test_pypy_has_a_library_of_its_own(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree(
        {"usr/bin/pypy3.10": "", "usr/bin/pypy3": "->pypy3.10", "usr/lib/pypy3.10/os.py": "", "app/run": "import x, y"}
    )
    site = "usr/lib/pypy3.10/site-packages"
    tree({f"{site}/x.pypy310-pp73-x86_64-linux-gnu.so": "", f"{site}/y.cpython-310-x86_64-linux-gnu.so": ""})
    assert library(tmp_path, "usr/bin/pypy3") == ["usr/lib/pypy3.10/os.py"]
    script = ScriptFile(f"{tmp_path}/app/run", f"{tmp_path}/usr/bin/pypy3")
    found = Python().script(script, Sources(), whole=False).files
    assert below([each.path for each in found], tmp_path) == [f"{site}/x.pypy310-pp73-x86_64-linux-gnu.so"]


def test_a_zip_file_may_take_the_place_of_the_library(tree: Tree, tmp_path: Path) -> None:
    tree({"usr/bin/python3.12": "", "usr/lib/python312.zip": "PK"})
    assert library(tmp_path, "usr/bin/python3.12") == ["usr/lib/python312.zip"]


def test_what_is_no_python_has_no_library_which_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("magicpak.scripts.python.home._BUILT_IN_PREFIXES", ())
    found = Python().library(f"{tmp_path}/python9.9", Sources())
    assert found == ScriptNeeds(warnings=[f"{tmp_path}/python9.9: the standard library of Python is not found"])
    assert Python().script(ScriptFile("/x", f"{tmp_path}/python9.9"), Sources(), whole=False) == ScriptNeeds()


# --- sys.path


def entries(root: Path, *arguments: str, interpreter: str = "usr/bin/python3", **environment: str) -> list[str]:
    sources = Sources()
    home = find_python(f"{root}/{interpreter}", sources)
    assert home is not None
    script = ScriptFile(f"{root}/app/run", f"{root}/{interpreter}", arguments, environment)
    return below([each.directory for each in search_path(script, home, sources).entries], root)


LIBRARY = ["usr/lib/python312.zip", "usr/lib/python3.12", "usr/lib/python3.12/lib-dynload"]
SITE = "usr/lib/python3.12/site-packages"


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the site directory of a user who has one."""
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    directory = "me/.local/lib/python3.12/site-packages"
    (tmp_path / directory).mkdir(parents=True)
    return directory


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["app", "extra", *LIBRARY, "USER", SITE]),
        (("-u",), ["app", "extra", *LIBRARY, "USER", SITE]),
        (("-E",), ["app", *LIBRARY, "USER", SITE]),
        (("-s",), ["app", "extra", *LIBRARY, SITE]),
        (("-P",), ["extra", *LIBRARY, "USER", SITE]),
        (("-I",), [*LIBRARY, SITE]),
        (("-Es",), ["app", *LIBRARY, SITE]),
        (("-S",), ["app", "extra", *LIBRARY]),
        (("-W", "ISE", "-XSI"), ["app", "extra", *LIBRARY, "USER", SITE]),
    ],
)
def test_the_search_path_heeds_options(
    tree: Tree, tmp_path: Path, user: str, arguments: tuple[str, ...], expected: list[str]
) -> None:
    installed(tree)
    found = entries(tmp_path, *arguments, PYTHONPATH=f"{tmp_path}/extra:relative:")
    assert found == [user if each == "USER" else each for each in expected]


def test_a_script_that_is_a_link_has_the_directory_of_what_it_leads_to(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"usr/share/tool/run.py": "", "app/run": "->../usr/share/tool/run.py"})
    assert entries(tmp_path)[0] == "usr/share/tool"


def test_debian_has_dist_packages_and_shares_them_among_versions(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"usr/lib/python3.12/site.py": 'path = "dist-packages"', "usr/lib/python3/dist-packages/x.py": ""})
    tree({"usr/local/lib/python3.12/dist-packages/x.py": ""})
    assert entries(tmp_path)[4:] == ["usr/local/lib/python3.12/dist-packages", "usr/lib/python3/dist-packages"]


def test_fedora_has_packages_in_lib_and_in_lib64(tree: Tree, tmp_path: Path) -> None:
    installed(tree, lib="lib64")
    tree({"usr/lib/python3.12/site-packages/x.py": ""})
    assert entries(tmp_path)[4:] == ["usr/lib/python3.12/site-packages", "usr/lib64/python3.12/site-packages"]


@pytest.mark.parametrize(("setting", "sites"), [("false", ["w"]), ("true", ["w", SITE])])
def test_a_virtual_environment_may_see_the_packages_of_its_home(
    tree: Tree, tmp_path: Path, setting: str, sites: list[str]
) -> None:
    installed(tree)
    cfg = f"home = {tmp_path}/usr/bin\ninclude-system-site-packages = {setting}\n"
    tree({"w/pyvenv.cfg": cfg, "w/bin/python3": "->../../usr/bin/python3.12"})
    tree({"w/lib/python3.12/site-packages/x.py": "", "w/lib64": "->lib"})
    found = entries(tmp_path, interpreter="w/bin/python3")
    assert found[4:] == ["w/lib/python3.12/site-packages" if each == "w" else each for each in sites]


def test_a_pth_file_adds_directories_and_is_needed_where_one_has_what_is_imported(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    lines = f"# text\n\n../../../../src\n{tmp_path}/missing\nimport os; os.getcwd()\n"
    tree({f"{SITE}/dev.pth": lines, f"{SITE}/.hidden.pth": f"{tmp_path}/app\n", "src/tool/__init__.py": ""})
    tree({"app/run": "import tool"})
    assert entries(tmp_path)[4:] == [SITE, "src"]
    assert files(tmp_path) == ["src/tool", f"{SITE}/dev.pth"]


def test_the_finder_of_an_editable_install_says_where_its_modules_are(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    finder = f"MAPPING: dict[str, str] = {{'tool': '{tmp_path}/src/tool'}}\n"
    tree({f"{SITE}/__editable__.pth": "import __editable___tool_finder; __editable___tool_finder.install()"})
    tree({f"{SITE}/__editable___tool_finder.py": finder, "src/tool/__init__.py": "", "app/run": "import tool.x"})
    added = [f"{SITE}/__editable__.pth", f"{SITE}/__editable___tool_finder.py"]
    assert files(tmp_path) == ["src/tool", *added]


def test_a_pth_file_beside_the_interpreter_is_the_whole_search_path(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"usr/bin/python3.12._pth": "../lib/python3.12\n# no\nimport site\n."})
    assert entries(tmp_path) == ["usr/lib/python3.12", "usr/bin"]
    assert library(tmp_path, "usr/bin/python3")[-1] == "usr/bin/python3.12._pth"


# --- import statements


def test_a_package_that_is_imported_comes_whole_and_what_it_imports_too(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "import json, one.two\nfrom missing import x\n", f"{SITE}/one/__init__.py": ""})
    tree({f"{SITE}/one/two.py": "from .three import x", f"{SITE}/one/three.py": "def f():\n  import other\n"})
    tree({f"{SITE}/other.py": "", f"{SITE}/__pycache__/other.cpython-312.pyc": "", f"{SITE}/unused.py": ""})
    found = needs(tmp_path)
    assert below([f"{each.path} {each.because}" for each in found.files], tmp_path) == [
        f"{SITE}/one imported by {tmp_path}/app/run",
        f"{SITE}/other.py imported by {tmp_path}/{SITE}/one/three.py",
        f"{SITE}/__pycache__/other.cpython-312.pyc imported by {tmp_path}/{SITE}/one/three.py",
    ]
    assert (found.warnings, found.hints, found.programs) == ((), [], [])


@pytest.mark.parametrize(
    ("code", "is_imported"),
    [
        ("import tool", True),
        ("import tool as t, sys", True),
        ("x = 1; import sys, tool.part", True),
        ("from tool import (\n  a,\n  b as c)", True),
        ("try:\n    import tool\nexcept ImportError: pass", True),
        ("def f():\n\timport tool", True),
        ("import importlib\nimportlib.import_module('tool.part')", True),
        ("__import__('tool')", True),
        ("import runpy\nrunpy.run_module('tool')", True),
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'tool'])", True),
        ("'''\nimport tool\n'''", False),
        ("x = '''\nimport tool\n'''", False),
        ("x = 1  # import tool", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import tool", False),
        ("import typing as t\nif t.TYPE_CHECKING:\n    import tool\nelse:\n    x = 1", False),
        ("from . import tool", False),
        ("import tools", False),
    ],
)
def test_what_is_an_import_and_what_only_looks_like_one(
    tree: Tree, tmp_path: Path, code: str, *, is_imported: bool
) -> None:
    """In the script, and in a package, whose modules are parsed only where that may matter."""
    installed(tree)
    tree({"app/run": code, f"{SITE}/tool/__init__.py": ""})
    assert files(tmp_path) == ([f"{SITE}/tool"] if is_imported else [])
    tree({"app/run": "import user", f"{SITE}/user/__init__.py": code})
    assert files(tmp_path) == [f"{SITE}/user", *([f"{SITE}/tool"] if is_imported else [])]


def test_modules_beside_the_script_are_found_first_and_read(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "import mine", "app/mine.py": "import tool", f"{SITE}/mine.py": "", f"{SITE}/tool.py": ""})
    assert files(tmp_path) == ["app/mine.py", f"{SITE}/tool.py"]


@pytest.mark.parametrize(
    "code",
    [
        "import sys, os\nsys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'own'))",
        "import sys, pathlib as p\nHERE = p.Path(__file__).resolve().parents[1]\nsys.path.append(str(HERE / 'own'))",
        "import sys\nsys.path[0:0] = ['ROOT/own']",
        "import sys\nsys.path += ['ROOT/own']",
        "import site\nD = 'ROOT/'\nsite.addsitedir(f'{D}own')",
    ],
)
def test_directories_that_the_script_adds_to_the_search_path_count(tree: Tree, tmp_path: Path, code: str) -> None:
    installed(tree)
    tree({"app/run": code.replace("ROOT", str(tmp_path)) + "\nimport mine", "own/mine.py": ""})
    assert "own/mine.py" in files(tmp_path) or "own" in files(tmp_path)


def test_a_namespace_brings_the_package_in_it_and_no_other(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "from space import one\nimport old.two", f"{SITE}/space/one/__init__.py": ""})
    tree({f"{SITE}/space/other/__init__.py": "", f"{SITE}/old/two.py": "", f"{SITE}/old/three.py": ""})
    tree({f"{SITE}/old/__init__.py": "__path__ = __import__('pkgutil').extend_path(__path__, __name__)"})
    assert files(tmp_path) == [f"{SITE}/old/two.py", f"{SITE}/old/__init__.py", f"{SITE}/space/one"]


@pytest.mark.parametrize(
    ("name", "is_found"),
    [
        ("fast.cpython-312-x86_64-linux-gnu.so", True),
        ("fast.abi3.so", True),
        ("fast.so", True),
        ("fast.cpython-311-x86_64-linux-gnu.so", False),
        ("fast.pypy310-pp73-x86_64-linux-gnu.so", False),
        ("fast.txt", False),
    ],
)
def test_c_modules_are_those_of_the_version(tree: Tree, tmp_path: Path, name: str, *, is_found: bool) -> None:
    installed(tree)
    tree({"app/run": "import fast", f"{SITE}/{name}": ""})
    assert files(tmp_path) == ([f"{SITE}/{name}"] if is_found else [])


def test_a_c_module_of_the_top_level_that_another_names_comes_in(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "import tool, a", f"{SITE}/tool/__init__.py": "", f"{SITE}/tool/_x.abi3.so": "\0_backend\0_no\0"})
    tree({f"{SITE}/_backend.abi3.so": "", f"{SITE}/_other.abi3.so": "", f"{SITE}/_no.py": "", f"{SITE}/a.py": ""})
    assert sorted(files(tmp_path)) == [f"{SITE}/_backend.abi3.so", f"{SITE}/a.py", f"{SITE}/tool"]


def test_what_c_modules_of_the_script_itself_name_comes_in(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "import run", f"{SITE}/run/__init__.py": "", f"{SITE}/run/fast.abi3.so": "\0numbers2\0nothing\0"})
    tree({f"{SITE}/numbers2/__init__.py": "", f"{SITE}/other/__init__.py": ""})
    assert sorted(files(tmp_path)) == [f"{SITE}/numbers2", f"{SITE}/run"]


def test_a_c_module_of_a_namespace_names_others_of_it_in_full(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "import a, q.core", f"{SITE}/a.py": ""})
    tree({f"{SITE}/q/core.abi3.so": "\0q.sip\0", f"{SITE}/q/sip.abi3.so": "", f"{SITE}/q/other.abi3.so": ""})
    assert sorted(files(tmp_path)) == [f"{SITE}/a.py", f"{SITE}/q/core.abi3.so", f"{SITE}/q/sip.abi3.so"]


@pytest.mark.parametrize(
    "code",
    [
        "import ctypes\nfor v in 1, 2:\n    ctypes.cdll.LoadLibrary(f'libkey.so.{v}')",
        "import ctypes\nnames = ['libkey.so.1']\nctypes.CDLL(names[0])",
        "import ctypes.util\nlocate_library(('key', 'libkey'), ctypes.util.find_library)",
    ],
)
def test_libraries_whose_names_are_constants_somewhere_come_in(code: str, tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": code, "usr/lib/libkey.so.1": ""})
    assert "usr/lib/libkey.so.1" in files(tmp_path)


def test_code_that_another_script_gives_is_read_in_place_of_a_file(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "import no", f"{SITE}/tool/__main__.py": "import b", f"{SITE}/b.py": "", f"{SITE}/no.py": ""})
    script = ScriptFile(f"{tmp_path}/app/run", f"{tmp_path}/usr/bin/python3", code="__import__('tool.__main__')")
    found = Python().script(script, Sources(), whole=False).files
    assert f"{SITE}/b.py" in [each.path.removeprefix(f"{tmp_path}/") for each in found]
    assert f"{SITE}/no.py" not in [each.path.removeprefix(f"{tmp_path}/") for each in found]


def test_what_a_module_can_do_without_counts_only_if_the_packages_of_the_system_need_it(
    tree: Tree, tmp_path: Path
) -> None:
    installed(tree)
    tree({"app/run": "import run, lib", f"{SITE}/run.py": "try:\n    import mine\nexcept ImportError: pass"})
    tree({f"{SITE}/lib.py": "import always\ntry:\n    import some, other\nexcept ImportError: pass"})
    tree({f"{SITE}/{name}.py": "" for name in ("mine", "always", "some", "other")})
    sources = Sources()
    sources.expect([], [], [f"{tmp_path}/{SITE}/some.py"])
    script = ScriptFile(f"{tmp_path}/app/run", f"{tmp_path}/usr/bin/python3")
    found = [Path(each.path).stem for each in Python().script(script, sources, whole=False).files]
    assert sorted(found) == ["always", "lib", "mine", "run", "some"]


def test_a_distribution_brings_what_it_requires_and_not_what_it_can_do_without(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    required = (
        "Name: Tool\nRequires-Dist: Needed.Name (>=1)\nRequires-Dist: extra ; extra == 'all'\n\nRequires-Dist: no"
    )
    tree({"app/run": "import tool, b", f"{SITE}/tool/__init__.py": "def f():\n  import lazy\n", f"{SITE}/lazy.py": ""})
    tree({f"{SITE}/b.abi3.so": ""})
    tree({f"{SITE}/Tool-1.dist-info/METADATA": required, f"{SITE}/Tool-1.dist-info/RECORD": "tool/__init__.py,,\n"})
    tree(
        {
            f"{SITE}/tool/plugin.py": "import optional",
            f"{SITE}/optional.py": "",
            f"{SITE}/extra.py": "",
            f"{SITE}/no.py": "",
        }
    )
    tree({f"{SITE}/needed_name-1.egg-info/top_level.txt": "other\n", f"{SITE}/other.py": ""})
    assert files(tmp_path) == [
        *(f"{SITE}/b.abi3.so", f"{SITE}/tool", f"{SITE}/Tool-1.dist-info"),
        *(f"{SITE}/other.py", f"{SITE}/needed_name-1.egg-info"),
    ]


def test_all_modules_of_the_scripts_own_package_are_read_but_for_tests_and_copies(tree: Tree, tmp_path: Path) -> None:
    """It may choose among them by a name that is made up in a run."""
    installed(tree)
    tree({"app/run": "import tool.main", f"{SITE}/tool/__init__.py": "", f"{SITE}/tool/main.py": ""})
    tree({f"{SITE}/tool/commands/a.py": "import one", f"{SITE}/tool/tests/a.py": "import two"})
    tree({f"{SITE}/tool/_vendor/a.py": "import three", f"{SITE}/tool/conftest.py": "import four"})
    tree({f"{SITE}/{each}.py": "" for each in ("one", "two", "three", "four")})
    tree(
        {f"{SITE}/tool-1.dist-info/top_level.txt": "tool\n", f"{SITE}/tool-1.dist-info/METADATA": "Requires-Dist: five"}
    )
    tree({f"{SITE}/five.py": ""})
    assert files(tmp_path) == [f"{SITE}/tool", f"{SITE}/tool-1.dist-info", f"{SITE}/five.py", f"{SITE}/one.py"]


def test_what_a_module_only_tries_to_import_counts_if_an_import_leads_to_the_module(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    attempt = "try:\n  import {}\nexcept ImportError: pass"
    tree({"app/run": "import tool.main", f"{SITE}/tool/__init__.py": "", f"{SITE}/tool/main.py": attempt.format("one")})
    tree({f"{SITE}/tool/other.py": attempt.format("two"), f"{SITE}/one.py": "", f"{SITE}/two.py": ""})
    assert files(tmp_path) == [f"{SITE}/tool", f"{SITE}/one.py"]


def test_what_is_of_another_distribution_is_not_that_of_one_that_lists_it(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "import tool, b", f"{SITE}/b.abi3.so": "", f"{SITE}/tool.py": ""})
    tree({f"{SITE}/tool-1.egg-info/requires.txt": "keys\n", f"{SITE}/keys-1.egg-info/top_level.txt": "debian\nkeys\n"})
    tree({f"{SITE}/python_debian-1.egg-info/top_level.txt": "debian\n", f"{SITE}/debian.py": "", f"{SITE}/keys.py": ""})
    assert f"{SITE}/keys.py" in files(tmp_path)
    assert f"{SITE}/debian.py" not in files(tmp_path)


def test_a_script_that_names_its_distribution_starts_at_its_entry_points(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "import sys\nsys.exit(load_entry_point('My-Tool==1', 'console_scripts', 'run')())"})
    tree({f"{SITE}/my_tool-1.egg-info/entry_points.txt": "[console_scripts]\nrun = mine.main:start\n"})
    tree({f"{SITE}/my_tool-1.egg-info/top_level.txt": "mine\n", f"{SITE}/mine/__init__.py": ""})
    tree({f"{SITE}/mine/main.py": "import other", f"{SITE}/other.py": ""})
    assert sorted(files(tmp_path)) == [f"{SITE}/mine", f"{SITE}/my_tool-1.egg-info", f"{SITE}/other.py"]


def typelib(dependencies: str, libraries: str) -> bytes:
    """Return a typelib with nothing but a header."""
    texts = f"\0{dependencies}\0{libraries}\0".encode()
    header = bytearray(b"GOBJ\nMETADATA\r\n\x1a".ljust(100, b"\0"))
    struct.pack_into("=I", header, 36, 101 if dependencies else 0)
    struct.pack_into("=I", header, 52, 102 + len(dependencies))
    return bytes(header) + texts


@pytest.mark.parametrize(
    ("code", "version"),
    [
        ("from gi.repository import Mine", "4.10"),
        ("import gi\ngi.require_version('Mine', '3.0')\nfrom gi.repository import Mine", "3.0"),
        ("import gi\ngi.require_versions({'Mine': '4.9', 'X': '1'})\nfrom gi.repository import Mine", "4.9"),
    ],
)
def test_typelibs_bring_what_they_depend_on_and_their_libraries(
    tree: Tree, tmp_path: Path, code: str, version: str
) -> None:
    installed(tree)
    lib = "usr/lib/riscv64-linux-gnu"
    tree({"app/run": code, f"{SITE}/gi/__init__.py": "", f"{lib}/libmine.so.1": "", f"{lib}/libyours.so.1": ""})
    tree(
        {f"{lib}/girepository-1.0/{each}": "" for each in ("Mine-4.9.typelib", "Mine-3.0.typelib", "None-1.0.typelib")}
    )
    (tmp_path / lib / f"girepository-1.0/Mine-{version}.typelib").write_bytes(
        typelib("Yours-3.0|No-1", "libmine.so.1,no.so")
    )
    (tmp_path / lib / "girepository-1.0/Yours-3.0.typelib").write_bytes(typelib(f"Mine-{version}", "libyours.so.1"))
    assert [each for each in files(tmp_path) if each.startswith("usr/lib/risc")] == [
        *(f"{lib}/girepository-1.0/Mine-{version}.typelib", f"{lib}/libmine.so.1"),
        *(f"{lib}/girepository-1.0/Yours-3.0.typelib", f"{lib}/libyours.so.1"),
    ]


@pytest.mark.parametrize("data", [b"", b"GOBJ\nMETADATA\r\n\x1a", typelib("x" * 10, "")[:-12], b"\xff" * 200])
def test_a_damaged_typelib_names_nothing(tree: Tree, tmp_path: Path, data: bytes) -> None:
    installed(tree)
    tree({"app/run": "from gi.repository import Mine", "usr/lib/girepository-1.0/Mine-3.0.typelib": ""})
    (tmp_path / "usr/lib/girepository-1.0/Mine-3.0.typelib").write_bytes(data)
    assert files(tmp_path)[:1] == ["usr/lib/girepository-1.0/Mine-3.0.typelib"]


def test_parts_of_the_library_that_few_need_come_in_where_they_are_imported(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("magicpak.scripts.python.library._TCL", (f"{tmp_path}/usr/share/tcltk",))
    tree({"usr/share/tcltk/tcl8.6/init.tcl": "", "usr/lib/tk8.6/tk.tcl": ""})
    installed(tree)
    tree({"app/run": "import turtle, venv, test.support, json"})
    lib = "usr/lib/python3.12"
    assert sorted(files(tmp_path)) == [
        *(f"{lib}/ensurepip", f"{lib}/lib-dynload/_tkinter.cpython-312-x86_64-linux-gnu.so"),
        *(f"{lib}/test", f"{lib}/tkinter", f"{lib}/turtle.py", "usr/lib/tk8.6", "usr/share/tcltk"),
    ]


def test_with_whole_all_that_is_installed_comes_in(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "", f"{SITE}/two.py": "import sub.tkinter, tkinter", f"{SITE}/x.pth": "../../../../src"})
    tree({"src/one/__init__.py": "", "other/three.py": ""})
    lib = "usr/lib/python3.12"
    found = below([f"{each.path} {each.because}" for each in needs(tmp_path, whole=True).files], tmp_path)
    reason = f"the packages of {tmp_path}/usr/bin/python3"
    assert found == [
        f"{SITE} {reason}",
        f"src {reason}",
        f"{lib}/tkinter imported by {tmp_path}/{SITE}/two.py",
        *found[3:],
    ]


@pytest.mark.parametrize("code", ["import pwd, os\npwd.getpwuid(os.getuid())", "from getpass import getuser"])
def test_who_looks_up_users_needs_some(code: str, tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": code})
    assert needs(tmp_path).names == {"users": f"{tmp_path}/app/run"}


def test_a_zip_application_holds_its_modules(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "#!/usr/bin/python3\nPK\3\4 import tool", f"{SITE}/tool.py": ""})
    assert needs(tmp_path) == ScriptNeeds()


def test_what_a_package_loads_without_naming_its_path_comes_in(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "import cryptography, ctypes\nload_library('libx.so.1')\nctypes.CDLL('libno.so')"})
    tree({f"{SITE}/cryptography/__init__.py": "from ctypes import cdll\ncdll.LoadLibrary('liby.so.2')"})
    lib = "usr/lib/riscv64-linux-gnu"
    tree({f"{lib}/{each}": "" for each in ("ossl-modules/legacy.so", "libx.so.1", "liby.so.2", "libother.so")})
    loaded = [f"{lib}/libx.so.1", f"{SITE}/cryptography", f"{lib}/ossl-modules/legacy.so", f"{lib}/liby.so.2"]
    assert files(tmp_path) == loaded


def test_setuptools_stands_in_for_distutils_where_the_library_has_none(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "from distutils.core import setup", f"{SITE}/distutils-precedence.pth": "import os; hack()"})
    tree({f"{SITE}/_distutils_hack/__init__.py": "", f"{SITE}/setuptools/__init__.py": ""})
    names = ("_distutils_hack", "distutils-precedence.pth", "setuptools")
    assert files(tmp_path) == [f"{SITE}/{each}" for each in names]
    tree({"usr/lib/python3.12/distutils/__init__.py": ""})
    assert files(tmp_path) == []


@pytest.mark.parametrize("function", ["util.find_library", "load_ctypes_library"])
@pytest.mark.parametrize("has_cache", [True, False])
def test_a_library_that_find_library_finds_comes_in_with_what_finds_it(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, *, has_cache: bool
) -> None:
    installed(tree)
    monkeypatch.setattr(
        "magicpak.scripts.python.companions._CACHE", f"{tmp_path}/{'ld.so.cache' if has_cache else 'no'}"
    )
    monkeypatch.setattr("magicpak.scripts.python.companions._LDCONFIG", f"{tmp_path}/sbin/bin/ldconfig")
    tree({"ld.so.cache": "", "sbin/bin/ldconfig": "", "app/run": f"from ctypes import util\n{function}('x')"})
    tree({f"usr/lib/riscv64-linux-gnu/{each}": "" for each in ("libx.so", "libx.so.1", "libx.so.1.2", "libxy.so.1")})
    found = needs(tmp_path)
    library = "usr/lib/riscv64-linux-gnu/libx.so.1"
    assert below([each.path for each in found.files], tmp_path) == [library, *(["ld.so.cache"] if has_cache else [])]
    programs = ["sbin/bin/ldconfig"] if has_cache else []
    assert below([each.path for each in found.programs], tmp_path) == programs


def test_a_package_has_data_in_the_directory_that_has_its_name() -> None:
    code = b"A = '/usr/share/docutils/stylesheets'; B = '/usr/share/other'; C = '/usr/share/doc'"
    assert shared_data(code, "docutils.x", Existing(are_directories=False)) == ["/usr/share/docutils/stylesheets"]
    data = shared_data(b"'/usr/share/my-tool/x'", "my_tool", Existing(are_directories=False))
    assert data == ["/usr/share/my-tool/x"]


@pytest.mark.parametrize(("own", "count"), [("zoneinfo", 0), ("other", 1)])
def test_a_companion_is_not_needed_where_the_package_has_its_own(tmp_path: Path, own: str, count: int) -> None:
    (tmp_path / own).mkdir()
    assert companions("pytz", str(tmp_path), [], Existing(are_directories=True)) == (
        ["/usr/share/zoneinfo"] * count,
        [],
    )


# --- programs


def executed(code: str) -> list[str]:
    found = read_code(code.encode(), "/app/run").executions
    return [each.program if each.is_certain else f"{each.program}?" for each in found if not each.is_module]


@pytest.mark.parametrize(
    ("code", "programs"),
    [
        ("import subprocess\nsubprocess.run(['git', 'log'])", ["git"]),
        ("import subprocess as sp\nsp.check_output(('git', x))", ["git"]),
        ("from subprocess import Popen as P\nP('git')", ["git"]),
        ("import subprocess\nsubprocess.call(args=['git'])", ["git"]),
        ("import subprocess\nGIT = 'git'\ncmd = [GIT, 'log']\nsubprocess.run(cmd + more)", ["git"]),
        ("import subprocess\nsubprocess.run('git log'.split())", ["git"]),
        ("import subprocess, shlex\nsubprocess.run(shlex.split(f'git {x}'))", ["git"]),
        ("import subprocess\nsubprocess.run(['git' if x else 'hg', 'log'])", ["git", "hg"]),
        ("import subprocess\nsubprocess.run(['sudo', '-n', 'A=1', 'git'])", ["sudo", "git"]),
        ("import subprocess\nsubprocess.run(['sh', '-c', 'git log | less'])", ["sh", "git", "less"]),
        ("import subprocess\nsubprocess.run('git log | (sort; cd x) && A=1 wc $(tac y)', shell=True)",
         ["/bin/sh", "git", "sort", "wc", "tac"]),
        ("import subprocess\nsubprocess.run('%s log; git %s; %(x)sgit' % (a, b), shell=True)", ["/bin/sh", "git"]),
        ("import subprocess\nsubprocess.getoutput('echo \"a | rm\"; git')", ["/bin/sh", "git"]),
        ("import os\nos.system('if git status 2>&1; then ls; fi')", ["/bin/sh", "git", "ls"]),
        ("import os\nos.popen('git {}'.format(x))", ["/bin/sh", "git"]),
        ("import os\nos.execvp('git', ['git'])\nos.spawnlp(os.P_WAIT, 'hg', 'hg')", ["git", "hg"]),
        ("import asyncio\nasyncio.create_subprocess_exec('git', 'log')", ["git"]),
        ("import shutil\nshutil.which('git')", ["git?"]),
        ("import shutil, os\nGIT = shutil.which('git') or exit()\nos.execv(GIT, [])", ["git?", "git"]),
        ("import subprocess\ndef run(cmd, **kw):\n    return subprocess.run(cmd, **kw)\nrun(['git', 'log'])", ["git"]),
        ("import os\nclass A:\n  def sh(self, what): os.system(what)\n  def go(self): self.sh('git log')", ["git"]),
        ("import subprocess\nsubprocess.run([x, 'git'])\nsubprocess.run(y)\nrun(['hg'])", []),
        ("x = \"subprocess.run(['git'])\"", []),
    ],
)  # fmt: skip
def test_programs_that_are_named_by_constants_where_they_are_executed(code: str, programs: list[str]) -> None:
    assert [each for each in executed(code) if each != "/bin/sh" or "/bin/sh" in programs] == programs


def test_programs_are_looked_up_on_the_host(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tree)
    monkeypatch.setenv("PATH", f"{tmp_path}/tools/bin")
    tree({"tools/bin/git": "", "tools/bin/hg": "", "app/mine.py": "import subprocess\nsubprocess.run(['git'])"})
    code = "import mine, shutil, subprocess\nshutil.which('hg')\nsubprocess.run(['missing'])\nsubprocess.run(['./x'])"
    tree({"app/run": code})
    found = needs(tmp_path)
    programs = [f"{each.path} {each.because}" for each in found.programs]
    assert programs == [f"{tmp_path}/tools/bin/git executed by {tmp_path}/app/mine.py"]
    assert found.hints == [f"--include {tmp_path}/tools/bin/hg: {tmp_path}/app/run may execute it"]


def test_programs_of_a_small_package_count_that_the_script_itself_imports(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as it imports it; those of what that imports do not, nor those of a large package."""
    installed(tree)
    monkeypatch.setenv("PATH", f"{tmp_path}/tools/bin")
    tree({f"tools/bin/{each}": "" for each in ("one", "deep", "two", "unused")})
    tree({f"{SITE}/{each}.py": f"import subprocess\nsubprocess.run(['{each}'])" for each in ("one", "deep")})
    tree({"app/run": "import one, small, large", f"{SITE}/small/__init__.py": "import deep, large.two"})
    tree({f"{SITE}/large/{each}.py": "" for each in ("__init__", *(f"m{n}" for n in range(60)))})
    tree({f"{SITE}/{each}-1.dist-info/top_level.txt": each for each in ("small", "large")})
    tree(
        {f"{SITE}/large/two.py": "import os\nos.system('two')", f"{SITE}/small/x.py": "import os\nos.system('unused')"}
    )
    assert below([each.path for each in needs(tmp_path).programs], tmp_path) == ["tools/bin/one"]


# --- data


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the test's directory hold data, as that of an application."""
    monkeypatch.setattr("magicpak.scripts.data_paths._OF_APPLICATIONS", re.compile(f"{re.escape(str(tmp_path))}/[^/]+"))


@pytest.mark.usefixtures("elsewhere")
def test_data_that_is_named_from_the_scripts_own_place_comes_in(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    lines = ("import os", "HERE = os.path.dirname(__file__)", "a = os.path.join(HERE, 'data', 'x.txt')")
    code = "\n".join((*lines, "b = f'{HERE}/more/{n}'", "c = HERE + '/none'"))
    tree({"app/run": code, "app/data/x.txt": "", "app/data/y.txt": "", "app/more/z": ""})
    assert files(tmp_path) == ["app/data/x.txt", "app/more"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/usr/share/tool/", "/usr/share/tool"),
        (f"/usr/share/tool/{UNKNOWN}.ui", "/usr/share/tool"),
        (f"/usr/share/tool{UNKNOWN}/x", "/usr/share"),
        (f"/{UNKNOWN}", "."),
        (UNKNOWN, "."),
    ],
)
def test_the_known_part_of_a_path_is_a_directory(text: str, path: str) -> None:
    assert known_path(text) == path


@pytest.mark.usefixtures("elsewhere")
def test_the_directory_of_the_script_is_only_a_hint(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree({"app/run": "import os\nopen(os.path.join(os.path.dirname(__file__), name))"})
    found = needs(tmp_path)
    assert found.files == []
    assert found.hints == [f"--include {tmp_path}/app: {tmp_path}/app/run may read what is in it"]


# --- bounds


HOSTILE = {
    "nested": b"(" * 100_000,
    "unary": b"x = " + b"-" * 100_000 + b"1",
    "sum": b"x = " + b"1+" * 100_000 + b"1",
    "attributes": b"a" + b".a" * 100_000,
    "chain": b"if x: 1\n" + b"elif x: 1\n" * 50_000,
    "tokens": b"a," * 1_000_000,
    "long line": b"x = '" + b"import tool " * 100_000,
    "semicolons": b";" * 1_000_000,
    "statements": b"from a import (" * 100_000,
    "not text": b"x = '\xff\xfe'\n" * 1000,
    "null": b"import os\0\n",
    "large": b"#" * (MAX_SOURCE + 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_script_is_left_unread_with_a_warning(tree: Tree, tmp_path: Path, name: str) -> None:
    installed(tree)
    tree({"app/run": ""})
    (tmp_path / "app/run").write_bytes(HOSTILE[name])
    sources = Sources()
    begin = time.process_time()
    found = Python().script(ScriptFile(f"{tmp_path}/app/run", f"{tmp_path}/usr/bin/python3"), sources, whole=False)
    assert time.process_time() - begin < 10
    assert (found.files, found.programs) == ([], [])
    (warning,) = sources.warnings()
    assert warning.startswith(f"{tmp_path}/app/run is not read for what it needs: ")


def test_values_are_worked_out_within_bounds() -> None:
    lines = [f"x{i} = x{i + 1} + x{i + 1} + x{i}" for i in range(200)]
    calls = ["import subprocess", *lines, *["subprocess.run(x0)"] * 5000]
    begin = time.process_time()
    assert executed("\n".join(calls)) == []
    assert time.process_time() - begin < 20


def test_a_script_of_python_2_has_its_import_lines_followed(tree: Tree, tmp_path: Path) -> None:
    installed(tree, name="python2.7")
    tree({"app/run": "import tool\nprint 'x'", "usr/lib/python2.7/site-packages/tool.py": ""})
    sources = Sources()
    found = Python().script(ScriptFile(f"{tmp_path}/app/run", f"{tmp_path}/usr/bin/python3"), sources, whole=False)
    assert below([each.path for each in found.files], tmp_path) == ["usr/lib/python2.7/site-packages/tool.py"]
    assert len(sources.warnings()) == 1


def test_each_module_of_a_large_package_is_read_once_or_twice(tree: Tree, tmp_path: Path) -> None:
    """And in a time that is not far from what it takes to read the files."""
    installed(tree)
    text = "from . import m1\nimport os, sys, missing\n" + "class C:\n    def f(self): return 'import m2'\n" * 100
    modules = {f"{SITE}/big/m{each}.py": text for each in range(1000)}
    tree({"app/run": "import big, small", f"{SITE}/big/__init__.py": "import os\n" * 3000, **modules})
    tree({f"{SITE}/small.py": ""})
    begin = time.process_time()
    plain = sum(len((tmp_path / name).read_bytes()) for name in modules)
    baseline = time.process_time() - begin
    sources = Sources()
    begin = time.process_time()
    script = ScriptFile(f"{tmp_path}/app/run", f"{tmp_path}/usr/bin/python3")
    assert len(Python().script(script, sources, whole=False).files) == 2
    assert time.process_time() - begin < max(2, 100 * baseline)
    assert MAX_TOTAL - sources._left < 2 * plain


def test_links_in_a_package_lead_round_in_circles_but_once(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    tree(
        {
            "app/run": "import tool",
            f"{SITE}/tool/__init__.py": "",
            f"{SITE}/tool/a/b": "->..",
            f"{SITE}/tool/a/c": "->..",
        }
    )
    tree({f"{SITE}/tool/a/x.py": "import other", f"{SITE}/other.py": ""})
    assert files(tmp_path) == [f"{SITE}/tool", f"{SITE}/other.py"]


def test_what_cannot_be_read_is_a_warning_and_what_is_missing_none(tree: Tree, tmp_path: Path) -> None:
    installed(tree)
    sources = Sources()
    script = ScriptFile(f"{tmp_path}/app/run", f"{tmp_path}/usr/bin/python3")
    assert Python().script(script, sources, whole=False).files == []
    assert sources.warnings() == []


def test_lines_are_read_as_the_parser_reads_them() -> None:
    code = b"from ..up import a as b, c\nif x: import d.e, f as g\nfrom h import (i,\n  j)\nfrom k import *\n"
    expected = {"p.up.a", "p.up.c", "d.e", "f", "h.i", "h.j", "k"}
    assert imported_names(code, "p.q") == expected
    assert read_code(code, "/x", "p.q").imports == expected
