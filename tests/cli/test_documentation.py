"""What the documents promise, held against the program."""

import re
from pathlib import Path

from magicpak.errors import ExitCode
from support.run_magicpak import magicpak

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def help_text() -> str:
    return magicpak("--help").stdout


def test_the_readme_shows_the_help_as_it_is() -> None:
    shown = README.split("```text\n")[1].split("```")[0]

    assert shown == help_text()


def test_every_exit_code_is_in_the_document_and_in_the_help() -> None:
    document = (ROOT / "docs" / "exit-codes.md").read_text()
    listed = {int(code) for line in re.findall(r"^\| ([\d, ]+) \|", document, re.MULTILINE) for code in line.split(",")}
    in_help = set(map(int, re.findall(r"\b(\d+)\b", help_text().split("Exit codes:")[1])))

    assert listed == {*ExitCode, 129, 130, 143}
    assert in_help == {*ExitCode, 129, 130, 143}


def test_every_link_of_the_documents_leads_somewhere() -> None:
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "example").glob("*.md")]
    links = [(each, link) for each in documents for link in re.findall(r"\]\(([^)#]+)\)", each.read_text())]

    dead = [(each.name, link) for each, link in links if ":" not in link and not (each.parent / link).exists()]

    assert links
    assert dead == []


def test_every_module_stands_on_a_floor_of_the_architecture() -> None:
    document = (ROOT / "docs" / "architecture.md").read_text()
    floors = document.split("## A run")[0]
    modules = {path.stem for path in (ROOT / "src" / "magicpak").iterdir() if path.name != "__pycache__"}

    assert {name for name in modules - {"__init__", "py"} if f"`{name}" not in floors} == set()
