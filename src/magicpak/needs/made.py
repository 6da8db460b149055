"""What is made for the bundle, or picked by a rule that no pattern can say: the functions that a row names."""

from collections.abc import Callable, Mapping

from magicpak.needs.found import NeedFiles, NeedHost
from magicpak.needs.rows import WantedNeed
from magicpak.needs.users import nss, users

MADE: Mapping[str, Callable[[WantedNeed, NeedHost], NeedFiles]] = {
    "nss": nss,
    "users": users,
}
