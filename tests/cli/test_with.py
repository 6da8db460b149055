"""`--with`: what no header names, by names."""

import os
from pathlib import Path

import pytest

from support.run_magicpak import RunResult, chrooted, done, executable, magicpak, names, tree

FIELDS = "summary, include, default, any, argument, arguments, mkdir, programs, with"


@pytest.fixture
def prog(here: Path, static: Path) -> Path:
    return executable(here / "prog", static.read_bytes())


def added(here: Path, *options: str, stderr: str = "") -> list[str]:
    """Bundle `prog` with `options`; return what has come along."""
    done(*options, "--install-to=/prog", here / "prog", here / "out", stderr=stderr)
    found = names(here / "out")
    found.remove("prog")
    return found


@pytest.mark.usefixtures("prog")
class TestNames:
    def test_tmp_is_for_all(self, here: Path) -> None:
        assert added(here, "--with=tmp") == ["tmp/", "var/", "var/tmp/"]
        assert [tree(here / "out")[name].mode for name in ("tmp", "var/tmp")] == [0o1777, 0o1777]

    def test_users_are_lines_of_the_hosts_files_without_passwords(self, here: Path) -> None:
        assert added(here, "--with=users") == ["etc/", "etc/group", "etc/passwd"]
        lines = Path("/etc/passwd").read_text().splitlines()
        assert (here / "out/etc/passwd").read_text().splitlines() == [
            ":".join([name, "x", *rest])
            for name, _, *rest in (line.split(":") for line in lines)
            if name in {"root", "nobody"}
        ]
        assert "root:x:0:\n" in (here / "out/etc/group").read_text()

    def test_a_group_keeps_of_its_members_the_users_that_come_along(self, here: Path) -> None:
        added(here, "--with=users=daemon")
        group = (here / "out/etc/group").read_text().splitlines()
        assert [line.split(":")[0] for line in (here / "out/etc/passwd").read_text().splitlines()] == ["daemon"]
        assert {member for line in group for member in line.split(":")[3].split(",")} <= {"", "daemon"}

    def test_a_whole_file_that_another_option_adds_stays(self, here: Path) -> None:
        added(here, "--with=users", "--include=/etc/passwd")
        assert (here / "out/etc/passwd").read_bytes() == Path("/etc/passwd").read_bytes()
        assert len((here / "out/etc/group").read_text().splitlines()) < 5

    def test_nothing_else_reads_the_table(self, here: Path) -> None:
        assert added(here) == []

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ("cert", "error: --with cert is unknown\nhint: did you mean certs?\n"),
            ("¿", "error: --with ¿ is unknown\nhint: --with-list lists all names\n"),
            ("tmp=x", "error: --with tmp takes no argument, but is given 'x'\n"),
            ("users=", "error: --with users= names nothing\nhint: --with users[=NAME,...]\n"),
        ],
    )
    def test_what_is_no_name_is_refused(self, value: str, said: str, here: Path) -> None:
        assert magicpak(f"--with={value}", here / "prog", here / "out") == RunResult(2, "", said)

    def test_a_user_that_the_host_lacks_is_an_error(self, here: Path) -> None:
        assert magicpak("--with=users=root,nobodyy", here / "prog", here / "out") == RunResult(
            1,
            "",
            "error: --with users=root,nobodyy finds nothing on this host\n"
            "  looked for nobodyy in /etc/passwd and /etc/group\n",
        )


@pytest.mark.usefixtures("prog")
class TestTables:
    def test_a_table_adds_names_and_replaces_ours(self, here: Path) -> None:
        for name in ("data/a", "data/b", "more/c"):
            (here / name).parent.mkdir(exist_ok=True)
            (here / name).write_text(name)
        table = here / "table.toml"
        table.write_text(
            f'[mine]\nsummary = "Mine"\ninclude = ["{here}/data/a"]\narguments = ["{here}/more/{{}}"]\nwith = ["tmp"]\n'
            f'[tmp]\nsummary = "Other"\nmkdir = ["/scratch"]\n'
        )
        found = added(here, f"--with-file={table}", "--with=mine=c")
        assert [name for name in found if name.endswith(("/a", "/b", "/c")) or "s" in name.split("/")[0][:1]] == [
            "scratch/", f"{here}/data/a"[1:], f"{here}/more/c"[1:],
        ]  # fmt: skip

    def test_of_alternatives_the_first_comes_that_is_there(self, here: Path) -> None:
        for name in ("b", "c"):
            (here / name).write_text(name)
        table = here / "table.toml"
        table.write_text(f'[mine]\nsummary = "x"\nany = [["{here}/a", "{here}/b", "{here}/c"]]\n')
        assert added(here, f"--with-file={table}", "--with=mine")[-1] == f"{here}/b"[1:]
        os.remove(here / "b")
        os.remove(here / "c")
        assert magicpak(f"--with-file={table}", "--with=mine", here / "prog", here / "new") == RunResult(
            1,
            "",
            "error: --with mine finds nothing on this host\n"
            + "".join(f"  looked for {here}/{name}\n" for name in "abc"),
        )

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("[x", "Expected ']' at the end of a table declaration (at end of document)"),
            ("[x]", 'x is not a table with a summary: [x] and summary = "..."'),
            ('x = "y"', 'x is not a table with a summary: [x] and summary = "..."'),
            ('["x,y"]\nsummary = "x"', "[x,y] is not a name for --with, which splits it at = and ,"),
            ('[x]\nsummary = "x"\nincludes = []', f"[x] has the unknown field includes: there are {FIELDS}"),
            ('[x]\nsummary = "x"\nmade = "users"', f"[x] has the unknown field made: there are {FIELDS}"),
            ('[x]\nsummary = "x"\ninclude = "y"', "include of [x] is not a list of strings"),
            ('[x]\nsummary = "x"\nany = ["y"]', "any of [x] is not a list of lists of strings"),
            ('[x]\nsummary = "x"\nwith = ["y"]', "[x] is with y, which has no row"),
            ('[x]\nsummary = "x"\narguments = ["/y"]', "arguments of [x] are patterns with {} for the argument"),
        ],
    )  # fmt: skip
    def test_a_table_that_is_wrong_is_refused(self, text: str, why: str, here: Path) -> None:
        table = here / "table.toml"
        table.write_text(text)
        assert magicpak("--with-file=table.toml", here / "prog", here / "out", cwd=here) == RunResult(
            2, "", f"error: the table table.toml cannot be used: {why}\n"
        )

    def test_one_that_cannot_be_read_is_refused(self, here: Path) -> None:
        assert magicpak("--with-file=none", here / "prog", here / "out", cwd=here) == RunResult(
            2, "", "error: the table none cannot be used: No such file or directory\n"
        )


@pytest.mark.needs("root", "chroot")
def test_a_program_knows_its_user(here: Path) -> None:
    done("--with=users", "--with=nss", "/usr/bin/id", here / "out")
    assert chrooted(here / "out", "/usr/bin/id", "nobody") == chrooted("/", "/usr/bin/id", "nobody")
