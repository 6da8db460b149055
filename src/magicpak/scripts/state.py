"""Directories in which scripts keep what they write: they are needed, and what is in them on the host is not."""

import os
import re

from magicpak.scripts.sources import Sources

WRITTEN_TO = ("/tmp", "/var/tmp", "/root")  # noqa: S108 - the bundle's, not the host's
"""Where here-documents of a shell, mktemp(1) and libraries write temporary files, and the HOME of a container."""

_STATE = re.compile(r"/(?:var/(?:cache|games|lib|log|mail|opt|spool|tmp|www)|srv)(?:/[^\0\n]*)?")


def is_state(path: str, sources: Sources) -> bool:
    """Return whether the absolute `path` leads to a directory of the host whose content comes at run time (hier(7))."""
    return (
        _STATE.fullmatch(path) is not None and os.path.normpath(path) == path.rstrip("/") and sources.is_directory(path)
    )
