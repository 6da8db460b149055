"""Why a file has no facts to read, in words that fit after its name."""

import stat
from enum import Enum, auto

_SPECIAL = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class ElfErrorKind(Enum):
    """Whether a file is something else than ELF, or is ELF but not one that could be loaded."""

    NOT_ELF = auto()
    MALFORMED = auto()


class ElfError(Exception):
    """The file has no facts to read; `why` (also its str) fits after the file's name, such as `is empty`.

    `script` is the first line of a script, without its `#!` and as it is in the file; else None.
    """

    def __init__(self, why: str, kind: ElfErrorKind = ElfErrorKind.NOT_ELF, script: str | None = None) -> None:
        """Take words that a terminal may be given, and what sort of refusal it is."""
        super().__init__(why)
        self.why = why
        self.kind = kind
        self.script = script


def truncated(at_least: int) -> ElfError:
    """Return the refusal of a file that would need `at_least` so many bytes to hold what its headers tell of."""
    return ElfError(why=f"is cut off: it should have at least {at_least} bytes", kind=ElfErrorKind.MALFORMED)


def require_regular(mode: int) -> None:
    """Raise ElfError, saying what it is, unless `mode` (st_mode) is that of a regular file."""
    if not stat.S_ISREG(mode):
        raise ElfError(why=f"is {_SPECIAL.get(stat.S_IFMT(mode), 'not a regular file')}")
