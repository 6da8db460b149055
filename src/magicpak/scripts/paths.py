"""Which absolute paths among the words of a script are its own data, and not what every system has."""

import re

from magicpak.scripts.sources import Sources

_DATA = re.compile(r"/(?:usr/(?:local/)?(?:share|lib|libexec|lib64|etc)|etc|opt|lib)/[^\0\n]+")
_COMMON = re.compile(
    r"/(?:usr/(?:local/)?)?(?:lib|lib64|libexec|share|etc|etc/[^/]*\.d|opt)/?"
    r"|/usr/(?:local/)?lib/[^/]*-linux-[^/]*/?|/usr/share/(?:doc|man|info|locale|zoneinfo|applications|icons|perl5?)/?.*"
    r"|/(?:usr/(?:local/)?)?lib/(?:python3[^/]*|ruby|perl5?|locale|modules|systemd|firmware|debug)(?:/[^/]*)?/?"
    r"|/etc/(?:passwd|group|shadow|gshadow|hosts|hostname|fstab|mtab|resolv\.conf|nsswitch\.conf|profile|environment"
    r"|default|init\.d|alternatives|ssl|ssh|X11|apt|cron[^/]*|skel|rc.*|sudoers.*|machine-id|localtime|timezone)(?:/.*)?"
)


def is_own_data(path: str, sources: Sources) -> bool:
    """Return whether `path`, a constant in a script, leads to data that is not common to all systems, nor secret."""
    if not _DATA.fullmatch(path) or _COMMON.fullmatch(path) or "/../" in path:
        return False
    return sources.is_file(path) or sources.is_directory(path)
