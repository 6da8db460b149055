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
_ASSIGNMENT = re.compile(r"[^=]+=")
_WITH_VALUE = ("-u", "--unset", "-C", "--chdir")


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


def env_command(script: Script) -> list[str]:
    """Return the program that env(1) runs for `script`, and its arguments; empty where the interpreter is another.

    The kernel hands env all words in one: env takes them apart only with -S.
    """
    if os.path.basename(script.interpreter) != "env" or script.argument is None:
        return []
    split = re.match(r"-\w*S\s*|--split-string[=\s]\s*", script.argument)
    words = script.argument[split.end() :].split() if split else [script.argument]
    while words:
        word = words.pop(0)
        if word in _WITH_VALUE:
            words = words[1:]
        elif not word.startswith("-") and not _ASSIGNMENT.match(word):
            return [each.strip("'\"") for each in (word, *words)]
    return []
