"""The size of the files of a plan."""

from magicpak.bundle.entry import Content, Copy
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.errors import BundleTooLarge
from magicpak.text import format_size, printable

_MAX_NAMED = 10


def file_sizes(plan: BundlePlan) -> dict[BundlePath, int]:
    """Return the bytes that each regular file of `plan` adds, in the plan's order: none for a further hard link."""
    seen: set[tuple[int, int]] = set()
    result: dict[BundlePath, int] = {}
    for item in plan:
        match item.entry:
            case Copy(size=size, inode=inode):
                result[item.path] = 0 if inode in seen else size
                seen.add(inode)
            case Content(data=data):
                result[item.path] = len(data)
            case _:
                pass
    return result


def total_size(plan: BundlePlan) -> int:
    """Return the bytes of all files of `plan`, those of hard links once."""
    return sum(file_sizes(plan).values())


def check_size_limit(plan: BundlePlan, most: int) -> None:
    """Raise BundleTooLarge, with the largest files, if those of `plan` have more than `most` bytes."""
    weights = file_sizes(plan)
    total = sum(weights.values())
    if total <= most:
        return
    largest = sorted(weights, key=lambda path: (-weights[path], path))[:_MAX_NAMED]
    details = []
    for path in largest:
        item = plan.get(path)
        details.append(f"{format_size(weights[path])}  {printable(path)}: {item.because if item else ''}")
    excess = f"{format_size(total)}, {format_size(total - most)} over the limit of {format_size(most)}"
    hints = ["--why PATH explains one file, --report html shows all, --exclude removes what the program does not need"]
    raise BundleTooLarge(f"the bundle has {excess}", details=details, hints=hints)
