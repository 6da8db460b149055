"""Each shell block of the manual, run."""

import re
from pathlib import Path

import pytest

from support import transcripts

DOCS = Path(__file__).parent.parent.parent / "docs"

TUTORIAL = list(transcripts.steps((DOCS / "getting-started.md").read_text()))
RECIPES = transcripts.sections((DOCS / "recipes.md").read_text())
OTHERS = {
    name: list(transcripts.steps((DOCS / name).read_text()))
    for name in (
        "bases.md",
        "comparison.md",
        "cross.md",
        "explaining.md",
        "records.md",
        "scripts.md",
        "smaller.md",
        "suggestions.md",
        "testing.md",
    )
}
NEEDS = {"Alpine and musl": ["musl"]}


def keeps_its_promise(steps: list[transcripts.Step], tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()

    done = transcripts.run(steps, here, tmp_path / "bin")

    assert [transcripts.as_promised(*both) for both in zip(steps, done, strict=False)] == steps


@pytest.mark.needs("root", "chroot", "mount", "ptrace", "busybox", "docker")
def test_the_tutorial_prints_what_it_shows(tmp_path: Path) -> None:
    keeps_its_promise(TUTORIAL, tmp_path)


def test_the_tutorial_has_no_block_that_is_not_run() -> None:
    fences = re.findall(r"^```(\w*)$", (DOCS / "getting-started.md").read_text(), re.MULTILINE)

    assert {each for each in fences if each} == {"console", "dockerfile"}


@pytest.mark.parametrize(
    "heading", [pytest.param(each, marks=pytest.mark.needs(*NEEDS.get(each, []))) for each in RECIPES]
)
@pytest.mark.needs("root", "chroot", "mount", "ptrace", "busybox")
def test_a_recipe_prints_what_it_shows(heading: str, tmp_path: Path) -> None:
    keeps_its_promise(RECIPES[heading], tmp_path)


@pytest.mark.needs("root", "chroot", "mount", "compiler", "ptrace", "busybox")
@pytest.mark.parametrize("page", OTHERS)
def test_another_page_prints_what_it_shows(page: str, tmp_path: Path) -> None:
    keeps_its_promise(OTHERS[page], tmp_path)


def test_a_step_that_prints_something_else_is_told() -> None:
    text = "```console\n$ cat <<END\n> one\n> two\n> END\none\n…wo\n```\n"
    (step,) = transcripts.steps(text)

    assert step == ("cat <<END\none\ntwo\nEND", "one\n…wo\n")
    assert transcripts.as_promised(step, step._replace(printed="one\ntwo\n")) == step
    assert transcripts.as_promised(step, step._replace(printed="one\nthree\n")).printed == "one\nthree\n"
