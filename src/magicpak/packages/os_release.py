"""Which distribution a root is, by os-release(5)."""

import shlex
from typing import TYPE_CHECKING, NamedTuple

from magicpak.files.view import HOST, read_file

if TYPE_CHECKING:
    from magicpak.files.source import SourceView

PATHS = ("/etc/os-release", "/usr/lib/os-release")
"""The first that is there counts (os-release(5)); it is often a link to the other one."""

_MAX = 1 << 16  # bytes; the file has less than one KB


class OsRelease(NamedTuple):
    """A distribution: its name for programs (`debian`), its version (`12`), its name for people; empty if unknown."""

    id: str = ""
    version: str = ""
    name: str = ""

    @property
    def qualified(self) -> str:
        """The name with the version, as package URLs have it: `debian-12`."""
        return f"{self.id}-{self.version}" if self.version else self.id


def os_release(files: "SourceView" = HOST) -> OsRelease:
    """Return the distribution of `files`; a file that cannot be read says nothing."""
    for path in PATHS:
        try:
            content = read_file(files, path, _MAX)
        except OSError:
            continue
        lines = (line.strip().partition("=") for line in content.decode(errors="replace").split("\n"))
        fields = {
            name: _unquoted(value) for name, equals_sign, value in lines if equals_sign and not name.startswith("#")
        }
        version = fields.get("VERSION_ID") or fields.get("VERSION_CODENAME", "")
        return OsRelease(fields.get("ID", "linux"), version, fields.get("PRETTY_NAME") or fields.get("NAME", ""))
    return OsRelease()


def _unquoted(value: str) -> str:
    """Return a value as a shell understands it."""
    try:
        return "".join(shlex.split(value))
    except ValueError:  # a quote is missing
        return value
