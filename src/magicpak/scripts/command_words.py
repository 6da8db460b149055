"""Constants in source code that can be the names of programs, or begin as commands do."""

import re
from collections.abc import Iterator

_CONSTANT = re.compile(
    r"""(?P<list>\[\s{0,20})?(?P<quote>["'])(?P<word>[a-z][\w.+-]{1,40})"""
    r"""(?P<argument>\ [^\n"']{1,8})?(?P<end>(?P=quote)\s*,?)?"""
)


def command_words(code: str) -> Iterator[str]:
    """Yield each constant of one word, and the beginnings of those of several.

    The first word of a list in brackets comes with a hyphen: as a command, it has arguments.
    """
    for match in _CONSTANT.finditer(code):
        if match["argument"]:
            yield match["word"] + match["argument"]
        elif match["end"]:
            yield match["word"] + (" -" if match["list"] and match["end"].endswith(",") else "")
