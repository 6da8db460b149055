"""Where the libraries of each program stand in the bundle."""

import os
from typing import NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because
from magicpak.collect.mirror import Mirror
from magicpak.ldso.closure import Closure
from magicpak.ldso.interpreter import Glibc, Interpreter
from magicpak.ldso.loader import Found, Loaded, Need, Rule
from magicpak.resolve.libraries import Resolved


class Placed(NamedTuple):
    """One closure with the place of each of its needs in the bundle."""

    resolved: Resolved
    places: dict[Need, BundlePath | str]


def place_libraries(resolved: Resolved, mirror: Mirror) -> dict[Need, BundlePath | str]:
    """Collect the interpreter and all libraries of one closure; return the place of each need that has a file.

    What was found through the `$ORIGIN` of something that stands elsewhere in the bundle moves along with it.
    """
    closure = resolved.closure
    if resolved.interpreter is not None:
        mirror.place(resolved.interpreter.path, Because("the interpreter (PT_INTERP) of", closure.program.path))
        _place_preload_file(resolved.interpreter, closure, mirror)
    placing = _LibraryPlacer(mirror, {closure.program: resolved.at})
    places: dict[Need, BundlePath | str] = {}
    for requester in (*closure.objects, *closure.variants):
        placing.origins.setdefault(requester, os.path.dirname(placing.moved.get(requester.path, requester.path)))
        for need in requester.needs:
            if need.found is not None and need.satisfied_by is not None:
                place = placing.place(need, need.found)
                places[need] = place
                if need.satisfied_by.found is need.found:
                    placing.origins[need.satisfied_by] = os.path.dirname(place)
    return places


class _LibraryPlacer:
    """Where the objects of one closure go: `$ORIGIN` of each in the bundle, and the new paths of variants."""

    def __init__(self, mirror: Mirror, origins: dict[Loaded, str]) -> None:
        self.mirror = mirror
        self.origins = origins
        self.moved: dict[str, str] = {}

    def place(self, need: Need, found: Found) -> BundlePath | str:
        rule = "" if found.rule is Rule.PATH else f", found by {found.rule.value},"
        because = Because(f"{need.name}{rule} needed by", need.by.path)
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
        because = Because(f"a variant of {need.name} for certain processors, needed by", need.by.path)
        old, new = self._move(found)
        if old == new or not path.startswith(f"{old.rstrip('/')}/"):
            self.mirror.place(path, because)
        else:
            self.moved[path] = self.mirror.place_at(path, _moved(path, old, new), because)

    def _move(self, found: Found) -> tuple[str, str]:
        """Return what `$ORIGIN` in the way to `found` is here and in the bundle; the same where there is none."""
        if found.origin_owner is None:
            return "", ""
        return found.origin_owner.origin, self.origins.get(found.origin_owner, found.origin_owner.origin)


def _moved(path: str, old: str, new: str) -> BundlePath:
    return BundlePath(f"{new}/{path.removeprefix(old)}")


def _place_preload_file(interpreter: Interpreter, closure: Closure, mirror: Mirror) -> None:
    """Collect /etc/ld.so.preload where the loader has taken from it what it names: else nothing would load that."""
    inside = interpreter.built_in
    if (
        isinstance(inside, Glibc)
        and inside.preload
        and any(each.preloaded and each.satisfied_by for each in closure.program.needs)
    ):
        mirror.place(inside.preload, Because("names what the loader brings into", closure.program.path))
