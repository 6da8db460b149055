"""Over the programs of this machine, ours lists what the real loader lists, and all resolvers plan the same."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from magicpak.bundle.entry import Layout
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.libraries import place_libraries
from magicpak.collect.loader_config import with_loader_config
from magicpak.collect.mirror import Mirror
from magicpak.elf.cache import ElfCache
from magicpak.elf.errors import ElfError
from magicpak.files.host import Host
from magicpak.ldso.factory import Loaders
from magicpak.ldso.interpreter import Musl
from magicpak.ldso.resolver import Resolver
from magicpak.resolve.inputs import find_inputs
from magicpak.resolve.libraries import resolve_program
from support.loader_oracle import GLIBC, MUSL, Listing, listed_by_musl, parsed, resolved
from support.random_trees import made

DIRECTORIES = ("/usr/bin", "/usr/sbin")
STORE = ElfCache()


def dynamic_programs() -> list[str]:
    """Return each dynamic program once, in order, whatever it goes by."""
    found: dict[tuple[int, int], str] = {}
    for directory in DIRECTORIES:
        for name in sorted(os.listdir(directory)):
            path = os.path.join(directory, name)
            try:
                file = STORE.get(path)
            except (ElfError, OSError):
                continue
            if file.facts.interpreter and file.facts.is_dynamic:
                found.setdefault(file.inode, path)
    return list(found.values())


PROGRAMS = dynamic_programs()


def real_listing(program: str) -> Listing:
    """Return what the program's own loader lists, called by name so that set-user-ID programs are listed too."""
    interpreter = STORE.get(program).facts.interpreter
    assert interpreter is not None
    if "ld-musl" in interpreter:
        return listed_by_musl(program, loader=interpreter)
    command = [interpreter, os.path.realpath(program)]  # $ORIGIN is this path's directory, not /proc/self/exe's, then
    environment = {"LD_TRACE_LOADED_OBJECTS": "1"}
    ran = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60)
    return parsed(os.fsdecode(ran.stdout))


def our_listing(program: str) -> Listing:
    closure = resolved(program, store=STORE).closure
    found = {}
    for loaded in closure.objects:
        for need in loaded.needs:
            if need.satisfied_by is not None and need.satisfied_by not in (closure.interpreter, closure.program):
                found[need.satisfied_by.path] = need.satisfied_by.name
    missing = tuple(dict.fromkeys(need.name for need in closure.missing))
    return Listing(tuple((name, path) for path, name in found.items()), missing)


def as_sets(listing: Listing) -> tuple[set[tuple[str, str]], set[str]]:
    return set(listing.found), set(listing.missing)


@pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}")
def test_every_dynamic_program_of_this_machine_loads_what_we_say() -> None:
    with ThreadPoolExecutor(2) as pool:
        real = list(pool.map(real_listing, PROGRAMS))
    differences = {
        program: (mine, theirs)
        for program, theirs in zip(PROGRAMS, real, strict=True)
        if as_sets(mine := our_listing(program)) != as_sets(theirs)
    }
    assert differences == {}
    assert len(PROGRAMS) > 50


@pytest.mark.needs("musl")
@pytest.mark.skipif(not os.path.exists(MUSL), reason=f"there is no {MUSL}")
def test_a_program_of_musl_loads_what_we_say(tmp_path: Path) -> None:
    library, program = tmp_path / "libf.so", tmp_path / "app"
    (tmp_path / "f.c").write_text("#include <math.h>\ndouble f(double x) { return cos(x); }")
    (tmp_path / "app.c").write_text("double f(double); int main(void) { return f(0) != 1; }")
    subprocess.run(["musl-gcc", "-shared", "-fPIC", "-o", library, tmp_path / "f.c"], check=True)
    subprocess.run(["musl-gcc", "-o", program, tmp_path / "app.c", library], check=True)
    assert our_listing(str(program)) == real_listing(str(program))
    interpreter = resolved(str(program)).interpreter
    assert interpreter is not None
    assert interpreter.built_in == Musl("x86_64")


def plans(programs: list[str], resolver: Resolver, directory: Path) -> Iterator[BundlePlan]:
    """Yield the plan for each program, through one helper."""
    loaders = Loaders(resolver, "cc", "", STORE, lambda: str(directory))
    try:
        for path in programs:
            mirror = Mirror(Layout.HOST, Host())
            program = find_inputs([path], None, Layout.HOST, STORE).programs[0]
            placed = place_libraries(resolve_program(program, loaders), mirror, program)
            yield with_loader_config(BundlePlan().adding(mirror.take()), (), [placed], STORE)[0]
    finally:
        loaders.close()


@pytest.mark.needs("compiler")
@pytest.mark.parametrize("interpreter", [GLIBC, MUSL])
@pytest.mark.parametrize("resolver", [Resolver.AUTO, Resolver.DLOPEN, Resolver.NOLOAD])
def test_each_resolver_reads_random_trees_alike(
    resolver: Resolver, interpreter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many of their programs lack a library, or have one that is none."""
    if not os.path.exists(interpreter):
        pytest.skip(f"there is no {interpreter}")

    def closure(program: str, library_path: str | None, resolver: Resolver) -> tuple[list[str], set[str]]:
        store = ElfCache()
        loaders = Loaders(resolver, "cc", library_path or "", store, lambda: str(tmp_path))
        try:
            chosen = find_inputs([program], None, Layout.HOST, store).programs[0]
            closure = resolve_program(chosen, loaders).closure
        finally:
            loaders.close()
        return [os.path.normpath(each.path) for each in closure.objects], {need.name for need in closure.missing}

    for program, library_path in made(tmp_path, Random(1), 12, interpreter):
        monkeypatch.chdir(os.path.dirname(program))
        expected = closure(program, library_path, Resolver.STATIC)
        assert closure(program, library_path, resolver) == expected, program


@pytest.mark.needs("compiler")
@pytest.mark.parametrize("resolver", [Resolver.AUTO, Resolver.DLOPEN, Resolver.NOLOAD])
def test_each_resolver_plans_the_same_bundles(resolver: Resolver, tmp_path: Path) -> None:
    """A sample of programs, for as many as are done in twenty seconds."""
    sample = Random(1).sample(PROGRAMS, min(200, len(PROGRAMS)))
    until = monotonic() + 20
    compared = 0
    emulated = plans(sample, Resolver.STATIC, tmp_path)
    for program, expected, plan in zip(sample, emulated, plans(sample, resolver, tmp_path), strict=False):
        assert [str(item.path) for item in plan] == [str(item.path) for item in expected], program
        compared += 1
        if monotonic() > until:
            break
    assert compared >= min(30, len(sample))
