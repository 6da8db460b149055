"""The settings in which a bundle can be tried, the best first, chosen by trying them."""

import os
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from magicpak.errors import OverlayUnavailable, SandboxUnavailable, TestUnavailable
from magicpak.process.sandbox import Sandbox
from magicpak.process.tempdirs import private_directory
from magicpak.sandbox.namespaces import BareChroot, LentTool, Namespaces
from magicpak.sandbox.rootfs import CopiedRoot, Overlay
from magicpak.sandbox.user import RunAs
from magicpak.trial.invocation import Invocation, TrialCommand

_Result = TypeVar("_Result")
_HINTS = (
    "run magicpak as root, or let ordinary users make user namespaces: sysctl user.max_user_namespaces=10000",
    "on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    "in a container: docker run --privileged, or --security-opt seccomp=unconfined",
)


class SandboxKind(NamedTuple):
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


class SandboxFallback:
    """Runs things in the best setting that the system lets us make; what was refused once is not tried again."""

    def __init__(self, bundle: int, copy: Callable[[str], None], run_as: RunAs, *, network: bool) -> None:
        """Take the descriptor of the bundle's root, what copies it to a path, who runs, and whether with a network."""
        self._bundle, self._copy, self._guest, self._network = bundle, copy, run_as, network
        self._places = [SandboxKind(has_proc=True, user_namespace=True), SandboxKind(has_proc=False, is_copied=True)]
        if os.geteuid() == 0:
            self._places.insert(0, SandboxKind(has_proc=True))
        self._refusals: list[str] = []

    @property
    def place(self) -> SandboxKind:
        """The best place of those that were not refused."""
        return self._places[0]

    def run(self, command: TrialCommand, act: Callable[[Invocation, Sandbox], _Result]) -> _Result:
        """Let `act` run `command` in the best place, where the bundle is as it was written.

        Raises TestUnavailable where all places are refused, and what `act` raises.
        """
        while self._places:
            place = self._places[0]
            try:
                with private_directory() as base:
                    if place.is_copied:
                        self._copy(os.path.join(base, "root"))
                    invocation = command.invocation(has_proc=place.has_proc)
                    return act(invocation, self._sandbox(place, base, invocation.tool))
            except OverlayUnavailable:
                self._places[0] = place._replace(is_copied=True)
            except SandboxUnavailable as error:
                self._refusals.append(f"{place.words}: {error.message}")
                self._places.pop(0)
        message = "the bundle cannot be tested here: neither namespaces nor chroot(2) are allowed"
        raise TestUnavailable(message, details=self._refusals, hints=_HINTS)

    def _sandbox(self, place: SandboxKind, base: str, tool: LentTool | None) -> Sandbox:
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
