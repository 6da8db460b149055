"""What is made from the command line: held equal to it, accepted by its readers, and installed."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from manual.files import OPTIONS, ROOT, SHARE, generated
from support.run_magicpak import magicpak

MAN = SHARE / "man/man1/magicpak.1"
BASH = SHARE / "bash-completion/completions/magicpak"
ZSH = SHARE / "zsh/site-functions/_magicpak"
FISH = SHARE / "fish/vendor_completions.d/magicpak.fish"


def said_by(*command: str | Path, cwd: Path | None = None, **env: str) -> str:
    ran = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=cwd, check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env},
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_nothing_is_stale() -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in generated().items() if path.read_text() != text]

    assert stale == [], "PYTHONPATH=src python3 -m manual makes them anew"


def test_every_option_of_the_help_has_its_section() -> None:
    in_help = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", magicpak("--help").stdout, re.MULTILINE))
    sections = set(re.findall(r"^### `(?:-\w, )?(--[\w-]+)", OPTIONS.read_text(), re.MULTILINE))

    assert in_help - sections <= {"--help"}
    assert len(in_help) > 30


@pytest.mark.needs("man")
def test_the_manual_page_has_its_sections_and_no_warnings() -> None:
    page = said_by(
        "man", "--warnings", "-l", MAN, MANWIDTH="100", LC_ALL="C.UTF-8", MAN_KEEP_FORMATTING="", MANPAGER="cat"
    )

    assert re.findall(r"^[A-Z ]+$", page, re.MULTILINE) == [
        "NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO",
    ]  # fmt: skip
    assert "--install-to PATH" in page
    assert said_by("groff", "-man", "-ww", "-z", "-Tutf8", MAN) == ""


COMPLETE = """
source "$0"
COMP_WORDS=(magicpak "$@") COMP_CWORD=$#
_magicpak magicpak "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["--layo"], ["--layout"]),
        (
            ["--dynamic-"],
            [f"--dynamic-{end}" for end in ("arg", "stdin", "env", "command", "timeout", "allow-failure")],
        ),
        (["--layout", ""], ["host", "directories"]),
        (["--layout", "=", "d"], ["directories"]),
        (["--layout", "="], ["host", "directories"]),
        (["--log-level", "D"], ["Debug"]),
        (["--with", "=", "gst"], ["gstreamer"]),
        (["--with", "sug"], ["suggested"]),
        (["--include", "fi"], ["file"]),
        (["-e", ""], ["directory", "file"]),
        (["--mkdir", ""], ["directory"]),
        (["file", "dir"], ["directory"]),
        (["--upx", "chroo"], ["chroot"]),
        (["--dynamic-arg", "f"], [""]),
        (["--", "--layo"], [""]),
    ],
)
def test_bash_completes(words: list[str], offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()

    completed = said_by("bash", "--norc", "-c", COMPLETE, BASH, *words, cwd=tmp_path)

    assert sorted(set(completed.splitlines())) == sorted(offered)


@pytest.mark.needs("zsh")
def test_zsh_completes() -> None:
    """In a shell on a terminal of its own (zpty), as that is the only place where zsh completes."""
    script = f"""
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell "PS1= fpath=({ZSH.parent} \\$fpath); autoload -Uz compinit; compinit -D; zstyle ':completion:*' menu no"
zpty -w shell 'bindkey "^I" expand-or-complete; magicpak() {{ print -r -- "<$*>" }}'
zpty -w -n shell $'magicpak --layo\\tdir\\t\\n'
repeat 600; do
    zpty -r -t shell line && print -rn -- $line
    [[ $line == *'>'* && $line == '<'* ]] && break
    sleep 0.05
done
zpty -d shell
"""
    assert "<--layout=directories>" in said_by("zsh", "-f", "-c", script, TERM="dumb")
    assert said_by("zsh", "-f", "-n", ZSH) == ""


@pytest.mark.needs("fish")
def test_fish_completes(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    def completed(line: str) -> list[str]:
        said = said_by(
            "fish", "--no-config", "-c", f"source {FISH}; complete -C '{line}'", cwd=tmp_path, HOME=str(tmp_path)
        )
        return [each.split("\t")[0] for each in said.splitlines()]

    assert said_by("fish", "--no-config", "-n", FISH, HOME=str(tmp_path)) == ""
    assert completed("magicpak --layo") == ["--layout"]
    assert sorted(completed("magicpak --layout ")) == ["directories", "host"]
    assert completed("magicpak --include f") == ["file"]
    assert completed("magicpak --dynamic-arg f") == []


def test_the_wheel_installs_them(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.partition(".data/data/")[2] for name in names if ".data/data/" in name} == {
        str(path.relative_to(SHARE.parent)) for path in generated() if path.is_relative_to(SHARE)
    }
    assert not [name for name in names if name.startswith("manual/")]
