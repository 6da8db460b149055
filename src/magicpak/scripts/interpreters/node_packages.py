"""What a package.json says: which files an import of its package leads to, and which packages it depends on.

The rules are those of node's documentation, "Modules: Packages" and "Modules: CommonJS modules".
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

from magicpak.scripts.sources import Sources

_DEPENDING = ("dependencies", "optionalDependencies", "peerDependencies")
_MAX_TARGETS = 1000
_ENDINGS = ("", ".js", ".json", ".cjs", ".mjs", ".node", ".ts", "/index.js", "/index.json", "/index.node")


class NodePackage(NamedTuple):
    """The directory of a package, and what its package.json says."""

    directory: str
    description: dict[str, object]

    @property
    def dependencies(self) -> list[str]:
        """The names of the packages that it depends on."""
        tables = [self.description.get(kind) for kind in _DEPENDING]
        return [name for table in tables if isinstance(table, dict) for name in table if _is_name(name)]

    def entries(self, subpath: str, sources: Sources) -> list[str]:
        """Return the files to which an import of the package leads, or of `/subpath` in it, under any condition."""
        exports = self.description.get("exports")
        targets = list(_targets(exports, f".{subpath}")) if exports is not None else []
        if not targets and subpath:
            targets = [subpath]
        elif not targets:
            named = [self.description.get(key) for key in ("main", "module")]
            targets = [*(name for name in named if isinstance(name, str)), "index"]
        return self._files(targets, sources)

    def own(self, name: str, sources: Sources) -> list[str]:
        """Return the files to which the name `#…` of an import within the package leads."""
        return self._files(list(_targets(self.description.get("imports"), name)), sources)

    def _files(self, targets: list[str], sources: Sources) -> list[str]:
        paths = (f"{self.directory}/{target.removeprefix('./').lstrip('/')}" for target in targets[:_MAX_TARGETS])
        return [file for path in paths if (file := module_file(path, sources))]


def node_package(directory: str, sources: Sources) -> NodePackage | None:
    """Return the package in `directory`; None where there is no package.json that can be read."""
    path = f"{directory}/package.json"
    text = sources.read(path) if sources.is_file(path) else None
    if text is None:
        return None
    try:
        description = json.loads(text)
    except (ValueError, RecursionError):
        sources.leave_unread(path, "is not JSON")
        return None
    return NodePackage(directory, description if isinstance(description, dict) else {})


def module_file(path: str, sources: Sources) -> str | None:
    """Return the file to which node adds an ending where a module is imported by `path`."""
    return next((f"{path.rstrip('/')}{ending}" for ending in _ENDINGS if sources.is_file(f"{path}{ending}")), None)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and ".." not in name and not name.startswith("/")


def _targets(table: object, name: str) -> Iterator[str]:
    """Yield the paths to which `exports` or `imports` map `name`, whatever the conditions are."""
    if isinstance(table, dict) and any(str(key)[:1] in (".", "#") for key in table):
        for key, value in table.items():
            before, star, after = str(key).partition("*")
            matches = name.startswith(before) and name.endswith(after) and len(name) >= len(before) + len(after)
            if name == key or (star and matches):
                inner = name[len(before) : len(name) - len(after)] if star else ""
                yield from (target.replace("*", inner) for target in _strings(value))
    elif name == ".":
        yield from _strings(table)


def _strings(value: object) -> Iterator[str]:
    waiting = [value]
    count = 0
    while waiting and count < _MAX_TARGETS:
        each = waiting.pop()
        count += 1
        if isinstance(each, str) and ".." not in each:
            yield each
        elif isinstance(each, dict):
            waiting += [inner for condition, inner in each.items() if condition != "types"]
        elif isinstance(each, list):
            waiting += each
