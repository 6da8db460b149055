import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.run_magicpak import RunResult, chrooted, compiled, executable, magicpak, names, tree

LOADER = "/lib64/ld-linux-x86-64.so.2"


pytestmark = pytest.mark.usefixtures("prog")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("x", ["x"]),
        ("/x", ["x"]),
        ("app/x", ["app/", "app/x"]),
        ("app/", ["app/", "app/prog"]),
        ("/app/sub//", ["app/", "app/sub/", "app/sub/prog"]),
        ("./app/./x", ["app/", "app/x"]),
        ("../../app/x", ["app/", "app/x"]),
        ("app/../x", ["x"]),
        ("/", ["prog"]),
        ("./", ["prog"]),
        ("bin/x", ["bin -> usr/bin", "usr/", "usr/bin/", "usr/bin/x"]),
    ],
)
def test_the_executable_goes_where_it_is_told_and_into_what_ends_with_a_slash(
    given: str, found: Sequence[str], here: Path
) -> None:
    if found[0] == "bin -> usr/bin" and not os.path.islink("/bin"):
        found = ["bin/", "bin/x"]
    assert magicpak("prog", "out", "-r", given, cwd=here) == RunResult(0, "", "")
    assert names(here / "out") == found


def test_several_executables_go_into_a_directory(here: Path) -> None:
    executable(here / "sub/other", (here / "prog").read_bytes() + b" ")
    assert magicpak("prog", "sub/other", here / "prog", "out", "-rapp/", cwd=here) == RunResult(0, "", "")
    assert names(here / "out") == ["app/", "app/other", "app/prog"]


@pytest.mark.parametrize("place", ["", ".", "..", "app/.."])
def test_the_root_is_no_place_for_an_executable(place: str, here: Path) -> None:
    assert magicpak("prog", "out", "-r", place, cwd=here) == RunResult(
        2,
        "",
        f"error: --install-to {place!r} is the root directory of the bundle, not a file\n"
        "hint: end it with / to keep the name of the executable\n",
    )
    assert not (here / "out").exists()


def test_hard_links_to_one_file_do_not_contradict(here: Path) -> None:
    (here / "sub").mkdir()
    os.link(here / "prog", here / "sub/prog")
    assert magicpak("prog", "sub/prog", "out", "-rapp/", cwd=here) == RunResult(0, "", "")
    assert names(here / "out") == ["app/", "app/prog"]


def test_two_inputs_of_one_name_are_refused_naming_both(here: Path) -> None:
    executable(here / "sub/prog", b"" + (here / "prog").read_bytes())
    assert magicpak("prog", "sub/prog", "out", "-r/app/", cwd=here) == RunResult(
        1,
        "",
        "error: conflict at /app/prog in the bundle: the input prog; and the input sub/prog\n"
        "hint: bundle them at their own paths, without --install-to\n",
    )


def conflict(here: Path, *arguments: object) -> str:
    """Bundle what contradicts itself; return what is said of it."""
    before = tree(here)
    result = magicpak(*map(str, arguments), "out", cwd=here)
    assert (result.code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1), result
    assert tree(here) == before
    return result.stderr.removeprefix("error: conflict at ").rstrip("\n")


def test_the_loader_is_not_overwritten(here: Path) -> None:
    said = conflict(here, "/bin/true", f"--install-to={LOADER}")
    path = os.path.realpath(os.path.dirname(LOADER)) + "/" + os.path.basename(LOADER)
    assert said.startswith(f"{path} in the bundle: ")
    assert "(the interpreter (PT_INTERP) of /usr/bin/true)" in said
    assert said.endswith("the file /usr/bin/true (the executable to be bundled)")


def test_a_library_is_not_overwritten(here: Path) -> None:
    path = os.path.realpath("/lib/x86_64-linux-gnu") + "/libc.so.6"
    assert conflict(here, "/bin/true", f"--install-to={path}") == (
        f"{path} in the bundle: the file {path} (libc.so.6, found by ld.so.cache, needed by /usr/bin/true); "
        "and the file /usr/bin/true (the executable to be bundled)"
    )


def test_a_file_where_a_directory_is_due_is_refused_naming_both(here: Path) -> None:
    executable(here / "conf/a", b"")
    assert conflict(here, "prog", "--install-to=conf", "-iconf") == (
        f"/conf in the bundle: the file {here}/prog (the executable to be bundled); "
        "and a directory (matched by --include conf)"
    )
    assert conflict(here, "prog", "--mkdir=prog/x") == (
        f"/prog in the bundle: the file {here}/prog (the executable to be bundled); and a directory (--mkdir prog/x)"
    )
    assert conflict(here, "prog", "--mkdir=prog") == (
        f"/prog in the bundle: the file {here}/prog (the executable to be bundled); and a directory (--mkdir prog)"
    )


@pytest.mark.parametrize("layout", ["host", "directories"])
@pytest.mark.needs("compiler", "chroot")
def test_what_is_found_through_origin_keeps_being_found_at_a_new_place(layout: str, here: Path) -> None:
    compiled(here / "app/lib/liby.so", "int y(void) { return 42; }", "-shared", "-fPIC", "-Wl,-soname,liby.so")
    compiled(here / "app/lib/libx.so", "int y(void); int x(void) { return y(); }", here / "app/lib/liby.so", "-shared",
             "-fPIC", "-Wl,-soname,libx.so", "-Wl,-rpath,$ORIGIN")  # fmt: skip
    compiled(here / "app/bin/run", "int x(void); int main(void) { return x(); }", here / "app/lib/libx.so",
             "-Wl,-rpath,$ORIGIN/../lib", f"-Wl,-rpath-link,{here}/app/lib")  # fmt: skip
    (here / "link").symlink_to("app/bin/run")
    runs: dict[str, tuple[list[Path | str], str]] = {
        "same": (["app/bin/run"], "/app/bin/run"),
        "absolute": ([here / "app/bin/run"], f"{here}/app/bin/run"),
        "moved": ([here / "app/bin/run", "--install-to=/opt/one/run"], "/opt/one/run"),
        "into": (["app/bin/run", "--install-to=usr/bin/"], "/usr/bin/run"),
        "root": (["app/bin/run", "--install-to=/run"], "/run"),
        "by link": (["link"], "/link"),
        "by absolute link": ([here / "link"], f"{here}/link"),
    }
    for out, (arguments, program) in runs.items():
        assert magicpak(*arguments, out, f"--layout={layout}", cwd=here) == RunResult(0, "", ""), out
        assert (out, chrooted(here / out, program)) == (out, RunResult(42, "", ""))
