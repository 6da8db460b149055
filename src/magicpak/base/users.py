"""The users and groups of a base, passwd(5) and group(5), with those that were made for a bundle."""

from magicpak.bundle.entry import Content, Copy
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan, Item
from magicpak.errors import CannotRead
from magicpak.files.view import read_host_file

_FILES = (BundlePath("/etc/passwd"), BundlePath("/etc/group"))
_MAX_FILE = 16 << 20  # bytes: a line for each of a hundred thousand users has 10 MB
_NUMBER = 2  # the field with the number, in both files


def with_users_of(base: BundlePlan, plan: BundlePlan) -> tuple[BundlePlan, list[BundlePath]]:
    """Return `plan` with what `base` has in its files of users and groups too, and the paths of these files.

    Only files that are made for the plan get more lines, after those of the base. Of a name that both have, the line of
    the base counts; if it has another number there, the file stays as it is, and in conflict. Raises CannotRead.
    """
    merged = []
    for path in _FILES:
        item, there = plan.get(path), base.reached(path)[0]
        if item is None or there is None:
            continue
        if isinstance(item.entry, Content) and isinstance(there.entry, Copy):
            data = _merged(_read(there.entry.source), item.entry.data)
            if data is not None:
                merged.append(Item(path, Content(data, there.entry.attributes), item.because))
    paths = [item.path for item in merged]
    return (plan.without(lambda item: item.path in paths).adding(merged) if paths else plan), paths


def _merged(base: bytes, own: bytes) -> bytes | None:
    """Return the lines of both; None where a name has two numbers."""
    known = _numbers(base)
    added = []
    for line in own.splitlines(keepends=True):
        for name, number in _numbers(line).items():
            if known.get(name, number) != number:
                return None
            if name not in known:
                added.append(line)
    separator = b"" if base.endswith(b"\n") or not base else b"\n"
    return base + separator + b"".join(added) if added else base


def _numbers(data: bytes) -> dict[bytes, bytes]:
    lines = [line.split(b":") for line in data.splitlines()]
    return {fields[0]: fields[_NUMBER] for fields in reversed(lines) if len(fields) > _NUMBER}


def _read(path: str) -> bytes:
    try:
        return read_host_file(path, _MAX_FILE)
    except OSError as error:
        raise CannotRead(path, error) from None
