"""Directories without some of what is in them."""

from collections.abc import Collection, Iterator

from magicpak.scripts.sources import Sources


def without(directory: str, left_out: Collection[str], sources: Sources) -> Iterator[str]:
    """Yield `directory` if nothing of `left_out` is below it, or else what is in it, without that."""
    below = [
        path
        for path in left_out
        if path.startswith(f"{directory}/") and (sources.is_file(path) or sources.is_directory(path))
    ]
    if not below:
        yield directory
        return
    for name in sorted(sources.names(directory)):
        path = f"{directory}/{name}"
        if path not in below:
            yield from without(path, below, sources)


def outermost(paths: Collection[str]) -> Iterator[str]:
    """Yield those of `paths` that are not below another, in their order."""
    for path in paths:
        parents = (path[:index] for index, character in enumerate(path) if character == "/" and index)
        if not any(parent in paths for parent in parents):
            yield path


def files_below(directory: str, sources: Sources, most: int) -> Iterator[str]:
    """Yield the regular files below `directory`, at most `most`; a link to a directory is followed once."""
    seen, left, stack = {sources.real(directory)}, most, [directory]
    while stack:
        here = stack.pop()
        for name in sorted(sources.names(here)):
            path = f"{here}/{name}"
            if sources.is_directory(path):
                real = sources.real(path)
                if real not in seen:
                    seen.add(real)
                    stack.append(path)
            elif left and sources.is_file(path):
                left -= 1
                yield path
