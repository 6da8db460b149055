"""What a path is called, that programs look for and an image from nothing has not."""

import re
from typing import NamedTuple


class Called(NamedTuple):
    """A name for people, and how much it matters: 0 is what nothing goes without, 3 what is hardly ever missed."""

    words: str
    rank: int


_PLAIN = Called("", 1)
_LIBRARY_DIRECTORIES = r"(?:/usr(?:/local)?)?/lib(?:32|64|x32)?/(?:[^/]+-linux-[^/]+/)?"

# The first row that matches counts. Places are those of Debian, Alpine, Fedora and the FHS.
_ROWS: tuple[tuple[str, Called], ...] = (
    (_LIBRARY_DIRECTORIES + r"libnss_(files|dns|compat)\.so[.\d]*", Called("the NSS module {}", 0)),
    (_LIBRARY_DIRECTORIES + r"libnss_(\w+)\.so[.\d]*", Called("the NSS module {}", 2)),
    (r"/etc/nsswitch\.conf", Called("the configuration of NSS", 2)),
    (r"/(?:usr/)?lib(?:32|64)?/(?:[^/]+/)?ld[-\w]*\.so[.\d]*", Called("the interpreter, the dynamic loader", 0)),
    (r"/.*\.so(?:\.[\w.]+)?", Called("a library", 0)),
    (r"/(?:usr/)?bin/(?:ba|da|a)?sh", Called("a shell", 0)),
    (r"/etc/(?:passwd|group|shadow)", Called("the names of users and groups", 1)),
    (r"/.*/openssl\.cnf", Called("the configuration of OpenSSL", 2)),
    (r"/etc/(?:ssl|pki|ca-certificates)(?:/.*)?", Called("CA certificates", 1)),
    (r"/usr/(?:lib|local)/ssl(?:/.*)?|/usr/(?:local/)?share/ca-certificates(?:/.*)?", Called("CA certificates", 1)),
    (r"/usr/share/zoneinfo/(.+)", Called("the time zone {}", 1)),
    (r"/etc/(?:localtime|timezone)|/usr/share/zoneinfo", Called("the time zone of the system", 2)),
    (r"/(?:usr/share|usr/lib|lib|etc)/terminfo/\w+/([^/]+)", Called("the terminfo entry {}", 1)),
    (r"/(?:usr/share|usr/lib|lib|etc)/terminfo(?:/.*)?", Called("terminfo entries", 1)),
    (r".*/LC_MESSAGES/.*|/usr/share/locale(?:-langpack)?(?:/.*)?", Called("translated messages", 3)),
    (r"/usr/lib/locale/(?!locale-archive)([^/]+).*", Called("the locale {}", 2)),
    (r"/usr/lib/locale(?:/.*)?", Called("a locale", 2)),
    (r"/(?:usr/)?lib(?:32|64)?/(?:[^/]+/)?gconv(?:/.*)?", Called("conversions of character sets", 3)),
    (r"/etc/(?:services|protocols)", Called("the names of network services and protocols", 1)),
    (r"/etc/(?:host\.conf|gai\.conf)", Called("the configuration of the network", 2)),
    (r".*/__pycache__(?:/.*)?", Called("", 3)),
)
_PATTERNS = [(re.compile(pattern, re.DOTALL), called) for pattern, called in _ROWS]


def called(path: str) -> Called:
    """Return what `path` is called; without words for what needs none."""
    for pattern, row in _PATTERNS:
        found = pattern.fullmatch(path)
        if found:
            name = next((group for group in found.groups() if group), "")
            return row._replace(words=" ".join(row.words.format(name).split()))
    return _PLAIN
