"""docs/troubleshooting.md, held against the program: every failure is there, and no message that nobody writes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from magicpak.errors import ExitCode, Interrupted, MagicpakError
from support.run_magicpak import magicpak

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
OURS, OTHERS = PAGE.split("\n## The image does not work\n")
BY_CLICK = {"No such option", "Missing argument '", "'.", "Invalid value for '", "': "}
BY_THE_SYSTEM = {": Operation not permitted"}
PUT_TOGETHER = {"a library is missing: "}


def failures(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for below in kind.__subclasses__():
        yield from failures(below)


def test_every_failure_and_every_exit_code_is_there() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    codes = {
        int(code) for line in re.findall(r"^## Exit code ([\d, ]+):", PAGE, re.MULTILINE) for code in line.split(",")
    }

    assert {each.__name__ for each in failures(MagicpakError)} | {Interrupted.__name__} <= named
    assert codes == {*ExitCode, 129, 130, 143} - {ExitCode.SUCCESS}


def test_every_message_is_one_that_the_program_has() -> None:
    source = "\n".join(path.read_text() for path in sorted((ROOT / "src" / "magicpak").rglob("*.py")))
    joined = re.sub(r'"\n +f?"', "", source)
    messages = re.findall(r"^### `(.*)`$", OURS, re.MULTILINE)
    words = {word for message in messages for word in message.split("…") if re.search(r"\w", word)}

    unknown = {word for word in words - BY_CLICK - BY_THE_SYSTEM - PUT_TOGETHER if word.strip(" ();") not in joined}

    assert len(messages) > 60
    assert unknown == set()


@pytest.mark.parametrize(
    "words",
    [
        "--nothing",
        "one",
        "--log-level Much /bin/ls new",
        "--test-timeout 0 /bin/ls new",
        "--dynamic-env X /bin/ls new",
        "--dynamic-arg x --dynamic-command x /bin/ls new",
        "--install-to /. /bin/ls new",
        "--install-to /x /bin/ls /bin/cat new",
        "--test --test-user nobody /bin/ls new",
        "absent new",
        "script new",
        "empty new",
        "text new",
        ". new",
        "/bin/ls .",
        "/bin/ls text",
        "/bin/ls text/below",
        "--dynamic --dynamic-arg absent /bin/ls new",
        "--dynamic --dynamic-command true /bin/ls new",
        "--compress --upx absent /bin/ls new",
        "--compress --upx-arg --nothing /bin/ls new",
        "--test --test-command false --busybox absent /bin/ls new",
        "--test --test-command false /bin/ls new",
        "--resolver dlopen --cc absent /bin/ls new",
        "--resolver dlopen --cc false /bin/ls new",
        "--include empty --include empty/ /bin/ls new",
        "--include absent /bin/ls new",
        "--exclude absent /bin/ls new",
        "--include dead-end /bin/ls new",
        "--test-command true /bin/ls new",
    ],
)
@pytest.mark.needs("root", "ptrace", "upx", "busybox")
def test_what_is_said_is_found_there(words: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    (tmp_path / "empty").touch()
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "dead-end").symlink_to("nowhere")
    headings = re.findall(r"^### `(.*)`$", OURS, re.MULTILINE)

    said = magicpak(*words.split(), cwd=tmp_path).stderr
    lines = re.findall(r"^(?:error|warning): (.*)$", said, re.MULTILINE)

    assert lines
    assert [line for line in lines if not any(fits(heading, line) for heading in headings)] == []


def fits(heading: str, line: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, heading.split("…"))) + ".*", line) is not None
