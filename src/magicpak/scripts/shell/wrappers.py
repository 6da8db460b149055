"""Programs that execute what their command line names: which of its words are the other program, or a script."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

# What runs the words that follow its options, and the options that take a word.
WRAPPERS = {
    "builtin": "", "chroot": "", "chrt": "", "command": "", "env": "uCS", "exec": "a", "flock": "", "ionice": "cn",
    "nice": "n", "nohup": "", "setsid": "", "stdbuf": "ioe", "sudo": "ugCp", "time": "fo", "timeout": "ks",
    "unshare": "", "xargs": "aEdIiLlnPs",
}  # fmt: skip
_ARGUMENTS_FIRST = {"timeout": 1, "flock": 1, "chroot": 1}

_CODE_OF_SHELL = {"-c"}
_CODE = {"-c", "-m", "-e", "-E", "-r"}
"""Options after which there is code, or a module, in place of a script; to some languages, -e means another thing."""
_MODULE = re.compile(r"[\w.]+")
_EVALUATING = {"python": re.compile(r"-\w*c"), **dict.fromkeys(("perl", "ruby"), re.compile(r"-[aclnpsw0]*[eE]"))}
_TAKING_E = {"shell", "guile"}
_AFTER_F = {"awk", "make"}


def wrapped(wrapper: str, words: Sequence[str | None]) -> Iterator[str | None]:
    """Yield the words of the command that `wrapper` runs."""
    with_value = WRAPPERS[wrapper]
    skipped = _ARGUMENTS_FIRST.get(wrapper, 0)
    left = iter(words)
    for word in left:
        if word is not None and word.startswith("-"):
            if len(word) == 2 and word[1] in with_value:  # noqa: PLR2004 - a hyphen and a letter
                next(left, None)
        elif wrapper == "env" and word is not None and "=" in word:
            continue
        elif skipped:
            skipped -= 1
        else:
            yield word
            yield from left


def before_code(language: str, words: Sequence[str | None]) -> Iterator[str]:
    """Yield the constant words of an interpreter's command line among which the path of a script can be."""
    is_possible = language not in _AFTER_F
    for word in words:
        if word in (_CODE_OF_SHELL if language in _TAKING_E else _CODE):
            return
        if word is not None and is_possible:
            yield word
        is_possible = language not in _AFTER_F or word == "-f"


def given_code(language: str, words: Sequence[str | None]) -> Iterator[str]:
    """Yield the constant code that an interpreter's command line has in place of a script."""
    for option, text in pairwise(words):
        if option is None or text is None or language not in _EVALUATING:
            continue
        if language == "python" and option == "-m" and _MODULE.fullmatch(text):
            yield f"__import__('{text}.__main__')"
        elif _EVALUATING[language].fullmatch(option):
            yield text
