"""Small programs and libraries in a directory, and which files the real loader and ours take for what they need."""

import importlib
import os
import pickle
import pkgutil
import re
import subprocess
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict, TypeVar, Unpack, cast

import magicpak
from magicpak.bundle.entry import Layout
from magicpak.bundle.path import BundlePath
from magicpak.elf.cache import ElfCache
from magicpak.elf.facts import ElfTarget
from magicpak.errors import MagicpakError
from magicpak.ldso.closure import Closure
from magicpak.ldso.factory import Loaders
from magicpak.ldso.resolver import Resolver
from magicpak.log import Log
from magicpak.options import LogLevel, Options
from magicpak.pipeline import bundle
from magicpak.resolve.inputs import find_inputs
from magicpak.resolve.libraries import Resolved, resolve_program
from support.elf_files import X86_64_EXIT_0, Text, make_elf

GLIBC = "/lib64/ld-linux-x86-64.so.2"
MUSL = "/lib/ld-musl-x86_64.so.1"

Answer = TypeVar("Answer")

_NOT_FILES = ("linux-vdso.so.1", "linux-gate.so.1")


class Facts(TypedDict, total=False):
    """What `make_elf` can be told of a program or library."""

    kind: ElfTarget
    type: int
    flags: int
    dynamic: bool
    needed: Sequence[Text]
    soname: Text | None
    rpath: Text | None
    runpath: Text | None
    flags_1: int
    auxiliary: Sequence[Text]
    filter: Sequence[Text]
    first: Sequence[tuple[int, int | Text]]


class Listing(NamedTuple):
    """What a loader brings in, in load order: the name by which each was first needed, and its path.

    `missing` are the names that it does not find; `stops` tells that it ends with an error instead.
    """

    found: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    stops: bool = False


def found(*pairs: tuple[str, str]) -> Listing:
    """Return the listing of a program that finds all it needs: these names at these paths."""
    return Listing(pairs)


def missing(*names: str) -> Listing:
    """Return the listing of a program that finds nothing, of these names."""
    return Listing((), names)


class LibraryTree:
    """A directory with programs and libraries that do nothing, made on the spot."""

    def __init__(self, root: Path, interpreter: str = GLIBC) -> None:
        self.root = root
        self.interpreter = interpreter

    def __truediv__(self, path: str) -> str:
        return str(self.root / path)

    def add(self, path: str, data: bytes, mode: int = 0o755) -> str:
        where = self.root / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(data)
        where.chmod(mode)
        return str(where)

    def library(self, path: str, **facts: Unpack[Facts]) -> str:
        """Make a library; no two of different paths have the same bytes."""
        return self.add(path, make_elf(code=os.fsencode(path), entry=0, **facts))

    def program(self, path: str, **facts: Unpack[Facts]) -> str:
        return self.add(path, make_elf(interpreter=self.interpreter, code=X86_64_EXIT_0, **facts))

    def link(self, path: str, target: str) -> str:
        where = self.root / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.symlink_to(target)
        return str(where)


def listed(program: str, *, library_path: str | None = None, mask: str | None = None) -> Listing:
    """Return what the glibc that is the PT_INTERP of `program` lists, run in the current directory.

    `mask` are the directories below glibc-hwcaps/ that it is to look at, with `:` between; None for this processor's.
    """
    environment = _environment(library_path) | {"LD_TRACE_LOADED_OBJECTS": "1"}
    command = [program] if mask is None else [GLIBC, "--glibc-hwcaps-mask", mask, program]
    ran = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=20)
    if ran.returncode:
        assert b"error while loading shared libraries" in ran.stderr, ran
        return Listing(stops=True)
    return parsed(os.fsdecode(ran.stdout))


def listed_by_musl(program: str, *, library_path: str | None = None, loader: str = MUSL) -> Listing:
    """Return what musl lists for `program`; it stops at nothing while it lists, but calls all that fails missing."""
    command = [loader, "--list", program]
    ran = subprocess.run(
        command, env=_environment(library_path), capture_output=True, text=True, check=False, timeout=20
    )
    missing = re.findall(r"^Error loading shared library (.*?): .* \(needed by ", ran.stderr, re.MULTILINE)
    assert bool(missing) == bool(ran.returncode), ran
    listing = parsed(ran.stdout)
    return Listing(tuple(pair for pair in listing.found if pair[1] != loader), tuple(missing))


def _environment(library_path: str | None) -> dict[str, str]:
    return {} if library_path is None else {"LD_LIBRARY_PATH": library_path}


def parsed(output: str) -> Listing:
    found: list[tuple[str, str]] = []
    missing: list[str] = []
    for line in output.splitlines():
        name, arrow, path = line.strip().partition(" => ")
        if name == "statically linked":
            continue
        if path == "not found":
            missing.append(name)
            continue
        name = name if arrow else name.rpartition(" (")[0]
        path = path.rpartition(" (")[0] if arrow else name
        if name not in _NOT_FILES and path != GLIBC:
            found.append((name, os.path.join(os.getcwd(), path)))
    return Listing(tuple(found), tuple(missing))


def resolved(
    program: str,
    *,
    library_path: str | None = None,
    resolver: Resolver = Resolver.STATIC,
    store: ElfCache | None = None,
    hwcaps: bool = True,
) -> Resolved:
    """Return what ours finds for `program`, without a compiler."""
    store = store or ElfCache()

    def nowhere() -> str:
        raise AssertionError

    loaders = Loaders(resolver, "", library_path or "", store, nowhere, hwcaps=hwcaps)
    return resolve_program(find_inputs([program], None, Layout.HOST, store).programs[0], loaders)


def ours(program: str, *, library_path: str | None = None) -> Listing:
    """Return what ours finds for `program`, with the baseline of each library."""
    return listing_of(resolved(program, library_path=library_path).closure)


def listing_of(closure: Closure) -> Listing:
    """Return `closure` in the form of the real loader's answer."""
    if any(need.load_error for need in closure.missing):
        return Listing(stops=True)
    found = tuple((each.name, each.path) for each in closure.objects[1:])
    return Listing(found, tuple(dict.fromkeys(need.name for need in closure.missing)))


def agreed(program: str, *, library_path: str | None = None) -> Listing:
    """Return what the real loader lists for `program`, after it is held against ours."""
    theirs = listed(program, library_path=library_path)
    mine = ours(program, library_path=library_path)
    assert mine == theirs, f"ours is {mine}, the real loader's {theirs}"
    return theirs


def agreed_by_musl(program: str, *, library_path: str | None = None, loader: str = MUSL) -> Listing:
    """Return what musl lists for `program`, after it is held against ours."""
    theirs = listed_by_musl(program, library_path=library_path, loader=loader)
    closure = resolved(program, library_path=library_path).closure
    missing = tuple(dict.fromkeys(need.name for need in closure.missing))
    mine = Listing(tuple((each.name, each.path) for each in closure.objects[1:]), missing)
    assert mine == theirs, f"ours is {mine}, the real loader's {theirs}"
    return theirs


def inside(root: Path, look: Callable[[], Answer]) -> Answer:
    """Return what `look` returns in a process that has the directory `root` as its whole world."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        try:
            os.chroot(root)
            os.chdir("/")
            answer: tuple[bool, object] = (True, look())
        except BaseException:  # noqa: BLE001 - whatever it is, the parent shows it
            answer = (False, traceback.format_exc())
        with os.fdopen(sending, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        ok, result = pickle.load(pipe)
    os.waitpid(child, 0)
    assert ok, result
    return cast("Answer", result)


class World(LibraryTree):
    """A directory that is a whole world, with glibc's loader in it; paths of programs are as they are inside."""

    def __init__(self, root: Path, interpreter: str = GLIBC) -> None:
        super().__init__(root, interpreter)
        self.add(interpreter.lstrip("/"), Path(os.path.realpath(GLIBC)).read_bytes())

    def agreed(self, program: str, *, library_path: str | None = None) -> Listing:
        """Return what the loader in this world lists for `program`, after it is held against ours."""
        return inside(self.root, lambda: agreed(program, library_path=library_path))

    def ldconfig(self, *directories: str) -> None:
        """Make the cache, as the host's ldconfig does, of the default directories and `directories`."""
        self.add("etc/ld.so.conf", "".join(f"{each}\n" for each in directories).encode())
        subprocess.run(["/sbin/ldconfig", "-X", "-r", str(self.root)], check=True, capture_output=True)


class Bundle(NamedTuple):
    """A bundle: its directory, and what magicpak said."""

    root: Path
    warnings: tuple[str, ...]

    def runs(self, program: str, *, environment: Mapping[str, str] | None = None) -> bool:
        """Tell whether `program` runs with the bundle as its whole world."""
        self._show_as_running(program)

        def run() -> int:
            command = [program]
            ran = subprocess.run(command, env=environment or {}, capture_output=True, check=False, timeout=20)
            return ran.returncode

        return inside(self.root, run) == 0

    def loads(self, program: str) -> dict[str, bytes]:
        """Return what glibc loads for `program` in the bundle: the bytes that each name leads to."""
        self._show_as_running(program)
        return inside(self.root, lambda: contents(listed(program)))

    def _show_as_running(self, program: str) -> None:
        """Stand in for /proc, which no bundle has, and from which the loader takes the program's `$ORIGIN`."""
        link = self.root / "proc/self/exe"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(program)


def contents(listing: Listing) -> dict[str, bytes]:
    assert (listing.missing, listing.stops) == ((), False)
    return {name: Path(path).read_bytes() for name, path in listing.found}


class Remarks(Log):
    """Keeps warnings instead of writing them."""

    def __init__(self) -> None:
        super().__init__(LogLevel.WARN)
        self.warnings: list[str] = []

    def warn(self, event: str) -> None:
        self.warnings.append(event)


def bundled(world: World, options: Options, *, cwd: str = "/") -> Bundle:
    """Return the bundle that `options` ask for in `world`. Raises MagicpakError with the class and text of what is."""
    ours = [module.name for module in pkgutil.walk_packages(magicpak.__path__, "magicpak.")]
    for name in (*ours, "shlex", "wcmatch.glob", "wcmatch.fnmatch"):
        importlib.import_module(name)  # in the world there is no Python

    def make() -> list[str] | tuple[str, Sequence[str], Sequence[str]]:
        os.chdir(cwd)
        log = Remarks()
        try:
            bundle(options._replace(hints=False), log, lambda _data: None)
        except MagicpakError as error:
            return f"{type(error).__name__}: {error}", error.details, error.hints
        return log.warnings

    warnings = inside(world.root, make)
    if isinstance(warnings, tuple):
        text, details, hints = warnings
        raise MagicpakError(text, details=details, hints=hints)
    return Bundle(world.root / str(options.output).lstrip("/"), tuple(warnings))


def below(root: Path) -> set[BundlePath]:
    """Return all that is no directory below `root`."""
    return {
        BundlePath(os.path.relpath(os.path.join(directory, name), root))
        for directory, directories, names in os.walk(root)
        for name in (*names, *(each for each in directories if os.path.islink(os.path.join(directory, each))))
    }
