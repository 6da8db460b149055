"""The story of a trial: what is run, in which surroundings, and what comes of it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.errors import ToolFailed
from magicpak.text import shown
from magicpak.trial.attempt import attempt, complaint
from magicpak.trial.busybox import find_busybox
from magicpak.trial.diagnose import failure, watch_again
from magicpak.trial.expectations import Demands
from magicpak.trial.invocation import SHELL, ByBusybox, ByOwnShell, Command, Itself, is_program, own_programs
from magicpak.trial.sandbox_fallback import Ladder
from magicpak.trial.suggestions import Plans


class Teller(Protocol):
    """Who is told what happens, what the user should look at, and that something takes its time."""

    def info(self, event: str) -> None:
        """Tell what has happened."""
        ...

    def warn(self, event: str) -> None:
        """Tell what the user should look at."""
        ...

    def waiting(self, what: str) -> AbstractContextManager[Callable[[], None]]:
        """Give what is to be called now and then while `what` is going on."""
        ...


def commands_for(command: str | None, programs: Sequence[BundlePath], plan: BundlePlan, busybox: str) -> list[Command]:
    """Return what is to be tried: `command` by a shell, or each of `programs`.

    Args:
        command: what `--test-command` says.
        programs: the paths of the INPUTs in the bundle.
        plan: what stands in the bundle.
        busybox: the path or name of a busybox, which is needed only for a command where the bundle has no /bin/sh.

    Raises ToolFailed for a busybox that is needed and cannot be used.
    """
    if command is None:
        return [Itself(path) for path in dict.fromkeys(programs)]
    if not is_program(SHELL, plan):
        lent = find_busybox(busybox)
        return [ByBusybox(command, lent, own_programs(lent, plan))]
    try:
        lent_words = find_busybox(busybox)
    except ToolFailed:  # then the command has only the words that the bundle has
        return [ByOwnShell(command, None, {})]
    return [ByOwnShell(command, lent_words, own_programs(lent_words, plan))]


def try_out(commands: Sequence[Command], demands: Demands, ladder: Ladder, plans: Plans, teller: Teller) -> None:
    """Run all `commands`, one after the other, each in the bundle as it was written.

    Raises TrialFailed for the first that does not do what `demands` say, TrialImpossible, ToolFailed.
    """
    for number, command in enumerate(commands):
        with teller.waiting(f"testing {command.line}") as tick:
            done = attempt(command, demands, ladder, tick)
        if number == 0:
            _tell_place(ladder, demands, teller)
        wrong = complaint(command, done, demands)
        if wrong is not None:
            with teller.waiting(f"watching {command.line}, which has failed") as tick:
                watched = watch_again(command, done, demands, ladder, tick)
            raise failure(command, wrong, done, watched, demands, plans)
        teller.info(f"tested {shown(command.line)}: as it should be, in {done.seconds:.1f} s")


def _tell_place(ladder: Ladder, demands: Demands, teller: Teller) -> None:
    place = ladder.place
    teller.info(f"the bundle is tested in {place.words}")
    if not place.has_proc:
        teller.warn(
            "mounts are not allowed here, as in a RUN step of docker build: the bundle is tested in a bare chroot,"
            " where /proc and /dev are missing, but for the simplest devices"
        )
    elif place.user_namespace and demands.guest.uid != 0:
        teller.warn("without root the files of the bundle belong to the user of --test-user while it is tested")
