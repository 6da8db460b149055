"""What runs a script: its first line as the kernel reads it (execve(2), "Interpreter scripts")."""

import os
import re
from typing import NamedTuple

HEAD = 256
"""Bytes that the kernel looks at (BINPRM_BUF_SIZE, linux/binfmts.h)."""

MAX_INTERPRETERS = 5
"""How many times an interpreter can be a script in its turn."""

SEARCH_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""The PATH that Docker sets in a container whose image sets none."""

_NAME = re.compile(rb"([^ \t\0]+)(?:[ \t]+([^\0]+))?")
_WHOLE_NAME = re.compile(rb"[ \t]*[^ \t\0]+[ \t\0]")


class Script(NamedTuple):
    """The interpreter as the first line has it, and the one argument that it gets, if any."""

    interpreter: str
    argument: str | None


def parse_script(head: bytes) -> Script | None:
    """Return the first line of a file that begins with `head`; None where the kernel does not take it for a script.

    `head` are the first HEAD bytes, or all that the file has.
    """
    if not head.startswith(b"#!"):
        return None
    line, newline, _ = head[:HEAD].ljust(HEAD, b"\0")[2:].partition(b"\n")
    if not newline:
        if _WHOLE_NAME.match(line) is None:  # a name that may go on after what the kernel has read
            return None
        line = line[:-1]
    found = _NAME.match(line.strip(b" \t"))
    if found is None:
        return None
    return Script(os.fsdecode(found[1]), os.fsdecode(found[2]) if found[2] else None)
