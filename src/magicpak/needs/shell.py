"""The shell that commands of a program run in."""

from magicpak.errors import InvalidUsage
from magicpak.needs.found import NeedFiles, NeedHost
from magicpak.needs.rows import WantedNeed
from magicpak.text import printable

SHELL, _BUSYBOX = "/bin/sh", "busybox"


def shell(need: WantedNeed, host: NeedHost) -> NeedFiles:
    """Return the shell of the host, or with the argument `busybox` that as the shell. Raises InvalidUsage."""
    if others := [each for each in need.arguments if each != _BUSYBOX]:
        raise InvalidUsage(f"{printable(need.flag)}: {printable(others[0])} is not {_BUSYBOX}")
    if need.has_default:
        found = host.files.program(SHELL)
        return NeedFiles(programs=[found] if found else [], sought=[SHELL])
    busybox = host.files.program(_BUSYBOX)
    if busybox is None:
        return NeedFiles(sought=[f"{_BUSYBOX} in PATH"])
    return NeedFiles(programs=[busybox], links={SHELL: busybox})
