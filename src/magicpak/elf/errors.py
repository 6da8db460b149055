"""Why a file cannot be read as ELF, in words that follow its name."""

import stat
from enum import Enum, auto

_FILE_TYPES = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class ElfErrorKind(Enum):
    """Whether a file is not ELF at all, or is ELF but could not be loaded."""

    NOT_ELF = auto()
    MALFORMED = auto()


class ElfError(Exception):
    """A file cannot be read as ELF; `why` (also its str) follows the file's name in a message, such as `is empty`.

    `why` is safe to print. `script` is the first line of a script, without its `#!` and exactly as in the file; None
    for anything else.
    """

    def __init__(self, why: str, kind: ElfErrorKind = ElfErrorKind.NOT_ELF, script: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.kind = kind
        self.script = script


def truncated(size: int) -> ElfError:
    """Return the error for a file that is shorter than the `size` bytes that its headers imply."""
    return ElfError(why=f"is truncated: it should have at least {size} bytes", kind=ElfErrorKind.MALFORMED)


def require_regular(mode: int) -> None:
    """Raise ElfError, which names the type of the file, unless `mode` (st_mode) is that of a regular file."""
    if not stat.S_ISREG(mode):
        raise ElfError(why=f"is {_FILE_TYPES.get(stat.S_IFMT(mode), 'not a regular file')}")
