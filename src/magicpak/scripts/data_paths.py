"""Which constant paths in a script are data of its own, and not what every system has, or what comes at run time."""

import os
import re

from magicpak.scripts.sources import Sources
from magicpak.scripts.tree import files_below

_PLACES = re.compile(
    r"(/usr/share|/usr/lib|/usr/lib64|/usr/libexec|/etc|/opt|/usr/local/(?:share|lib|etc|libexec))/([^/]+)"
)
_SHARED = re.compile(
    r"alternatives|apache2|applications|apt|bash-completion|ca-certificates|cron\..*|debug|default|doc|doc-base|fonts"
    r"|gcc|gems|help|i18n|icons|info|init|init\.d|java|kernel|ld\.so\.conf\.d|locale|logrotate\.d|magic|man|mime|misc"
    r"|modules|pam\.d|perl-base|(?:perl|python|ruby)[\d.]*|pixmaps|pkgconfig|profile\.d|rc.?\.d|rubygems-integration|security|sgml|site_ruby"
    r"|skel|ssl|sudoers\.d|sysctl\.d|systemd|terminfo|udev|vendor_ruby|X11|xml|zoneinfo|.*-linux-.*"
)
"""Directories that many packages share: whole, they are no script's own."""

_OF_THE_SYSTEM = re.compile(
    r"adjtime|environment|fstab|g?shadow|group|host\.conf|hostname|hosts|inittab|issue|ld\.so\.(?:cache|conf)|localtime"
    r"|machine-id|motd|mtab|networks|nsswitch\.conf|passwd|profile|protocols|resolv\.conf|rpc|services|shells|timezone"
)
"""Files of /etc that belong to the system, or to whom it is set up for: no copy of them is wanted unasked."""

_OF_MODULES = ("lib", "perl", "perl5", "lib/perl", "lib/perl5", "ruby", "lib/ruby")


MAX_CONFIGURATION = 1000
"""Files of one directory of /etc that are looked at: one with more is no configuration of a script."""


def own_data(path: str, sources: Sources) -> bool:
    """Return whether the absolute `path` leads to a file or directory that belongs to those who name it.

    What not everybody can read is nobody's data: it can be a secret. What is in /var is of this host.
    """
    match = _PLACES.match(path)
    if match is None or os.path.normpath(path) != path.rstrip("/") or not sources.is_public(path):
        return False
    place, name = match.groups()
    if _SHARED.fullmatch(name):
        return path.count("/") > place.count("/") + 1 and sources.is_file(path)
    if not sources.is_directory(path):
        return not _OF_THE_SYSTEM.fullmatch(name) and sources.is_file(path)
    return place != "/etc" or all(map(sources.is_public, files_below(path, sources, MAX_CONFIGURATION)))


def application_of(directory: str) -> str:
    """Return the directory of the application to which the private `directory` of modules belongs, or itself.

    What an application has beside its modules, it finds from there.
    """
    match = _PLACES.match(directory)
    is_inner = match is not None and directory[match.end() :].lstrip("/") in _OF_MODULES
    return match[0] if match is not None and is_inner else directory
