"""What packages of Python load without a line of Python that names it as a path: libraries, their plugins and data."""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from magicpak.scripts.data_paths import own_data
from magicpak.scripts.sources import Sources

_LOADING = (b"ibrary(", b"DLL(", b"dlopen(")
_LOADED = re.compile(rb"""(?:ibrary|DLL|dlopen)\(\s*["'](lib[\w.+-]*\.so[\w.]*)["']""")

_NAMED = re.compile(rb"""["'](?:[^"'\n]{0,99}/)?(lib[\w+-]+\.so)(?:\.[\w.{}%]*)?["']""")
_SOUGHT = re.compile(
    rb"""(?:ibrary|DLL|dlopen)\(\s*[(\[]?\s*["']([\w+-]+(?:\.\d+)*)["']"""
)  # find_library, and what packages wrap it in
_LDCONFIG, _CACHE = "/sbin/ldconfig", "/etc/ld.so.cache"


class _Companions(NamedTuple):
    """`beside` are names beside the package, `libraries` those in the directories of libraries; the others are paths.

    None of them is needed if `unless` is in the directory of the package.
    """

    unless: str = ""
    beside: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()


_MAGIC = ("/etc/magic", "/usr/share/misc/magic.mgc", "/usr/lib/file/magic.mgc", "/usr/share/misc/magic")
_APT = ("/etc/debian_version", "/etc/apt/apt.conf.d", "/usr/share/dpkg", "/var/lib/dpkg/status", "/var/lib/dpkg/arch")

_CERTIFICATES = ("/etc/ssl/certs", "/usr/lib/ssl/certs", "/usr/lib/ssl/cert.pem")

_OF_PACKAGES = {
    "cryptography": _Companions(libraries=("ossl-modules/legacy.so",)),  # it loads the provider when it is imported
    "apt_pkg": _Companions(data=_APT, programs=("/usr/bin/dpkg",)),  # libapt-pkg takes a system without them for none
    "pygit2": _Companions(data=_CERTIFICATES),  # which it passes on when it is imported, and fails without
    "pytz": _Companions(unless="zoneinfo", data=("/usr/share/zoneinfo",)),  # Debian's has none of its own
    "_distutils_hack": _Companions(beside=("distutils-precedence.pth",)),  # which starts it
    "distro": _Companions(data=("/etc/os-release", "/usr/lib/os-release")),  # all that it is for
    "git": _Companions(programs=("git",)),  # GitPython looks for it when it is imported
    "magic": _Companions(libraries=("libmagic.so.1",), data=_MAGIC),
}


def library_directories(prefixes: tuple[str, ...], sources: Sources) -> list[str]:
    """Return the directories of libraries below `prefixes` and /usr, those that are for one machine first."""
    bases = [os.path.join(prefix, lib) for prefix in dict.fromkeys((*prefixes, "/usr")) for lib in ("lib", "lib64")]
    several = [os.path.join(base, each) for base in bases for each in sorted(sources.names(base)) if "-linux-" in each]
    return [*several, *bases]


def companions(package: str, path: str, directories: list[str], sources: Sources) -> tuple[list[str], list[str]]:
    """Return the files and the programs of the host that `package`, the full name of what is at `path`, needs."""
    known = _OF_PACKAGES.get(package, _Companions())
    if known.unless and known.unless in sources.names(path):
        return [], []
    files = [path for name in known.libraries for path in _found(name, directories, sources)]
    paths = [*known.data, *(os.path.join(os.path.dirname(path), name) for name in known.beside)]
    files += [path for path in paths if sources.is_file(path) or sources.is_directory(path)]
    return files, list(filter(None, map(sources.program, known.programs)))


def loaded_libraries(data: bytes, directories: list[str], sources: Sources) -> tuple[list[str], list[str]]:
    """Return the files and the programs that the code `data` needs to load libraries by constant names.

    `ctypes.CDLL("libx.so.1")` opens a library. `ctypes.util.find_library("x")` executes ldconfig(8), which prints what
    is in ld.so.cache.
    """
    is_loading = any(word in data for word in _LOADING)
    names = sorted({os.fsdecode(name) for name in _LOADED.findall(data)}) if is_loading else []
    opened = [path for name in names for path in _found(name, directories, sources)]
    if is_loading and b"ctypes" in data:
        named = sorted({os.fsdecode(stem) for stem in _NAMED.findall(data)})
        opened += [path for stem in named for path in _all_versions(stem, directories, sources)]
    stems = sorted({os.fsdecode(stem) for stem in _SOUGHT.findall(data)}) if b"ctypes" in data else []
    sought = [path for stem in stems for path in _versions(stem, directories, sources)]
    if sought and sources.is_file(_CACHE) and sources.program(_LDCONFIG):
        return [*opened, *sought, _CACHE], [_LDCONFIG]
    return [*opened, *sought], []


def _versions(stem: str, directories: list[str], sources: Sources) -> Iterator[str]:
    """Yield the library that is found for `stem`: its name has a version of one number, as sonames do."""
    form = re.compile(rf"lib{re.escape(stem)}\.so\.\d+")
    for directory in directories:
        names = sorted(filter(form.fullmatch, sources.names(directory)))
        if names:
            yield os.path.join(directory, names[-1])
            return


def _all_versions(name: str, directories: list[str], sources: Sources) -> Iterator[str]:
    """Yield the library `name` with any version, and without one, in the first directory that has any."""
    for directory in directories:
        names = sorted(each for each in sources.names(directory) if each == name or each.startswith(f"{name}."))
        if names:
            yield from (os.path.join(directory, each) for each in names if ".py" not in each)
            return


def shared_data(data: bytes, package: str, sources: Sources) -> list[str]:
    """Return what the code `data` names of the directory below /usr/share that has the name of its `package`."""
    if b"/usr/share/" not in data.lower():
        return []
    name = re.escape(package.partition(".")[0].encode()).replace(b"_", b"[-_]")
    found = re.findall(rb"""["'](/usr/share/%s(?:/[^"'\n\\{}%%]*)?)["']""" % name, data, re.IGNORECASE)
    return [path.rstrip("/") for path in map(os.fsdecode, found) if own_data(path, sources)]


def _found(name: str, directories: list[str], sources: Sources) -> Iterator[str]:
    paths = (os.path.join(directory, name) for directory in directories)
    yield from [path for path in paths if sources.is_file(path)][:1]
