"""docs/options.md: headings and first lines are made from the command line, what follows them is written by hand."""

import re
from collections.abc import Iterator
from textwrap import fill

from manual.described import Described, Option

TAIL = "## Environment"
"""The heading from which on, as before the first option, all is written by hand."""


def page(about: Described, now: str) -> str:
    """Return what docs/options.md has to hold, where it holds `now`."""
    head = now.split("\n## ", 1)[0].rstrip()
    tail = now[now.index(f"{TAIL}\n") :]
    return "\n\n".join([head, *_sections(about, details(now)), tail])


def details(text: str) -> dict[str, str]:
    """Return what is written by hand below each option, by its long name, as Markdown."""
    options = text.split(f"{TAIL}\n", maxsplit=1)[0]
    found = {}
    for section in re.split(r"^### ", options, flags=re.MULTILINE)[1:]:
        heading, *paragraphs = re.split(r"\n\n+", re.split(r"^## ", section, flags=re.MULTILINE)[0].strip())
        name = re.search(r"--[\w-]+", heading)
        if name:
            found[name.group()] = "\n\n".join(paragraphs[1:])
    return found


def section(text: str, heading: str) -> str:
    """Return what stands below `## heading`."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0].strip()


def _sections(about: Described, by_hand: dict[str, str]) -> Iterator[str]:
    for group, options in about.groups:
        yield f"## {group}"
        for option in options:
            yield f"### `{option.heading}`"
            yield _first_line(option)
            if by_hand.get(option.long):
                yield by_hand[option.long]


def _first_line(option: Option) -> str:
    """Return the help as Markdown, in which a star and an option are code."""
    text = re.sub(r" *\[(default|env): ([^]]*)\]", r" [\1: \2]", option.help)
    text = re.sub(r"(?<!\S)(--?[a-z][\w-]*|\*|/)(?=[\s;,.]|$)", r"`\1`", text)
    return fill(text, 120, break_on_hyphens=False)
