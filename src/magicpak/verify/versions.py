"""Which symbol versions are missing in a process (glibc's elf/dl-version.c); musl compares none."""

from collections.abc import Iterator

from magicpak.elf.facts import VersionNeeded
from magicpak.ldso.closure import Closure
from magicpak.ldso.interpreter import Glibc
from magicpak.ldso.loader import Loaded
from magicpak.resolve.libraries import Resolved


def missing_versions(resolved: Resolved) -> Iterator[tuple[Loaded, VersionNeeded, Loaded | None]]:
    """Yield who needs a version for which glibc would stop, the version, and the object that does not define it.

    That object is None where nothing goes by the name. What is missing itself is passed over, and so is an object
    without any version definitions: the loader remarks on that, and goes on.
    """
    if resolved.interpreter is None or not isinstance(resolved.interpreter.built_in, Glibc):
        return
    closure = resolved.closure
    names = _names(closure)
    absent = {need.name for need in closure.missing}
    for loaded in (*closure.objects, *closure.variants):
        for needed in loaded.facts.versions.needed:
            other = names.get(needed.of)
            if other is None:
                if needed.of not in absent:
                    yield loaded, needed, None
                continue
            defined = other.facts.versions.defined
            if defined is not None and needed.name not in defined and not needed.weak:
                yield loaded, needed, other


def _names(closure: Closure) -> dict[str, Loaded]:
    """Return the objects by their paths and all names that they were asked for by."""
    names: dict[str, Loaded] = {}
    if closure.interpreter is not None:
        names[closure.interpreter.path] = closure.interpreter
        names[closure.interpreter.facts.soname or closure.interpreter.path] = closure.interpreter
    for loaded in (*closure.objects, *closure.variants):
        names.setdefault(loaded.path, loaded)
        for need in loaded.needs:
            if need.satisfied_by is not None:
                names.setdefault(need.name, need.satisfied_by)
    return names
