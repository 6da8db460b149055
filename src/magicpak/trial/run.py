"""The story of a trial: what is run, in which surroundings, and what comes of it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.errors import ToolFailed
from magicpak.text import printable
from magicpak.trial.attempt import attempt, complaint
from magicpak.trial.busybox import find_busybox
from magicpak.trial.diagnose import rerun_traced, test_failure
from magicpak.trial.expectations import Expectations
from magicpak.trial.invocation import (
    SHELL,
    BusyboxCommand,
    ProgramCommand,
    ShellCommand,
    TrialCommand,
    is_program,
    own_programs,
)
from magicpak.trial.sandbox_fallback import SandboxFallback
from magicpak.trial.suggestions import TrialPlans


class TrialLog(Protocol):
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


def trial_commands(
    command: str | None, programs: Sequence[BundlePath], plan: BundlePlan, busybox: str
) -> list[TrialCommand]:
    """Return what is to be tried: `command` by a shell, or each of `programs`.

    Args:
        command: what `--test-command` says.
        programs: the paths of the INPUTs in the bundle.
        plan: what stands in the bundle.
        busybox: the path or name of a busybox, which is needed only for a command where the bundle has no /bin/sh.

    Raises ToolFailed for a busybox that is needed and cannot be used.
    """
    if command is None:
        return [ProgramCommand(path) for path in dict.fromkeys(programs)]
    if not is_program(SHELL, plan):
        lent = find_busybox(busybox)
        return [BusyboxCommand(command, lent, own_programs(lent, plan))]
    try:
        lent_words = find_busybox(busybox)
    except ToolFailed:  # then the command has only the words that the bundle has
        return [ShellCommand(command, None, {})]
    return [ShellCommand(command, lent_words, own_programs(lent_words, plan))]


def run_trial(
    commands: Sequence[TrialCommand],
    expectations: Expectations,
    fallback: SandboxFallback,
    plans: TrialPlans,
    teller: TrialLog,
) -> None:
    """Run all `commands`, one after the other, each in the bundle as it was written.

    Raises TestFailed for the first that does not do what `expectations` say, TestUnavailable, ToolFailed.
    """
    for number, command in enumerate(commands):
        with teller.waiting(f"testing {command.line}") as tick:
            done = attempt(command, expectations, fallback, tick)
        if number == 0:
            _tell_place(fallback, expectations, teller)
        wrong = complaint(command, done, expectations)
        if wrong is not None:
            with teller.waiting(f"watching {command.line}, which has failed") as tick:
                watched = rerun_traced(command, done, expectations, fallback, tick)
            raise test_failure(command, wrong, done, watched, expectations, plans)
        teller.info(f"tested {printable(command.line)}: as it should be, in {done.seconds:.1f} s")


def _tell_place(fallback: SandboxFallback, expectations: Expectations, teller: TrialLog) -> None:
    place = fallback.place
    teller.info(f"the bundle is tested in {place.words}")
    if not place.has_proc:
        teller.warn(
            "mounts are not allowed here, as in a RUN step of docker build: the bundle is tested in a bare chroot,"
            " where /proc and /dev are missing, but for the simplest devices"
        )
    elif place.user_namespace and expectations.run_as.uid != 0:
        teller.warn("without root the files of the bundle belong to the user of --test-user while it is tested")
