"""The sandboxes in which a bundle can be tested, the best first, chosen by trying them."""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from magicpak.errors import OverlayUnavailable, SandboxUnavailable, TestUnavailable
from magicpak.process.exec import Command, Sandbox
from magicpak.process.tempdirs import private_directory
from magicpak.sandbox.namespaces import BareChroot, LentTool, Namespaces
from magicpak.sandbox.rootfs import CopiedRoot, Overlay
from magicpak.sandbox.user import RunAs
from magicpak.trial.invocation import TrialCommand

_Result = TypeVar("_Result")
_HINTS = (
    "run magicpak as root, or allow unprivileged user namespaces: sysctl user.max_user_namespaces=10000",
    "on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    "in a container: docker run --privileged, or --security-opt seccomp=unconfined",
)


class SandboxKind(NamedTuple):
    """One kind of sandbox: whether there is a /proc, whether it needs a user namespace, whether the root is a copy."""

    has_proc: bool
    user_namespace: bool = False
    is_copied: bool = False

    @property
    def words(self) -> str:
        """What it is, for people."""
        if not self.has_proc:
            return "a bare chroot on a copy"
        kind = "a user namespace" if self.user_namespace else "namespaces"
        return f"{kind}, with /proc and /dev, on {'a copy' if self.is_copied else 'an overlay'}"


class SandboxFallback:
    """Runs commands in the best sandbox that the system lets us make; what was refused once is not tried again.

    `bundle` is the descriptor of the bundle's root, and `copy` copies the bundle to a path.
    """

    def __init__(self, bundle: int, copy: Callable[[str], None], run_as: RunAs, *, network: bool) -> None:
        self._bundle, self._copy, self._run_as, self._network = bundle, copy, run_as, network
        self._kinds = [SandboxKind(has_proc=True, user_namespace=True), SandboxKind(has_proc=False, is_copied=True)]
        if os.geteuid() == 0:
            self._kinds.insert(0, SandboxKind(has_proc=True))
        self._refusals: list[str] = []

    @property
    def kind(self) -> SandboxKind:
        """The best kind of those that were not refused."""
        return self._kinds[0]

    def run(self, command: TrialCommand, env: Mapping[str, str], act: Callable[[Command], _Result]) -> _Result:
        """Let `act` run `command` in the best sandbox, where the bundle is as it was written, and return the result.

        Raises TestUnavailable where all kinds are refused, and what `act` raises.
        """
        while self._kinds:
            kind = self._kinds[0]
            try:
                with private_directory() as base:
                    if kind.is_copied:
                        self._copy(os.path.join(base, "root"))
                    argv, executable, tool = command.invocation(has_proc=kind.has_proc)
                    return act(Command(argv, executable, env, self._sandbox(kind, base, tool)))
            except OverlayUnavailable:
                self._kinds[0] = kind._replace(is_copied=True)
            except SandboxUnavailable as error:
                self._refusals.append(f"{kind.words}: {error.message}")
                self._kinds.pop(0)
        message = "the bundle cannot be tested here: neither namespaces nor chroot(2) are allowed"
        raise TestUnavailable(message, details=self._refusals, hints=_HINTS)

    def _sandbox(self, kind: SandboxKind, base: str, tool: LentTool | None) -> Sandbox:
        root = os.path.join(base, "root")
        if not kind.has_proc:
            return BareChroot(root, self._run_as, tool)
        return Namespaces(
            CopiedRoot(root) if kind.is_copied else Overlay(self._bundle, base, kind.user_namespace),
            self._run_as,
            tool,
            network=self._network,
            user_namespace=kind.user_namespace,
        )
