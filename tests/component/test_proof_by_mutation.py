"""Bundles of real programs with one thing wrong: the proof says so exactly when the program does not start there."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from magicpak.bundle.entry import Attributes, Content, Copy, Layout, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan, Item
from magicpak.collect.libraries import place_inputs, place_libraries
from magicpak.collect.loader_config import with_loader_config
from magicpak.collect.mirror import Mirror
from magicpak.elf.cache import ElfCache
from magicpak.files.host import Host
from magicpak.ldso.factory import emulated_loaders
from magicpak.outputs.directory import DirectoryOutput
from magicpak.resolve.inputs import find_inputs
from magicpak.resolve.libraries import resolve_program
from magicpak.verify.directory import check_directory
from magicpak.verify.plan import PlanChecker
from support.elf_files import I386, make_elf
from support.run_magicpak import chrooted

pytestmark = pytest.mark.needs("root", "chroot")

STORE = ElfCache()
CANDIDATES = (
    "ls --version",
    "bash --version",
    "curl --version",
    "python3 --version",
    "perl -v",
    "openssl version",
    "sqlite3 --version",
    "gpg --version",
    "tar --version",
    "busctl --version",
    "ld.bfd --version",
    "grep --version",
    "find --version",
    "sed --version",
    "file --version",
)
PROGRAMS = [line for line in CANDIDATES if os.path.exists(f"/usr/bin/{line.split()[0]}")][:10]
FOREIGN = make_elf(kind=I386)


def plan_of(program: str, layout: Layout) -> BundlePlan:
    mirror = Mirror(layout, Host())
    programs = find_inputs([program], None, layout, STORE).programs
    placed = place_libraries(resolve_program(programs[0], emulated_loaders(STORE)), mirror, programs[0])
    place_inputs(programs, mirror)
    return with_loader_config(BundlePlan().adding(mirror.take()), (), [placed], STORE)[0]


def is_proved(plan: BundlePlan) -> bool:
    count, problems = PlanChecker(plan, [], emulated_loaders(STORE)).check_all("/")
    assert count
    return not problems


class Mutation(NamedTuple):
    """What is done to one item of a plan: what stands at its path then, if anything, and at another."""

    name: str
    item: Item
    here: tuple[bytes, int] | None = None
    elsewhere: str | None = None

    def plan(self, plan: BundlePlan) -> BundlePlan:
        instead = []
        if self.here:
            instead.append(self.item._replace(entry=Content(self.here[0], Attributes(self.here[1]))))
        if self.elsewhere:
            instead.append(self.item._replace(path=BundlePath(self.elsewhere)))
        return plan.without(lambda item: item.path == self.item.path).adding(instead)

    @contextmanager
    def applied(self, root: Path) -> Iterator[None]:
        path, kept = root / self.item.path[1:], root / "kept"
        other = root / self.elsewhere[1:] if self.elsewhere else kept
        path.rename(other)
        if self.here:
            path.write_bytes(self.here[0])
            path.chmod(self.here[1])
        yield
        other.rename(path)


def mutations(plan: BundlePlan, program: str) -> Iterator[Mutation]:
    """Yield what can be wrong with each file and link of `plan`, other than with the program itself."""
    for item in plan:
        if not isinstance(item.entry, Copy | Link) or item.path == program:
            continue
        yield Mutation("taken away", item)
        yield Mutation("renamed", item, elsewhere=f"{item.path}.other")
        if isinstance(item.entry, Copy):
            yield Mutation("emptied", item, (b"", 0o755))
            yield Mutation("of another class", item, (FOREIGN, 0o755))
            yield Mutation("not executable", item, (Path(item.entry.source).read_bytes(), 0o644))


def answer(root: Path, program: str, line: str) -> tuple[int, str] | None:
    try:
        return chrooted(root, program, *line.split()[1:])[:2]
    except subprocess.SubprocessError:  # it could not be executed
        return None


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("line", PROGRAMS)
def test_the_proof_fails_exactly_where_the_program_does_not_start(line: str, layout: Layout, tmp_path: Path) -> None:
    program, root = os.path.realpath(f"/usr/bin/{line.split(maxsplit=1)[0]}"), tmp_path / "bundle"
    plan = plan_of(program, layout)
    DirectoryOutput(str(root), None).write(plan, None)
    well = answer(root, program, line)
    assert well is not None
    assert well[0] == 0
    assert is_proved(plan)
    wrong = []
    for mutation in mutations(plan, program):
        with mutation.applied(root):
            starts = answer(root, program, line) == well
            said = (is_proved(mutation.plan(plan)), not check_directory(str(root), [program]).problems)
        if said != (starts, starts):
            wrong.append((mutation.name, mutation.item.path, starts, said))
    assert wrong == []
