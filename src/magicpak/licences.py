"""The licences of magicpak and of the software that it includes."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from magicpak import resources

if TYPE_CHECKING:
    from importlib.metadata import Distribution

OWN = "magicpak"
LISTED = "licences.txt"
_NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE")


class Licence(NamedTuple):
    """One licence file `of` a package: `click 8.5.1`, `LICENSE.txt`, and its text."""

    of: str
    file: str
    text: str


def text() -> str:
    """Return the licences that this magicpak carries (the standalone executable does), otherwise the installed ones."""
    carried = resources.read(LISTED)
    return as_text(installed()) if carried is None else carried.decode()


def as_text(licences: Iterable[Licence]) -> str:
    """Return the text of all licences, each under a heading."""
    parts = []
    for each in licences:
        heading = f"{each.of}: {each.file}"
        parts.append(f"{heading}\n{'=' * len(heading)}\n\n{each.text.strip()}\n")
    return "\n\n".join(parts)


def installed() -> Iterator[Licence]:
    """Yield the installed licences of magicpak and its dependencies."""
    from importlib.metadata import PackageNotFoundError, distribution

    wanted = [OWN]
    for name in wanted:  # the loop extends it
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
    """Yield the licences in the metadata of a wheel."""
    name = f"{distribution.metadata['Name']} {distribution.version}"
    for file in sorted(distribution.files or ()):
        if any(part.endswith(".dist-info") for part in file.parts) and file.name.upper().startswith(_NAMES):
            yield Licence(name, file.name, file.read_text(encoding="utf-8"))


def _name_in(requirement: str) -> str:
    """Return the name at the start of a requirement: `click` of `click>=8.1.7; python_version < '4'`."""
    end = next((at for at, letter in enumerate(requirement) if letter in " <>=!~;[("), len(requirement))
    return requirement[:end].lower()
