"""INPUTs and the libraries of each program as items of the plan."""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because
from magicpak.collect.mirror import Mirror
from magicpak.ldso.closure import Closure
from magicpak.ldso.interpreter import Glibc, Interpreter
from magicpak.ldso.loader import Found, Need, Rule
from magicpak.resolve.inputs import Input, Program
from magicpak.resolve.libraries import Resolved
from magicpak.text import list_names, printable


class Placed(NamedTuple):
    """A closure with the place of each of its needs in the bundle; `program` is the INPUT that it is of, if it is."""

    resolved: Resolved
    places: dict[Need, BundlePath | str]
    program: Program | None = None


def place_inputs(inputs: Sequence[Input], mirror: Mirror) -> None:
    """Collect the INPUTs themselves, with the links that lead to them. Raises MagicpakError."""
    for each in inputs:
        because = Because("the executable to be bundled")
        if each.is_moved:
            mirror.place_at(each.real, each.place, because)
        else:
            mirror.place(each.path, because)


def place_libraries(
    resolved: Resolved,
    mirror: Mirror,
    program: Program | None = None,
    directory_in_bundle: Callable[[str], str] = lambda directory: directory,
) -> Placed:
    """Collect the interpreter and all libraries of one closure; return it with the place of each need that has a file.

    What was found through the `$ORIGIN` of something that is elsewhere in the bundle moves along with it: an INPUT, or
    what is in a directory for which `directory_in_bundle` returns another one.
    """
    closure = resolved.closure
    if resolved.interpreter is not None:
        mirror.place(resolved.interpreter.path, Because("the interpreter (PT_INTERP) of", closure.program.path))
        _place_preload_file(resolved.interpreter, closure, mirror)
    origin = resolved.origin_in_bundle
    origin = directory_in_bundle(origin) if origin == closure.program.origin else origin
    placer = _LibraryPlacer(mirror, {closure.program.path: origin})
    places: dict[Need, BundlePath | str] = {}
    for requester in closure.everything:
        moved = placer.moved.get(requester.path)
        directory = os.path.dirname(moved) if moved else directory_in_bundle(os.path.dirname(requester.path))
        placer.origins.setdefault(requester.path, directory)
        for need in requester.needs:
            if need.found is not None and need.satisfied_by is not None:
                place = placer.place(need, need.found)
                places[need] = place
                if need.satisfied_by.found is need.found:
                    placer.origins[need.satisfied_by.path] = os.path.dirname(place)
    return Placed(resolved, places, program)


class _LibraryPlacer:
    """The places of the objects of one closure: `$ORIGIN` of each path in the bundle, and the new paths of variants."""

    def __init__(self, mirror: Mirror, origins: dict[str, str]) -> None:
        self.mirror = mirror
        self.origins = origins
        self.moved: dict[str, str] = {}

    def place(self, need: Need, found: Found) -> BundlePath | str:
        rule = "" if found.rule is Rule.PATH else f", found by {found.rule.value},"
        role = "an audit library (DT_AUDIT) of" if need.audits else "needed by"
        because = Because(f"{need.name}{rule} {role}", need.by.path)
        for variant in found.variants:
            self._variant(variant, need, found)
        old, new = self._move(found)
        if old != new:
            return self.mirror.place_at(found.path, _moved(found.path, old, new), because)
        if found.relative and found.rule is Rule.PATH:
            return self.mirror.place_at(found.path, BundlePath(need.name), because)
        self.mirror.place(found.path, because)
        return found.path

    def _variant(self, path: str, need: Need, found: Found) -> None:
        because = Because(f"a variant of {need.name} for newer processors, needed by", need.by.path)
        old, new = self._move(found)
        if old == new or not path.startswith(f"{old.rstrip('/')}/"):
            self.mirror.place(path, because)
        else:
            self.moved[path] = self.mirror.place_at(path, _moved(path, old, new), because)

    def _move(self, found: Found) -> tuple[str, str]:
        """Return what the `$ORIGIN` that led to `found` is here and in the bundle; the same twice if there is none."""
        if found.origin_owner is None:
            return "", ""
        owner = found.origin_owner
        return owner.origin, self.origins.get(owner.path, owner.origin)


def _moved(path: str, old: str, new: str) -> BundlePath:
    return BundlePath(f"{new}/{path.removeprefix(old)}")


def _place_preload_file(interpreter: Interpreter, closure: Closure, mirror: Mirror) -> None:
    """Collect /etc/ld.so.preload where the loader loads what it names: nothing else does."""
    inside = interpreter.built_in
    if (
        isinstance(inside, Glibc)
        and inside.preload
        and any(each.preloaded and each.satisfied_by for each in closure.program.needs)
    ):
        mirror.place(inside.preload, Because("names what the loader preloads into", closure.program.path))


def relative_path_warnings(all_placed: Sequence[Placed]) -> list[str]:
    """Return a line for each library that is named by a relative path, and so found only from the right directory."""
    by_name: dict[str, dict[str, None]] = {}
    for placed in all_placed:
        for need in placed.places:
            if need.found is not None and need.found.rule is Rule.PATH and need.found.relative:
                by_name.setdefault(need.name, {})[need.by.path] = None
    return [
        f"{printable(name)} is named by a relative path (in {list_names(by)}): the image needs WORKDIR /"
        for name, by in by_name.items()
    ]
