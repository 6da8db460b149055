"""`--onto`: a bundle that is laid onto what is there already."""

import os
import shutil
from json import loads
from pathlib import Path

import pytest

from support.run_magicpak import RunResult, chrooted, compiled, done, executable, magicpak, quickly, tree

LOADER = os.path.realpath("/lib64/ld-linux-x86-64.so.2")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of `ls`."""
    made = tmp_path_factory.mktemp("base") / "ls"
    done("/bin/ls", made)
    return made


def laid(base: Path, delta: Path, together: Path) -> Path:
    """Copy both to `together`, one onto the other."""
    for each in (base, delta):
        shutil.copytree(each, together, symlinks=True, dirs_exist_ok=True)
    return together


def files(root: Path) -> set[str]:
    return {name for name, node in tree(root).items() if node.kind != "directory"}


@pytest.mark.needs("chroot")
def test_only_what_the_base_lacks_is_written_and_runs_on_it(base: Path, here: Path) -> None:
    ran = magicpak("-v", "/bin/cat", "out", "--onto", base, cwd=here)
    name = os.path.realpath("/bin/cat")[1:]
    assert f"laid onto {base}: 2 files are there already, 1 is new\n" in ran.stderr
    assert (ran.code, files(here / "out")) == (0, {name})
    together = laid(base, here / "out", here / "both")
    assert chrooted(together, "/bin/cat", "/bin/cat", f"/{name}").code == 0


def test_another_file_at_the_same_path_is_an_error_that_names_both(here: Path, prog: Path) -> None:
    (here / "base").mkdir()
    executable(here / "base" / "prog", b"another")
    ran = magicpak("prog", "out", "--onto", "base", cwd=here)
    assert ran == RunResult(
        1,
        "",
        "error: the bundle and base have different files at the same path\n"
        f"  /prog: the file {here}/base/prog in the base; and the file {prog} (the executable to be bundled)\n"
        "hint: to keep what the base has, exclude it from the bundle: --exclude /prog\n"
        "hint: to let the bundle's files take its place: --onto-replace\n",
    )
    assert not (here / "out").exists()


def test_a_file_without_a_permission_that_the_bundle_wants_is_another_one(here: Path, prog: Path) -> None:
    (here / "base").mkdir()
    shutil.copy(prog, here / "base" / "prog")
    (here / "base" / "prog").chmod(0o644)
    ran = magicpak("prog", "out", "--onto", "base", cwd=here)
    assert "base/prog in the base, which has other permissions (0644 instead of 0755); and the file" in ran.stderr


def test_with_replace_the_bundle_has_its_own_file(here: Path, prog: Path) -> None:
    (here / "base").mkdir()
    executable(here / "base" / "prog", b"another")
    done("prog", "out", "--onto", "base", "--onto-replace", cwd=here)
    assert (here / "out" / "prog").read_bytes() == prog.read_bytes()


@pytest.mark.usefixtures("prog")
def test_no_option_replaces_a_directory(here: Path) -> None:
    (here / "base" / "prog").mkdir(parents=True)
    ran = magicpak("prog", "out", "--onto", "base", "--onto-replace", cwd=here)
    assert (ran.code, "a directory in the base" in ran.stderr, "--onto-replace" in ran.stderr) == (1, True, False)


def test_links_and_directories_are_those_of_the_base(base: Path, here: Path) -> None:
    """Of which /lib is a directory and /usr/lib a link to it."""
    (here / "base" / "lib").mkdir(parents=True)
    (here / "base" / "usr").mkdir()
    (here / "base" / "usr" / "lib").symlink_to("../lib")
    done("/bin/ls", "out", "--onto", "base", cwd=here)
    assert not (here / "out" / "usr" / "lib").exists()
    assert {Path(name).name for name in files(base)} - {"lib"} <= {Path(name).name for name in files(here / "out")}
    together = laid(here / "base", here / "out", here / "both")
    assert quickly("--check", together) == 0


@pytest.mark.usefixtures("prog")
def test_several_bases_are_one(base: Path, here: Path) -> None:
    done("prog", "first", cwd=here)
    done("prog", "/bin/ls", "out", "--onto", base, "--onto", "first", cwd=here)
    assert files(here / "out") == set()


@pytest.mark.usefixtures("prog")
def test_what_is_no_base_is_refused(here: Path) -> None:
    ran = magicpak("prog", "out", "--onto", "nothing", cwd=here)
    assert ran == RunResult(2, "", "error: --onto nothing does not exist\n")
    assert magicpak("--onto-replace", "prog", "out", cwd=here).stderr == (
        "warning: --onto-replace has no effect without --onto\n"
    )


def test_links_that_lead_out_of_the_base_are_not_followed(here: Path, prog: Path) -> None:
    (here / "base").mkdir()
    (here / "outside").mkdir()
    (here / "base" / "prog").symlink_to(prog)
    (here / "base" / "dir").symlink_to(here / "outside")
    (here / "dir").mkdir()
    (here / "dir" / "file").write_text("x")
    ran = magicpak("prog", "out", "--onto", "base", "--include", "dir/file", "--onto-replace", cwd=here)
    assert (ran.code, ran.stderr) == (0, "")
    assert files(here / "out") == {"prog", f"{here}/outside/file"[1:]}
    assert list((here / "outside").iterdir()) == []


def test_a_report_says_what_the_base_has(base: Path, here: Path) -> None:
    ran = magicpak("--dry-run", "/bin/cat", "--onto", base, cwd=here)
    assert "libc.so.6  [ld.so.cache]  in the base" in ran.stdout
    assert f", 2 files of the base {base}\n" in ran.stdout
    told = magicpak("--dry-run", "/bin/cat", "--onto", base, "--why", "libc.so.6", cwd=here)
    assert told.stderr.startswith(f"error: libc.so.6 is not in the bundle: the base {base} has it\n")
    json = loads(magicpak("--dry-run", "--report", "json", "/bin/cat", "--onto", base, cwd=here).stdout)
    assert json["onto"]["name"] == str(base)
    assert {Path(name).name for name in json["onto"]["files"]} == {"libc.so.6", Path(LOADER).name}
    assert [each["path"] for each in json["entries"] if each["type"] == "file"] == [os.path.realpath("/bin/cat")]


def test_a_directory_is_checked_on_a_base(base: Path, here: Path) -> None:
    done("/bin/cat", "out", "--onto", base, cwd=here)
    assert magicpak("--check", "out", cwd=here).code == 3
    assert magicpak("-v", "--check", "out", "--onto", base, cwd=here) == RunResult(
        0, "", "info: checked 1 executable in out: nothing is missing\n"
    )


def test_a_directory_where_the_base_has_a_link_cannot_be_copied(base: Path, here: Path) -> None:
    (here / "out" / "lib").mkdir(parents=True)
    ran = magicpak("--check", "out", "--onto", base, cwd=here)
    assert (ran.code, f"/lib: a link to usr/lib in the base; and a directory in {here}/out" in ran.stderr) == (1, True)


@pytest.mark.needs("chroot")
def test_a_test_runs_the_bundle_on_the_base(base: Path, here: Path) -> None:
    test = ["--test", "--test-command", "/bin/cat /file && ls /", "--test-stdout", "x"]
    (here / "base").mkdir()
    shutil.copytree(base, here / "base", symlinks=True, dirs_exist_ok=True)
    (here / "base" / "file").write_text("x")
    ran = magicpak("/bin/cat", "out", "--onto", "base", *test, cwd=here)
    assert ran.code == 8
    assert "+file" in ran.stderr


@pytest.mark.usefixtures("prog")
def test_users_of_both_are_in_one_file(here: Path) -> None:
    (here / "base" / "etc").mkdir(parents=True)
    (here / "base" / "etc" / "passwd").write_text("own:x:7:7::/:\nroot:x:0:0:base:/:/sh")
    done("prog", "out", "--onto", "base", "--with", "users", cwd=here)
    lines = (here / "out" / "etc" / "passwd").read_text().splitlines()
    assert lines[:2] == ["own:x:7:7::/:", "root:x:0:0:base:/:/sh"]
    assert [line.split(":")[0] for line in lines[2:]] == ["nobody"]


@pytest.mark.usefixtures("prog")
def test_a_user_with_two_numbers_is_a_conflict(here: Path) -> None:
    (here / "base" / "etc").mkdir(parents=True)
    (here / "base" / "etc" / "passwd").write_text("nobody:x:7:7::/:\n")
    ran = magicpak("prog", "out", "--onto", "base", "--with", "users", cwd=here)
    assert (ran.code, "--exclude /etc/passwd" in ran.stderr) == (1, True)


LIBRARY = "int answer(void) { return 42; }\n"
CALLER = "int answer(void);\nint main(void) { return answer() != 42; }\n"


@pytest.fixture
def caller(here: Path) -> Path:
    """A program with a library that the cache of a system would list."""
    library = compiled(here / "lib" / "libanswer.so", LIBRARY, "-shared", "-Wl,-soname,libanswer.so")
    return compiled(here / "caller", CALLER, str(library))


@pytest.mark.needs("chroot", "compiler")
def test_a_cache_for_both_takes_the_place_of_the_one_of_the_base(base: Path, here: Path, caller: Path) -> None:
    """A library of the base that only its cache finds is still found."""
    under = here / "base"
    shutil.copytree(base, under, symlinks=True)
    (under / "etc").mkdir()
    (under / "opt").mkdir()
    other = compiled(here / "x" / "libother.so", LIBRARY, "-shared", "-Wl,-soname,libother.so")
    shutil.copy(other, under / "opt")
    ldconfig = ["/sbin/ldconfig", "-r", str(under), "-C", "/etc/ld.so.cache", "-f", "/etc/conf", "-X", "/opt"]
    (under / "etc" / "conf").write_text("/opt\n")
    assert os.spawnv(os.P_WAIT, ldconfig[0], ldconfig) == 0
    ran = magicpak("caller", "out", "--onto", "base", cwd=here, env={"LD_LIBRARY_PATH": f"{here}/lib"})
    assert ran == RunResult(
        0,
        "",
        "warning: created /etc/ld.so.cache so that the loader finds the same libraries as on the host; it has what the "
        "base's own says, and replaces it\n",
    )
    together = laid(under, here / "out", here / "both")
    for name in ("caller", "other"):
        program = caller if name == "caller" else compiled(here / "other", CALLER, str(other))
        shutil.copy(program, together / name)
        assert chrooted(together, f"/{name}", f"/{name}").code == 0
