"""Warnings of what a run has used and hardly anybody wants in an image: keys, passwords, private files, caches."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from magicpak.bundle.entry import Copy
from magicpak.bundle.globs import literal_pattern
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.files.view import read_host_file, real_path
from magicpak.resolve.inputs import Input
from magicpak.text import list_names, printable, shell_line

_LARGEST_KEY = 64 * 1024
_MAX_NAMED = 8

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
_CACHES = (
    r"\.cache",  # XDG Base Directory Specification: GStreamer's list of plugins, fontconfig's of fonts
    r"\.fontconfig",  # fonts-conf(5)
    r"\.java/fonts",  # OpenJDK's list of fonts
    r"\.texlive\d*/texmf-var|\.texmf-var",  # TEXMFVAR in texmf.cnf: LuaTeX's list of fonts, formats
    r"\.nv/ComputeCache|\.triton/cache|\.cupy/kernel_cache",  # what CUDA, Triton and CuPy have compiled for a GPU
)
"""The directories below a home in which programs keep what they have found out or made from other files."""

_CACHE = re.compile(rf"/(?:{'|'.join(_CACHES)})/.", re.DOTALL)
_PRIVATE_KEY = re.compile(
    rb"^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[ \t]*\r?\n(?:\s*\n)?(?:[A-Za-z-]+: |[A-Za-z0-9+/=]{16})",
    re.MULTILINE,
)


class _SecretKind(NamedTuple):
    """One kind of secret: its name, and the test for a file of the bundle."""

    name: str
    matches: Callable[[str, Copy], bool]


_KINDS = (
    _SecretKind("password hashes", lambda path, _: _HASHES.fullmatch(path) is not None),
    _SecretKind("private keys", lambda path, copy: _KEYS.fullmatch(path) is not None or _has_private_key(copy)),
    _SecretKind("credentials", lambda path, _: _CREDENTIALS.fullmatch(path) is not None),
)


def secret_warnings(
    plan: BundlePlan, used: Collection[BundlePath], inputs: Sequence[Input], env: Mapping[str, str]
) -> list[str]:
    """Return a line for each kind of secret among the files of `plan` that a run with the variables `env` has `used`.

    What is in a home directory counts too, except what is beside or below one of `inputs` where that is in the home;
    and caches, wherever they are.
    """
    found: dict[str, list[str]] = {}
    homes: dict[str, list[str]] = {}
    caches: dict[str, list[str]] = {}
    own_homes = {real_path(each.get("HOME") or "/") for each in (os.environ, env)} - {"/"}
    cache_home = env.get("XDG_CACHE_HOME", "")  # a relative one counts for nothing, by the specification
    cache_home = real_path(cache_home) if cache_home.startswith("/") else "/"
    directories = [os.path.dirname(path) for each in inputs for path in (each.path, each.real)]
    for item in plan:
        if item.path not in used or not isinstance(item.entry, Copy):
            continue
        entry = item.entry
        kind = next((kind.name for kind in _KINDS if kind.matches(item.path, entry)), None)
        home = _home_of(item.path, own_homes)
        cached_by = _cached_by(item.path, home, cache_home)
        if kind is not None:
            found.setdefault(kind, []).append(item.path)
        elif home is not None and not _is_beside_input(item.path, home, directories):
            homes.setdefault(home, []).append(item.path)
        if kind is None and cached_by is not None:
            caches.setdefault(cached_by, []).append(item.path)
    lines = [*_secret_lines(found), *(_home_line(home, paths) for home, paths in homes.items())]
    return [*lines, *(_cache_line(variable, paths) for variable, paths in caches.items())]


def _is_beside_input(path: BundlePath, home: str, directories: Sequence[str]) -> bool:
    return any(each.startswith(f"{home}/") and path.is_under(each) for each in directories)


def _home_of(path: str, ours: Collection[str]) -> str | None:
    """Return the home directory that `path` is below, where our own are `ours`; None for none."""
    own = max((each for each in ours if path.startswith(f"{each}/")), key=len, default=None)
    match = _HOME.match(path)
    return own or (match[1] if match else None)


def _cached_by(path: str, home: str | None, cache_home: str) -> str | None:
    """Return the variable that says where the cache is that `path` is in; None for what is not in a cache."""
    if cache_home != "/" and path.startswith(f"{cache_home}/"):
        return "XDG_CACHE_HOME"
    return "HOME" if home is not None and _CACHE.match(path, len(home)) else None


def _has_private_key(copy: Copy) -> bool:
    if copy.size > _LARGEST_KEY:
        return False
    try:
        data = read_host_file(copy.source, _LARGEST_KEY)
    except OSError:  # copying it reports that
        return False
    return b"PRIVATE KEY" in data and _PRIVATE_KEY.search(data) is not None


def _secret_lines(found: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for kind, paths in found.items():
        verb, pronoun = ("looks like a secret", "it") if len(paths) == 1 else ("look like secrets", "them")
        flags = " ".join(map(_exclude_flag, paths[:_MAX_NAMED])) + (" and so on" if paths[_MAX_NAMED:] else "")
        yield f"{list_names(paths, _MAX_NAMED)} {verb} ({kind}): exclude {pronoun} with {flags}"


def _home_line(home: str, paths: Sequence[str]) -> str:
    if len(paths) == 1:
        return f"{printable(paths[0])} is in a home directory: exclude it with {_exclude_flag(paths[0])}"
    flag = shell_line(["--exclude", f"{literal_pattern(home)}/*"])
    return f"{list_names(paths)} are in a home directory: exclude them with {flag}"


def _cache_line(variable: str, paths: Sequence[str]) -> str:
    which = "is a cache, without which" if len(paths) == 1 else "are caches, without which"
    place = "home" if variable == "HOME" else "cache"
    cure = f"to find that too, run the program with an empty {place}: --dynamic-env {variable}=$(mktemp -d)"
    return f"{list_names(paths)} {which} the program may need files that the run did not use; {cure}"


def _exclude_flag(path: str) -> str:
    return shell_line(["--exclude", literal_pattern(path)])
