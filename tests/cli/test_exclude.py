import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from support.elf_files import make_elf
from support.run_magicpak import RunResult, chrooted, executable, magicpak, magicpak_as_nobody, names


@pytest.fixture(scope="module")
def bundle_of_ls(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    out = tmp_path_factory.mktemp("ls") / "out"
    assert magicpak("/bin/ls", out) == RunResult(0, "", "")
    return names(out)


def without(here: Path, *patterns: str, told: Sequence[str] = ()) -> list[str]:
    options = [f"--exclude={pattern}" for pattern in patterns]
    result = magicpak("/bin/ls", here / "out", "--no-verify", *options)
    assert result == RunResult(0, "", "".join(f"warning: {line}\n" for line in told))
    return names(here / "out")


def gone(before: Sequence[str], after: Sequence[str]) -> set[str]:
    """Return what is no longer there; nothing may have come."""
    assert set(after) <= set(before)
    return {line.partition(" -> ")[0] for line in before if line not in after}


def test_a_library_goes_with_the_links_to_it_and_its_needs_stay(here: Path, bundle_of_ls: list[str]) -> None:
    after = without(here, "/lib/x86_64-linux-gnu/libselinux.so.1")
    assert gone(bundle_of_ls, after) == {"usr/lib/x86_64-linux-gnu/libselinux.so.1"}
    assert "usr/lib/x86_64-linux-gnu/libpcre2-8.so.0" in " ".join(after)


def test_a_link_goes_alone_and_its_file_with_it(here: Path, bundle_of_ls: list[str]) -> None:
    link = next(line for line in bundle_of_ls if "libpcre2-8.so.0 -> " in line)
    name, _, target = link.partition(" -> ")
    directory = name.rpartition("/")[0]
    assert gone(bundle_of_ls, without(here, f"/{name}")) == {name}
    (here / "out").rename(here / "first")
    assert gone(bundle_of_ls, without(here, f"*/{target}")) == {name, f"{directory}/{target}"}


def test_stars_cross_slashes_and_emptied_directories_go(here: Path) -> None:
    assert without(here, "/usr/lib*", "/lib*") == ["bin -> usr/bin", "usr/", "usr/bin/", "usr/bin/ls"]


def test_nothing_at_all_may_be_left(here: Path) -> None:
    assert without(here, "*") == []


def test_a_pattern_that_matches_nothing_is_told_by_name(here: Path, bundle_of_ls: list[str]) -> None:
    told = ["--exclude ls matches nothing", "--exclude /usr/bin/\\x1b[31m matches nothing"]
    assert without(here, "ls", "/usr/bin/\x1b[31m", told=told) == bundle_of_ls


def test_what_was_included_can_be_excluded_and_a_directory_that_was_asked_for_stays(here: Path, static: Path) -> None:
    executable(here / "prog", static.read_bytes())
    for name in ("conf/a", "conf/sub/b", "conf/sub/c", "other/d"):
        executable(here / name, b"")
    options = ["-iconf", "-iother", "--mkdir=/empty/deep", "-e", "conf/*/[bc]", "-e=*/d"]
    assert magicpak("prog", "out", *options, cwd=here) == RunResult(0, "", "")
    assert names(here / "out") == ["conf/", "conf/a", "empty/", "empty/deep/", "prog"]


@pytest.mark.needs("chroot")
def test_what_is_left_runs_if_it_can(here: Path, bundle_of_ls: list[str]) -> None:
    after = without(here, "*/none", told=["--exclude */none matches nothing"])
    assert after == bundle_of_ls
    assert chrooted(here / "out", "/bin/ls", "/").stdout == "bin\nlib\nlib64\nusr\n"


def test_a_link_to_a_directory_that_is_left_empty_goes_with_it(here: Path, static: Path) -> None:
    (here / "real").mkdir()
    (here / "real" / "file").touch()
    (here / "way").symlink_to("real")

    result = magicpak(static, here / "out", f"--include={here}/way/file", f"--exclude={here}/real/file")

    assert result == RunResult(0, "", "")
    assert [line for line in names(here / "out") if str(here).lstrip("/") in line] == []


def test_a_cache_that_was_made_and_excluded_is_what_a_program_lacks(here: Path) -> None:
    executable(here / "lib/libown.so", make_elf(soname="libown.so"))
    executable(here / "prog", make_elf(interpreter="/lib64/ld-linux-x86-64.so.2", needed=["libown.so"]))
    environment = {"LD_LIBRARY_PATH": str(here / "lib")}
    result = magicpak("--exclude=/etc/ld.so.cache", here / "prog", here / "out", env=environment)
    assert result.code == 0
    words = "will not start without /etc/ld.so.cache, which is excluded by --exclude /etc/ld.so.cache"
    assert result.stderr.splitlines()[1:] == [f"warning: {here}/prog {words}"]


@pytest.fixture
def tree_with_secrets(public: Path, static: Path) -> Iterator[Path]:
    """A directory with a tree in which an ordinary user may not read a file, a directory, and what a link leads to."""
    executable(public / "prog", static.read_bytes())
    for name in ("t/secret", "t/closed/x", "t/plain", "away/x"):
        executable(public / name, b"text", 0o644)
    (public / "t/link").symlink_to("../away/x")
    for name in ("t/secret", "t/closed", "away"):
        os.chown(public / name, 0, 0)
        (public / name).chmod(0)
    yield public
    for name in ("t/closed", "away"):
        (public / name).chmod(0o755)


SECRETS = {"t/secret": "t/secret", "t/closed": "t/closed", "t/link": "away/x"}


@pytest.mark.parametrize("include", [["t"], ["t/*", "t/link"]], ids=["tree", "matches"])
def test_what_cannot_be_read_can_be_excluded_from_a_tree(include: Sequence[str], tree_with_secrets: Path) -> None:
    options = [*(f"--include={name}" for name in include), *(f"--exclude={name}" for name in SECRETS)]
    result = magicpak_as_nobody("prog", "out", *options, cwd=tree_with_secrets)
    assert result == RunResult(0, "", "")
    assert [name for name in names(tree_with_secrets / "out") if name.startswith("t/")] == ["t/", "t/plain"]


@pytest.mark.parametrize("left", SECRETS)
def test_what_cannot_be_read_and_is_not_excluded_ends_the_run(left: str, tree_with_secrets: Path) -> None:
    options = [f"--exclude={name}" for name in SECRETS if name != left]
    result = magicpak_as_nobody("prog", "out", "--include=t", *options, cwd=tree_with_secrets)
    path = tree_with_secrets / SECRETS[left]
    assert result == RunResult(1, "", f"error: cannot read {path}: Permission denied\n")
