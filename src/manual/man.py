"""The manual page magicpak(1), from the command line and from the words of docs/options.md and docs/exit-codes.md."""

import re

from magicpak import __version__
from manual import reference, roff
from manual.described import Described, Option

_DESCRIPTION = """
OUTPUT gets the executable, its interpreter, the shared libraries that the dynamic linker will load, and every link on
the way to them, each where it is on the host. Nothing is compiled, and nothing of the program is run unless `--dynamic`
or `--test` asks for it. A run that fails leaves everything as it was.
"""
_SEE_ALSO = "ldd(1), upx(1), strace(1), chroot(1), ld.so(8), docker-build(1)"


def page(about: Described, options: str, exit_codes: str) -> str:
    """Return the page; `options` and `exit_codes` are the Markdown that it takes words from."""
    by_hand = reference.details(options)
    summary = about.about.split(". ")[0].rstrip(".")
    parts = [
        '.\\" Made by `python3 -m manual` from the command line and docs/: do not edit.',
        f'.TH MAGICPAK 1 "" "magicpak {__version__}" "User Commands"',
        f".SH NAME\nmagicpak \\- {roff.escaped(summary[0].lower() + summary[1:])}",
        ".SH SYNOPSIS\n.B magicpak\n[\\fIOPTIONS\\fR] \\fIINPUT\\fR... \\fIOUTPUT\\fR",
        f".SH DESCRIPTION\n{roff.inline(about.about)}\n{roff.blocks(_DESCRIPTION)}",
        *(f".TP\n\\fI{roff.escaped(name)}\\fR\n{roff.inline(text)}" for name, text in about.arguments),
        ".SH OPTIONS",
        *(_group(group, members, by_hand) for group, members in about.groups),
        f'.SH "EXIT STATUS"\n{_exit_status(exit_codes)}',
        *(
            f".SH {heading.upper()}\n{roff.blocks(reference.section(options, heading))}"
            for heading in ("Environment", "Files", "Examples")
        ),
        f'.SH "SEE ALSO"\n{roff.escaped(_SEE_ALSO)}',
    ]
    return "\n".join(parts) + "\n"


def _group(heading: str, options: tuple[Option, ...], by_hand: dict[str, str]) -> str:
    members = (_option(option, by_hand.get(option.long, "")) for option in options)
    return "\n".join([f'.SS "{roff.escaped(heading)}"', *members])


def _option(option: Option, more: str) -> str:
    names = ", ".join(f"\\fB{roff.escaped(name)}\\fR" for name in option.names)
    value = f" \\fI{roff.escaped(option.metavar)}\\fR" if option.metavar else ""
    lines = [".TP", names + value, roff.inline(option.help)]
    if more:
        lines.append(f".RS\n{roff.blocks(more)}\n.RE")
    return "\n".join(lines)


def _exit_status(document: str) -> str:
    """Return the table of docs/exit-codes.md and what stands below it."""
    rows = re.findall(r"^\| ([\d, ]+) \| (.*) \|$", document, re.MULTILINE)
    rest = document.rsplit("|\n\n", maxsplit=1)[-1]
    return "\n".join([*(f".TP\n\\fB{codes}\\fR\n{roff.inline(words)}" for codes, words in rows), roff.blocks(rest)])
