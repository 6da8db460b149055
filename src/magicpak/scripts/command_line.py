"""The programs that a command line executes, where a program of another language hands it to a shell (sh(1p))."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""(?P<word>(?:[^\s'"\\|&;()<>`]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)|(?P<end>[|&;()`\n])|[<>]+&?-?|.""", re.DOTALL
)
_ASSIGNMENT = re.compile(r"\w+\+?=")
_CONSTANT = re.compile(r"[\w./][\w./+@%,:=~-]*")
_BEFORE_COMMAND = re.compile(r"if|then|elif|else|while|until|do|\{|!|exec|command|time")
_BUILTIN = re.compile(
    r"[.:\[}]|alias|bg|break|case|cd|continue|done|echo|esac|eval|exit|export|false|fc|fg|fi|for|function|getopts|hash"
    r"|in|jobs|kill|let|local|printf|pwd|read|readonly|return|select|set|shift|source|test|times|trap|true|type|typeset"
    r"|ulimit|umask|unalias|unset|wait"
)
"""What a shell does itself: none of it needs a program."""


def executed(line: str, shell_characters: frozenset[str]) -> Iterator[str]:
    """Yield what is executed for `line`: a shell first, if one of `shell_characters` makes its language use one."""
    if not shell_characters.isdisjoint(line):
        yield "/bin/sh"
    yield from executed_by_shell(line)


def executed_by_shell(line: str) -> Iterator[str]:
    """Yield the constant names and paths of the programs that `line` executes, which a shell looks up in PATH."""
    expected, redirected = True, False
    for match in _TOKEN.finditer(line):
        word = match["word"]
        if match["end"]:
            expected, redirected = True, False
        elif word is None:
            redirected = redirected or match[0][0] in "<>"
        elif redirected:
            redirected = False
        elif expected and not _BEFORE_COMMAND.fullmatch(word) and not _ASSIGNMENT.match(word):
            expected = False
            name = word.strip("'\"")
            if _CONSTANT.fullmatch(name) and not _BUILTIN.fullmatch(name):
                yield name
