"""The names that lines of Python import, found without parsing it."""

import os
import re
from collections.abc import Iterator

_IMPORT = re.compile(rb"import")
"""What each _STATEMENT has: to look for it first takes a tenth of the time."""
_STATEMENT = re.compile(
    rb"""(?:[^#'"\n]*[;:])?[ \t]*(?:"""
    rb"""from[ \t]+(\.*[\w.]*)[ \t]+import\b[ \t]*(\([^()]{0,2000}|[^\n#;]*)|import[ \t]+([^\n#;]+))"""
)
_CALLING = (b"import_module", b"__import__", b"run_module", b"load_entry_point", b"find_spec", b"import_patched")
_CALLED = re.compile(rb"""(?:%s)[ \t]*\(\s*["']([\w.]+)["']""" % b"|".join(_CALLING))
_NAMES = re.compile(r"(\w+)(?:\s+as\s+\w+)?")


def imported_names(data: bytes, package: str = "") -> frozenset[str]:
    """Return the full names that lines of `data` seem to import: those of documentation are among them.

    It is much faster than to parse it, and reads every version of Python. `package` is the name of the package that the
    module is in.
    """
    found: set[str] = set()
    for statement in _statements(data):
        origin, names, modules = statement.groups(b"")
        if origin:
            module = os.fsdecode(origin)
            level = len(module) - len(module.lstrip("."))
            listed = _NAMES.findall(os.fsdecode(names)) or ["*"]
            found.update(imported_from(module[level:], listed, level, package))
        found.update(os.fsdecode(each.split()[0]) for each in modules.split(b",") if each.strip())
    if any(word in data for word in _CALLING):
        found.update(map(os.fsdecode, _CALLED.findall(data)))
    return frozenset(found)


def _statements(data: bytes) -> Iterator[re.Match[bytes]]:
    """Yield the lines of `data` that import, up to the end of a list in parentheses; each line is looked at once."""
    end = 0
    for word in _IMPORT.finditer(data):
        position = word.start()
        if position >= end:
            start = data.rfind(b"\n", 0, position) + 1
            match = _STATEMENT.match(data, start) if start >= end else None
            end = data.find(b"\n", match.end() if match else position)
            end = len(data) if end < 0 else end
            if match:
                yield match


def imported_from(module: str, names: list[str], level: int, package: str) -> Iterator[str]:
    """Yield the full names of what `from module import names` imports, `level` packages above a module of `package`."""
    parts = package.split(".") if package else []
    if level > len(parts):
        return
    above = parts[: len(parts) - level + 1] if level else []
    origin = ".".join([*above, *([module] if module else [])])
    yield from (origin if name == "*" else f"{origin}.{name}" for name in names)
