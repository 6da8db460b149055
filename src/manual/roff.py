"""Markdown as roff for man(7): paragraphs, lists, code blocks, code, emphasis and links."""

import re

_ASCII = str.maketrans({"…": "...", "→": "->"})


def escaped(text: str) -> str:
    """Return `text` escaped for roff."""
    return text.translate(_ASCII).replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")


def inline(text: str) -> str:
    """Return a paragraph of Markdown as one line of roff."""
    line = " ".join(text.split())
    made = "".join(map(_word, re.split(r"(`[^`]+`|\*\*[^*]+\*\*|\[[^]]+\]\([^)]+\))", line)))
    return f"\\&{made}" if made.startswith((".", "\\(aq")) else made


def _word(part: str) -> str:
    for mark in ("`", "**"):
        if part.startswith(mark):
            return f"\\fB{escaped(part.removeprefix(mark).removesuffix(mark))}\\fR"
    link = re.fullmatch(r"\[(.*)\]\(.*\)", part)
    return f"\\fI{escaped(link[1])}\\fR" if link else escaped(part)


def blocks(text: str) -> str:
    """Return paragraphs, lists of the form `- term: text` and code blocks as roff."""
    lines = []
    for block in re.split(r"\n\n+", text.strip()):
        if block.startswith("```"):
            code = block.split("\n")[1:-1]
            lines += [".PP", ".nf", *(f"\\&{escaped(line)}" for line in code), ".fi"]
        elif block.startswith("- "):
            lines += [line for item in re.split(r"\n(?=- )", block) for line in _item(item[2:])]
        else:
            lines += [".PP", inline(block)]
    return "\n".join(lines)


def _item(text: str) -> list[str]:
    term, _, rest = text.partition(": ")
    return [".TP", inline(term), inline(rest)]
