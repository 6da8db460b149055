"""The picture of the README: drawn from a real run, and up to date."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from manual.picture import COMMANDS, PICTURE, drawn, session
from support.transcripts import shim

MARKS = re.compile("\x1b\\[[\\d]*m")


def texts(picture: str) -> list[str]:
    """Return the lines of a picture, without what differs from machine to machine: figures."""
    root = ET.fromstring(picture)
    return ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.needs("root", "chroot", "busybox", "terminal", "ptrace", "mount")
def test_the_picture_shows_what_is_typed_and_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{shim(tmp_path)}:/usr/sbin:/usr/bin:/sbin:/bin")
    shown = list(session(COMMANDS))
    picture = texts(drawn(shown))

    assert picture == [
        line
        for command, printed in shown
        for line in (
            f"$ {command}".replace("\n", "\n> ") + "\n" + "".join(f"{each}\n" for each in printed)
        ).splitlines()
        for line in [MARKS.sub("", line)]
    ]
    assert [without_figures(line) for line in picture] == [without_figures(line) for line in texts(PICTURE.read_text())]


def without_figures(line: str) -> str:
    return re.sub(r"\d+(\.\d+)?|[\w-]+-linux-\w+", "…", line)


def test_what_a_terminal_writes_over_and_colours_is_drawn_as_seen() -> None:
    picture = drawn([("echo '<'", ["\x1b[32minfo:\x1b[0m <done>", ""])])

    assert texts(picture) == ["$ echo '<'", "info: <done>", ""]
    assert '<tspan class="s32">info:</tspan> &lt;done&gt;' in picture
