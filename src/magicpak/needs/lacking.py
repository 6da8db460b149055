"""Whether a bundle lacks what a name of `--with` stands for."""

import os
from collections.abc import Mapping, Sequence

from magicpak.bundle.entry import Directory
from magicpak.bundle.globs import glob_paths, is_literal
from magicpak.bundle.plan import BundlePlan

_BRINGS: Mapping[str, Sequence[str]] = {
    "nss": ("/etc/nsswitch.conf", "/etc/services"),
    "users": ("/etc/passwd",),
    "certs": ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt"),
    "tz": ("/usr/share/zoneinfo/{}",),
    "locale": ("/usr/lib/locale/locale-archive", "/usr/lib/locale/{}"),
    "gconv": ("/usr/lib*/gconv/gconv-modules", "/usr/lib/*/gconv/gconv-modules"),
    "terminfo": ("/usr/share/terminfo/?/{}", "/lib/terminfo/?/{}", "/etc/terminfo/?/{}"),
    "tmp": ("/tmp",),  # noqa: S108 - the bundle's
    "shell": ("/bin/sh",),
}


def lacks_name(value: str, plan: BundlePlan) -> bool:
    """Return whether the host has what the `value` of `--with` stands for, and `plan` has nothing of it."""
    name, _, argument = value.partition("=")
    paths = [path for pattern in _BRINGS.get(name, ()) for path in _paths(pattern.format(argument))]
    return bool(paths) and not any(plan.reached(path)[0] for path in paths)


def lacks_path(path: str, plan: BundlePlan) -> bool:
    """Return whether `plan` has nothing at `path`, or merely a directory on the way to something."""
    item = plan.reached(path)[0]
    return item is None or (isinstance(item.entry, Directory) and item.entry.implied)


def _paths(pattern: str) -> Sequence[str]:
    if is_literal(pattern):
        return [pattern] if os.path.exists(pattern) else []
    return [f"/{path}" for path in sorted(glob_paths(pattern.lstrip("/"), "/"))]
