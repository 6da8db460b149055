"""Warns of what a run has brought in and hardly anybody wants in an image: keys, passwords, private files."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.resolve.inputs import Program
from magicpak.text import count_noun, printable, shell_line

_LARGEST_KEY = 64 * 1024
_MOST_NAMED = 8

_HASHES = re.compile(r"/etc/(g?shadow-?|security/opasswd|master\.passwd)")
_KEYS = re.compile(
    r"/etc/ssh/ssh_host_[^/]*_key|/etc/ssl/private/.*|.*/\.ssh/id_[^/.]*"
    r"|.*/\.gnupg/(private-keys-v1\.d/.*|secring\.gpg)",
    re.DOTALL,
)
_CREDENTIALS = re.compile(
    r".*/(\.netrc|\.pgpass|\.my\.cnf|\.mylogin\.cnf|\.git-credentials|\.npmrc|\.pypirc|\.s3cfg|\.boto|\.vault-token"
    r"|\.htpasswd|\.dockercfg|\.docker/config\.json|\.kube/config|\.aws/(credentials|sso/.*|cli/cache/.*)|\.azure/.*"
    r"|\.cargo/credentials(\.toml)?|\.gem/credentials|\.m2/settings(-security)?\.xml|\.terraform\.d/credentials.*"
    r"|\.config/(gcloud/.*|gh/hosts\.yml|git/credentials|rclone/rclone\.conf|pypoetry/auth\.toml|containers/auth\.json))"
    r"|/etc/krb5\.keytab",
    re.DOTALL,
)
_HOME = re.compile(r"(/root|/home/[^/]+)/.")
_PRIVATE_KEY = re.compile(
    rb"^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[ \t]*\r?\n(?:\s*\n)?(?:[A-Za-z-]+: |[A-Za-z0-9+/=]{16})",
    re.MULTILINE,
)


class _SecretKind(NamedTuple):
    """One kind of secret: what it is in words, and how a file in the bundle is told to be one."""

    words: str
    holds: Callable[[str, Copy], bool]


_KINDS = (
    _SecretKind("password hashes", lambda path, _: _HASHES.fullmatch(path) is not None),
    _SecretKind("private keys", lambda path, copy: _KEYS.fullmatch(path) is not None or _has_private_key(copy)),
    _SecretKind("credentials", lambda path, _: _CREDENTIALS.fullmatch(path) is not None),
)


def secret_warnings(plan: BundlePlan, brought: Collection[BundlePath], programs: Sequence[Program]) -> list[str]:
    """Return a line for each kind of secret among the files of `plan` that are `brought` by a run.

    What is below a home directory counts too, but not what stands with one of `programs`, the INPUTs: in the directory
    of its executable and below, where that is in the home.
    """
    found: dict[str, list[str]] = {}
    homes: dict[str, list[str]] = {}
    ours = os.path.realpath(os.environ.get("HOME") or "/")
    own = [os.path.dirname(path) for program in programs for path in (program.path, program.real)]
    for item in plan:
        if item.path not in brought or not isinstance(item.entry, Copy):
            continue
        entry = item.entry
        kind = next((kind.words for kind in _KINDS if kind.holds(item.path, entry)), None)
        home = _home_of(item.path, ours)
        if kind is not None:
            found.setdefault(kind, []).append(item.path)
        elif home is not None and not any(each.startswith(f"{home}/") and item.path.is_under(each) for each in own):
            homes.setdefault(home, []).append(item.path)
    return [*_lines(found), *(_home_line(home, paths) for home, paths in homes.items())]


def _home_of(path: str, ours: str) -> str | None:
    """Return the home directory that `path` is below, where our own is `ours`; None for none."""
    if ours != "/" and path.startswith(f"{ours}/"):
        return ours
    match = _HOME.match(path)
    return match[1] if match else None


def _has_private_key(copy: Copy) -> bool:
    if copy.size > _LARGEST_KEY:
        return False
    try:
        with open(copy.source, "rb", buffering=0) as file:
            data = file.read(_LARGEST_KEY)
    except OSError:  # copying it will tell
        return False
    return b"PRIVATE KEY" in data and _PRIVATE_KEY.search(data) is not None


def _lines(found: dict[str, list[str]]) -> Iterator[str]:
    for words, paths in found.items():
        more = len(paths) - _MOST_NAMED
        verb = "looks like a secret" if len(paths) == 1 else "look like secrets"
        drop = "leaves it out" if len(paths) == 1 else "leave them out"
        names = ", ".join(map(printable, paths[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
        flags = " ".join(_exclusion(path) for path in paths[:_MOST_NAMED]) + (", and so on," if more > 0 else "")
        yield f"{names} {verb} ({words}): {flags} {drop}"


def _home_line(home: str, paths: Sequence[str]) -> str:
    first = printable(paths[0])
    if len(paths) == 1:
        return f"{first} is below a home directory: {_exclusion(paths[0])} leaves it out"
    more = count_noun(len(paths) - 1, "other file")
    pattern = shell_line([f"{_literal(home)}/*"])
    return f"{first} and {more} are below a home directory: --exclude {pattern} leaves them out"


def _exclusion(path: str) -> str:
    return f"--exclude {shell_line([_literal(path)])}"


def _literal(path: str) -> str:
    """Return `path` as a pattern that matches nothing else."""
    return re.sub(r"([*?\[])", r"[\1]", path)
