"""Names for paths that programs look for, and how much each matters."""

import re
from typing import NamedTuple


class KnownPath(NamedTuple):
    """A name for people, and how little the path matters: 0, nothing works without it, to 3, hardly ever missed.

    `need` is the value of `--with` that brings it with all that belongs to it, if there is one.
    """

    words: str
    rank: int
    need: str = ""


_PLAIN = KnownPath("", 1)
_LIBRARY_DIRECTORIES = r"(?:/usr(?:/local)?)?/lib(?:32|64|x32)?/(?:[^/]+-linux-[^/]+/)?"

# The first row that matches counts. The paths are those of Debian, Alpine, Fedora and the FHS.
_ROWS: tuple[tuple[str, KnownPath], ...] = (
    (_LIBRARY_DIRECTORIES + r"libnss_(files|dns|compat)\.so[.\d]*", KnownPath("the NSS module {}", 0, "nss")),
    (_LIBRARY_DIRECTORIES + r"libnss_(\w+)\.so[.\d]*", KnownPath("the NSS module {}", 2, "nss")),
    (r"/etc/nsswitch\.conf", KnownPath("NSS configuration", 2, "nss")),
    (r"/(?:usr/)?lib(?:32|64)?/(?:[^/]+/)?ld[-\w]*\.so[.\d]*", KnownPath("the interpreter, the dynamic loader", 0)),
    (r"/.*\.so(?:\.[\w.]+)?", KnownPath("a library", 0)),
    (r"/bin/sh", KnownPath("a shell", 0, "shell")),
    (r"/(?:usr/)?bin/(?:ba|da|a)?sh", KnownPath("a shell", 0)),
    (r"/etc/(?:passwd|group)", KnownPath("user and group names", 1, "users")),
    (r"/(?:var/)?tmp", KnownPath("", 1, "tmp")),
    (r"/.*/openssl\.cnf", KnownPath("OpenSSL configuration", 2, "openssl")),
    (r"/etc/(?:ssl|pki|ca-certificates)(?:/.*)?", KnownPath("CA certificates", 1, "certs")),
    (r"/usr/(?:lib|local)/ssl(?:/.*)?", KnownPath("CA certificates", 1, "certs")),
    (r"/usr/(?:local/)?share/ca-certificates(?:/.*)?", KnownPath("CA certificates", 1)),
    (r"/usr/share/zoneinfo/(?:[\w.]+\.(?:tab|zi|list)|leapseconds)", KnownPath("the list of time zones", 2, "tz")),
    (r"/usr/share/zoneinfo/(.+)", KnownPath("the time zone {}", 1, "tz={}")),
    (r"/etc/(?:localtime|timezone)|/usr/share/zoneinfo", KnownPath("the system time zone", 2)),
    (r"/(?:usr/share|usr/lib|lib|etc)/terminfo/\w+/([^/]+)", KnownPath("the terminfo entry {}", 1, "terminfo={}")),
    (r"/(?:usr/share|usr/lib|lib|etc)/terminfo(?:/.*)?", KnownPath("terminfo entries", 1, "terminfo")),
    (r".*/LC_MESSAGES/.*|/usr/share/locale(?:-langpack)?(?:/.*)?", KnownPath("translated messages", 3)),
    (r"/usr/lib/locale/(?!locale-archive)([^/]+).*", KnownPath("the locale {}", 2, "locale={}")),
    (r"/usr/lib/locale(?:/.*)?", KnownPath("a locale", 2)),
    (r"/(?:usr/)?lib(?:32|64)?/(?:[^/]+/)?gconv(?:/.*)?", KnownPath("character set conversions", 3, "gconv")),
    (r"/etc/(?:services|protocols)", KnownPath("names of network services and protocols", 1, "nss")),
    (r"/etc/(?:host\.conf|gai\.conf)", KnownPath("network configuration", 2)),
    (r".*/__pycache__(?:/.*)?", KnownPath("", 3)),
)
_PATTERNS = [(re.compile(pattern, re.DOTALL), known_path) for pattern, known_path in _ROWS]


def known_path(path: str) -> KnownPath:
    """Return the name of `path`, without words where it needs none."""
    for pattern, row in _PATTERNS:
        found = pattern.fullmatch(path)
        if found:
            name = next((group for group in found.groups() if group), "")
            return row._replace(words=" ".join(row.words.format(name).split()), need=row.need.format(name))
    return _PLAIN
