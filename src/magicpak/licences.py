"""The licences of magicpak and of all that comes with it."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from magicpak import resources

if TYPE_CHECKING:
    from importlib.metadata import Distribution

OWN = "magicpak"
LISTED = "licences.txt"
_NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE")


class Licence(NamedTuple):
    """What `of` something is said in one file: `click 8.5.1`, `LICENSE.txt`."""

    of: str
    file: str
    words: str


def text() -> str:
    """Return the list that this magicpak carries, or else that of what is installed with it."""
    carried = resources.read(LISTED)
    return as_text(installed()) if carried is None else carried.decode()


def as_text(licences: Iterable[Licence]) -> str:
    """Return all of it, each under a heading."""
    parts = []
    for each in licences:
        heading = f"{each.of}: {each.file}"
        parts.append(f"{heading}\n{'=' * len(heading)}\n\n{each.words.strip()}\n")
    return "\n\n".join(parts)


def installed() -> Iterator[Licence]:
    """Find the licences of magicpak and of what it depends on, as they are installed."""
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415 - not where the list is carried

    wanted = [OWN]
    for name in wanted:  # it grows
        try:
            found = distribution(name)
        except PackageNotFoundError:  # run from a source tree
            continue
        yield from of_distribution(found)
        for requirement in found.requires or ():
            needed = _name_in(requirement)
            if "extra ==" not in requirement and needed not in wanted:
                wanted.append(needed)


def of_distribution(distribution: "Distribution") -> Iterator[Licence]:
    """Find the licences in what a wheel tells of itself."""
    name = f"{distribution.metadata['Name']} {distribution.version}"
    for file in sorted(distribution.files or ()):
        if any(part.endswith(".dist-info") for part in file.parts) and file.name.upper().startswith(_NAMES):
            yield Licence(name, file.name, file.read_text(encoding="utf-8"))


def _name_in(requirement: str) -> str:
    """Return the name at the start of a requirement: `click` of `click>=8.1.7; python_version < '4'`."""
    end = next((at for at, letter in enumerate(requirement) if letter in " <>=!~;[("), len(requirement))
    return requirement[:end].lower()
