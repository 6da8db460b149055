"""The settings in which a bundle can be tried, the best first, chosen by trying them."""

import os
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from magicpak.errors import OverlayRefused, SettingRefused, TrialImpossible
from magicpak.process.sandbox import Setting
from magicpak.process.tempdirs import private_directory
from magicpak.sandbox.namespaces import BareChroot, Namespaces, Tool
from magicpak.sandbox.rootfs import CopiedRoot, Overlay
from magicpak.sandbox.user import Guest
from magicpak.trial.invocation import Command, Spoken

_Result = TypeVar("_Result")
_HINTS = (
    "run magicpak as root, or let ordinary users make user namespaces: sysctl user.max_user_namespaces=10000",
    "on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    "in a container: docker run --privileged, or --security-opt seccomp=unconfined",
)


class Place(NamedTuple):
    """One kind of setting: whether there is a /proc, whether it takes a user namespace, whether the root is a copy."""

    has_proc: bool
    user_namespace: bool = False
    is_copied: bool = False

    @property
    def words(self) -> str:
        """What it is, for people."""
        if not self.has_proc:
            return "a bare chroot on a copy"
        kind = "namespaces of a user namespace" if self.user_namespace else "namespaces"
        return f"{kind}, with /proc and /dev, on {'a copy' if self.is_copied else 'an overlay'}"


class Ladder:
    """Runs things in the best setting that the system lets us make; what was refused once is not tried again."""

    def __init__(self, bundle: int, copy: Callable[[str], None], guest: Guest, *, network: bool) -> None:
        """Take the descriptor of the bundle's root, what copies it to a path, who runs, and whether with a network."""
        self._bundle, self._copy, self._guest, self._network = bundle, copy, guest, network
        self._places = [Place(has_proc=True, user_namespace=True), Place(has_proc=False, is_copied=True)]
        if os.geteuid() == 0:
            self._places.insert(0, Place(has_proc=True))
        self._refusals: list[str] = []

    @property
    def place(self) -> Place:
        """The best place of those that were not refused."""
        return self._places[0]

    def climb(self, command: Command, act: Callable[[Spoken, Setting], _Result]) -> _Result:
        """Let `act` run `command` in the best place, where the bundle is as it was written.

        Raises TrialImpossible where all places are refused, and what `act` raises.
        """
        while self._places:
            place = self._places[0]
            try:
                with private_directory() as base:
                    if place.is_copied:
                        self._copy(os.path.join(base, "root"))
                    spoken = command.spoken(has_proc=place.has_proc)
                    return act(spoken, self._setting(place, base, spoken.tool))
            except OverlayRefused:
                self._places[0] = place._replace(is_copied=True)
            except SettingRefused as error:
                self._refusals.append(f"{place.words}: {error.message}")
                self._places.pop(0)
        message = "the bundle cannot be tested here: neither namespaces nor chroot(2) are allowed"
        raise TrialImpossible(message, details=self._refusals, hints=_HINTS)

    def _setting(self, place: Place, base: str, tool: Tool | None) -> Setting:
        root = os.path.join(base, "root")
        if not place.has_proc:
            return BareChroot(root, self._guest, tool)
        return Namespaces(
            CopiedRoot(root) if place.is_copied else Overlay(self._bundle, base, place.user_namespace),
            self._guest,
            tool,
            network=self._network,
            user_namespace=place.user_namespace,
        )
