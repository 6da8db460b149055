"""docs/options.md: headings and first lines are generated from the command line, the rest is written by hand."""

import re
from collections.abc import Iterator
from textwrap import fill

from manual.command_line import CommandLine, Option

TAIL = "## Environment"
"""From this heading on, as before the first option, everything is written by hand."""


def page(command: CommandLine, now: str) -> str:
    """Return the new text of docs/options.md, whose current text is `now`."""
    head = now.split("\n## ", 1)[0].rstrip()
    tail = now[now.index(f"{TAIL}\n") :]
    return "\n\n".join([head, *_sections(command, details(now)), tail])


def details(text: str) -> dict[str, str]:
    """Return what is written by hand for each option, as Markdown, by the long name of the option."""
    options = text.split(f"{TAIL}\n", maxsplit=1)[0]
    found = {}
    for section in re.split(r"^### ", options, flags=re.MULTILINE)[1:]:
        heading, *paragraphs = re.split(r"\n\n+", re.split(r"^## ", section, flags=re.MULTILINE)[0].strip())
        name = re.search(r"--[\w-]+", heading)
        if name:
            found[name.group()] = "\n\n".join(paragraphs[1:])
    return found


def section(text: str, heading: str) -> str:
    """Return the text under `## heading`."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0].strip()


def _sections(command: CommandLine, by_hand: dict[str, str]) -> Iterator[str]:
    code = _code(command)
    for group, options in command.groups:
        yield f"## {group}"
        for option in options:
            yield f"### `{option.heading}`"
            yield _first_line(option, code)
            if by_hand.get(option.long):
                yield by_hand[option.long]


def _code(command: CommandLine) -> str:
    """Return the regular expression of code in a help text: options with their values, paths, extensions, `*`."""
    with_values = [f"{option.long} (?:{'|'.join(option.words)})" for option in command.options if option.words]
    return rf"(?<!\S)({'|'.join(with_values)}|--?[a-z][\w-]*|/[a-z/]*|\.[a-z]+|\*)(?=[\s;,.]|$)"


def _first_line(option: Option, code: str) -> str:
    """Return the help as Markdown; `code` is the regular expression of what is code in it."""
    text = re.sub(r" *\[(default|env): ([^]]*)\]", r" [\1: \2]", option.help)
    text = re.sub(code, r"`\1`", text)
    return fill(text, 120, break_on_hyphens=False)
