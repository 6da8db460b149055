"""Names of other programs: finding them, and writing their calls as a line that can be pasted."""

import os
from collections.abc import Sequence


def find_program(path_or_name: str) -> str | None:
    """Return the path of an executable as execvp(3) finds it: a name in PATH, anything with a slash as it is."""
    if "/" in path_or_name:
        return path_or_name if _is_program(path_or_name) else None
    if not path_or_name:
        return None
    directories = os.environ.get("PATH", os.defpath).split(":")
    candidates = (os.path.join(directory or ".", path_or_name) for directory in directories)
    return next((candidate for candidate in candidates if _is_program(candidate)), None)


def shell_line(command: Sequence[str]) -> str:
    r"""Return `command` as one line that can be pasted into a shell and is harmless to a terminal.

    Control characters and bytes that are not text are written as `$'\n'`, which bash, zsh and busybox know.
    """
    import shlex  # noqa: PLC0415 - needed only where the line is printed

    return " ".join(shlex.quote(word) if word.isprintable() else _ansi_quoted(word) for word in command)


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _ansi_quoted(word: str) -> str:
    def quoted(byte: int) -> str:
        character = chr(byte)
        if character in "'\\":
            return f"\\{character}"
        return character if " " <= character <= "~" else f"\\{byte:03o}"

    return "$'" + "".join(map(quoted, os.fsencode(word))) + "'"
