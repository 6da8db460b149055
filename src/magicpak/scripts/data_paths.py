"""Which constant paths in a script are data of its own, and not what every system has, or what comes at run time."""

import os
import re

from magicpak.scripts.sources import Sources
from magicpak.scripts.tree import files_below

_OF_THE_SYSTEM = re.compile(
    r"(/usr(?:/local)?/(?:share|lib|lib64|libexec|etc)|/lib|/lib64|/etc)((?:/[^/]*-linux-[^/]*)?)/([^/]+)"
)
"""Where packages have their directories and files: the place, the part of it for one machine, and the name in it."""

_OF_APPLICATIONS = re.compile(
    r"(?:/opt|/usr/src/[^/]+"
    r"|/(?!(?:bin|boot|dev|etc|home|lib\w*|lost\+found|media|mnt|opt|proc|root|run|s?bin|srv|sys|tmp|usr|var)/)[^/]+)/[^/]+"
)
"""Where what is not packaged is put, /app for example: all that is there belongs to it."""

_SHARED = re.compile(
    r"(?:perl|python|ruby)[\d.]*|(?:dist|site|vendor)[-_](?:packages|python|perl|ruby)|.*-linux-.*|rc\w?\.d|cron\..*"
    r"|NetworkManager|X11|alternatives|apache2|apparmor\.d|applications|apt|backgrounds|base-files|bash-completion"
    r"|bash_completion\.d|binfmt\.d|bug|cgi-bin|common-licenses|compat-ld|dbus-1|debug|default|doc"
    r"|doc-base|emacs|environment\.d|firmware|fonts|gcc|gems|glib-2\.0|gnome|gnupg|gold-ld|help|icons|info|init"
    r"|init\.d|iproute2|java|javascript|jvm|keyrings|ld\.so\.conf\.d|letsencrypt|locale|logrotate\.d|lsb"
    r"|magic|mail|man|metainfo|mime|misc|modprobe\.d|modules|modules-load\.d|network|nginx|opt|pam\.d|perl-base|pixmaps"
    r"|pkgconfig|polkit-1|ppp|profile\.d|pyshared|rubygems-integration|sasl2|security|selinux|sgml|skel|sounds|ssh|ssl"
    r"|sudoers\.d|sysctl\.d|systemd|sysusers\.d|tcltk|terminfo|themes|tmpfiles\.d|udev|update-motd\.d|xdg|xml|xsessions"
    r"|zoneinfo|zsh"
)
"""Directories that many packages share: a file in one can be a script's own, but no directory, nor they themselves."""

_NOT_TAKEN = re.compile(r"/usr/(?:local/)?share/(?:doc|info|man)/|/etc/(?:ssl/private|sudoers\.d|init\.d)/")
"""Texts for people, secrets, and what starts services."""

_OF_THE_HOST = re.compile(
    r"adjtime|bash\.bashrc|crontab|crypttab|environment"
    r"|exports|fstab|g?shadow|group|host\.conf|hostname|hosts(?:\.allow|\.deny)?|inittab|inputrc|issue(?:\.net)?"
    r"|ld\.so\.(?:cache|conf)|localtime|login\.defs|machine-id|motd|mtab|networks|nsswitch\.conf"
    r"|passwd|profile|protocols|resolv\.conf|rpc|services|shells|subgid|subuid|sudoers|sysctl\.conf|timezone"
)
"""Files of /etc that belong to the system, or to whom it is set up for: no copy of them is wanted unasked."""

_OF_MODULES = ("lib", "perl", "perl5", "lib/perl", "lib/perl5", "ruby", "lib/ruby")

MAX_CONFIGURATION = 1000
"""Files of one directory of /etc that are looked at: one with more is no configuration of a script."""


def own_data(path: str, sources: Sources) -> bool:
    """Return whether the absolute `path` leads to a file or directory that belongs to those who name it.

    What not everybody can read is nobody's data: it can be a secret. What is in /var is of this host.
    """
    if os.path.normpath(path) != path.rstrip("/") or _NOT_TAKEN.match(path) or not sources.is_public(path):
        return False
    if _OF_APPLICATIONS.match(path):
        return sources.is_file(path) or sources.is_directory(path)
    match = _OF_THE_SYSTEM.match(path)
    if match is None:
        return False
    place, _, name = match.groups()
    if sources.is_file(path):
        return place != "/etc" or not _OF_THE_HOST.fullmatch(path.removeprefix("/etc/"))
    if not sources.is_directory(path) or _SHARED.fullmatch(name):
        return False
    return place != "/etc" or all(map(sources.is_public, files_below(path, sources, MAX_CONFIGURATION)))


def application_of(directory: str) -> str:
    """Return the directory of the application to which the private `directory` of modules belongs, or itself.

    What an application has beside its modules, it finds from there.
    """
    match = _OF_APPLICATIONS.match(directory) or _OF_THE_SYSTEM.match(directory)
    is_inner = match is not None and directory[match.end() :].lstrip("/") in _OF_MODULES
    return match[0] if match is not None and is_inner else directory
