"""What is in a bundle, made from the result of a run."""

from collections.abc import Iterator, Mapping, Sequence

from magicpak.bundle.entry import Content, Copy, Directory
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.collect.result import Result
from magicpak.packages.database import Package
from magicpak.records.hashes import content_hashes, file_hashes
from magicpak.records.model import ROOT, Record, RecordedFile, RecordedPackage, file_ref
from magicpak.records.modules import ModuleTable
from magicpak.records.origins import Origins
from magicpak.records.purl import package_url_of
from magicpak.reports.locations import Locations
from magicpak.reports.processes import processes


def build_record(
    result: Result,
    places: Locations,
    origins: Origins,
    *,
    name: str | None,
    is_image: bool,
    created: int,
    with_sha1: bool,
) -> Record:
    """Return what is in the bundle, which is called `name`, or by its first INPUT. Raises SourceChanged, CannotRead."""
    plan = result.plan
    modules = ModuleTable()
    files = _files(result.plan, places, modules, with_sha1=with_sha1)
    owners, distribution = origins.owners, origins.distribution
    refs = {package: package_url_of(package, distribution) for package in sorted(set(owners.values()))}
    files_of: dict[Package, list[RecordedFile]] = {package: [] for package in refs}
    unowned: list[RecordedFile] = []
    for path, file in files.items():
        (files_of[owners[path]] if path in owners else unowned).append(file)
    packages = [
        RecordedPackage(package, ref, *origins.of(package), tuple(files_of[package])) for package, ref in refs.items()
    ]
    ref_at = {path: refs[owners[path]] if path in owners else file.ref for path, file in files.items()}
    first = plan.reached(result.inputs.all[0].place)[1]
    return Record(
        name or result.inputs.all[0].place.name,
        owners[first].version if first in owners else "",
        is_image,
        distribution,
        tuple(packages),
        tuple(unowned),
        modules.all(),
        {**modules.needs(), **_depends(result, places, ref_at, [*refs.values(), *(file.ref for file in unowned)])},
        created,
    )


def _files(
    plan: BundlePlan, places: Locations, modules: ModuleTable, *, with_sha1: bool
) -> dict[BundlePath, RecordedFile]:
    """Return the files by their paths; the modules of what is packed are those of the original."""
    by_inode = file_hashes((item.entry for item in plan if isinstance(item.entry, Copy)), with_sha1=with_sha1)
    found: dict[BundlePath, RecordedFile] = {}
    for item in plan:
        if isinstance(item.entry, Copy):
            hashes, host = by_inode[item.entry.inode], places.on_host(item)
            its_modules = modules.of(host) if hashes.is_elf and host is not None else ()
            found[item.path] = RecordedFile(item.path, file_ref(item.path), hashes.sha256, hashes.sha1, its_modules)
        elif isinstance(item.entry, Content):
            hashes = content_hashes(item.entry, with_sha1=with_sha1)
            found[item.path] = RecordedFile(item.path, file_ref(item.path), hashes.sha256, hashes.sha1, is_made=True)
    return found


def _depends(
    result: Result, places: Locations, ref_at: Mapping[BundlePath, str], refs: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return what needs what: packages, and files that no package owns, by the libraries that their files need.

    The bundle needs the INPUTs, and all that nothing else needs.
    """
    plan = result.plan
    found: dict[str, set[str]] = {ref: set() for ref in refs}
    refs_by_path: Mapping[str, str] = {str(path): ref for path, ref in ref_at.items()}
    for needs in _needs(result, places):
        one, other = map(refs_by_path.get, needs)
        if one is not None and other is not None and one != other:
            found[one].add(other)
    inputs = {ref_at[place] for each in result.inputs.all if (place := plan.reached(each.place)[1]) in ref_at}
    needed = {other for others in found.values() for other in others}
    found[ROOT] = inputs | (found.keys() - needed)
    return {ref: tuple(sorted(others)) for ref, others in sorted(found.items())}


def _needs(result: Result, places: Locations) -> Iterator[tuple[str, str]]:
    """Yield pairs of paths of the bundle, of which the first needs the second."""
    for process in processes(result.placed, places):
        for each in process.objects:
            for need in each.needs:
                if each.path is not None and need.path is not None:
                    yield each.path, need.path
    for item in result.plan:
        asked_by = places.in_bundle(item.because.of) if item.because.of is not None else None
        if asked_by is not None and not isinstance(item.entry, Directory):
            yield asked_by, item.path
