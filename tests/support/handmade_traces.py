"""Traces written by hand, and what they bring into a bundle."""

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from magicpak.bundle.entry import Copy, Directory, Fifo, Layout, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.libraries import place_inputs, place_libraries
from magicpak.collect.loader_config import with_loader_config
from magicpak.collect.mirror import Mirror
from magicpak.collect.system_search import ReadCaches
from magicpak.dynamic.host_before import changes_of
from magicpak.dynamic.items import TracedItems, collect_traced
from magicpak.elf.cache import ElfCache
from magicpak.files.host import Host
from magicpak.ldso.factory import Loaders
from magicpak.ldso.resolver import Resolver
from magicpak.resolve.inputs import Program, find_inputs
from magicpak.resolve.libraries import Resolved, resolve_program
from magicpak.tracing.trace import Access, Backup, Execution, Trace, Use
from magicpak.verify.plan import PlanChecker
from magicpak.verify.problems import FailureKind, Problem

CHANGES = (Access.MADE, Access.EMPTIED, Access.CHANGED, Access.REMOVED)


class HandmadeRun:
    """One run of a program, as it is told step by step; executions go by their indices, the program's is 0."""

    def __init__(self, program: str) -> None:
        self.executions: list[Execution] = []
        self.uses: list[Use] = []
        self.kept: list[Backup] = []
        self._ran(program, None)

    def trace(self) -> Trace:
        return Trace(tuple(self.executions), tuple(self.uses), tuple(self.kept))

    def use(
        self,
        how: Access,
        *paths: str,
        by: int = 0,
        error: int = 0,
        root: str = "/",
        real: str = "",
        loader: bool = False,
    ) -> "HandmadeRun":
        """Use `paths`; what is changed has its real path from `real`, or else from what is there."""
        for path in paths:
            changed = (real or f"{os.path.realpath(os.path.dirname(path))}/{os.path.basename(path)}") * (how in CHANGES)
            self.uses.append(Use(by, "call", how, path, changed, error, root, loader))
        return self

    def load(self, *paths: str, by: int = 0) -> "HandmadeRun":
        """Open and map libraries, as a loader does by these paths."""
        for path in paths:
            self.use(Access.READ, path, by=by, loader=True).use(
                Access.MAPPED, os.path.realpath(path), by=by, loader=True
            )
        return self

    def execute(self, path: str, *, by: int = 0, real: str = "", root: str = "/") -> int:
        """Execute `path`, which really runs `real`; return the index of that execution."""
        self.use(Access.EXECUTED, path, by=by, root=root)
        return self._ran(path, by, real)

    def fork(self, by: int = 0) -> int:
        self.executions.append(self.executions[by]._replace(pid=1000 + len(self.executions), parent=by, forked=True))
        return len(self.executions) - 1

    def keep(self, path: str) -> str:
        """Keep what stands at `path`, in the file `path` with `.kept` after it."""
        status, copy, target = os.lstat(path), None, None
        if os.path.islink(path):
            target = os.readlink(path)
        elif os.path.isfile(path):
            copy = f"{path}.kept"
            Path(copy).write_bytes(Path(path).read_bytes())
        self.kept.append(Backup(path, copy, target, status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns))
        return path

    def _ran(self, path: str, parent: int | None, real: str = "") -> int:
        real = real or os.path.realpath(path)
        status = os.stat(real)
        inode = (status.st_dev, status.st_ino)
        pid = 1000 + len(self.executions)
        self.executions.append(Execution(pid, parent, False, path, real, inode, (path,), "/", 0))
        return len(self.executions) - 1


class Bundled(NamedTuple):
    """What has come of it: the plan, what was brought, and what `loader_files` says; `proof` looks at such a plan."""

    plan: BundlePlan
    brought: TracedItems
    warnings: tuple[str, ...]
    proof: Callable[[BundlePlan], Sequence[Problem]]


def bundled(
    runs: Sequence[HandmadeRun],
    inputs: Sequence[str],
    *,
    layout: Layout = Layout.HOST,
    install_to: str | None = None,
    hwcaps: bool = True,
    library_path: str = "",
    output: str | None = None,
) -> Bundled:
    """Return the bundle of `inputs` with what `runs` bring, as the pipeline makes it.

    All links in it must lead where they do on the host, and what was loaded must load.
    """
    stage = traced(
        runs, inputs, layout=layout, install_to=install_to, hwcaps=hwcaps, library_path=library_path, output=output
    )
    mirror = stage.mirror
    placed = [place_libraries(*each) for each in zip(stage.resolved, repeat(mirror), stage.programs, strict=False)]
    placed += [place_libraries(each, mirror) for each in stage.brought.resolved]
    place_inputs(stage.programs, mirror)
    collected = BundlePlan().adding(mirror.take())
    read = ReadCaches(stage.brought.caches, collected)
    plan, warnings, _ = with_loader_config(collected, (), placed, stage.loaders.elf, read)

    def proof(plan: BundlePlan) -> Sequence[Problem]:
        return PlanChecker(plan, placed, stage.loaders).check_all(output or "/nowhere")[1]

    assert [each for each in proof(plan) if each.kind is not FailureKind.PROGRAM] == []
    return Bundled(plan, stage.brought, (*stage.brought.warnings, *mirror.host.warnings(), *warnings), proof)


class AfterTraces(NamedTuple):
    """What there is after the traces have been used."""

    programs: Sequence[Program]
    resolved: Sequence[Resolved]
    brought: TracedItems
    mirror: Mirror
    loaders: Loaders


def traced(
    runs: Sequence[HandmadeRun],
    inputs: Sequence[str],
    *,
    layout: Layout = Layout.HOST,
    output: str | None = None,
    install_to: str | None = None,
    hwcaps: bool = True,
    library_path: str = "",
) -> AfterTraces:
    """Return what `runs` have used, collected in a mirror."""
    store = ElfCache()

    def nowhere() -> str:
        raise AssertionError

    loaders = Loaders(Resolver.STATIC, "", library_path, store, nowhere, hwcaps=hwcaps)
    found = find_inputs(inputs, install_to, layout, store)
    programs = found.programs
    resolved = [resolve_program(program, loaders) for program in programs]
    traces = [run.trace() for run in runs]
    changes = changes_of(traces)
    mirror = Mirror(layout, Host(output, changes.before))
    brought = collect_traced(traces, found, resolved, loaders, mirror, changes)
    return AfterTraces(programs, resolved, brought, mirror, loaders)


def lines(plan: BundlePlan, root: str = "") -> list[str]:
    """Return what is in `plan` below `root`: `a`, `a -> b`, `a|`; `a/`, and `a/ seen` or `a/ written` if it stays."""
    return [
        f"{item.path[len(root) + 1 :]}{_mark(item.entry)}"
        for item in plan
        if item.path.startswith(f"{root}/") and item.path != root
    ]


def _mark(entry: object) -> str:
    match entry:
        case Directory(implied=True):
            return "/"
        case Directory(attributes=attributes):
            return "/ written" if attributes.mtime_ns is None else "/ seen"
        case Link(target=target):
            return f" -> {target}"
        case Fifo():
            return "|"
    return ""


def text(plan: BundlePlan, path: str) -> str:
    """Return what is in the file at `path`."""
    item = plan.get(path)
    assert item is not None
    assert isinstance(item.entry, Copy)
    return Path(item.entry.source).read_text()


def named(resolved: Iterable[Resolved]) -> list[str]:
    """Return by which names things are resolved."""
    return [each.name for each in resolved]


def paths(plan: BundlePlan) -> set[BundlePath]:
    return {item.path for item in plan}
