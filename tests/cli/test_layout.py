import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.run_magicpak import (
    NOBODY,
    Node,
    RunResult,
    chrooted,
    compiled,
    done,
    executable,
    magicpak,
    magicpak_as_nobody,
    names,
    tree,
)

DAY = 86_400 * 10**9


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`/bin/ls`, through links of the host where there are some, in both layouts."""
    made = tmp_path_factory.mktemp("bundles")
    for layout in ("host", "directories"):
        done("/bin/ls", made / layout, "--layout", layout)
    return made


def test_links_to_directories_are_kept_as_the_host_has_them(bundles: Path) -> None:
    host = {name: os.readlink(f"/{name}") for name in ("bin", "lib", "lib64") if os.path.islink(f"/{name}")}
    found = names(bundles / "host")
    assert {
        line.partition(" -> ")[0]: line.partition(" -> ")[2] for line in found if "/" not in line.split(" ")[0]
    } == host


def test_every_path_resolves_to_the_same_bytes_as_on_the_host(bundles: Path) -> None:
    for layout in ("host", "directories"):
        for name, node in tree(bundles / layout).items():
            if node.kind == "file":
                assert (bundles / layout / name).read_bytes() == Path(f"/{name}").read_bytes()
            if node.kind == "link":
                assert node.what == os.readlink(f"/{name}")
            if node.kind == "directory" and name != ".":
                assert node.mode == Path(f"/{name}").stat().st_mode & 0o7777


@pytest.mark.needs("chroot")
def test_with_layout_directories_no_link_leads_to_a_directory_and_the_program_runs(bundles: Path) -> None:
    assert [path for path in (bundles / "directories").rglob("*") if path.is_symlink() and path.is_dir()] == []
    assert {name for name in names(bundles / "directories") if name.count("/") == 1} >= {"bin/", "bin/ls", "lib64/"}
    for layout in ("host", "directories"):
        assert chrooted(bundles / layout, "/bin/ls", "/bin/ls") == RunResult(0, "/bin/ls\n", "")


def host_tree(here: Path) -> None:
    """Make a host with links to directories, to files, within and out of itself, and a circle."""
    for name in ("real/lib/sub/data", "real/lib/libz.so.1.2", "real/etc/conf"):
        executable(here / name, name.encode())
    for name, target in {
        "lib": "real/lib",
        "real/lib/libz.so.1": "libz.so.1.2",
        "real/lib/libz.so": "libz.so.1",
        "real/lib/conf": "../etc/conf",
        "real/lib/again": "sub",
        "real/lib/sub/up": "..",
        "real/lib/sub/gone": "nothing",
        "real/lib/sub/far": "/nowhere/at/all",
        "real/lib/loop": "loop",
        "real/etc/lib": "../lib",
    }.items():
        (here / name).symlink_to(target)


def mutual_links(top: Path, names: str) -> None:
    """Make directories of which each has links to all others."""
    for name in names:
        executable(top / name / "file", name.encode())
        for other in names.replace(name, ""):
            (top / name / f"to_{other}").symlink_to(f"../{other}")


def test_an_included_tree_has_real_directories_but_for_links_to_its_own(here: Path, static: Path) -> None:
    host_tree(here)
    (here / "real/lib/etc").symlink_to("../etc")
    (here / "real/lib/sub/root").symlink_to(here / "real")
    result = magicpak(static, "out", "-rx", "-ilib", "--layout=directories", cwd=here)
    skipped = [
        f"{here}/real/lib/etc/lib: a link to a directory above itself cannot become a directory",
        f"{here}/real/lib/sub/root and 1 more: a link to a directory above itself cannot become a directory",
    ]
    dead = "3 dangling links, such as /lib/loop -> loop"
    assert result == RunResult(0, "", f"warning: skipped {skipped[1]}\nwarning: {dead}\n")
    assert [line for line in names(here / "out") if line.startswith("lib")] == [
        "lib/",
        "lib/again -> sub",
        "lib/conf",
        "lib/etc/",
        "lib/etc/conf",
        "lib/etc/lib/",
        "lib/libz.so -> libz.so.1",
        "lib/libz.so.1 -> libz.so.1.2",
        "lib/libz.so.1.2",
        "lib/loop -> loop",
        "lib/sub/",
        "lib/sub/data",
        "lib/sub/far -> /nowhere/at/all",
        "lib/sub/gone -> nothing",
        "lib/sub/root/",
        "lib/sub/up -> ..",
    ]
    assert tree(here / "out")["lib/etc/conf"].same_as == "lib/conf"
    assert (here / "out/lib/conf").read_bytes() == b"real/etc/conf"


@pytest.mark.parametrize("patterns", [["t"], ["t/*"], ["t/a", "t/[b-h]"], ["{here}/t/*"]])
def test_directories_that_link_to_each_other_keep_their_links(
    patterns: Sequence[str], here: Path, static: Path
) -> None:
    mutual_links(here / "t", "abcdefgh")
    include = [f"-i{pattern.format(here=here)}" for pattern in patterns]
    done(static, "host", "-rx", *include, cwd=here)
    done(static, "directories", "-rx", *include, "--layout=directories", cwd=here)
    assert names(here / "directories") == names(here / "host")


def test_links_between_directories_of_which_some_are_not_included_have_an_end(here: Path, static: Path) -> None:
    mutual_links(here / "t", "abc")
    result = magicpak(static, "out", "-rx", "-it/a", "--layout=directories", cwd=here)
    assert (result.code, len(result.stderr.splitlines())) == (0, 1)
    files = [line for line in names(here / "out") if line.endswith("/file")]
    assert files == [f"t/a/{way}file" for way in ("", "to_b/", "to_b/to_c/", "to_c/", "to_c/to_b/")]


def test_a_library_that_is_found_through_a_link_of_an_included_tree_is_found(here: Path) -> None:
    compiled(here / "lib/real/libx.so", "int x(void) { return 42; }", "-shared", "-fPIC", "-Wl,-soname,libx.so")
    (here / "lib/link").symlink_to("real")
    (here / "lib/real/libx.so.0").symlink_to("libx.so")
    (here / "lib/real/more").write_text("")
    compiled(here / "run", "int x(void); int main(void) { return x(); }", here / "lib/real/libx.so",
             f"-Wl,-rpath,{here}/lib/link")  # fmt: skip
    for number, extra in enumerate(([], ["-ilib/link/libx.so.0", f"-i{here}/lib/link/libx.so.0"])):
        out = f"out{number}"
        done(here / "run", out, f"-i{here}/lib", *extra, "--layout=directories", cwd=here)
        assert "lib/link -> real" in names(here / out / str(here)[1:])
        assert chrooted(here / out, f"{here}/run").code == 42


def test_a_relative_input_stands_at_the_same_path_and_one_that_climbs_out_at_its_absolute_path(
    here: Path, static: Path
) -> None:
    for name in ("app", "build/app", "..app/x"):
        executable(here / name, static.read_bytes())
    (here / "link").symlink_to("build/app")
    (here / "elsewhere").mkdir()
    absolute = [f"{here}/build/app"[1:]]
    for number, (given, found) in enumerate({
        "./app": ["app"],
        "build//app": ["build/", "build/app"],
        "build/../app": ["app"],
        "link": ["link"],
        "..app/x": ["..app/", "..app/x"],
        f"../{here.name}/build/app": absolute,
        f"{here}/build/app": absolute,
        f"{here}/elsewhere/../build/app": absolute,
    }.items()):  # fmt: skip
        done(given, here.parent / f"out{number}", cwd=here)
        listed = names(here.parent / f"out{number}")
        assert (given, listed[-len(found) :]) == (given, found)


def test_an_absolute_input_through_a_link_keeps_the_link(here: Path, static: Path) -> None:
    executable(here / "versions/2/bin/app", static.read_bytes())
    (here / "current").symlink_to("versions/2")
    (here / "app").symlink_to("current/bin/app")
    done(here / "app", here / "current/../2/bin/app", here / "out", cwd="/")
    base = here / "out" / str(here)[1:]
    assert names(base) == [
        "app -> current/bin/app",
        "current -> versions/2",
        "versions/",
        "versions/2/",
        "versions/2/bin/",
        "versions/2/bin/app",
    ]


def test_made_directories_have_their_modes_whatever_the_umask(here: Path, static: Path) -> None:
    arguments = [f"--mkdir={path}" for path in ("/tmp", "var/tmp", "/data/a/b", "../up", "/", "data/a")]
    for umask in (0o077, 0):
        assert magicpak(static, f"out{umask}", "-rx", *arguments, cwd=here, umask=umask) == RunResult(0, "", "")
        modes = {name: oct(node.mode) for name, node in tree(here / f"out{umask}").items() if name not in (".", "x")}
        assert modes == {
            "data": "0o755",
            "data/a": "0o755",
            "data/a/b": "0o755",
            "tmp": "0o1777",
            "up": "0o755",
            "var": "0o755",
            "var/tmp": "0o1777",
        }


@pytest.mark.needs("root")
@pytest.mark.parametrize("layout", ["host", "directories"])
@pytest.mark.parametrize("way", ["own/sub", "link/sub", "to-sub"])
def test_a_made_directory_is_as_the_host_has_it_and_root_s_where_it_has_none(
    way: str, layout: str, here: Path, static: Path
) -> None:
    (here / "own/sub").mkdir(parents=True)
    for path, uid, mode in ((here / "own", 34, 0o711), (here / "own/sub", 33, 0o2770)):
        os.chown(path, uid, uid)
        path.chmod(mode)
    (here / "link").symlink_to("own")
    (here / "to-sub").symlink_to("own/sub")
    done(static, "out", "-rx", f"--mkdir={here}/{way}/new", f"--mkdir={here}/{way}", f"--layout={layout}", cwd=here)
    made = (here / f"out{here}/{way}").stat()
    assert (made.st_uid, made.st_gid, oct(made.st_mode & 0o7777)) == (33, 33, "0o2770")
    new = (here / f"out{here}/{way}/new").stat()
    assert (new.st_uid, new.st_gid, oct(new.st_mode & 0o7777)) == (0, 0, "0o755")


def test_the_parents_that_were_made_have_the_modes_of_the_host(here: Path, static: Path) -> None:
    executable(here / "secret/shared/file", b"")
    (here / "secret").chmod(0o711)
    (here / "secret/shared").chmod(0o2775)
    for number, pattern in enumerate(("secret/shared/file", f"{here}/secret/shared/file")):
        done(static, f"out{number}", "-rx", "-i", pattern, cwd=here, umask=0o077)
        found = tree(here / f"out{number}" / pattern.rpartition("/secret")[0].lstrip("/"))
        assert {name: oct(found[name].mode) for name in ("secret", "secret/shared")} == {
            "secret": "0o711",
            "secret/shared": "0o2775",
        }


def test_two_runs_give_equal_trees_times_included(here: Path) -> None:
    host_tree(here)
    executable(here / "prog", Path("/bin/true").read_bytes())
    for run in ("one", "two"):
        arguments = ["/bin/ls", "prog", "/bin/true", run, "-ireal", f"-i{here}/lib", "--mkdir=/tmp/x", "-e*/data"]
        assert magicpak(*arguments, cwd=here, env={"PYTHONHASHSEED": str(len(run) + ord(run[0]))}).code == 0
    assert tree(here / "one") == tree(here / "two")


def test_no_time_is_later_than_source_date_epoch(here: Path, static: Path) -> None:
    host_tree(here)
    os.utime(here / "real/etc/conf", ns=(DAY, DAY))
    for number in (1, 2):
        arguments: list[str | Path] = [static, f"out{number}", "-rx", "-ireal", "--mkdir=tmp", "--no-verify"]
        done(*arguments, cwd=here, env={"SOURCE_DATE_EPOCH": str(2 * 86_400)})
    found = tree(here / "out1")
    assert found == tree(here / "out2")
    assert {name: node.mtime_ns for name, node in found.items() if node.mtime_ns != 2 * DAY} == {"real/etc/conf": DAY}


def test_an_ordinary_user_gets_the_same_bundle_but_for_the_owner(public: Path, static: Path) -> None:
    executable(public / "prog", static.read_bytes())
    executable(public / "conf/file", b"data", mode=0o640 if os.geteuid() else 0o644)
    os.mkfifo(public / "conf/fifo", 0o644)
    os.utime(public / "conf", ns=(DAY, DAY))
    arguments = ["prog", "/bin/ls", "-iconf", "--mkdir=/tmp", "--mkdir=/data"]
    assert magicpak_as_nobody(*arguments, "theirs", cwd=public) == RunResult(0, "", "")
    done(*arguments, "ours", cwd=public)

    def but_owners(root: Path) -> dict[str, Node]:
        return {name: node._replace(owner=(0, 0)) for name, node in tree(root).items()}

    assert but_owners(public / "theirs") == but_owners(public / "ours")


@pytest.mark.needs("root")
def test_a_set_id_bit_that_the_system_drops_is_a_warning(public: Path, static: Path) -> None:
    """A file in a directory with the set-group-ID bit has its group, and who is not in it cannot set that bit."""
    executable(public / "prog", static.read_bytes(), mode=0o2755)
    (public / "shared").mkdir()
    os.chown(public / "shared", NOBODY, 0)
    (public / "shared").chmod(0o2755)
    dropped = "warning: cannot preserve the set-ID bit of /prog: dropped by the system\n"
    assert magicpak_as_nobody("prog", "shared/out", cwd=public) == RunResult(0, "", dropped)
    assert oct(tree(public / "shared/out")["prog"].mode) == "0o755"


def test_missing_parents_of_output_are_made_and_an_empty_directory_stays_the_same(here: Path, static: Path) -> None:
    done(static, "a/b/c/out", "-rx", cwd=here)
    assert names(here) == ["a/", "a/b/", "a/b/c/", "a/b/c/out/", "a/b/c/out/x"]
    (here / "empty").mkdir(mode=0o700)
    before = (here / "empty").stat()
    done(static, "empty", "-rx", cwd=here)
    after = (here / "empty").stat()
    assert (after.st_ino, after.st_mode, names(here / "empty")) == (before.st_ino, before.st_mode, ["x"])


@pytest.mark.needs("compiler", "chroot")
def test_with_layout_directories_a_program_finds_its_libraries_by_any_name(here: Path) -> None:
    compiled(here / "usr/lib/libx.so.1.0", "int x(void) { return 42; }", "-shared", "-fPIC", "-Wl,-soname,libx.so.1")
    (here / "usr/lib/libx.so.1").symlink_to("libx.so.1.0")
    (here / "lib").symlink_to("usr/lib")
    (here / "bin").symlink_to("usr/bin")
    compiled(here / "usr/bin/run", "int x(void); int main(void) { return x(); }", here / "usr/lib/libx.so.1",
             "-Wl,-rpath,$ORIGIN/../lib")  # fmt: skip
    for layout in ("host", "directories"):
        done(here / "bin/run", here / layout, "--layout", layout)
        assert (layout, chrooted(here / layout, f"{here}/bin/run").code) == (layout, 42)
    base = here / "directories" / str(here)[1:]
    assert names(base) == ["bin/", "bin/run", "lib/", "lib/libx.so.1"]
