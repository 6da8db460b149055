"""`python3 -m manual.picture` runs the commands of the README's picture on a terminal and draws docs/picture/run.svg.

It needs root, for chroot(8), and busybox-static. The text in the picture can be selected, and its colours follow the
reader's light or dark theme.
"""

import os
import pty
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from html import escape

from manual.files import ROOT

PICTURE = ROOT / "docs" / "picture" / "run.svg"

COMMANDS = (
    """\
magicpak --test --test-env TZ=Europe/Rome --test-command 'date -d @0 +%H:%M' --test-stdout 01:00 \\
  /usr/bin/date bundle""",
    """\
magicpak --test --test-env TZ=Europe/Rome --test-command 'date -d @0 +%H:%M' --test-stdout 01:00 \\
  --with tz=Europe/Rome -v /usr/bin/date bundle""",
    "find bundle -type f | sort",
    "TZ=Europe/Rome chroot bundle /usr/bin/date -d @0 +%H:%M",
)

_COLUMNS, _ADVANCE, _LINE, _MARGIN = 102, 8.0, 19, 16  # advance and line in pixels, at a size of 13

_STYLE = """\
text { font: 13px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #24292f }
rect { fill: #f6f8fa; stroke: #d0d7de }
.prompt { fill: #6e7781 } .command { font-weight: bold }
.s31 { fill: #cf222e } .s32 { fill: #1a7f37 } .s33 { fill: #9a6700 } .s2 { fill: #6e7781 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } rect { fill: #161b22; stroke: #30363d } .prompt, .s2 { fill: #8b949e }
  .s31 { fill: #ff7b72 } .s32 { fill: #3fb950 } .s33 { fill: #d29922 }
}"""


def session(commands: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Run each of `commands` in a shell, in a directory that is empty at first; yield it with the lines it prints."""
    with tempfile.TemporaryDirectory() as directory:
        for command in commands:
            output = _on_terminal(command, directory).replace("\r\n", "\n").replace("\x1b[K", "")
            yield command, [line.rsplit("\r", maxsplit=1)[-1] for line in output.splitlines()]


def _on_terminal(command: str, directory: str) -> str:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.environ["TERM"] = "xterm"
        os.execl("/bin/sh", "sh", "-c", command)
    output = b""
    while True:
        try:
            output += os.read(terminal, 1 << 16)
        except OSError:  # EIO: the other end is closed
            break
    os.close(terminal)
    os.waitpid(pid, 0)
    return output.decode(errors="replace")


def drawn(shown: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return commands and their output as an SVG picture."""
    rows = [row for command, lines in shown for row in (*_typed(command), *map(_printed, lines))]
    width, height = round(_COLUMNS * _ADVANCE) + 2 * _MARGIN, len(rows) * _LINE + 2 * _MARGIN
    texts = [f'<text x="{_MARGIN}" y="{_MARGIN + _LINE * at + 14}">{row}</text>' for at, row in enumerate(rows)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img"',
            ' xml:space="preserve">',
            "<title>A bundle fails its test, magicpak names what it lacks, and the next one passes</title>",
            f"<style>\n{_STYLE}\n</style>",
            f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
            *texts,
            "</svg>\n",
        ]
    )


def _typed(command: str) -> Iterator[str]:
    for at, line in enumerate(command.split("\n")):
        yield _spanned("prompt", "> " if at else "$ ") + _spanned("command", line)


def _printed(line: str) -> str:
    """Return a line with its colours (SGR of ECMA-48) as classes."""
    made, colour = "", ""
    for part in re.split(r"(\x1b\[\d*m)", line):
        code = re.fullmatch(r"\x1b\[(\d*)m", part)
        if code:
            colour = "" if code[1] in ("", "0") else f"s{code[1]}"
        elif part:
            made += _spanned(colour, part)
    return made


def _spanned(style: str, text: str) -> str:
    plain = escape(text, quote=False)
    return f'<tspan class="{style}">{plain}</tspan>' if style else plain


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(list(session(COMMANDS))))
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)}\n")
