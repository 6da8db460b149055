"""What is read in a shell script: its commands, and the programs and files that they name."""

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from magicpak.scripts.needs import ScriptFile
from magicpak.scripts.shell.language import MAX_SHELL, Shell
from magicpak.scripts.shell.syntax import parse_shell
from magicpak.scripts.shell.words import MAX_DEPTH, Piece, ShellVariable, TooDeepError, Word
from magicpak.scripts.sources import Sources


def shown(word: Word) -> str:
    def piece(each: Piece) -> str:
        match each:
            case str():
                return each
            case ShellVariable(name=name):
                return f"${name}"
            case _:
                return "?"

    return "".join(map(piece, word))


def commands(text: str) -> list[str]:
    """Return the commands of a script, each with its words between blanks."""
    return [" ".join(map(shown, command.words)) for command in parse_shell(text).commands if command.words]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b; c & d && e || f | g |& h\ni", ["a b", "c", "d", "e", "f", "g", "h", "i"]),
        ("a \\\n b # no\n#no\nc#c", ["a b", "c#c"]),
        ("if a; then b; elif c; then d; else e; fi; f", ["a", "b", "c", "d", "e", "f"]),
        ("while ! a; do b; done < c; until d; do e; done", ["a", "b", "d", "e"]),
        ("for x in a b; do c $x; done; for y; do d; done", ["c $x", "d"]),
        ("case $x in a|b) c ;; (d) e ;; f) ;; *) g\nesac; h", ["c", "e", "g", "h"]),
        ("case x in\n  in) a;;\n  esac\nb", ["a", "b"]),
        ("f() { a; }; function g { b; }; g () (c); h", ["a", "b", "c", "h"]),
        ("( a; ( b ) ); { c; }; d", ["a", "b", "c", "d"]),
        ('a=1 b=$c d="e f" g h=1; i=2', ["g h=1"]),
        ("a >b 2>&1 <c 3<>d >>e &>f x 5 >g", ["a x 5"]),
        ("a=(b c) ; d; e+=(f); g[1]=h i", ["d", "i"]),
        ("a \"b $c ${d} ${e:-f} $(g) `h i`\" 'j $k'", ["g", "h i", "a b $c $d $e ? ? j $k"]),
        ("a $(b $(c) `d \\`e\\``)", ["c", "e", "d ?", "b ? ?", "a ?"]),
        ("a $((1 + (2 * 3))) $(( b ) ; c); ((d++)); e", ["b", "c", "a ? ?", "e"]),
        ("[[ $a == b* && ( -f c || d < e ) ]] && f; [ -x g ]", ["f", "[ -x g ]"]),
        ("cat <<A <<-'B'; c\n$(d)\n`e` no\nA\n$(no)\n\tB\nf", ["cat", "c", "d", "e", "f"]),
        ("a <<< b <(c) >(d)", ["c", "d", "a ? ?"]),
        ("a @(b|c)d *.e ?", ["a @?d ?.e ?"]),
        ("a $'b' $\"c\" $1 ${#d} ${e%/*}", ["a b c $1 ? $e"]),
        ("time -p a; ! b; coproc c", ["a", "b", "c"]),
        ("a 'unfinished", ["a unfinished"]),
        ("a $(unfinished", ["unfinished", "a ?"]),
        ("a ) b", ["a", "b"]),
    ],
)
def test_the_commands_of_a_script_are_found(text: str, found: list[str]) -> None:
    assert commands(text) == found


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of programs, which is PATH, beside a script."""
    for name in (*"abcdefgh", "print"):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    return tmp_path


def programs(host: Path, text: str) -> str:
    """Return the names of the programs that a script executes."""
    (host / "script").write_text(text)
    sources = Sources()
    needs = Shell().script(ScriptFile(f"{host}/script", "/bin/sh"), sources, whole=False)
    assert sources.warnings() == []
    return " ".join(os.path.relpath(each.path, f"{host}/bin") for each in needs.programs)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a; nothing; cd; test b", "a"),
        ("a() { b; }; a", "b"),
        ("if [ -x b ]; then b; fi; command -v c >/dev/null && d", "b d"),
        ("exec a -x; nohup b; nice -n 5 c; env A=1 -u X d; timeout -k 1 5 e; xargs -n 1 f; time g", "a b c d e f g"),
        ("x=$(command -v a); $x; y='b -v'; $y", "a b"),
        ("for p in a b; do $p; done; q='c d'; for p in $q; do $p; done", "a b c d"),
        ("p=a; test x && p=b; $p", "a b"),
        ("p=a; test x && p=b; exec $p x", "a b"),
        ("${EDITOR:-a} file; : ${B:=b}; $B", "a"),
        ('A="b $1 | c"; A="$A | d"; eval "$A"', "b c d"),
        ('A="b $(e) x"; $A; C="$1/a"; $C; D="$1 a"; $D', "e b"),
        ('A=\'eval "$A"; b\'; eval "$A"', "b"),
        ("sh -c 'a | b'; eval 'c'; trap 'd' EXIT; find . -name x -exec e {} \\;", "a b c d e"),
        ("echo a | b; print a", "b"),
        ("x=(1 $(a) b); y=(`c`)", "a c"),
        ('x=pre-a; "${x#pre-}"; y=b.sh; "${y%.*}"; z=p/q/c; ${z##*/}; w=d-e-f; ${w%%-*}', "a b c d"),
        ("$1; $x/a; ./a; $(a) x; `echo b` c; <(d) e", "a d"),
        ('$(a) -x; `b` -y; "$(c | d)"; <(e) f; x$(g', "a b c d e g"),
    ],
)
def test_programs_that_constant_words_name_are_executed(text: str, names: str, host: Path) -> None:
    assert programs(host, text) == names


def test_programs_and_files_are_found_beside_the_script(host: Path) -> None:
    (host / "lib.sh").write_text("helper() { a; }; LIB=b\n")
    (host / "more.sh").write_text("c; . lib.sh\n")
    (host / "tool").write_text("")
    (host / "tool").chmod(0o755)
    here = 'here=$(cd "$(dirname "$0")" && pwd)'
    text = f"{here}\n. $here/lib.sh\nsource `dirname $0`/more.sh\n$LIB; helper; $here/tool"
    assert programs(host, text) == "a c b ../tool"
    needs = Shell().script(ScriptFile(f"{host}/script", "/bin/sh"), Sources(), whole=False)
    assert [os.path.relpath(each.path, host) for each in needs.files] == ["lib.sh", "more.sh"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"$(" * (MAX_DEPTH + 2), "its commands are nested too deep"),
        (b"`" * 1000 + b'"$(' * (MAX_DEPTH + 2), "its commands are nested too deep"),
        (b"a " * MAX_SHELL, "is a shell script of more than 1 MiB"),
        (bytes(10 << 20), "has more than 4 MiB"),
    ],
)
def test_a_hostile_script_is_left_unread_with_a_warning(data: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_bytes(data)
    sources = Sources()
    Shell().script(ScriptFile(str(path), "/bin/sh"), sources, whole=False)
    assert sources.warnings() == [f"{path} is not read for what it needs: {why}"]


@pytest.mark.parametrize(
    "piece", ["$((", "((", "$(( (", "${", "${a", "`\\`", "a=(", "<<A\n", "case x in ", "[[ ", '"', "f() {"]
)
def test_the_cost_is_linear_whatever_is_repeated(piece: str) -> None:
    """What is read again and again would take hours."""
    with suppress(TooDeepError):
        parse_shell(piece * (50_000 // len(piece)))


def test_patterns_that_cut_values_are_tried_a_bounded_number_of_times(tmp_path: Path) -> None:
    text = f"x={'ab' * 250}\n" + "".join(f"${{x##*{number}*b*c}}\n" for number in range(20_000))
    (tmp_path / "script").write_text(text)
    start = time.process_time()
    Shell().script(ScriptFile(f"{tmp_path}/script", "/bin/sh"), Sources(), whole=False)
    assert time.process_time() - start < 5


def test_pkg_config_finds_what_it_describes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "script").write_text("pkg-config --libs x\n")
    found = ["/usr/lib/x86_64-linux-gnu/pkgconfig", "/usr/share/pkgconfig"]
    sources = Sources()
    monkeypatch.setattr(sources, "names", lambda path: {"x86_64-linux-gnu"} if path == "/usr/lib" else set())
    monkeypatch.setattr(sources, "is_directory", found.__contains__)
    needs = Shell().script(ScriptFile(f"{tmp_path}/script", "/bin/sh"), sources, whole=False)
    assert [each.path for each in needs.files] == found


@pytest.mark.parametrize(
    ("line", "code", "before"),
    [
        ("python3 -m tool.run", "__import__('tool.run.__main__')", ["-m", "tool.run"]),
        ("exec python3 -Ec 'import a' x", "import a", ["-Ec", "x"]),
        ("perl -MB -ne 'use A' x", "use A", ["-MB", "-ne", "x"]),
        ("ruby -e 'require %q(a)'", "require %q(a)", ["-e"]),
    ],
)
def test_code_on_the_command_line_of_an_interpreter_is_a_script(
    line: str, code: str, before: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("python3", "perl", "ruby"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "script").write_text(line)
    found = Shell().script(ScriptFile(f"{tmp_path}/script", "/bin/sh"), Sources(), whole=False).scripts
    assert [(each.code, list(each.arguments)) for each in found] == [(code, before)]


def test_words_are_programs_where_they_are_expected(host: Path) -> None:
    (host / "script").write_text("for each in a b; do which $each; done; x='c -v'; echo d")
    sources = Sources()
    sources.expect(["a", "c", "d", "nothing"], [])
    needs = Shell().script(ScriptFile(f"{host}/script", "/bin/sh"), sources, whole=False)
    assert sorted(os.path.basename(each.path) for each in needs.programs) == ["a", "c", "d"]
