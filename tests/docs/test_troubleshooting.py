"""docs/troubleshooting.md, held against the program: every failure is there, and no message that nobody writes."""

import re
from collections.abc import Iterator
from pathlib import Path

from magicpak.errors import ExitCode, Interrupted, MagicpakError

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
OURS, OTHERS = PAGE.split("\n## The image does not work\n")
BY_CLICK = {"No such option: ", "Missing argument '", "'.", "Invalid value for '", "': "}
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
