"""The packages of programs, or those that are named."""

from magicpak.errors import NeedNotFound
from magicpak.needs.found import NeedFiles, NeedHost
from magicpak.needs.rows import WantedNeed, near_names


def package(need: WantedNeed, host: NeedHost) -> NeedFiles:
    """Return the files of the packages that own the INPUTs, or of those that are named. Raises NeedNotFound."""
    return _contents(need, host, dependencies=False)


def package_and_dependencies(need: WantedNeed, host: NeedHost) -> NeedFiles:
    """Return the same with all packages that these need. Raises NeedNotFound."""
    return _contents(need, host, dependencies=True)


def _contents(need: WantedNeed, host: NeedHost, *, dependencies: bool) -> NeedFiles:
    from magicpak.packages.contents import package_contents
    from magicpak.packages.owners import owners

    names = [*need.arguments]
    if need.has_default:
        by_path = owners(host.inputs, host.files).by_path
        if unowned := [path for path in host.inputs if path not in by_path]:
            raise NeedNotFound(need.flag, [f"the package of {path}" for path in unowned])
        owned = by_path.values()
        names += [f"{each.name}:{each.architecture}" if each.manager == "dpkg" else each.name for each in owned]
    contents = package_contents(list(dict.fromkeys(names)), host.files, dependencies=dependencies)
    if contents.unknown:
        near = near_names(contents.unknown[0], contents.known)
        hints = [f"did you mean {', '.join(near)}?"] if near else []
        raise NeedNotFound(need.flag, [f"the installed package {name}" for name in contents.unknown], hints)
    return NeedFiles(entries=contents.paths, sought=[f"files of {', '.join(names)}"], warnings=contents.warnings)
