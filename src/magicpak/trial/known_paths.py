"""What a path is called, that programs look for and an image from nothing has not."""

import re
from typing import NamedTuple


class KnownPath(NamedTuple):
    """A name for people, and how much it matters: 0 is what nothing goes without, 3 what is hardly ever missed."""

    words: str
    rank: int


_PLAIN = KnownPath("", 1)
_LIBRARY_DIRECTORIES = r"(?:/usr(?:/local)?)?/lib(?:32|64|x32)?/(?:[^/]+-linux-[^/]+/)?"

# The first row that matches counts. Places are those of Debian, Alpine, Fedora and the FHS.
_ROWS: tuple[tuple[str, KnownPath], ...] = (
    (_LIBRARY_DIRECTORIES + r"libnss_(files|dns|compat)\.so[.\d]*", KnownPath("the NSS module {}", 0)),
    (_LIBRARY_DIRECTORIES + r"libnss_(\w+)\.so[.\d]*", KnownPath("the NSS module {}", 2)),
    (r"/etc/nsswitch\.conf", KnownPath("the configuration of NSS", 2)),
    (r"/(?:usr/)?lib(?:32|64)?/(?:[^/]+/)?ld[-\w]*\.so[.\d]*", KnownPath("the interpreter, the dynamic loader", 0)),
    (r"/.*\.so(?:\.[\w.]+)?", KnownPath("a library", 0)),
    (r"/(?:usr/)?bin/(?:ba|da|a)?sh", KnownPath("a shell", 0)),
    (r"/etc/(?:passwd|group|shadow)", KnownPath("the names of users and groups", 1)),
    (r"/.*/openssl\.cnf", KnownPath("the configuration of OpenSSL", 2)),
    (r"/etc/(?:ssl|pki|ca-certificates)(?:/.*)?", KnownPath("CA certificates", 1)),
    (r"/usr/(?:lib|local)/ssl(?:/.*)?|/usr/(?:local/)?share/ca-certificates(?:/.*)?", KnownPath("CA certificates", 1)),
    (r"/usr/share/zoneinfo/(.+)", KnownPath("the time zone {}", 1)),
    (r"/etc/(?:localtime|timezone)|/usr/share/zoneinfo", KnownPath("the time zone of the system", 2)),
    (r"/(?:usr/share|usr/lib|lib|etc)/terminfo/\w+/([^/]+)", KnownPath("the terminfo entry {}", 1)),
    (r"/(?:usr/share|usr/lib|lib|etc)/terminfo(?:/.*)?", KnownPath("terminfo entries", 1)),
    (r".*/LC_MESSAGES/.*|/usr/share/locale(?:-langpack)?(?:/.*)?", KnownPath("translated messages", 3)),
    (r"/usr/lib/locale/(?!locale-archive)([^/]+).*", KnownPath("the locale {}", 2)),
    (r"/usr/lib/locale(?:/.*)?", KnownPath("a locale", 2)),
    (r"/(?:usr/)?lib(?:32|64)?/(?:[^/]+/)?gconv(?:/.*)?", KnownPath("conversions of character sets", 3)),
    (r"/etc/(?:services|protocols)", KnownPath("the names of network services and protocols", 1)),
    (r"/etc/(?:host\.conf|gai\.conf)", KnownPath("the configuration of the network", 2)),
    (r".*/__pycache__(?:/.*)?", KnownPath("", 3)),
)
_PATTERNS = [(re.compile(pattern, re.DOTALL), known_path) for pattern, known_path in _ROWS]


def known_path(path: str) -> KnownPath:
    """Return what `path` is called; without words for what needs none."""
    for pattern, row in _PATTERNS:
        found = pattern.fullmatch(path)
        if found:
            name = next((group for group in found.groups() if group), "")
            return row._replace(words=" ".join(row.words.format(name).split()))
    return _PLAIN
