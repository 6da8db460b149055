"""`--with`: what no header names, by names."""

import os
from pathlib import Path

import pytest

from magicpak.needs.rows import need_rows
from support.elf_files import PPC, make_elf
from support.run_magicpak import RunResult, chrooted, done, executable, magicpak, magicpak_as_nobody, names, tree

FIELDS = "summary, include, default, any, argument, arguments, home, mkdir, programs, with"


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
            ":".join([name, "*", *rest])
            for name, _, *rest in (line.split(":") for line in lines)
            if name in {"root", "nobody"}
        ]
        assert "root:*:0:\n" in (here / "out/etc/group").read_text()

    def test_a_group_keeps_of_its_members_the_users_that_come_along(self, here: Path) -> None:
        added(here, "--with=users=daemon")
        group = (here / "out/etc/group").read_text().splitlines()
        assert [line.split(":")[0] for line in (here / "out/etc/passwd").read_text().splitlines()] == ["daemon"]
        assert {member for line in group for member in line.split(":")[3].split(",")} <= {"", "daemon"}

    def test_a_whole_file_that_another_option_adds_stays(self, here: Path) -> None:
        added(here, "--with=users", "--include=/etc/passwd")
        assert (here / "out/etc/passwd").read_bytes() == Path("/etc/passwd").read_bytes()
        assert len((here / "out/etc/group").read_text().splitlines()) < 5

    @pytest.mark.needs("ptrace")
    def test_and_so_does_one_that_a_run_has_read(self, here: Path) -> None:
        done("--with=users", "--dynamic", "--dynamic-arg=nobody", "/usr/bin/id", here / "out")
        assert (here / "out/etc/passwd").read_bytes() == Path("/etc/passwd").read_bytes()

    def test_the_shell_that_another_name_adds_stays(self, here: Path) -> None:
        (here / "table").write_text('[mine]\nsummary = "Of mine"\ninclude = ["/bin/sh"]\n')
        done("--with=shell=busybox", f"--with-file={here}/table", "--with=mine", "/usr/bin/true", here / "both")
        done("--with=shell=busybox", "/usr/bin/true", here / "out")
        assert os.path.realpath("/bin/sh").endswith(os.path.basename(os.readlink(here / "both/usr/bin/sh")))
        assert os.readlink(here / "out/usr/bin/sh").endswith("/busybox")

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

    @pytest.mark.parametrize(
        ("value", "looked_for"),
        [
            ("tz=Europe/Roma", ["/usr/share/zoneinfo/Europe/Roma"]),
            (
                "locale=xx_XX.UTF-8",
                [
                    "/usr/lib/locale/xx_XX.utf8",
                    "/usr/lib/locale/xx_XX.UTF-8",
                    "/usr/share/i18n/locales/musl/xx_XX.UTF-8",
                    "xx_XX.utf8 in /usr/lib/locale/locale-archive",
                ],
            ),
        ],
    )
    def test_an_argument_that_is_not_here_is_an_error(self, value: str, looked_for: list[str], here: Path) -> None:
        lines = [f"error: --with {value} finds nothing on this host", *(f"  looked for {each}" for each in looked_for)]
        assert magicpak(f"--with={value}", here / "prog", here / "out").stderr.splitlines() == lines

    def test_a_character_set_that_is_not_here_names_the_near_ones(self, here: Path) -> None:
        result = magicpak("--with=gconv=SHIFT-JISS", "/usr/bin/iconv", here / "out")
        assert (result.code, result.stderr.splitlines()[-1]) == (
            1,
            "hint: did you mean SHIFT-JIS, SHIFT_JIS, CSSHIFTJIS?",
        )

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


class TestListing:
    def test_each_name_has_a_line_with_what_it_would_add(self, here: Path) -> None:
        (here / "data").write_bytes(b"x" * 1500)
        (here / "table").write_text(f'[mine]\nsummary = "Of mine"\ninclude = ["{here}/data"]\n')
        lines = magicpak("--with-list", "--with-file", here / "table").stdout.splitlines()
        by_name = {line.split()[0]: line.split(maxsplit=5)[1:] for line in lines}
        assert by_name["mine"] == ["1", "file", "1.5", "kB", "Of mine"]
        assert by_name["users"][:2] == ["2", "files"]
        assert by_name["package"][:3] == ["-", "-", "Every"]
        assert [line.split()[0] for line in lines] == [*need_rows(), "mine", "suggested"]

    def test_names_can_be_chosen_and_what_an_input_has_does_not_count(self) -> None:
        result = magicpak("--with-list", "--with=users=root", "--with=shell", "/bin/sh")
        assert (result.code, result.stderr) == (0, "")
        first, second = result.stdout.splitlines()
        assert first.split()[:3] == ["users=root", "2", "files"]
        assert second.split()[:5] == ["shell", "0", "files", "0", "B"]

    def test_all_that_is_suggested_is_one_of_them(self, here: Path) -> None:
        done("--no-hints", "/usr/bin/curl", here / "bare")
        done("--with=suggested", "/usr/bin/curl", here / "whole")
        more = sum(
            not os.path.isdir(each) or os.path.islink(each)
            for each in (here / "whole").rglob("*")
            if not os.path.lexists(here / "bare" / each.relative_to(here / "whole"))
        )
        result = magicpak("--with-list", "--with=suggested", "/usr/bin/curl")
        assert (result.code, result.stderr) == (0, "")
        assert result.stdout.split()[:3] == ["suggested", str(more), "files"]
        assert magicpak("--with-list", "--with=suggested").stdout.split()[:3] == ["suggested", "-", "-"]

    def test_options_that_make_a_bundle_are_refused(self) -> None:
        assert magicpak("--with-list", "--mkdir=/x").stderr == (
            "error: --mkdir cannot be used with --with-list\nhint: magicpak --help lists all options\n"
        )


@pytest.mark.usefixtures("prog")
class TestWithOtherOptions:
    def test_a_static_program_of_another_machine_gets_what_is_no_code(self, here: Path) -> None:
        executable(here / "prog", make_elf(kind=PPC, type=2, dynamic=False, code=bytes(4)))
        assert "etc/passwd" in added(here, "--with=users", "--with=tmp")
        assert magicpak("--with=gconv", here / "prog", here / "none").stderr == (
            "error: --with gconv finds nothing on this host\n  looked for {lib}/gconv\n"
        )

    def test_what_is_excluded_stays_out(self, here: Path) -> None:
        assert "var/" not in added(here, "--with=tmp", "--exclude=/var")

    def test_why_and_reports_name_the_option(self, here: Path) -> None:
        result = magicpak("--dry-run", "--with=users=root", "--why=/etc/passwd", here / "prog")
        assert result.stdout == "/etc/passwd (32 B): added by --with users=root\n"

    def test_directories_need_no_links(self, here: Path) -> None:
        assert "etc/passwd" in added(here, "--layout=directories", "--with=users", "--with=tmp")

    def test_what_cannot_be_read_is_an_error_unless_it_is_excluded(self, public: Path, static: Path) -> None:
        secret = public / "data"
        (secret / "x").mkdir(parents=True)
        (secret / "x").chmod(0)
        executable(public / "prog", static.read_bytes())
        (public / "table").write_text(f'[mine]\nsummary = "Of mine"\ninclude = ["{secret}"]\n')
        options = ("--with-file=table", "--with=mine", "--with=tmp", "--with=users", "prog")
        if os.geteuid() == 0:
            result = magicpak_as_nobody(*options, "out", cwd=public)
            assert result == RunResult(1, "", f"error: cannot read {secret}/x: Permission denied\n")
        assert magicpak_as_nobody(*options, f"--exclude={secret}/x", "out", cwd=public) == RunResult(0, "", "")


@pytest.mark.parametrize("form", ["--report=json", "--report=list"])
def test_a_package_without_its_documentation(form: str, here: Path) -> None:
    if not os.path.exists("/var/lib/dpkg/info/jq.list"):
        pytest.skip("jq is not a package here")
    said = magicpak("--dry-run", "--with=package", form, "/usr/bin/jq")
    assert (said.code, said.stderr) == (0, "")
    assert "/usr/bin/jq" in said.stdout
    assert "/usr/share/doc" not in said.stdout
    assert magicpak("--with=package=jqq", "/usr/bin/jq", here / "out") == RunResult(
        1,
        "",
        "error: --with package=jqq finds nothing on this host\n  looked for the installed package jqq\n"
        "hint: did you mean jq?\n",
    )


def test_a_program_that_no_package_owns_has_none(prog: Path, here: Path) -> None:
    assert magicpak("--with=package", prog, here / "out") == RunResult(
        1, "", f"error: --with package finds nothing on this host\n  looked for the package of {prog}\n"
    )


class TestSuggested:
    def test_a_program_gets_all_that_is_suggested_for_it(self, here: Path) -> None:
        first = magicpak("/usr/bin/curl", here / "without")
        assert first.stderr.startswith("hint: curl ")
        done("--with=suggested", "/usr/bin/curl", here / "with")
        assert set(names(here / "with")) > set(names(here / "without"))

    def test_one_for_which_nothing_is_suggested_gets_nothing(self, here: Path) -> None:
        done("/usr/bin/true", here / "without")
        done("--with=suggested", "/usr/bin/true", here / "with")
        assert names(here / "with") == names(here / "without")
