"""Programs that stand elsewhere in the bundle than on the host, and find their files by their own path."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.run_magicpak import NOBODY, RunResult, compiled, done, magicpak, names, tree

pytestmark = pytest.mark.needs("compiler")

FINDER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char self[PATH_MAX], path[2 * PATH_MAX], line[256];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) return perror("/proc/self/exe"), 2;
    self[length] = 0;
    char *directory = dirname(self);
    for (int i = 1; i < argc; i++) {
        char *name = strchr(argv[i], '=') + 1;
        snprintf(path, sizeof path, "%s%s%s", *name == '/' ? "" : directory, *name == '/' ? "" : "/", name);
        if (!strncmp(argv[i], "read=", 5)) {
            FILE *file = fopen(path, "r");
            if (!file) return perror(path), 1;
            while (fgets(line, sizeof line, file)) fputs(line, stdout);
            fclose(file);
        } else if (!strncmp(argv[i], "load=", 5)) {
            void *library = dlopen(path, RTLD_NOW);
            if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
            printf("%d\n", ((int (*)(void))dlsym(library, "value"))());
        } else {
            int status;
            fflush(stdout);
            if (!fork()) execl(path, path, (char *)NULL), perror(path), _exit(127);
            wait(&status);
            if (status) return 1;
        }
    }
    return 0;
}
"""

PLACES = (("/dist/app", "dist/app/app"), ("/a/b/c", "dist/app/app", "-r/a/b/c/app"))
"""The directory of the program in the bundle, and the arguments that put it there."""


@pytest.fixture(scope="session")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("finder") / "finder", FINDER)


@pytest.fixture
def app(here: Path, finder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a program with data beside it, in a directory below the current one."""
    monkeypatch.setenv("HOME", "/nonexistent")  # files below a home directory are warned of
    (here / "dist/app/data").mkdir(parents=True, mode=0o750)
    (here / "dist/share").mkdir()
    shutil.copy(finder, here / "dist/app/app")
    for name in ("dist/app/data/one", "dist/app/data/two", "dist/share/far"):
        (here / name).write_text(f"{name}\n")
    return here / "dist/app"


def traced(*words: str) -> list[str]:
    """Return the options that trace a run with the arguments `words`, and test the bundle with the same ones."""
    return ["--dynamic", *(f"--dynamic-arg={word}" for word in words)]


def trial(place: str, *words: str) -> list[str]:
    return ["--test", "--test-command", " ".join([place, *words])]


def below(out: Path, directory: str) -> list[str]:
    return names(out / directory.lstrip("/"))


@pytest.mark.usefixtures("app")
@pytest.mark.needs("chroot")
@pytest.mark.parametrize("layout", ["host", "directories"])
def test_what_a_relative_program_reads_beside_itself_is_at_both_places_and_takes_no_space_twice(
    layout: str, here: Path
) -> None:
    words = ("read=data/one", "read=../share/far")
    command = [*traced(*words), *trial("/dist/app/app", *words), "dist/app/app", "out", "--layout", layout]
    done(*command, "--size-limit=4MB", cwd=here)
    assert below(here / "out", "dist") == ["app/", "app/app", "app/data/", "app/data/one", "share/", "share/far"]
    found = tree(here / "out")
    for name in ("dist/app/data/one", "dist/share/far"):
        assert found[f"{here}/{name}"[1:]].same_as == name
    assert oct(found["dist/app/data"].mode) == "0o750"


@pytest.mark.needs("root")
def test_directories_that_move_keep_their_owner(here: Path, app: Path) -> None:
    os.chown(app / "data", NOBODY, NOBODY)
    done(*traced("read=data/one"), "dist/app/app", "out", cwd=here)
    assert tree(here / "out")["dist/app/data"].owner == (NOBODY, NOBODY)


@pytest.mark.usefixtures("app")
@pytest.mark.needs("chroot")
@pytest.mark.parametrize("layout", ["host", "directories"])
@pytest.mark.parametrize("given", ["dist/app/app", "{here}/dist/app/app", "link"])
def test_what_a_program_reads_below_its_directory_moves_along_with_install_to(
    given: str, layout: str, here: Path
) -> None:
    (here / "link").symlink_to("dist/app/app")
    for place, found in {"/bin/": "/usr/bin", "opt/tool": "/opt"}.items():
        words = ("read=data/one", "read=data/two")
        at = f"{place}{Path(given).name}" if place.endswith("/") else f"/{place}"
        arguments = [*traced(*words), *trial(at, *words), given.format(here=here), "out", "-r", place]
        done(*arguments, "--layout", layout, cwd=here)
        at = found if layout == "host" and os.path.islink("/bin") else os.path.dirname(at)
        assert {"data/", "data/one", "data/two"} < set(below(here / "out", at))
        shutil.rmtree(here / "out")


def test_links_that_move_keep_their_targets_and_lead_to_the_same_bytes(here: Path, app: Path) -> None:
    (here / "outside").write_text("outside\n")
    (app / "data/inner").symlink_to("one")
    (app / "data/up").symlink_to("../../share/far")
    (app / "data/all").symlink_to(here / "dist/share")
    (app / "data/outer").symlink_to("../../../outside")
    words = [f"read=data/{name}" for name in ("inner", "up", "all/far", "outer")]
    for number, (at, *place) in enumerate(PLACES):
        out = f"out{number}"
        done(*traced(*words), *trial(f"{at}/app", *words), *place, out, cwd=here)
        links = {
            "data/all": f"{here}/dist/share",
            "data/inner": "one",
            "data/outer": "../../../outside",
            "data/up": "../../share/far",
        }
        found = [line for line in below(here / out, at) if " -> " in line]
        assert found == [f"{name} -> {target}" for name, target in links.items()]


def test_libraries_and_programs_that_were_loaded_and_run_beside_the_program_find_what_they_need(
    here: Path, app: Path
) -> None:
    compiled(here / "deps/libd.so", "int d(void) { return 42; }", "-shared", "-fPIC", "-Wl,-soname,libd.so")
    compiled(app / "plugins/p.so", "int d(void); int value(void) { return d(); }", here / "deps/libd.so", "-shared",
             "-fPIC", "-Wl,-rpath,$ORIGIN/../../../deps")  # fmt: skip
    compiled(app / "helper", "int d(void); int main(void) { return d() - 42; }", here / "deps/libd.so",
             "-Wl,-rpath,$ORIGIN/../../deps")  # fmt: skip
    words = ("load=plugins/p.so", "run=helper")
    for number, (place, at) in enumerate(
        {("dist/app/app",): "/dist/app", (app / "app", "-r/a/b/c/app"): "/a/b/c"}.items()
    ):
        out = f"out{number}"
        done(*traced(*words), *trial(f"{at}/app", *words), *place, out, cwd=here)
        assert set(below(here / out, at)) >= {"helper", "plugins/p.so"}
        assert below(here / out, f"{at}/../../deps") == ["libd.so"]


def test_of_what_lies_beside_its_directory_a_program_that_moves_warns_once(here: Path, app: Path) -> None:
    (here / "dist/share/more").write_text("more\n")
    (here / "link").symlink_to("dist/app/app")
    words = traced("read=data/one", "read=../share/far", "read=../share/more")
    line = (
        f"warning: {app}/app moves to /opt/x: it will not find {here}/dist/share/far and 1 more if it looks for them"
        f" by its own path; it keeps its path as INPUT {app}/app without --install-to\n"
    )
    done(*words, app / "app", "out", "-r/opt/x", stderr=line, cwd=here)
    done(*traced("read=../share/far"), app / "app", "out2", f"-r{here}/dist/other/x", cwd=here)  # it does find it
    done(*words, app / "app", "out3", cwd=here)
    line = (
        f"warning: link moves to /link: it will not find {here}/dist/share/far if it looks for them by its own path;"
        f" it keeps its path as an absolute INPUT, {here}/link\n"
    )
    done(*traced("read=../share/far"), "link", "out4", stderr=line, cwd=here)


def test_python_that_moves_away_from_its_virtual_environment_is_warned_of(here: Path) -> None:
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", ".venv"], cwd=here, check=True)
    line = (
        f"warning: .venv/bin/python moves to /opt/python: it will not find {here}/.venv/pyvenv.cfg if it looks for them"
        f" by its own path; it keeps its path as INPUT {here}/.venv/bin/python without --install-to\n"
    )
    done(*traced("-c1"), ".venv/bin/python", "out", "-r/opt/python", stderr=line, cwd=here)


def test_nothing_moves_along_with_a_program_of_a_directory_of_path(here: Path) -> None:
    """What it finds there, or beside it, it finds as all programs do."""
    if os.path.realpath("/bin/sh") == "/bin/sh":
        pytest.skip("/bin is no link to /usr/bin")
    words = ["--dynamic", "--dynamic-arg=-c", "--dynamic-arg=/usr/bin/ls /usr/share/common-licenses"]
    done(*words, "/usr/bin/sh", "out", "-r/opt/sh", cwd=here)
    assert below(here / "out", "/opt") == ["sh"]
    assert "usr/bin/ls" in names(here / "out")


@pytest.mark.usefixtures("app")
def test_another_file_at_the_place_stays_and_is_warned_of(here: Path) -> None:
    (here / "etc").mkdir()
    (here / "etc/passwd").write_text("nobody\n")
    words = traced("read=../../etc/passwd", "read=/etc/passwd")
    line = "warning: /etc/passwd did not move along with dist/app/app: the bundle has something else there\n"
    done(*words, "dist/app/app", "out", stderr=line, cwd=here)
    assert (here / "out/etc/passwd").read_bytes() == Path("/etc/passwd").read_bytes()
    assert (here / f"out{here}/etc/passwd").read_text() == "nobody\n"


def test_a_link_to_the_same_file_is_nothing_else(here: Path, app: Path) -> None:
    (app / "again").symlink_to(app / "app")
    (here / "tool").mkdir()
    (here / "tool/app").symlink_to(app / "app")
    (here / "tool/again").symlink_to("app")
    done(*traced("read=again", f"read={here}/tool/again"), "tool/app", "out", cwd=here)
    assert below(here / "out", "tool") == ["again -> app", "app"]


def test_inputs_of_one_place_do_not_mix_their_files(here: Path, app: Path) -> None:
    shutil.copytree(app, here / "second")
    (here / "second/app").rename(here / "second/other")
    (here / "second/data/one").write_text("second\n")
    line = f"warning: /opt/data/one did not move along with {here}/second/other: the bundle has something else there\n"
    done(*traced("read=data/one"), app / "app", here / "second/other", "out", "-r/opt/", stderr=line, cwd=here)
    assert (here / "out/opt/data/one").read_text() == "dist/app/data/one\n"
    done(*traced("read=data/one"), "dist/app/app", here / "second/other", "out2", cwd=here)
    assert (here / f"out2{here}/second/data/one").read_text() == "second\n"
    assert (here / "out2/dist/app/data/one").read_text() == "dist/app/data/one\n"


@pytest.mark.usefixtures("app")
def test_a_pattern_excludes_one_place_or_both(here: Path) -> None:
    words = [*traced("read=data/one"), "dist/app/app"]
    left = {
        "dist/app/data/one": [f"{here}/dist/app/data/one"],
        f"{here}/*": ["/dist/app/data/one"],
        "*/data/one": [],
    }
    for number, (pattern, places) in enumerate(left.items()):
        out = f"out{number}"
        done(*words, out, "--exclude", pattern, cwd=here)
        assert [f"/{name}" for name in names(here / out) if name.endswith("/one")] == places, pattern


def test_a_secret_is_warned_of_at_both_places(here: Path, app: Path) -> None:
    (app / "data/.netrc").write_text("password")
    words = [*traced("read=data/.netrc"), "dist/app/app", "out"]
    there = f"{app}/data/.netrc"
    flags = f"--exclude /dist/app/data/.netrc --exclude {there}"
    line = f"/dist/app/data/.netrc, {there} look like secrets (credentials): exclude them with {flags}"
    done(*words, stderr=f"warning: {line}\n", cwd=here)
    shutil.rmtree(here / "out")
    done(*words, *flags.split(), cwd=here)
    assert [name for name in names(here / "out") if name.endswith(".netrc")] == []


def test_why_says_where_a_file_comes_from_and_because_of_what(here: Path, app: Path) -> None:
    result = magicpak(*traced("read=data/one"), "dist/app/app", "--dry-run", "--why=/dist/app/data/one", cwd=here)
    there = f"{app}/data/one"
    assert result == RunResult(
        0,
        f"/dist/app/data/one (18 B): moved along with dist/app/app, from {there}\n"
        f"  {there}: read by {app}/app\n"
        "  /dist/app/app: the executable to be bundled\n",
        "",
    )


def test_what_the_run_makes_or_only_lists_does_not_move(here: Path, app: Path) -> None:
    compiled(app / "maker", '#include <stdio.h>\nint main(void) { return !fopen("dist/app/data/new", "w"); }')
    done("--dynamic", "dist/app/maker", "out", cwd=here)
    assert below(here / "out", "dist") == ["app/", "app/data/", "app/maker"]


@pytest.mark.needs("chroot")
@pytest.mark.parametrize("name", ["python3", "python"])
def test_a_virtual_environment_of_python_works_from_its_relative_path(name: str, here: Path) -> None:
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", ".venv"], cwd=here, check=True)
    (packages,) = (here / ".venv/lib").glob("python3.*/site-packages")
    (packages / "mine").mkdir()
    (packages / "mine/__init__.py").write_text(
        "from pathlib import Path\ntext = (Path(__file__).parent / 't').read_text()"
    )
    (packages / "mine/t").write_text("mine")
    code = "import mine, sys; print(mine.text, sys.prefix)"
    result = magicpak(
        "--dynamic", "--dynamic-env=PYTHONPATH=", "--dynamic-env=PYTHONDONTWRITEBYTECODE=1", "--dynamic-arg=-c",
        f"--dynamic-arg={code}", "--test", "--test-command", f'/.venv/bin/{name} -c "{code}"',
        "--test-stdout=mine /.venv", f".venv/bin/{name}", "out", cwd=here,
    )  # fmt: skip
    assert result == RunResult(0, "", "")


@pytest.mark.needs("chroot")
def test_a_failed_test_says_that_an_absolute_input_is_a_cure(here: Path, app: Path) -> None:
    cure = f"as an absolute INPUT, {app}/app"
    keeps = f"is {app}/data/one on the host: the program keeps its path, and finds it,"
    hints = {
        ("dist/app/app",): [
            "--include dist/app/data/one",
            "--dynamic adds everything that a run of the program uses",
            f"/dist/app/data/one {keeps} {cure}",
        ],
        (app / "app", "-r/opt/x"): [
            "--dynamic adds everything that a run of the program uses",
            f"/opt/data/one {keeps} as INPUT {app}/app without --install-to",
        ],
        (app / "app",): [
            f"--include {app}/data/one",
            "--dynamic adds everything that a run of the program uses",
        ],
    }
    places = ["/dist/app/app", "/opt/x", f"{app}/app"]
    for (arguments, lines), place in zip(hints.items(), places, strict=True):
        result = magicpak(*trial(place, "read=data/one"), *arguments, "out", cwd=here)
        assert result.code == 8
        assert [line[6:] for line in result.stderr.splitlines() if line.startswith("hint: ")] == lines


@pytest.mark.usefixtures("app")
@pytest.mark.needs("chroot")
def test_a_failed_test_says_that_what_moved_along_is_excluded(here: Path) -> None:
    words = [*traced("read=data/one"), *trial("/dist/app/app", "read=data/one"), "--exclude=dist/app/data/*"]
    result = magicpak(*words, "dist/app/app", "out", cwd=here)
    assert "hint: /dist/app/data/one is excluded by --exclude 'dist/app/data/*'\n" in result.stderr
