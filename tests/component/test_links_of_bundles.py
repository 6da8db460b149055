"""A link of a bundle leads to what it leads to on the host, or that is told."""

import contextlib
import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from magicpak.bundle.entry import Layout, Link
from magicpak.bundle.exclude import exclude
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan
from magicpak.collect.mirror import Mirror
from magicpak.elf.cache import ElfCache
from magicpak.elf.facts import FileType
from magicpak.errors import PlanConflict
from magicpak.files.host import Host
from magicpak.ldso.factory import emulated_loaders
from magicpak.options import Options
from magicpak.pipeline import bundle
from magicpak.verify.plan import PlanChecker
from magicpak.verify.problems import FailureKind, Problem
from magicpak.verify.severity import ExclusionEffects, judge, severities
from support.elf_files import X86_64_EXIT_0, make_elf
from support.loader_oracle import Remarks

BECAUSE = Because("asked for by a test")


def proved(plan: BundlePlan, output: str = "/nowhere") -> tuple[list[Problem], list[str]]:
    store = ElfCache()
    finished = PlanChecker(plan, [], emulated_loaders(store))
    _, problems = finished.check_all(output)
    return problems, finished.warnings


def plan_of(*paths: Path, root: Path = Path("/")) -> BundlePlan:
    """Return a plan with what `paths` need for a process with the root directory `root`."""
    mirror = Mirror(Layout.HOST, Host())
    for path in paths:
        mirror.place(str(path), BECAUSE, root=BundlePath(str(root)))
    return BundlePlan().adding(mirror.take())


def test_a_link_that_leads_somewhere_on_the_host_alone_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("second")
    (tmp_path / "second").symlink_to("file")
    plan = plan_of(tmp_path / "link")
    assert proved(plan) == ([], [])
    problems, warnings = proved(plan.without(lambda item: item.path.name == "file"))
    end = tmp_path / "file"
    message = f"it leads to {end}, which is not in the bundle; it was asked for by a test"
    links = [str(tmp_path / name) for name in ("link", "second")]
    assert problems == [Problem(each, str(end), each, message, kind=FailureKind.LINK) for each in links]
    assert warnings == []


def test_that_is_an_error_whatever_was_excluded(tmp_path: Path) -> None:
    """What a pattern takes goes with the links to it, so that no pattern is to blame."""
    (tmp_path / "program").write_bytes(make_elf(code=X86_64_EXIT_0, type=FileType.EXEC, dynamic=False))
    (tmp_path / "link").symlink_to("program")
    before = plan_of(tmp_path / "link")
    plan = before.without(lambda item: item.path.name == "program")
    problems, _ = proved(plan)
    store = ElfCache()
    effects = ExclusionEffects(exclude(before, ["/nothing"]), PlanChecker(before, [], emulated_loaders(store)))
    verdict = judge(problems, plan, (), (), severities([], store), effects)
    assert (verdict.errors, verdict.warnings, verdict.infos) == (tuple(problems), (), ())
    error = verdict.error
    assert error is not None
    assert str(error) == f"in an empty image {tmp_path}/link would not resolve"
    assert error.details == (f"{tmp_path}/link: {problems[0].message}",)


def test_dead_ends_of_the_host_and_those_in_output_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    links = [tmp_path / f"link{number}" for number in range(3)]
    for link, target in zip(links, ("gone", "out", "link2"), strict=True):
        link.symlink_to(target)
    plan = plan_of(*links).without(lambda item: item.path.name == "out")
    line = f"3 dangling links, such as {links[0]} -> gone"
    assert proved(plan, str(tmp_path / "out")) == ([], [line])


def test_nothing_is_said_of_what_is_no_file_or_filled_later(tmp_path: Path) -> None:
    targets = ["/dev/null", "/proc/self/mounts", "/run/gone", "/sys", "socket"]
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for target in targets:
            (tmp_path / f"to{target.replace('/', '-')}").symlink_to(target)
        plan = plan_of(*tmp_path.glob("to*"))
        assert len([item for item in plan if isinstance(item.entry, Link)]) == len(targets)
        kept = plan.without(lambda item: item.path.is_under("/dev"))
        assert proved(kept) == ([], [])


def test_a_link_for_another_root_directory_is_not_held_against_ours(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(__file__)
    (tmp_path / __file__[1:]).parent.mkdir(parents=True)
    (tmp_path / __file__[1:]).touch()
    plan = plan_of(tmp_path / "link", root=tmp_path)
    assert f"{tmp_path}{__file__}" in plan
    assert proved(plan) == ([], [])


WAYS = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=4).map("/".join)


@given(
    things=st.lists(st.tuples(WAYS, st.one_of(st.none(), WAYS), st.booleans()), max_size=12),
    pattern=st.one_of(WAYS, st.just("**"), st.just("."), WAYS.map("HERE/{}".format)),
    layout=st.sampled_from(Layout),
)
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
def test_what_a_link_leads_to_comes_with_it(
    tmp_path_factory: pytest.TempPathFactory,
    things: list[tuple[str, str | None, bool]],
    pattern: str,
    layout: Layout,
) -> None:
    """In any tree of files and links, whatever part of it is asked for: only dead ends of the host are told."""
    top = tmp_path_factory.mktemp("tree")
    here = top / "/".join("deep" * 6)  # no way out climbs higher than that
    here.mkdir(parents=True)
    program = top / "program"
    program.write_bytes(make_elf(code=X86_64_EXIT_0, type=FileType.EXEC, dynamic=False))
    program.chmod(0o755)
    for name, target, is_rooted in things:
        path = here / os.path.normpath(f"/{name}").lstrip("/")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if target is None:
                path.touch()
            else:
                path.symlink_to(f"{here}/{target}" if is_rooted else target)
        except OSError:
            continue
    output = top / "bundle"
    include = (pattern.replace("HERE", str(here)),)
    options = Options((str(program),), str(output), include=include, layout=layout, install_to="/program")
    log = Remarks()
    with contextlib.chdir(here):
        try:
            bundle(options, log, lambda _data: None)
        except PlanConflict:  # what is above the current directory comes to the root, where something else is
            reject()
    warnings = [line for line in log.warnings if "matches nothing" not in line and "directory above itself" not in line]
    dead = [path for path in output.rglob("*") if path.is_symlink() and not _leads(output, path)]
    told = [line for line in warnings if "dangling link" in line]
    assert warnings == told
    assert bool(told) == bool(dead)


def _leads(root: Path, path: Path) -> bool:
    """Tell whether a link leads somewhere with `root` as the root directory."""
    seen = 0
    at, ahead = root, str(path.relative_to(root)).split("/")
    while ahead:
        name = ahead.pop(0)
        at = at if name in ("", ".") else (at.parent if at != root else root) if name == ".." else at / name
        if at.is_symlink():
            seen += 1
            target = os.readlink(at)
            at, ahead = (root if target.startswith("/") else at.parent), [*target.split("/"), *ahead]
        elif not at.exists():
            return False
        if seen > 40:
            return False
    return True
