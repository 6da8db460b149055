"""Which of the absolute paths that a script names are its own data, and not what every system has."""

import os

from magicpak.scripts.python.values import UNKNOWN
from magicpak.scripts.sources import Sources

_NEVER = (
    *("/dev", "/proc", "/sys", "/run", "/tmp", "/home", "/root", "/boot", "/mnt", "/media", "/var", "/bin", "/sbin"),  # noqa: S108 - a rule about it
    *("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/include", "/usr/src", "/lost+found"),
    *("/usr/share/doc", "/usr/share/man", "/usr/share/info", "/usr/share/locale", "/etc/ssl/private", "/etc/sudoers.d"),
)
"""What is the kernel's, the user's or the run's; programs, which count where they are executed; texts for people."""

_SHARED = {
    "/usr/share": "applications backgrounds bash-completion bug dbus-1 dict fonts glib-2.0 gnome icons java javascript "
    "keyrings lintian man mime misc perl perl5 pixmaps pyshared python python3 sgml sounds tcltk terminfo themes "
    "xml xsessions zoneinfo zsh common-licenses base-files help metainfo",
    "/usr/lib": "python2.7 python3 gcc systemd jvm locale ssl terminfo debug modules firmware mime pkgconfig cgi-bin "
    "sysusers.d tmpfiles.d udev lsb init apt dpkg environment.d binfmt.d modules-load.d sasl2 locale compat-ld gold-ld",
    "/etc": "alternatives apache2 apparmor.d apt bash_completion.d ca-certificates cron.d cron.daily cron.hourly "
    "cron.monthly cron.weekly dbus-1 default dpkg emacs fonts init init.d iproute2 kernel ld.so.conf.d logrotate.d "
    "mail modprobe.d modules-load.d network nginx NetworkManager opt pam.d perl polkit-1 ppp profile.d python3 rc0.d "
    "rc1.d rc2.d rc3.d rc4.d rc5.d rc6.d rcS.d security selinux skel ssh ssl sysctl.d systemd terminfo tmpfiles.d udev "
    "update-motd.d xdg X11 letsencrypt gnupg",
}
"""Directories in which many packages have something: a file in one counts, the whole of it does not."""

_EVERYWHERE = {
    *("passwd", "group", "shadow", "gshadow", "hosts", "hostname", "resolv.conf", "os-release", "machine-id", "fstab"),
    *("mtab", "localtime", "timezone", "nsswitch.conf", "services", "protocols", "ld.so.cache", "ld.so.conf"),
    *("profile", "environment", "shells", "issue", "issue.net", "debian_version", "host.conf", "networks"),
    *("lsb-release", "crontab", "bash.bashrc", "inputrc", "login.defs", "hosts.allow", "hosts.deny", "adjtime"),
    *("motd", "subuid", "subgid", "crypttab", "exports", "sysctl.conf", "redhat-release"),
    *("sudoers", "fedora-release", "alpine-release"),
}  # fmt: skip
_LEAST_DEPTH = 2
_LEAST_DEPTH_BELOW_USR = 3


def own_data(path: str, sources: Sources) -> str | None:
    """Return the file or directory that `path` names, if it exists and is data of the program that names it.

    Where a part of `path` is unknown, it stands for the directory above that part.
    """
    known, unknown, _ = path.partition(UNKNOWN)
    found = os.path.normpath(known.rpartition("/")[0] if unknown else known)
    if "\n" in found or found.startswith("//"):
        return None
    if any(found == each or found.startswith(f"{each}/") for each in _NEVER):
        return None
    is_directory = sources.is_directory(found)
    if not (is_directory and _is_own_directory(found, sources)) and not sources.is_file(found):
        return None
    above, _, name = found.rpartition("/")
    if above == "/etc" and not is_directory and name in _EVERYWHERE:
        return None
    return found


def _is_own_directory(path: str, sources: Sources) -> bool:
    parts = path.split("/")[1:]
    if parts[:2] == ["usr", "local"]:
        parts = ["usr", *parts[2:]]
    least = _LEAST_DEPTH_BELOW_USR if parts[:1] == ["usr"] else _LEAST_DEPTH
    if len(parts) < least or not parts[-1] or sources.is_file(os.path.join(path, "os.py")):
        return False
    above = "/".join(["", *parts[:-1]])
    name = parts[-1]
    if above in ("/lib", "/lib64", "/usr/lib64"):
        above = "/usr/lib"
    is_multiarch = above == "/usr/lib" and name.count("-") > 1 and "linux" in name
    return (
        not is_multiarch
        and name not in _SHARED.get(above, "").split()
        and name not in ("dist-packages", "site-packages")
    )
